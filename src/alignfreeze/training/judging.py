"""Judges a training from time to time, keeps the best weights, and ends it when it gets no better."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState

from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.files import read_json, write_json
from alignfreeze.processes import n_processes
from alignfreeze.training.model import LossModel

_CHECKS, _BEST = "checks.json", "best.safetensors"
"""What a judge has said up to a checkpoint, and the trained weights that it liked best."""


@dataclass(frozen=True, slots=True)
class Checks:
    """When a training is judged, and when it ends before its last step.

    Attributes:
        judge: Says how good the network is just now; more is better.
        start: What it says before the first step.
        every: Optimiser steps from one check to the next.
        patience: So many checks in a row without a better one end the training.
    """

    judge: Callable[[], float]
    start: float
    every: int
    patience: int


class JudgedTraining(TrainerCallback):
    """Asks a judge from time to time, keeps the weights that it likes best, and stops a training that gets no better.

    The Trainer's own early stopping evaluates in the training's device state, and keeps the best of what it has
    written to disk as a checkpoint with the optimiser's state; here the trained weights alone are kept.
    """

    def __init__(self, checks: Checks, model: LossModel) -> None:
        self.checks = checks
        self.trained = {name: value for name, value in model.network.named_parameters() if value.requires_grad}
        self.found: list[tuple[int, float]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def kept(self) -> int:
        """The step of the best check; the first of equals."""
        return max(self.found, key=lambda check: check[1])[0]

    @property
    def is_over(self) -> bool:
        """Whether so many checks in a row as patience allows were no better."""
        steps = [step for step, _ in self.found]
        return len(steps) - 1 - steps.index(self.kept) >= self.checks.patience

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **__: Any) -> None:
        """Begin with the first check, or with those that a checkpoint holds."""
        if state.global_step == 0:
            self._take(0, self.checks.start)
            return
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self.found = [(step, value) for step, value in read_json(saved / _CHECKS)]
        self.best = load_file(saved / _BEST)
        # It was killed after it had ended: a step that is taken all the same is not kept.
        control.should_training_stop |= self.is_over

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **__: Any) -> None:
        """Check when it is due, and end what gets no better."""
        is_due = state.global_step % self.checks.every == 0 or state.global_step == state.max_steps
        if is_due and not self.is_over:
            self._check(state.global_step)
        control.should_training_stop |= self.is_over

    def on_save(self, args: Any, state: TrainerState, *_: Any, **__: Any) -> None:
        """Keep the checks and the best weights beside a checkpoint."""
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_json(saved / _CHECKS, self.found)
        save_file(self.best, saved / _BEST)

    def _check(self, step: int) -> None:
        with same_random_numbers():
            self._take(step, self.checks.judge())

    def _take(self, step: int, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(f"the judge says {value} at step {step}: nothing can be told by it")
        self.found.append((step, value))
        if self.kept == step:
            self.best = {name: weights.detach().cpu().clone() for name, weights in self.trained.items()}

    def restore(self) -> None:
        """Put the best weights into the network."""
        with torch.no_grad():
            for name, weights in self.trained.items():
                weights.copy_(self.best[name])


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Let whatever is drawn inside the block leave no trace in what is drawn after it."""
    drawn = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])


def check_alone() -> None:
    """Check that no other process trains along, as a judge trains and predicts by itself.

    Raises:
        SettingsError: There are several.
    """
    if n_processes() > 1:
        raise SettingsError("realignment.stopping goes with one process: its judge trains and predicts by itself")
