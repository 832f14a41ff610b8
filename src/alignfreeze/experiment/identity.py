"""What the result of a run depends on. One table says for every setting which part of a run it decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.alignment.auto import choose_aligners, list_aligners
from alignfreeze.corpora.words import describe_splitter
from alignfreeze.experiment.names import PLAIN, TAUGHT, TRANSLATION, TaughtWord, plain_name_of
from alignfreeze.files import digest_of_json
from alignfreeze.tasks.table import TASKS
from alignfreeze.version import __version__

if TYPE_CHECKING:
    from alignfreeze.experiment.data import ExperimentData
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.experiment.strategies import Strategy


class Part(StrEnum):
    """A part of a run that settings decide."""

    TASK = "task"  # what the model learns, and from which items
    FINETUNING = "fine-tuning"  # how the model learns it
    TESTS = "tests"  # which items the model is tested on
    PAIRS = "pairs"  # which sentence pairs the encoder is realigned on
    LINKS = "links"  # which words of these pairs are linked
    REALIGNMENT = "realignment"  # how the encoder is realigned
    TEACHING = "teaching"  # how labels in target languages are made, and how a model learns them
    DEVICE = "device"  # where the run is computed: another device draws other random numbers
    PRECISION = "precision"  # how exactly the run is computed
    PLACE = "place"  # a path or name: the digest of the content decides a result, the place does not
    NOTHING = "nothing"  # rounding at most: names, sizes for estimates, how trainings are computed, what is kept


SETTING_PARTS: Mapping[str, Part] = {
    "name": Part.NOTHING,
    "encoder": Part.PLACE,
    "task": Part.TASK,
    # A run has one strategy and one seed. The identity holds both separately from the settings.
    "strategies": Part.NOTHING,
    "seeds": Part.NOTHING,
    "seeds_per_average": Part.NOTHING,
    "source_language": Part.TASK,
    "languages": Part.TESTS,
    "device": Part.DEVICE,
    "keep_models": Part.NOTHING,
    "data": Part.PLACE,
    "data.max_train": Part.TASK,
    "data.max_test": Part.TESTS,
    "data.n_train": Part.NOTHING,
    "bitext": Part.PAIRS,
    "bitext.source": Part.PLACE,
    "bitext.target": Part.PLACE,
    # In an identity, `bitext.languages` holds the chosen languages.
    "bitext.choice": Part.NOTHING,
    "alignment": Part.LINKS,
    "alignment.encoder": Part.PLACE,
    "alignment.dictionary": Part.PLACE,
    "alignment.links": Part.PLACE,
    "realignment": Part.REALIGNMENT,
    "realignment.keep_prefix": Part.NOTHING,
    "finetuning": Part.FINETUNING,
    "teaching": Part.TEACHING,
    "projection": Part.TEACHING,
    "self_training": Part.TEACHING,
    "self_training.text": Part.PLACE,
    "translations": Part.TEACHING,
    "translations.train": Part.PLACE,
    "translations.text": Part.PLACE,
    "compute": Part.NOTHING,
    "compute.precision": Part.PRECISION,
    "ray": Part.NOTHING,
}
"""The part that each setting decides. A name also stands for all settings below it that are not listed here."""

FILE_PARTS: Mapping[str, Part] = {
    "train": Part.TASK,
    "test": Part.TESTS,
    "bitext": Part.PAIRS,
    "links": Part.LINKS,
    "dictionary": Part.LINKS,
    PLAIN: Part.TEACHING,
    TRANSLATION: Part.TEACHING,
}
"""The part that each file decides, by the first word of its role."""

RUN_PARTS = (Part.TASK, Part.FINETUNING, Part.TESTS, Part.DEVICE, Part.PRECISION)
"""The parts that every run has."""

ENCODER_PARTS = (Part.PAIRS, Part.LINKS, Part.REALIGNMENT, Part.DEVICE, Part.PRECISION)
"""The parts that decide an encoder realigned before fine-tuning."""

_ALIGNERS = "aligners"
"""The fact about links that names the aligner of each language, if `auto` chose several."""

_SEEDS = "seeds"
"""The fact that names all seeds of a run that joins several."""

READING_PARTS = (Part.PLACE, Part.TASK, Part.TESTS, Part.PAIRS, Part.LINKS)
"""The parts that decide which data are read for an experiment."""


def part_of(setting: str) -> Part:
    """Return the part that a setting decides.

    Args:
        setting: The name of the setting, with dots.

    Raises:
        KeyError: The table does not name the setting.
    """
    name = setting
    while name not in SETTING_PARTS:
        name, dot, _ = name.rpartition(".")
        if not dot:
            raise KeyError(f"{setting}: experiment/identity.py does not say what this setting decides")
    return SETTING_PARTS[name]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings as pairs of a name with dots and a value."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def name_folder(strategy: str, seed: int, digest: str) -> str:
    """Return the name of the folder of a run, or of a realigned encoder."""
    return f"{plain_name_of(strategy)}-{seed}-{digest[:12]}"


def is_name_of_run(folder: str) -> bool:
    """Tell whether `name_folder` could have returned a name."""
    return re.fullmatch(r".+-[0-9]+-[0-9a-f]{12}", folder) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that the result of a run depends on, as plain values.

    Attributes:
        version: The version of alignfreeze.
        encoder: Digest of the pretrained encoder.
        strategy: Name of the strategy.
        seed: The random start; the first one, if the models of several seeds are joined.
        settings: The settings that decide a part, by part and name.
        files: Digests of the files, by part and role.
        facts: What else decides a part, by part and name: versions of libraries, the digest of an aligning encoder.
    """

    version: str
    encoder: str
    strategy: str
    seed: int
    settings: dict[str, dict[str, Any]]
    files: dict[str, dict[str, str]]
    facts: dict[str, dict[str, Any]]

    @property
    def digest(self) -> str:
        """SHA-256 of the whole identity."""
        return digest_of_json(asdict(self))

    def digest_of(self, *parts: Part) -> str:
        """Return a digest of some parts of a run and of its encoder, but not of its strategy and seed."""
        return digest_of_json([self.version, self.encoder, [self._values_of(part) for part in parts]])

    def digest_of_realigned(self, policy: str) -> str:
        """Return a digest of everything that the run's realigned encoder depends on.

        Args:
            policy: The freeze policy of the realignment.
        """
        parts = [*ENCODER_PARTS, *(part for part in self.facts if part not in set(Part))]
        if self.settings[Part.REALIGNMENT].get("realignment.stopping.by") == "agreement":
            parts += [Part.TASK, Part.FINETUNING]  # short fine-tunings judge the encoder
        whole = [self.version, self.encoder, policy, self.seed, [self._values_of(part) for part in parts]]
        return digest_of_json(whole)

    @property
    def digest_of_model(self) -> str:
        """A digest of everything that the fine-tuned model of the run depends on: all but the tests, as a rule."""
        # The model of a baseline only predicts held-out pairs. A model is taught with regard to the words of the tests.
        left_out = {Part.TESTS} if Part.REALIGNMENT in self.settings else {Part.TESTS, Part.PAIRS}
        left_out -= {Part.TESTS} if Part.TEACHING in self.settings else set()
        parts = sorted({*self.settings, *self.files, *self.facts} - left_out)
        named = [[part, self._values_of(part)] for part in parts]
        return digest_of_json([self.version, self.encoder, self.strategy, self.seed, named])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the run: one, or all those whose models are joined."""
        return tuple(self.facts.get(_SEEDS, {}).get(_SEEDS, [self.seed]))

    def join(self, seeds: Sequence[int]) -> Self:
        """Return the identity of a run that joins the models of several seeds."""
        return self.add_fact(_SEEDS, list(seeds))

    @property
    def realigned_encoders(self) -> dict[str, str]:
        """Names of the realigned encoders that the run starts from, by freeze policy. An average has several.

        Only encoders that are realigned before fine-tuning are shared with other runs.
        """
        from alignfreeze.experiment.strategies import Strategy  # torch comes with it

        schedule = self.settings.get(Part.REALIGNMENT, {}).get("realignment.schedule")
        names = map(str, Strategy.parse(self.strategy).policies if schedule == "before" else ())
        return {name: name_folder(name, self.seed, self.digest_of_realigned(name)) for name in names}

    def files_of(self, *parts: Part) -> dict[str, str]:
        """Return the digests of the files that decide some parts, by role."""
        return {role: digest for part in parts for role, digest in self.files.get(part, {}).items()}

    @property
    def aligner(self) -> str | None:
        """The name of the aligner, or of several if languages have different ones; None without an aligner."""
        if several := self.facts.get(Part.LINKS, {}).get(_ALIGNERS):
            return " and ".join(sorted(set(several.values())))
        return self.settings.get(Part.LINKS, {}).get("alignment.aligner")

    @property
    def all_settings(self) -> dict[str, Any]:
        """The settings that decide a part, by name with dots."""
        return {name: value for chosen in self.settings.values() for name, value in chosen.items()}

    def _values_of(self, part: str) -> list[Any]:
        return [kind.get(part) for kind in (self.settings, self.files, self.facts)]

    def add_fact(self, name: str, value: Any) -> Self:
        """Return the identity of a run that depends on one more fact."""
        return replace(self, facts=self.facts | {name: {name: value}})


@dataclass(frozen=True, slots=True)
class EncoderDigests:
    """Digests of the encoders of an experiment.

    Attributes:
        encoder: Digest of the encoder that is fine-tuned.
        aligning: Digest of the encoder whose vectors align words, if this is a different encoder.
    """

    encoder: str
    aligning: str | None = None


def identify(
    settings: ExperimentSettings, data: ExperimentData, strategy: Strategy, seed: int, *, digests: EncoderDigests
) -> Identity:
    """Return everything that the result of a run depends on.

    Args:
        settings: The experiment, every default filled in.
        data: The data of the experiment.
        strategy: The strategy of the run.
        seed: The seed of the run.
        digests: The digests of the encoders.
    """
    parts = _parts_of(settings, strategy)
    # Labels may go over links that the realignment does not use. Then the realigned encoder does not depend on them.
    links = next((part for part in (Part.LINKS, Part.TEACHING) if part in parts), None)
    if links is Part.TEACHING and not strategy.carries_labels:
        links = None
    taught = None if strategy.taught is None else TAUGHT[strategy.taught]
    chosen: dict[str, dict[str, Any]] = {part: {} for part in parts}
    files: dict[str, dict[str, str]] = {part: {} for part in parts}
    facts: dict[str, dict[str, Any]] = {}
    own_links: dict[str, Any] = {}
    for name, value in _resolve(settings).items():
        part = part_of(name)
        if part is Part.LINKS:
            own_links[name] = value
        elif part in chosen and (part is not Part.TEACHING or _decides_labels(name, taught)):
            chosen[part][name] = value
    for file in data.files:
        role = file.role.split()[0]
        part = FILE_PARTS[role]
        if part is Part.TEACHING and (taught is None or role != taught.reads):
            continue
        if (place := links if part is Part.LINKS else part) in files:
            files[place][file.role] = file.digest
    if Part.PAIRS in parts:
        facts[Part.PAIRS] = {"splitters": _splitters_of(settings)}
    if Part.TEACHING in parts and (languages := _split_languages(settings, strategy)):
        facts[Part.TEACHING] = {"splitters": {language: list(describe_splitter(language)) for language in languages}}
    if links is not None and settings.alignment.links is None:  # else the digests of the files decide the links
        aligners, more = _links_of(settings, data, digests)
        facts[links] = facts.get(links, {}) | more
        chosen[links] |= own_links | aligners
    return Identity(__version__, digests.encoder, str(strategy), seed, chosen, files, facts)


def _decides_labels(setting: str, taught: TaughtWord | None) -> bool:
    """Return whether a setting decides what a way to learn target-language items makes of them."""
    return taught is not None and any(setting == one or setting.startswith(f"{one}.") for one in taught.settings)


def _split_languages(settings: ExperimentSettings, strategy: Strategy) -> list[str]:
    """Return the languages whose plain text a strategy learns, which is split into words."""
    if settings.labels_plain_text(strategy.taught):
        return settings.realigned_languages
    reads_lines = settings.translations is not None and settings.translations.text is not None
    is_translated = strategy.taught is not None and TAUGHT[strategy.taught].has_labels
    return settings.translated_languages if is_translated and reads_lines else []


def _links_of(
    settings: ExperimentSettings, data: ExperimentData, digests: EncoderDigests
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the aligner that is really used, and what else decides the links.

    `auto` is no aligner itself: a run with it is the same as one with the aligner that it chooses. If it chooses
    several, the facts name the one of each language.
    """
    from alignfreeze.experiment.data import aligner_of  # torch comes with it

    used = list_aligners(aligner_of(settings), data.bitext)
    libraries = {name: version(name) for one in used for name in ALIGNERS[one.aligner].libraries}
    facts: dict[str, Any] = {"encoder": digests.aligning, "libraries": libraries}
    if len(used) > 1:
        by_pair = choose_aligners(aligner_of(settings), data.bitext)
        return {}, facts | {_ALIGNERS: {language: one.aligner for (_, language), one in by_pair.items()}}
    values = {f"alignment.{name}": value for one in used for name, value in one.model_dump(mode="json").items()}
    return values, facts


def _parts_of(settings: ExperimentSettings, strategy: Strategy) -> tuple[Part, ...]:
    """Return the parts that a run has."""
    taught = (Part.TEACHING,) if strategy.taught is not None else ()
    if settings.uses_bitext(strategy):
        # A taught model that is not realigned has these parts too: so it is compared with those that are.
        links = (Part.LINKS,) if settings.realignment.needs_links else ()
        return (*RUN_PARTS, Part.PAIRS, *links, Part.REALIGNMENT, *taught)
    # A model that does not see the bitext predicts held-out pairs too, if its task can.
    can_predict = TASKS[settings.task].kind.pair_labeller is not None
    predicts_held_out = can_predict and settings.bitext is not None and settings.bitext.held_out
    return (*RUN_PARTS, Part.PAIRS, *taught) if predicts_held_out else (*RUN_PARTS, *taught)


def _resolve(settings: ExperimentSettings) -> dict[str, Any]:
    """Return all settings by name, with languages filled in. The order of tests changes no result."""
    values = dict(flatten(settings.model_dump(mode="json")))
    values["languages"] = sorted(settings.tested_languages)
    if settings.translations is not None:
        values["translations.languages"] = settings.translated_languages
    if settings.self_training.text is not None:
        values["self_training.languages"] = settings.realigned_languages
    if settings.bitext is not None:
        values["bitext.languages"] = settings.realigned_languages
        # The source language is not a setting of the bitext, but it is one side of every pair.
        values["bitext.source_language"] = settings.source_language
    return values


def _splitters_of(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return the word splitter of each language of the bitext, with its version."""
    if settings.bitext is None or settings.bitext.pretokenized:
        return {}
    languages = [settings.source_language, *settings.realigned_languages]
    return {language: list(describe_splitter(language)) for language in languages}


def reading_key_of(settings: ExperimentSettings) -> str:
    """Return a digest of everything that decides which data are read. Experiments with the same digest read once."""
    values = {name: value for name, value in _resolve(settings).items() if part_of(name) in READING_PARTS}
    # Also: the order of tests, the device where an encoder chooses pairs, and which other files are read.
    given = [settings.translates and settings.translated_languages, settings.reads_plain_text]
    also = [settings.tested_languages, settings.realigned_languages, settings.device, settings.needs_links, given]
    return digest_of_json([values, *also])
