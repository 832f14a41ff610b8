"""The one way in which realignment and fine-tuning run `transformers.Trainer`."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn
from torch.utils.data import Dataset, Sampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments

from alignfreeze.errors import TrainingError
from alignfreeze.progress import Bar, stage

LOGGED_LOSSES = 50
"""About as many points the loss curve of a training gets."""


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """What a training did.

    Attributes:
        steps: Optimiser steps.
        seconds: Wall-clock time, without loading data.
        losses: Pairs of (step, mean training loss since the point before).
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        title: What the progress bar is called.
        steps: Optimiser steps.
        batch_size: Items a step.
        learning_rate: Of Adam, at its highest.
        schedule: Of the learning rate after warm-up; it follows optimiser steps.
        warmup_steps: Optimiser steps in which the learning rate rises from 0.
        seed: For dropout and, where no order is given, for shuffling.
        device: `cpu`, `cuda` or `mps`.
    """

    title: str
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "linear"]
    warmup_steps: int
    seed: int
    device: str


class _Items(Dataset):
    """A list as a torch data set."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class _Order(Sampler[int]):
    """Visits items in a given order."""

    def __init__(self, order: Sequence[int]) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)


class _OrderedTrainer(Trainer):
    """A Trainer that visits items in the order it is told, or shuffles them when it is told none."""

    order: Sequence[int] | None = None

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        return super()._get_train_sampler(train_dataset) if self.order is None else _Order(self.order)


class _Watch(TrainerCallback):
    """Counts the steps, and stops a training that has diverged before anything is made of its weights."""

    def __init__(self, bar: Bar, title: str) -> None:
        self.bar = bar
        self.title = title

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.bar.advance()

    def on_log(self, _: Any, state: TrainerState, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.title}: the loss is {loss} at step {state.global_step}; "
                "the training has diverged, lower the learning rate"
            )


def train(
    model: nn.Module,
    items: Sequence[Any],
    collate: Callable[[list[Any]], Any],
    plan: TrainingPlan,
    *,
    order: Sequence[int] | None = None,
) -> TrainingHistory:
    """Train a model in place, on the parameters that require a gradient.

    Adam with betas 0.9 and 0.999, epsilon 1e-8, no weight decay and no gradient
    clipping (epoch_loop.py in the reference code, which clips nothing either).

    Args:
        model: Returns a mapping with `loss` when called with a batch.
        items: What it is trained on.
        collate: Turns a list of items into a batch.
        plan: How long and how fast.
        order: Positions in `items` to visit, in this order; by default they are shuffled anew in each pass,
            and batched with items of like length.
    """
    with tempfile.TemporaryDirectory() as folder, stage(plan.title, total=plan.steps) as bar:
        trainer = _OrderedTrainer(
            model=model,
            args=_arguments(plan, folder),
            data_collator=collate,
            train_dataset=_Items(items),
            callbacks=[_Watch(bar, plan.title)],
        )
        trainer.order = order
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
        _release(trainer, model)
    losses = ((int(entry["step"]), entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)
    return TrainingHistory(trainer.state.global_step, seconds, tuple(losses))


def _release(trainer: Trainer, model: nn.Module) -> None:
    """Let go of gradients and of Adam's moments now: the Trainer's reference cycles would keep them for long."""
    model.zero_grad(set_to_none=True)
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()


def _arguments(plan: TrainingPlan, folder: str) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=folder,
        use_cpu=plan.device == "cpu",
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        lr_scheduler_type=plan.schedule,
        warmup_steps=plan.warmup_steps,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        weight_decay=0.0,
        max_grad_norm=0.0,
        seed=plan.seed,
        data_seed=plan.seed,
        logging_nan_inf_filter=False,
        logging_steps=max(1, plan.steps // LOGGED_LOSSES),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        # Batches of sentences of like length: half of a mixed batch of treebank sentences is padding.
        train_sampling_strategy="group_by_length",
        dataloader_pin_memory=plan.device == "cuda",
    )
    if arguments.n_gpu > 1:
        # The losses look at the whole batch; torch's DataParallel would split it.
        arguments._n_gpu = 1
    return arguments
