"""What an experiment is going to do: its data read, its settings checked, its runs listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.corpora import mini
from alignfreeze.corpora.hub import HUB
from alignfreeze.corpora.words import splitter_version
from alignfreeze.encoding.encoder import check_device, digest_of_encoder, load_encoder
from alignfreeze.experiment.data import ExperimentData, read_data
from alignfreeze.experiment.held_out import hold_out
from alignfreeze.experiment.recipe import REALIGNED_ON, RunSpec
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import BASELINE, fixed_by
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.model import realigned_layers
from alignfreeze.tasks import TASKS
from alignfreeze.tasks.finetuning import n_examples
from alignfreeze.training.judging import check_one_process
from alignfreeze.version import __version__


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment before it runs.

    Attributes:
        settings: With every default filled in: device and number of steps.
        base: The folder at which its relative paths start.
        data: What it reads.
        specs: Its runs, seed by seed.
        freezing: What each realigned strategy holds fixed, of an average what all its members do.
        finetuning_steps: Optimiser steps of each fine-tuning.
        tokenizer: The encoder's.
    """

    settings: ExperimentSettings
    base: Path
    data: ExperimentData
    specs: tuple[RunSpec, ...]
    freezing: dict[str, Freezing]
    finetuning_steps: int
    tokenizer: PreTrainedTokenizerFast


def plan(settings: ExperimentSettings, *, base: Path, tests: bool = True) -> Plan:
    """Read all data, check all that can be checked, and list the runs.

    Args:
        settings: The experiment.
        base: The folder at which its relative paths start.
        tests: Whether test items are wanted; they need not be there otherwise.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    return _plan(settings, base, _Read(tests=tests), elsewhere=False)


def plan_all(experiments: Iterable[tuple[Path, ExperimentSettings]], *, elsewhere: bool = False) -> list[Plan]:
    """Plan several experiments; what they have in common, such as encoder and data, is read once.

    Args:
        experiments: Each with the folder at which its relative paths start.
        elsewhere: The runs are on other machines; with `ray.gpus_per_run` those have GPUs, whatever this one has.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    read = _Read()
    return [_plan(settings, base, read, elsewhere) for base, settings in experiments]


class _Read:
    """What was read for experiments before."""

    def __init__(self, *, tests: bool = True) -> None:
        self.tests = tests
        # Of the encoder the last alone: each may take gigabytes.
        self.encoder = lru_cache(maxsize=1)(load_encoder)
        self.digest = lru_cache(digest_of_encoder)
        self._data: dict[tuple[Path, str], ExperimentData] = {}

    def data(self, settings: ExperimentSettings, base: Path) -> ExperimentData:
        """Read the data of an experiment."""
        names = {"task", "source_language", "languages", "data", "bitext", "alignment", "encoder", "device"}
        key = (base, f"{settings.model_dump_json(include=names)} {settings.realignment.needs_links}")
        if key not in self._data:
            data = read_data(settings, base=base, tests=self.tests)
            if settings.bitext is not None and (n := settings.bitext.held_out):
                data = hold_out(data, most=n, seed=settings.bitext.selection.seed)
            self._data[key] = data
        return self._data[key]


def _plan(settings: ExperimentSettings, base: Path, read: _Read, elsewhere: bool) -> Plan:
    on_gpus = elsewhere and settings.ray.gpus_per_run > 0 and settings.device in {"auto", "cuda"}
    device = "cuda" if on_gpus else check_device(settings.device)
    settings = settings.model_copy(update={"device": device, "encoder": _located(settings.encoder, base)})
    if (aligning := settings.alignment.encoder) is not None:
        alignment = settings.alignment.model_copy(update={"encoder": _located(aligning, base)})
        settings = settings.model_copy(update={"alignment": alignment})
    if settings.realignment.stopping is not None:
        check_one_process()
    # The encoder is loaded whole: a broken one is to be found before hours of work, not after.
    loaded = read.encoder(settings.encoder)
    freezing = freezing_of(settings, loaded.model)
    data = read.data(settings, base)
    steps = settings.finetuning.steps or settings.finetuning.total_steps(
        n_examples(loaded, TASKS[settings.task], data.train, settings.finetuning)
    )
    if settings.realignment.steps is None or settings.realignment.schedule == "during":
        # The paper realigns for as many steps as it fine-tunes.
        realignment = settings.realignment.model_copy(update={"steps": steps})
        settings = settings.model_copy(update={"realignment": realignment})
    aligning = settings.alignment.encoder
    digests = (read.digest(settings.encoder), None if aligning is None else read.digest(aligning))
    specs = tuple(
        RunSpec(settings, strategy, seed, _determined_by(settings, data, digests, strategy, seed))
        for seed in dict.fromkeys(settings.seeds)
        for strategy in dict.fromkeys(settings.strategies)
    )
    return Plan(settings, base, data, specs, freezing, steps, loaded.tokenizer)


def _located(encoder: str, base: Path) -> str:
    """Return the folder beside the experiment file when the encoder is one, else its name as it is."""
    folder = base / encoder
    return str(folder.resolve()) if folder.is_dir() else encoder


_PATHS = {"data": ("train", "test"), "bitext": ("source", "target"), "alignment": ("dictionary", "links")}


def anchored(settings: ExperimentSettings, base: Path) -> ExperimentSettings:
    """Return an experiment whose paths hold wherever its file lies.

    Args:
        settings: The experiment.
        base: The folder at which its relative paths start.
    """
    values = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    for table, names in _PATHS.items():
        inner = values.get(table, {})
        inner |= {name: _anchored(inner[name], base) for name in names if name in inner}
    for inner in (values, values.get("alignment", {})):
        if "encoder" in inner:
            inner["encoder"] = _located(inner["encoder"], base)
    return ExperimentSettings.checked(values, origin=settings.name)


def _anchored(pattern: str, base: Path) -> str:
    if pattern.startswith((HUB, mini.PREFIX)):
        return pattern
    return str((base / Path(pattern).expanduser()).absolute())


def _shown(encoder: str) -> str:
    """Return an encoder's name without the place of its folder: what a run is called does not depend on that."""
    return Path(encoder).name if Path(encoder).is_dir() else encoder


def freezing_of(settings: ExperimentSettings, model: PreTrainedModel) -> dict[str, Freezing]:
    """Return what each strategy holds fixed; of layers drawn at random, those of the first seed."""
    realigned_layers(model, settings.realignment.layer)
    strategies = [strategy for strategy in settings.strategies if strategy != BASELINE]
    return {
        strategy: Freezing.of(model, fixed_by(model, strategy, settings.realignment, seed=settings.seeds[0]))
        for strategy in strategies
    }


def _determined_by(
    settings: ExperimentSettings, data: ExperimentData, digests: tuple[str, str | None], strategy: str, seed: int
) -> dict[str, Any]:
    """Return everything that the result of a run depends on; the digests are of encoder and aligning encoder."""
    shared = {"task", "device", "keep_models", "data", "finetuning", "source_language"}
    realigned = {"bitext", "alignment", "realignment"}
    is_baseline = strategy == BASELINE
    aligning = settings.alignment.encoder
    # The model of a baseline is asked about held-out pairs too.
    asked = {"bitext"} if settings.bitext is not None and settings.bitext.held_out else set()
    names = shared | asked if is_baseline else shared | realigned
    stages = ("train", "test", *asked) if is_baseline else ("train", "test", *REALIGNED_ON)
    dumped = settings.model_dump(mode="json", include=names)
    if not is_baseline and aligning is not None:
        dumped["alignment"]["encoder"] = _shown(aligning)
    return {
        "version": __version__,
        "encoder": {"name": _shown(settings.encoder), "digest": digests[0]},
        "aligning_encoder": None if is_baseline else digests[1],
        "strategy": strategy,
        "seed": seed,
        "languages": settings.tested_languages,
        "realigned_languages": [] if is_baseline else settings.realigned_languages,
        "settings": dumped,
        # The other settings of how it is computed change nothing but rounding and what dropout happens to hit.
        "precision": settings.compute.precision,
        "data": data.digests(*stages),
        "splitters": {} if is_baseline and not asked else _splitters(settings),
    }


def _splitters(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return what splits the sentences of each language of the bitext into words; libraries have versions."""
    if settings.bitext is None or settings.bitext.pretokenized:
        return {}
    languages = [settings.source_language, *settings.realigned_languages]
    return {language: splitter_version(language) for language in languages}
