"""What an experiment is going to do: its data read, its settings checked, its runs listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.corpora import mini
from alignfreeze.corpora.hub import HUB
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import check_device, digest_of_encoder, load_encoder
from alignfreeze.encoding.shapes import without_weights
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.data import ExperimentData, hub_data_of, local_files_of, read_data
from alignfreeze.experiment.held_out import hold_out
from alignfreeze.experiment.identity import EncoderDigests, identify, reading_key_of
from alignfreeze.experiment.recipe import RunSpec
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.model import realigned_layers
from alignfreeze.tasks.finetuning import n_examples
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.judging import check_alone


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment before it runs.

    Attributes:
        settings: With every default filled in: device and number of steps.
        base: The folder at which its relative paths start.
        data: What it reads.
        digests: Of its encoders.
        specs: Its runs, seed by seed.
        freezing: What each realigned strategy holds fixed, of an average what all its members do.
        finetuning_steps: Optimiser steps of each fine-tuning.
        tokenizer: The encoder's.
    """

    settings: ExperimentSettings
    base: Path
    data: ExperimentData
    digests: EncoderDigests
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
    return _plan(settings, base, _Reader(tests=tests), elsewhere=False)


def plan_all(experiments: Iterable[tuple[Path, ExperimentSettings]], *, elsewhere: bool = False) -> list[Plan]:
    """Plan several experiments; what they have in common, such as encoder and data, is read once.

    Args:
        experiments: Each with the folder at which its relative paths start.
        elsewhere: The runs are on other machines; with `ray.gpus_per_run` those have GPUs, whatever this one has.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    read = _Reader()
    return [_plan(settings, base, read, elsewhere) for base, settings in experiments]


class _Reader:
    """What was read for experiments before."""

    def __init__(self, *, tests: bool = True) -> None:
        self.tests = tests
        # Of the encoder the last alone: each may take gigabytes.
        self.encoder = lru_cache(maxsize=1)(load_encoder)
        self.digest = lru_cache(digest_of_encoder)
        self._data: dict[tuple[Path, str], ExperimentData] = {}

    def data(self, settings: ExperimentSettings, base: Path) -> ExperimentData:
        """Read the data of an experiment."""
        key = (base, reading_key_of(settings))
        if key not in self._data:
            data = read_data(settings, base=base, tests=self.tests)
            if settings.bitext is not None and (n := settings.bitext.held_out):
                data = hold_out(data, most=n, seed=settings.bitext.selection.seed)
            self._data[key] = data
        return self._data[key]


def _plan(settings: ExperimentSettings, base: Path, read: _Reader, elsewhere: bool) -> Plan:
    on_gpus = elsewhere and settings.ray.gpus_per_run > 0 and settings.device in {"auto", "cuda"}
    device = "cuda" if on_gpus else check_device(settings.device)
    settings = settings.model_copy(update={"device": device, "encoder": _locate_encoder(settings.encoder, base)})
    if (aligning := settings.alignment.encoder) is not None:
        alignment = settings.alignment.model_copy(update={"encoder": _locate_encoder(aligning, base)})
        settings = settings.model_copy(update={"alignment": alignment})
    if settings.realignment.stopping is not None:
        check_alone()
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
    digests = EncoderDigests(read.digest(settings.encoder), None if aligning is None else read.digest(aligning))
    specs = tuple(
        RunSpec(settings, strategy, seed, identify(settings, data, strategy, seed, digests=digests))
        for seed in dict.fromkeys(settings.seeds)
        for strategy in dict.fromkeys(settings.strategies)
    )
    return Plan(settings, base, data, digests, specs, freezing, steps, loaded.tokenizer)


def _locate_encoder(encoder: str, base: Path) -> str:
    """Return the folder beside the experiment file when the encoder is one, else its name as it is."""
    folder = base / encoder
    return str(folder.resolve()) if folder.is_dir() else encoder


_PATHS = {"data": ("train", "test"), "bitext": ("source", "target"), "alignment": ("dictionary", "links")}


def anchor_paths(settings: ExperimentSettings, base: Path) -> ExperimentSettings:
    """Return an experiment whose paths hold wherever its file lies.

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
    """Return what each strategy holds fixed; of layers drawn at random, those of the first seed."""
    realigned_layers(model, settings.realignment.layer)
    return {
        str(strategy): Freezing.of(model, strategy.parts_of(model, settings.realignment, seed=settings.seeds[0]))
        for strategy in settings.strategies
        if not strategy.is_baseline
    }


@dataclass(frozen=True, slots=True)
class Outline:
    """An experiment whose data are on the hub, before they are fetched.

    Attributes:
        settings: With the device chosen, and the number of steps where it is known.
        runs: Pairs of strategy and seed.
        finetuning_steps: Optimiser steps of each fine-tuning.
        fetched: Data sets of the hub, by what they are for; the encoder among them.
        freezing: What each realigned strategy holds fixed; nothing where the encoder's shape is not known.
        files: Local files that it needs, by what they are for.
    """

    settings: ExperimentSettings
    runs: tuple[tuple[Strategy, int], ...]
    finetuning_steps: int
    fetched: dict[str, list[str]]
    freezing: dict[str, Freezing]
    files: dict[str, Path]


def is_remote(settings: ExperimentSettings) -> bool:
    """Tell whether an experiment reads data sets of the hub."""
    return bool(hub_data_of(settings))


def outline(settings: ExperimentSettings, *, base: Path) -> Outline:
    """Return what an experiment is going to do; nothing is fetched.

    Raises:
        SettingsError: The number of steps cannot be told: neither `finetuning.steps` nor `data.n_train` is there.
    """
    settings = settings.model_copy(update={"device": check_device(settings.device)})
    known = settings.data.n_train
    if known is not None and settings.data.max_train is not None:
        known = min(known, settings.data.max_train)
    if known is None and settings.finetuning.steps is None:
        raise SettingsError(
            "the number of steps depends on data that have still to be fetched; for a plan say data.n_train, "
            "how many training items there are, or finetuning.steps"
        )
    steps = settings.finetuning.total_steps(known or 0)
    if settings.realignment.steps is None or settings.realignment.schedule == "during":
        realignment = settings.realignment.model_copy(update={"steps": steps})
        settings = settings.model_copy(update={"realignment": realignment})
    fetched = hub_data_of(settings)
    if settings.encoder != embedded.NAME and not (base / settings.encoder).is_dir():
        fetched = {"encoder": [settings.encoder], **fetched}
    runs = tuple(
        (strategy, seed) for seed in dict.fromkeys(settings.seeds) for strategy in dict.fromkeys(settings.strategies)
    )
    model = without_weights(settings.encoder)
    freezing = {} if model is None else freezing_of(settings, model)
    return Outline(settings, runs, steps, fetched, freezing, local_files_of(settings, base=base))
