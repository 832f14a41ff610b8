"""Realigns an encoder while somebody else's Trainer trains it for a task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.loops import RealignmentLoss
from alignfreeze.realignment.losses import LOSSES
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import to_settings
from alignfreeze.training.checkpoints import checkpoint_of

_FILE = "realignment.pt"
"""The file of a checkpoint that holds the head, its optimiser, and the place in the order of the batches."""


class RealignmentCallback(TrainerCallback):
    """Realigns a model while `transformers.Trainer`, or `SentenceTransformerTrainer`, trains it.

    The gradient of the realignment loss is there before that of the task, at the beginning of each optimiser step. So
    the Trainer accumulates and clips both together, as if it had computed the sum of the losses, and needs no subclass.
    The projection head has an Adam of its own with the Trainer's learning rate. Checkpoints of the Trainer hold the
    state. The log gets `realignment_loss`, without its weight; loggers get it if they come after this callback.

    Attributes:
        realignment: The realignment loss; None before the Trainer has a model.
    """

    def __init__(
        self,
        bitext: Any,
        alignments: Any = None,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        languages: tuple[str, str] | None = None,
        aligner: str | AlignmentSettings | Mapping[str, Any] = "auto",
        freeze: str | FreezePolicy = "full",
        settings: RealignmentSettings | Mapping[str, Any] | None = None,
        every: int = 1,
        seed: int = 31,
        **options: Any,
    ) -> None:
        """Take what `RealignmentLoss` takes, but for the model, which is that of the Trainer.

        Args:
            bitext: Sentence pairs, as for `realign`.
            alignments: The word alignments of these pairs, in the same order; None to find them.
            tokenizer: The tokenizer; by default that of the Trainer.
            languages: Codes of the source and the target language, if the bitext does not tell.
            aligner: Finds the links if there are no alignments.
            freeze: What gets no gradient of the realignment, such as `front`; the task trains it all the same.
            settings: The batch size, the loss and its weight `coefficient`.
            every: Optimiser steps from one batch of sentence pairs to the next.
            seed: The seed for the projection head and the order of the pairs.
            options: Settings by name, such as `coefficient=0.2`.

        Raises:
            SettingsError: A setting or the policy does not exist. When training begins: several processes,
                DeepSpeed, FSDP, fp16, or an optimiser that steps during the backward pass.
        """
        if not isinstance(every, int) or every < 1:
            raise SettingsError(f"every: give a number of optimiser steps from 1 on, not {every!r}")
        self.settings = to_settings(RealignmentSettings, settings, "realignment", **options)
        self.every = every
        self.realignment: RealignmentLoss | None = None
        self._given = (bitext, alignments)
        self._how: dict[str, Any] = {"languages": languages, "aligner": aligner, "freeze": FreezePolicy.parse(freeze)}
        self._how |= {"settings": self.settings, "seed": seed}
        self._tokenizer = tokenizer
        self._of: nn.Module | None = None
        self._optimizer: torch.optim.Adam | None = None
        self._total, self._n = torch.zeros(()), 0  # losses since the last log

    def on_init_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module | None = None,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Prepare the loss while the model is as the caller gave it, before a checkpoint is loaded into it."""
        if model is not None:
            self._prepare(args, model, processing_class)

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Begin, or continue from the checkpoint that the Trainer continues from.

        Raises:
            TrainingError: The checkpoint was written without this callback, or the loss needs the initial model, and
                the Trainer had another one when it was made.
        """
        is_new = self._of is not model
        if is_new:
            self._prepare(args, model, processing_class)
        self._of = None  # a second training begins anew
        if state.global_step:
            if is_new and LOSSES[self.settings.loss].needs_initial:
                raise TrainingError(
                    f"the loss {self.settings.loss!r} needs the model before its training: make the Trainer anew, with "
                    "model= and callbacks=, and continue from the checkpoint"
                )
            self._load(checkpoint_of(args, state))

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        optimizer: Any,
        **_: Any,
    ) -> None:
        """Add the gradient of the realignment loss, and train the projection head."""
        if state.global_step % self.every:
            return
        assert self.realignment is not None
        model.train()  # as the Trainer does before it computes the loss of the task
        kind = next(model.parameters()).device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=args.bf16):
            loss = self.realignment()
        (self.settings.coefficient * loss).backward()
        self._total = self._total.to(loss.device) + loss.detach()
        self._n += 1
        if self._optimizer is not None:
            self._optimizer.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"] or args.learning_rate
            self._optimizer.step()
            self._optimizer.zero_grad()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Add the mean loss since the last log.

        Raises:
            TrainingError: The loss is no longer a number.
        """
        if logs is None or "loss" not in logs or not self._n:
            return
        mean = self._total.item() / self._n
        if not math.isfinite(mean):
            raise TrainingError(
                f"the realignment loss is {mean} at step {state.global_step}; the training has diverged; lower the "
                "learning rate"
            )
        logs["realignment_loss"] = mean
        state.log_history[-1]["realignment_loss"] = mean
        self._total, self._n = torch.zeros(()), 0

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Save the state beside a checkpoint of the Trainer."""
        checkpoint = checkpoint_of(args, state)
        if self.realignment is None or not checkpoint.is_dir():  # a search for hyperparameters has other folders
            return
        optimizer = None if self._optimizer is None else self._optimizer.state_dict()
        losses = {"total": self._total, "n": self._n}
        state_now = {"loss": self.realignment.state_dict(), "optimizer": optimizer, "losses": losses}
        torch.save(state_now, checkpoint / _FILE)

    def _prepare(self, args: TrainingArguments, model: nn.Module, processing_class: Any) -> None:
        check_arguments(args)
        tokenizer = self._tokenizer
        if tokenizer is None and isinstance(processing_class, PreTrainedTokenizerBase):
            tokenizer = processing_class
        bitext, alignments = self._given
        self.realignment = RealignmentLoss(model, bitext, alignments, tokenizer=tokenizer, **self._how)
        head = list(self.realignment.parameters())
        self._optimizer = torch.optim.Adam(head) if head else None
        self._total, self._n = torch.zeros(()), 0
        self._of = model

    def _load(self, checkpoint: Path) -> None:
        assert self.realignment is not None
        if not (checkpoint / _FILE).is_file():
            raise TrainingError(
                f"{checkpoint} has no {_FILE}, so the realignment cannot continue: continue from a checkpoint in "
                "output_dir that was written with RealignmentCallback, or begin anew"
            )
        state = torch.load(checkpoint / _FILE, map_location="cpu", weights_only=True)
        self.realignment.load_state_dict(state["loss"])
        self._total, self._n = state["losses"]["total"], state["losses"]["n"]
        if self._optimizer is not None:
            self._optimizer.load_state_dict(state["optimizer"])


def check_arguments(args: TrainingArguments) -> None:
    """Check that a gradient may be added to those of a Trainer.

    Raises:
        SettingsError: It may not; the message names all that is in the way.
    """
    optimizer = str(getattr(args.optim, "value", args.optim))
    obstacles = {
        "several processes": args.world_size > 1,
        "DeepSpeed": bool(args.deepspeed),
        "FSDP": bool(args.fsdp),
        "fp16, whose scaled gradients cannot be added to (use bf16)": args.fp16,
        f"the optimiser {optimizer}, which steps during the backward pass": any(
            word in optimizer for word in ("lomo", "layerwise")
        ),
    }
    found = [what for what, is_there in obstacles.items() if is_there]
    if found:
        raise SettingsError(
            f"RealignmentCallback does not work with {', '.join(found)}; train on one device without it, or realign "
            "before the training with realign()"
        )
