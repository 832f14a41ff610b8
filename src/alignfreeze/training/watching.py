"""Watches a training: counts steps, marks checkpoints as complete, and stops a training that has diverged."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignfreeze.encoding.checking import is_finite
from alignfreeze.errors import TrainingError
from alignfreeze.processes import process_number, wait_for_all
from alignfreeze.progress import Bar, remark
from alignfreeze.training.checkpoints import CheckpointFacts, checkpoint_of, complete_checkpoint
from alignfreeze.training.model import LossModel


class Watch(TrainerCallback):
    """Counts steps, marks checkpoints as complete, and stops a training that has diverged.

    A checkpoint is complete once all processes have written their parts.
    """

    def __init__(self, bar: Bar, title: str) -> None:
        self.bar = bar
        self.title = title

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Seed the random numbers of this process, and say where a training continues."""
        # Each process needs dropout masks of its own. A checkpoint restores its own random numbers after this.
        torch.manual_seed(args.seed + process_number())
        if state.global_step:
            remark(f"{self.title}: continuing after step {state.global_step:,}")
            self.bar.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count a step."""
        self.bar.advance()
        # The loss is logged, and so checked, before each checkpoint and at the end.
        is_last = control.should_training_stop or state.global_step == state.max_steps
        control.should_log = control.should_log or control.should_save or is_last

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, model: LossModel, **__: Any) -> None:
        """Complete a checkpoint when all processes have written their parts."""
        check_weights(model, self.title)
        wait_for_all()
        if process_number() == 0:
            complete_checkpoint(checkpoint_of(args, state), CheckpointFacts(model.at_once))

    def on_log(self, _: Any, state: TrainerState, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        """Check that the loss is a number, and show it."""
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.title}: the loss is {loss} at step {state.global_step}; "
                "the training has diverged; lower the learning rate"
            )
        if "loss" in logs:
            self.bar.tell(loss=loss)


def check_weights(model: nn.Module, title: str) -> None:
    """Check that the trained weights of a model are numbers. The last step may spoil them after the last loss.

    Raises:
        TrainingError: Some are not.
    """
    for name, weights in model.named_parameters():
        if weights.requires_grad and not is_finite(weights):
            raise TrainingError(
                f"{title}: weights in {name} are no longer numbers; the training has diverged, lower the learning rate"
            )
