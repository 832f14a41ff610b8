"""What the result of a run depends on: one table of all settings, which everything else reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from alignfreeze.corpora.words import splitter_version
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import digest_of_json
from alignfreeze.version import __version__


class Part(StrEnum):
    """A part of a run that settings decide."""

    TASK = "task"
    """What is learnt, and from which items."""
    FINETUNING = "fine-tuning"
    """How it is learnt."""
    TESTS = "tests"
    """What the model is tested on."""
    PAIRS = "pairs"
    """Which sentence pairs there are for realignment."""
    LINKS = "links"
    """Which of their words are linked."""
    REALIGNMENT = "realignment"
    """How the encoder is realigned."""
    DEVICE = "device"
    """Where it is computed: another device draws other random numbers."""
    PRECISION = "precision"
    """How exactly it is computed."""
    PLACE = "place"
    """Where something is. It changes no result: the digest of what is there does."""
    NOTHING = "nothing"
    """Nothing of a result but its rounding: names, hints for plans, how trainings are computed, what is kept."""


SETTING_PARTS: Mapping[str, Part] = {
    "name": Part.NOTHING,
    "encoder": Part.PLACE,
    "task": Part.TASK,
    # A run has one strategy and one seed, which its identity holds by themselves.
    "strategies": Part.NOTHING,
    "seeds": Part.NOTHING,
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
    # `bitext.languages` holds those that were chosen.
    "bitext.choice": Part.NOTHING,
    "alignment": Part.LINKS,
    "alignment.encoder": Part.PLACE,
    "alignment.dictionary": Part.PLACE,
    "alignment.links": Part.PLACE,
    "realignment": Part.REALIGNMENT,
    "realignment.keep_prefix": Part.NOTHING,
    "finetuning": Part.FINETUNING,
    "compute": Part.NOTHING,
    "compute.precision": Part.PRECISION,
    "ray": Part.NOTHING,
}
"""What each setting decides. A name stands for all settings below it that are not named themselves."""

FILE_PARTS: Mapping[str, Part] = {
    "train": Part.TASK,
    "test": Part.TESTS,
    "bitext": Part.PAIRS,
    "links": Part.LINKS,
    "dictionary": Part.LINKS,
}
"""What each file decides, by the first word of its role."""

RUN_PARTS = (Part.TASK, Part.FINETUNING, Part.TESTS, Part.DEVICE, Part.PRECISION)

ENCODER_PARTS = (Part.PAIRS, Part.LINKS, Part.REALIGNMENT, Part.DEVICE, Part.PRECISION)
"""What an encoder depends on that is realigned before fine-tuning."""

READING_PARTS = (Part.PLACE, Part.TASK, Part.TESTS, Part.PAIRS, Part.LINKS)
"""What reading the data of an experiment depends on."""


def part_of(setting: str) -> Part:
    """Return what a setting decides, by its name with dots.

    Raises:
        KeyError: The table does not say.
    """
    name = setting
    while name not in SETTING_PARTS:
        name, dot, _ = name.rpartition(".")
        if not dot:
            raise KeyError(f"{setting}: experiment/identity.py does not say what this setting decides")
    return SETTING_PARTS[name]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings by their names with dots."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that the result of a run depends on, as plain values.

    Attributes:
        version: Of alignfreeze.
        encoder: Digest of the pretrained encoder.
        strategy: Name of the strategy.
        seed: The random start.
        settings: The settings that decide something, by part and name.
        files: Digests of the files, by part and role.
        facts: What else decides something, by part: versions of libraries, the digest of an aligning encoder.
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
        """SHA-256 of all of it."""
        return digest_of_json(asdict(self))

    def digest_of(self, *parts: Part) -> str:
        """Return a digest of some parts of a run, and of its encoder; strategy and seed are left out."""
        return digest_of_json([self.version, self.encoder, [self._only(part) for part in parts]])

    def digest_of_encoder(self, policy: str) -> str:
        """Return a digest of what the encoder depends on that is realigned for the run with a freeze policy."""
        parts = [*ENCODER_PARTS, *(part for part in self.facts if part not in set(Part))]
        if self.settings[Part.REALIGNMENT].get("realignment.stopping.by") == "agreement":
            parts += [Part.TASK, Part.FINETUNING]  # it is judged by short fine-tunings
        whole = [self.version, self.encoder, policy, self.seed, [self._only(part) for part in parts]]
        return digest_of_json(whole)

    def files_of(self, *parts: Part) -> dict[str, str]:
        """Return the digests of the files that decide some parts, by role."""
        return {role: digest for part in parts for role, digest in self.files.get(part, {}).items()}

    @property
    def all_settings(self) -> dict[str, Any]:
        """The settings that decide something, by name with dots."""
        return {name: value for chosen in self.settings.values() for name, value in chosen.items()}

    def _only(self, part: str) -> list[Any]:
        return [kind.get(part) for kind in (self.settings, self.files, self.facts)]

    def with_fact(self, name: str, value: Any) -> Self:
        """Return the identity of a run that depends on something else too."""
        return replace(self, facts=self.facts | {name: {name: value}})


@dataclass(frozen=True, slots=True)
class EncoderDigests:
    """Digests of the encoders of an experiment.

    Attributes:
        encoder: Of the one that is fine-tuned.
        aligning: Of the one whose vectors align words, if it is another.
    """

    encoder: str
    aligning: str | None = None


def identify(
    settings: ExperimentSettings, data: ExperimentData, strategy: Strategy, seed: int, *, digests: EncoderDigests
) -> Identity:
    """Return everything that the result of a run depends on.

    Args:
        settings: The experiment, every default filled in.
        data: What it reads.
        strategy: Of the run.
        seed: Of the run.
        digests: Of the encoders.
    """
    parts = _parts_of(settings, strategy)
    chosen: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for name, value in _resolve(settings).items():
        if (part := part_of(name)) in chosen:
            chosen[part][name] = value
    if settings.alignment.links is not None and Part.LINKS in chosen:
        chosen[Part.LINKS] = {}  # the files say it all
    files: dict[str, dict[str, str]] = {part: {} for part in parts}
    for role, digest in data.digests(*FILE_PARTS).items():
        if (part := FILE_PARTS[role.split()[0]]) in files:
            files[part][role] = digest
    facts: dict[str, dict[str, Any]] = {}
    if Part.PAIRS in parts:
        facts[Part.PAIRS] = {"splitters": _splitters_of(settings)}
    if Part.LINKS in parts and digests.aligning is not None:
        facts[Part.LINKS] = {"encoder": digests.aligning}
    return Identity(__version__, digests.encoder, str(strategy), seed, chosen, files, facts)


def _parts_of(settings: ExperimentSettings, strategy: Strategy) -> tuple[Part, ...]:
    """Return the parts that a run has."""
    if not strategy.is_baseline:
        links = (Part.LINKS,) if settings.realignment.needs_links else ()
        return (*RUN_PARTS, Part.PAIRS, *links, Part.REALIGNMENT)
    # The model of a baseline is asked about held-out pairs too.
    is_asked = settings.bitext is not None and settings.bitext.held_out
    return (*RUN_PARTS, Part.PAIRS) if is_asked else RUN_PARTS


def _resolve(settings: ExperimentSettings) -> dict[str, Any]:
    """Return all settings by name, with the languages that they stand for; the order of tests decides nothing."""
    values = dict(flatten(settings.model_dump(mode="json")))
    values["languages"] = sorted(settings.tested_languages)
    if settings.bitext is not None:
        values["bitext.languages"] = settings.realigned_languages
        values["bitext.source_language"] = settings.source_language  # not a setting, but a side of every pair
    return values


def _splitters_of(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return what splits the sentences of each language of the bitext into words; libraries have versions."""
    if settings.bitext is None or settings.bitext.pretokenized:
        return {}
    languages = [settings.source_language, *settings.realigned_languages]
    return {language: list(splitter_version(language)) for language in languages}


def reading_key_of(settings: ExperimentSettings) -> str:
    """Return a digest of all that reading the data depends on: experiments that share it read them once."""
    values = {name: value for name, value in _resolve(settings).items() if part_of(name) in READING_PARTS}
    # The loss says whether links are read, the device where pairs are chosen by an encoder; items keep their order.
    return digest_of_json([values, settings.tested_languages, settings.device, settings.realignment.needs_links])
