"""What an experiment is going to do, as far as it can be told before its data are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import check_device
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.cost import without_weights
from alignfreeze.experiment.data import local_files, to_be_fetched
from alignfreeze.experiment.planning import freezing_of
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.freezing import Freezing


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
    runs: tuple[tuple[str, int], ...]
    finetuning_steps: int
    fetched: dict[str, list[str]]
    freezing: dict[str, Freezing]
    files: dict[str, Path]


def is_remote(settings: ExperimentSettings) -> bool:
    """Tell whether an experiment reads data sets of the hub."""
    return bool(to_be_fetched(settings))


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
    fetched = to_be_fetched(settings)
    if settings.encoder != embedded.NAME and not (base / settings.encoder).is_dir():
        fetched = {"encoder": [settings.encoder], **fetched}
    runs = tuple(
        (strategy, seed) for seed in dict.fromkeys(settings.seeds) for strategy in dict.fromkeys(settings.strategies)
    )
    model = without_weights(settings.encoder)
    freezing = {} if model is None else freezing_of(settings, model)
    return Outline(settings, runs, steps, fetched, freezing, local_files(settings, base=base))
