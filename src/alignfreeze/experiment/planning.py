"""The plan of an experiment: data are read, settings are checked and runs are listed before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.alignment.auto import compares_vectors
from alignfreeze.corpora import mini
from alignfreeze.corpora.hub import HUB
from alignfreeze.disk import check_name
from alignfreeze.encoding import embedded
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import digest_of_encoder, load_encoder
from alignfreeze.encoding.shapes import without_weights
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.data import ExperimentData, aligner_of, read_data
from alignfreeze.experiment.finding import hub_data_of, local_files_of
from alignfreeze.experiment.held_out import hold_out
from alignfreeze.experiment.identity import EncoderDigests, identify, reading_key_of
from alignfreeze.experiment.overlap import Overlap, find_overlaps
from alignfreeze.experiment.recipe import RunSpec
from alignfreeze.experiment.records import display_name_of
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy, policies_of
from alignfreeze.external.lora import Lora
from alignfreeze.progress import gathering_remarks, remark, stage
from alignfreeze.realignment.adapters import find_lora
from alignfreeze.realignment.freezing import FreezePolicy, is_all_frozen, tell_if_all_is_frozen
from alignfreeze.realignment.history import Freezing
from alignfreeze.realignment.model import realigned_layers
from alignfreeze.realignment.preparing import complete_policy
from alignfreeze.tasks.finetuning import n_examples
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.judging import check_one_process


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment before it runs.

    Attributes:
        settings: The settings, with every default filled in: device and number of steps.
        base: The folder at which relative paths start.
        data: The data of the experiment.
        digests: The digests of its encoders.
        specs: Its runs, seed by seed.
        freezing: What each strategy freezes, if it realigns; for a merged encoder, what is as in the pretrained one.
        finetuning_steps: Optimiser steps of each fine-tuning, of the first one if a model is trained a second time.
        tokenizer: The tokenizer of the encoder.
        overlaps: Test items that are also trained on.
        tuning: What is frozen in fine-tuning, if it trains adapters.
    """

    settings: ExperimentSettings
    base: Path
    data: ExperimentData
    digests: EncoderDigests
    specs: tuple[RunSpec, ...]
    freezing: dict[str, Freezing]
    finetuning_steps: int
    tokenizer: PreTrainedTokenizerFast
    overlaps: tuple[Overlap, ...] = ()
    tuning: Freezing | None = None


def plan(settings: ExperimentSettings, *, base: Path, tests: bool = True) -> Plan:
    """Read all data, check everything that can be checked, and list the runs.

    Args:
        settings: The experiment.
        base: The folder at which relative paths start.
        tests: Whether to read test items. If not, the files of tests need not exist.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    with gathering_remarks():
        return _plan(settings, base, _Reader(tests=tests), elsewhere=False)


def plan_all(experiments: Iterable[tuple[Path, ExperimentSettings]], *, elsewhere: bool = False) -> list[Plan]:
    """Plan several experiments. If they share an encoder or data, these are read only once.

    Args:
        experiments: Pairs of a folder and an experiment. Relative paths of the experiment start at this folder.
        elsewhere: Whether other machines do the runs. With `ray.gpus_per_run`, they are assumed to have GPUs.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    read = _Reader()
    with gathering_remarks():
        return [_plan(settings, base, read, elsewhere) for base, settings in experiments]


class _Reader:
    """Reads data and encoders, and keeps both for the next experiment."""

    def __init__(self, *, tests: bool = True) -> None:
        self.tests = tests
        # Only the last encoder is kept: each may need gigabytes.
        self.encoder = lru_cache(maxsize=1)(load_encoder)
        self.digest = lru_cache(_digest_of_encoder)
        self._data: dict[tuple[Path, str], ExperimentData] = {}
        self._overlaps: dict[tuple[Path, str], tuple[Overlap, ...]] = {}

    def data_of(self, settings: ExperimentSettings, base: Path) -> tuple[ExperimentData, tuple[Overlap, ...]]:
        """Read the data of an experiment, and find the test items that are trained on."""
        key = (base, reading_key_of(settings))
        if key not in self._data:
            data = read_data(settings, base=base, tests=self.tests)
            if settings.bitext is not None and (n := settings.bitext.held_out):
                data = hold_out(data, most=n, seed=settings.bitext.selection.seed)
            overlaps = tuple(find_overlaps(TASKS[settings.task], data))
            for overlap in overlaps:
                if overlap.is_doubtful:
                    remark(overlap.sentence)
            self._data[key] = data
            self._overlaps[key] = overlaps
        return self._data[key], self._overlaps[key]


def _digest_of_encoder(name: str) -> str:
    with stage(f"reading the weights of {display_name_of(name)}"):
        return digest_of_encoder(name)


def _check_targets(settings: ExperimentSettings) -> None:
    """Say so if an experiment names no target language."""
    source = settings.source_language
    if settings.tested_languages != [source]:
        return
    without_pairs = settings.realigns and not settings.bitext_languages
    remark(
        f"languages names only the source language {source!r}: no target language is tested, so nothing can be said "
        f"about transfer{', and no strategy can realign' if without_pairs else ''}; name target languages, or another "
        "source_language"
    )


def _plan(settings: ExperimentSettings, base: Path, read: _Reader, elsewhere: bool) -> Plan:
    _check_targets(settings)
    _say_rest(settings)
    check_name(base, SettingsError)  # records hold the place of the encoder
    on_gpus = elsewhere and settings.ray.gpus_per_run > 0 and settings.device in {"auto", "cuda"}
    device = "cuda" if on_gpus else check_device(settings.device)
    alignment = settings.alignment
    if alignment.encoder is not None:
        alignment = alignment.model_copy(update={"encoder": _locate_encoder(alignment.encoder, base)})
    encoder = _locate_encoder(settings.encoder, base)
    settings = settings.model_copy(update={"device": device, "encoder": encoder, "alignment": alignment})
    if settings.realignment.stopping is not None:
        check_one_process()
    # The whole encoder is loaded, so that a broken one is found before hours of work.
    loaded = read.encoder(encoder)
    freezing = freezing_of(settings, loaded.model)
    data, overlaps = read.data_of(settings, base)
    steps = settings.finetuning.steps or settings.finetuning.total_steps(
        n_examples(loaded, TASKS[settings.task], data.train, settings.finetuning)
    )
    settings = _fill_in_steps(settings, steps)
    aligns = alignment.encoder is not None and compares_vectors(aligner_of(settings), data.bitext)
    aligning = read.digest(alignment.encoder) if alignment.encoder is not None and aligns else None
    digests = EncoderDigests(read.digest(encoder), aligning)
    specs = tuple(_specs_of(settings, data, digests, overlaps))
    tuning = tuning_of(settings, loaded.model)
    return Plan(settings, base, data, digests, specs, freezing, steps, loaded.tokenizer, overlaps, tuning)


def _fill_in_steps(settings: ExperimentSettings, steps: int) -> ExperimentSettings:
    """Fill in the number of realignment steps. As in the paper, the default is the number of fine-tuning steps."""
    if settings.realignment.steps is not None and settings.realignment.schedule != "during":
        return settings
    return settings.model_copy(update={"realignment": settings.realignment.model_copy(update={"steps": steps})})


def _specs_of(
    settings: ExperimentSettings, data: ExperimentData, digests: EncoderDigests, overlaps: tuple[Overlap, ...]
) -> Iterator[RunSpec]:
    """Yield the runs of an experiment, in their order."""

    def specify(strategy: Strategy, seed: int) -> RunSpec:
        identity = identify(settings, data, strategy, seed, digests=digests)
        first = specify(strategy.of_first_model, seed) if strategy.needs_first_model else None
        return RunSpec(settings, strategy, seed, identity, overlaps, first=first)

    for strategy, seeds in _runs_of(settings):
        spec = specify(strategy, seeds[0])
        if strategy.joined is not None:
            members = tuple(specify(strategy.of_one_seed, seed) for seed in seeds)
            spec = replace(spec, identity=spec.identity.join(seeds), members=members)
        yield spec


def _runs_of(settings: ExperimentSettings) -> list[tuple[Strategy, tuple[int, ...]]]:
    """Return the runs as pairs of a strategy and its seeds, seed by seed.

    A run that joins several seeds follows the runs of these seeds, whose models it needs.
    """
    joined = [strategy for strategy in dict.fromkeys(settings.strategies) if strategy.joined is not None]
    single = [strategy for strategy in dict.fromkeys(settings.strategies) if strategy.joined is None]
    ends = {group[-1]: group for group in settings.seed_groups}
    runs: list[tuple[Strategy, tuple[int, ...]]] = []
    for seed in dict.fromkeys(settings.seeds):
        runs += [(strategy, (seed,)) for strategy in single]
        runs += [(strategy, ends[seed]) for strategy in joined if seed in ends]
    return runs


def _say_rest(settings: ExperimentSettings) -> None:
    """Say which seeds are in no group, so that no run joins them. With the option `--seed`, none is."""
    joined = [str(strategy) for strategy in settings.strategies if strategy.joined is not None]
    grouped = {seed for group in settings.seed_groups for seed in group}
    rest = [str(seed) for seed in dict.fromkeys(settings.seeds) if seed not in grouped]
    if joined and rest:
        seeds = f"seed {rest[0]}" if len(rest) == 1 else f"seeds {', '.join(rest)}"
        remark(f"{', '.join(joined)}: without {seeds}, because seeds_per_average is {settings.seeds_per_average}")


def _locate_encoder(encoder: str, base: Path) -> str:
    """Return the path of an encoder's folder if it exists in the base folder, else the name unchanged."""
    folder = base / encoder
    return str(folder.resolve()) if folder.is_dir() else encoder


_PATHS = {
    "data": ("train", "test"),
    "bitext": ("source", "target"),
    "alignment": ("dictionary", "links"),
    "translations": ("train", "text"),
    "self_training": ("text",),
}
"""The settings with paths of data, by table."""


def anchor_paths(settings: ExperimentSettings, base: Path) -> ExperimentSettings:
    """Return an experiment with absolute paths, so that its file may be anywhere.

    Args:
        settings: The experiment.
        base: The folder at which its relative paths start.
    """
    values = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    for table, names in _PATHS.items():
        inner = values.get(table, {})
        inner |= {name: _anchor(inner[name], base) for name in names if name in inner}
    for inner in (values, values.get("alignment", {})):
        if "encoder" in inner:
            inner["encoder"] = _locate_encoder(inner["encoder"], base)
    return ExperimentSettings.from_values(values, origin=settings.name)


def _anchor(pattern: str, base: Path) -> str:
    if pattern.startswith((HUB, mini.PREFIX)):
        return pattern
    return str((base / Path(pattern).expanduser()).absolute())


def freezing_of(settings: ExperimentSettings, model: PreTrainedModel) -> dict[str, Freezing]:
    """Return what each strategy freezes, if it realigns. The first seed decides layers that are chosen at random."""
    layers, seed = realigned_layers(model, settings.realignment.layer), settings.seeds[0]
    adapters: dict[FreezePolicy | None, Lora | None] = {}
    for policy in policies_of(settings.strategies):
        fixed = complete_policy(policy, settings.realignment).parts_of(model, seed=seed)
        adapters[policy] = find_lora(policy, model, fixed, layers=layers)
        if policy.rank is None:
            tell_if_all_is_frozen(model, fixed, freeze=str(policy), layers=layers)
    realigning = [strategy for strategy in settings.strategies if strategy.realigns]
    fixed_by = {strategy: strategy.parts_of(model, settings.realignment, seed=seed) for strategy in realigning}
    for strategy, fixed in fixed_by.items():
        if strategy.is_merged and is_all_frozen(model, fixed, layers=layers):
            remark(f"{strategy}: nothing that a realignment trains is left in this encoder, so it is the baseline's")
    return {
        str(strategy): Freezing.of(model, fixed, adapters.get(strategy.policy)) for strategy, fixed in fixed_by.items()
    }


def tuning_of(settings: ExperimentSettings, model: PreTrainedModel) -> Freezing | None:
    """Return what stays frozen while the adapters of a fine-tuning are trained; None without adapters."""
    if settings.finetuning.adapter is None:
        return None
    policy = FreezePolicy.parse(settings.finetuning.adapter)
    fixed = policy.parts_of(model, seed=settings.seeds[0])
    return Freezing.of(model, fixed, find_lora(policy, model, fixed))


@dataclass(frozen=True, slots=True)
class Outline:
    """An experiment with data on the hub, before these data are fetched.

    Attributes:
        settings: The settings, with the device and, if known, the number of steps filled in.
        runs: Pairs of strategy and seed; the first seed, if several are joined.
        finetuning_steps: Optimiser steps of each fine-tuning.
        fetched: The data sets on the hub by their purpose, and the encoder.
        freezing: What each strategy freezes, if it realigns; empty if the encoder's shape is not known.
        files: Local files that the experiment needs, by role.
        tuning: What is frozen in fine-tuning, if it trains adapters and the encoder's shape is known.
    """

    settings: ExperimentSettings
    runs: tuple[tuple[Strategy, int], ...]
    finetuning_steps: int
    fetched: dict[str, list[str]]
    freezing: dict[str, Freezing]
    files: dict[str, Path]
    tuning: Freezing | None = None


def is_remote(settings: ExperimentSettings) -> bool:
    """Return whether an experiment reads data sets on the hub."""
    return bool(hub_data_of(settings))


def outline(settings: ExperimentSettings, *, base: Path) -> Outline:
    """Return what an experiment will do, without fetching anything.

    Raises:
        SettingsError: The number of steps is not known: both `finetuning.steps` and `data.n_train` are left out.
    """
    _check_targets(settings)
    _say_rest(settings)
    located = {"device": check_device(settings.device), "encoder": _locate_encoder(settings.encoder, base)}
    settings = settings.model_copy(update=located)
    known = settings.data.n_train
    if known is not None and settings.data.max_train is not None:
        known = min(known, settings.data.max_train)
    if known is None and settings.finetuning.steps is None:
        raise SettingsError(
            "the number of steps depends on data that are not fetched yet; to see the plan, set data.n_train (the "
            "number of training items) or finetuning.steps"
        )
    steps = settings.finetuning.total_steps(known or 0)
    settings = _fill_in_steps(settings, steps)
    fetched = hub_data_of(settings)
    if settings.encoder != embedded.NAME and not Path(settings.encoder).is_dir():
        fetched = {"encoder": [settings.encoder], **fetched}
    model = without_weights(settings.encoder)
    freezing = {} if model is None else freezing_of(settings, model)
    files = local_files_of(settings, base=base)
    tuning = None if model is None else tuning_of(settings, model)
    runs = tuple((strategy, seeds[0]) for strategy, seeds in _runs_of(settings))
    return Outline(settings, runs, steps, fetched, freezing, files, tuning)
