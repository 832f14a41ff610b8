"""Single trainings: realign, merge or fine-tune an encoder, and write it with its record and its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.auto import choose_aligners, list_aligners
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import ORIGIN, digest_of_encoder, load_encoder
from alignfreeze.encoding.requests import LinkRequest, keep_best
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.cards import FROM_FILES, CardFacts, base_name, write_card
from alignfreeze.experiment.names import name_average, name_swap
from alignfreeze.experiment.records import describe_environment
from alignfreeze.files import check_unused, digest_of_file, digest_of_json, new_folder, write_json
from alignfreeze.processes import process_number
from alignfreeze.realignment.averaging import average_encoders
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.history import Freezing
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.swapping import parse_parts, swap_parts
from alignfreeze.realignment.trainer import realign
from alignfreeze.stored import Excerpt, Stored
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.task import Source, Task, content_of
from alignfreeze.training.checkpoints import remove_checkpoints
from alignfreeze.training.settings import ComputeSettings
from alignfreeze.uploads import check_hub, push


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleTraining:
    """How one training is computed, and where the result is written.

    Attributes:
        out: The folder for the model, which must be new.
        push_to: OWNER/NAME on the hub, to which the model is uploaded; None for no upload.
        seed: The random start.
        device: `auto`, `cpu`, `cuda` or `mps`.
        compute: How the training is computed.
        adapter: Whether to write only the adapter, and not the model into which it is merged.
    """

    out: Path
    push_to: str | None = None
    seed: int = 31
    device: str = "auto"
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    adapter: bool = False

    def check_adapter(self, policy: FreezePolicy | None, *, where: str) -> None:
        """Check that there will be an adapter, if only this is to be written.

        Args:
            policy: What is frozen; None if all is trained.
            where: The option in which the policy is named.

        Raises:
            SettingsError: The policy names no adapters.
        """
        if self.adapter and (policy is None or policy.rank is None):
            raise SettingsError(f"--adapter: no adapters are trained; name lora, as in {where}lora:16")

    def prepare(self) -> dict[str, Any]:
        """Check device, folder and hub before any work is done; return arguments for `realign` and `finetune`.

        Raises:
            SettingsError: The device does not exist here.
            OutputError: The folder is not empty or cannot be written, or the user is not logged in to the hub.
        """
        device = check_device(self.device)
        check_unused(self.out)
        if self.push_to is not None:
            check_hub(self.push_to)
        logs, checkpoints = (self.out.with_name(f"{self.out.name}.{what}") for what in ("logs", "checkpoints"))
        how = {"compute": self.compute.set_log_folder(logs), "checkpoints": checkpoints}
        return {"seed": self.seed, "device": device, **how}

    def save(
        self, write: Callable[[Path], None], record: dict[str, Any], card: CardFacts, **how: Any
    ) -> dict[str, str]:
        """Write the model with its record and card, remove its checkpoints, and upload it if wanted.

        If several processes train together, only the first one writes.

        Args:
            write: Writes the model, or its adapter, into a folder.
            record: How the model was made.
            card: The facts of its card.
            how: What `prepare` has returned.

        Returns:
            The address on the hub, by the name `hub`; nothing without an upload.
        """
        if process_number() > 0:
            return {}
        with new_folder(self.out) as folder:
            write(folder)
            write_json(
                folder / ORIGIN, {**record, "environment": describe_environment(record["device"], how["compute"])}
            )
            write_card(folder, card)
        if "checkpoints" in how:
            remove_checkpoints(how["checkpoints"])
        return {} if self.push_to is None else {"hub": push(self.out, self.push_to)}


def realign_and_save(
    encoder: str,
    bitext: BitextRequest,
    links: LinkRequest,
    training: SingleTraining,
    *,
    freeze: str,
    settings: RealignmentSettings,
) -> dict[str, Any]:
    """Realign an encoder on bitext, save it, and return what was done.

    Raises:
        AlignFreezeError: A setting, a file or the encoder is wrong, or the result cannot be written.
    """
    if settings.schedule != "before":
        raise SettingsError(
            f"--set schedule={settings.schedule}: only 'before' is possible here, as this command has no task; use "
            "`alignfreeze run` for other schedules"
        )
    policy = FreezePolicy.parse(freeze)
    training.check_adapter(policy, where="--freeze ")
    how = training.prepare()
    chosen = bitext.choose()
    digests = bitext.digests()
    digests |= {f"links {'-'.join(pair)}": [digest_of_file(path)] for pair, path in links.files.items()}
    loaded = load_encoder(encoder)
    chosen = keep_best(bitext, chosen, encoder=loaded, device=how["device"])
    pairs = bitext.split(chosen)
    if settings.needs_links:
        alignments = links.find(pairs, loaded, device=how["device"])
    else:
        alignments = align(pairs, aligner="sentence", cache=False)
    done = realign(loaded, pairs, alignments, freeze=policy, settings=settings, **how)
    facts = {"encoder": encoder, **asdict(done.history), "folder": str(training.out)}
    record = {
        **facts,
        **{"settings": settings.model_dump(), "seed": how["seed"], "device": how["device"]},
        "alignment": _record_links(links, pairs) if settings.needs_links and not links.files else None,
        "digests": digests,
        "bitext": [one.facts() for one in chosen],
        "languages": list(dict.fromkeys(code for pair in pairs for code in pair.languages)),
    }
    card = replace(card_of_record(record), is_adapter=training.adapter)
    if links.files:
        card = replace(card, aligner=FROM_FILES)
    return facts | training.save(done.save_adapter if training.adapter else done.save, record, card, **how)


def _record_links(links: LinkRequest, pairs: Sequence[SentencePair]) -> dict[str, Any]:
    """Return the settings of the aligner that found the links; if `auto` chose several, that of each language too."""
    used = list_aligners(links.settings, pairs)
    if len(used) == 1:
        return used[0].model_dump()
    by_pair = choose_aligners(links.settings, pairs)
    return {**links.settings.model_dump(), "aligners": {code: one.aligner for (_, code), one in by_pair.items()}}


def average_and_save(encoders: Sequence[str], training: SingleTraining, *, weights: Sequence[float]) -> dict[str, Any]:
    """Save the mean of the weights of encoders, and return what was done. Only the places in `training` are used.

    Raises:
        AlignFreezeError: An encoder cannot be loaded, two encoders cannot be averaged, or the result cannot be written.
    """
    training.prepare()
    mean = average_encoders(map(load_encoder, encoders), weights=weights or None)
    record = {**record_of_average(encoders, weights), "folder": str(training.out), "device": "cpu"}
    facts = {name: record[name] for name in ("encoders", "weights", "folder")}
    return facts | training.save(mean.save, record, card_of_record(record), compute=ComputeSettings())


def swap_and_save(encoder: str, donor: str, training: SingleTraining, *, parts: str) -> dict[str, Any]:
    """Save an encoder with parts of another, and return what was done. `training` gives the places and the seed.

    Raises:
        AlignFreezeError: No part has this name, an encoder cannot be loaded, the two differ in more than their weights,
            or the result cannot be written.
    """
    policy = parse_parts(parts)
    training.prepare()
    merged = swap_parts(load_encoder(encoder), load_encoder(donor), policy, seed=training.seed)
    base, other = (_name_member(card_of_encoder(name)) for name in (encoder, donor))
    record = _record_of_merged([encoder, donor], freeze=name_swap(base, str(policy), other))
    record |= {"folder": str(training.out), "device": "cpu"}
    facts = {"encoder": encoder, "donor": donor, "parts": str(policy), "folder": str(training.out)}
    return facts | training.save(merged.save, record, card_of_record(record), compute=ComputeSettings())


def finetune_and_save(
    encoder: str, task: Task, source: Source, training: SingleTraining, *, settings: FinetuningSettings
) -> dict[str, Any]:
    """Fine-tune an encoder on a task, save the model, and return what was done.

    Raises:
        AlignFreezeError: A setting, a file or the encoder is wrong, or the result cannot be written.
    """
    adapter = None if settings.adapter is None else FreezePolicy.parse(settings.adapter)
    training.check_adapter(adapter, where="--set adapter=")
    how = training.prepare()
    items = task.read(source)
    digest = (
        digest_of_json([content_of(item) for item in items]) if source.on_hub else digest_of_file(Path(source.place))
    )
    task.say_one_label(items, name=str(source.place))
    done = finetune(load_encoder(encoder), task, items, settings=settings, tells=False, **how)
    facts = {"encoder": encoder, "task": task.name, "items": len(items), "training": asdict(done.history)}
    facts["folder"] = str(training.out)
    record = {
        **facts,
        **{"settings": settings.model_dump(), "seed": how["seed"], "device": how["device"]},
        **{"digests": {"train": digest}, "realigned": realignment_record(encoder)},
    }
    before = card_of_encoder(encoder)
    languages = list(dict.fromkeys(filter(None, [source.language, *before.languages])))
    card = replace(before, languages=languages, task=task.name, digests={**before.digests, "train": digest})
    card = replace(card, tuned=done.history.adapter)
    if not training.adapter:
        return facts | training.save(done.save, record, card, **how)
    card = replace(card, is_adapter=True, encoder=encoder)  # the adapter belongs to what was fine-tuned
    return facts | training.save(partial(done.save_adapter, base=encoder), record, card, **how)


def record_of_average(encoders: Sequence[str], weights: Sequence[float]) -> dict[str, Any]:
    """Return how the mean of the weights of encoders was made, in the form of the record of one realignment."""
    names = [_name_member(card_of_encoder(encoder)) for encoder in encoders]
    shares = list(weights) or [1.0] * len(encoders)
    return {**_record_of_merged(encoders, freeze=name_average(names, weights)), "weights": shares}


def _name_member(card: CardFacts) -> str:
    return card.strategy or base_name(card.encoder)


def _record_of_merged(encoders: Sequence[str], *, freeze: str) -> dict[str, Any]:
    members = [card_of_encoder(encoder) for encoder in encoders]
    aligners = {member.aligner for member in members if member.strategy is not None}
    return {
        "encoder": members[0].encoder,
        "freeze": freeze,
        "frozen": None,  # not known, because a member may not be a realigned encoder
        "alignment": {"aligner": aligners.pop()} if len(aligners) == 1 else None,
        "languages": list(dict.fromkeys(code for member in members for code in member.languages)),
        "digests": {f"encoder {n}": [digest_of_encoder(encoder)] for n, encoder in enumerate(encoders, start=1)},
        "encoders": list(encoders),
        "members": [realignment_record(encoder) for encoder in encoders],
    }


class _Aligner(Excerpt):
    aligner: str | None = None


class _Realigned(Excerpt):
    """What is read again of the record of a realignment or of an average."""

    encoder: str
    freeze: str
    frozen: Freezing | None
    alignment: _Aligner | None
    digests: dict[str, list[str]]
    languages: list[str] = Field(default=[])


_ORIGIN = Stored[dict[str, Any]](dict[str, Any], "the record of a training")
_FREEZING = Stored[Freezing](Freezing, "the frozen parts of a record")
_REALIGNED = Stored[_Realigned](_Realigned, "the record of a realignment")


def record_of_model(folder: Path) -> dict[str, Any]:
    """Return the record in the folder of a model; empty without one."""
    return _ORIGIN.find(folder / ORIGIN) or {}


def realignment_record(encoder: str) -> dict[str, Any]:
    """Return the record of the realignment of an encoder, or of a fine-tuned model's encoder; empty without one."""
    path = Path(encoder) / ORIGIN
    record = record_of_model(path.parent)
    chosen = record if "freeze" in record else record.get("realigned")
    try:
        _REALIGNED.parse(json.dumps(chosen), str(path))
    except DataError:
        return {}
    assert isinstance(chosen, dict)
    return chosen


def card_of_encoder(encoder: str) -> CardFacts:
    """Return the facts for the card of an encoder, including its realignment if its folder has a record of that."""
    try:
        return card_of_record(realignment_record(encoder))
    except (KeyError, TypeError, AttributeError):
        return CardFacts(encoder, [])


def card_of_record(record: Mapping[str, Any]) -> CardFacts:
    """Return the facts for the card of an encoder, from the record of its realignment or average.

    Raises:
        KeyError, TypeError, AttributeError: The values are not such a record.
    """
    frozen = record["frozen"]
    return CardFacts(
        record["encoder"],
        record.get("languages", []),
        strategy=record["freeze"],
        freezing=frozen and _FREEZING.parse(json.dumps(frozen), "the frozen parts of a record"),
        aligner=(record["alignment"] or {}).get("aligner"),
        digests={role: digest for role, found in record["digests"].items() for digest in found},
    )
