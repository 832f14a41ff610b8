"""Judges a network during its training, keeps the best weights, and ends a training that gets no better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.files import read_json, write_json
from alignfreeze.processes import n_processes
from alignfreeze.training.checkpoints import checkpoint_of
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.model import LossModel
from alignfreeze.training.randomness import keeping_random_state

_CHECKS, _BEST = "checks.json", "best.safetensors"
"""Files beside a checkpoint: the checks so far, and the trained weights of the best one."""


@dataclass(frozen=True, slots=True)
class JudgingPlan:
    """When a network is judged during its training, and when the training ends before its last step.

    Attributes:
        judge: Returns how good the network is at this moment; more is better.
        start: The value of the judge before the first step.
        every: Optimiser steps from one check to the next.
        patience: The training ends after this many checks in a row without a better value.
    """

    judge: Callable[[], float]
    start: float
    every: int
    patience: int


class JudgeCallback(TrainerCallback):
    """Asks the judge, keeps the weights of the best check, and stops a training that gets no better.

    The early stopping of transformers does not fit. It changes the random state of the device. It keeps the best
    weights as a whole checkpoint, with the optimiser's state. Here only the trained weights are kept.
    """

    def __init__(self, plan: JudgingPlan, model: LossModel) -> None:
        self.plan = plan
        self.trained = {name: value for name, value in model.network.named_parameters() if value.requires_grad}
        self.checks: list[tuple[int, float]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def best_step(self) -> int:
        """The step of the best check; the first one if several are equal."""
        return max(self.checks, key=lambda check: check[1])[0]

    @property
    def is_over(self) -> bool:
        """Whether the last `patience` checks were no better than the best one."""
        steps = [step for step, _ in self.checks]
        return len(steps) - 1 - steps.index(self.best_step) >= self.plan.patience

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Begin with the first check, or with the checks of a checkpoint."""
        if state.global_step == 0:
            self._add_check(0, self.plan.start)
            return
        checkpoint = checkpoint_of(args, state)
        self.checks = [(step, value) for step, value in read_json(checkpoint / _CHECKS)]
        self.best = load_file(checkpoint / _BEST)
        # A training may be killed after its end. The Trainer then does one more step, which is not kept.
        control.should_training_stop |= self.is_over

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Check the network when a check is due."""
        is_due = state.global_step % self.plan.every == 0 or state.global_step == state.max_steps
        if is_due and not self.is_over:
            with keeping_random_state():
                value = self.plan.judge()
            self._add_check(state.global_step, value)
        control.should_training_stop |= self.is_over

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Save the checks and the best weights beside a checkpoint."""
        checkpoint = checkpoint_of(args, state)
        write_json(checkpoint / _CHECKS, self.checks)
        save_file(self.best, checkpoint / _BEST)

    def _add_check(self, step: int, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(f"the judge returned {value} at step {step}; it must return a finite number")
        self.checks.append((step, value))
        if self.best_step == step:
            self.best = {name: weights.detach().cpu().clone() for name, weights in self.trained.items()}

    def restore_best(self) -> None:
        """Put the best weights into the network."""
        with torch.no_grad():
            for name, weights in self.trained.items():
                weights.copy_(self.best[name])

    def add_to(self, history: TrainingHistory) -> TrainingHistory:
        """Return a history with the checks, cut off after the last of them."""
        last = self.checks[-1][0]
        losses = tuple((step, loss) for step, loss in history.losses if step <= last)
        return replace(history, steps=last, losses=losses, checks=tuple(self.checks), kept=self.best_step)


def check_one_process() -> None:
    """Check that only one process trains: a judge trains and predicts in its own process.

    Raises:
        SettingsError: There are several processes.
    """
    if n_processes() > 1:
        raise SettingsError(
            "realignment.stopping works only with one process: its judge trains and predicts in its own process"
        )
