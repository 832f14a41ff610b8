"""Trains a task and a realignment in the same steps (schedule `during`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, TrainerCallback

from alignfreeze.encoding.batches import sides_of
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.errors import SettingsError
from alignfreeze.processes import n_processes
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.preparing import Prepared
from alignfreeze.tasks.kinds import Examples, TaskLoss
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.loop import check_processes, order_visits, train
from alignfreeze.training.model import LossModel
from alignfreeze.training.settings import ComputeSettings, TrainingPlan


class DuringModel(LossModel):
    """A task model whose output is the task loss plus the realignment loss of its encoder, with a coefficient.

    Frozen parts get the gradient of the task loss, but no gradient of the realignment loss.
    """

    def __init__(self, task: TaskLoss, realignment: RealignmentModel) -> None:
        super().__init__()
        self.task = task
        self.projection = realignment.projection
        # A tuple hides it from torch: its encoder is that of the task model, and would be saved twice.
        self.alongside = (realignment,)

    @property
    def network(self) -> PreTrainedModel:
        """The task model."""
        return self.task.model

    @property
    def at_once(self) -> int | None:
        """The most sentences at once of each of the two parts; None for all of a batch."""
        return self.task.at_once

    @at_once.setter
    def at_once(self, sentences: int | None) -> None:
        self.task.at_once = self.alongside[0].at_once = sentences

    def n_sentences(self, batch: Mapping[str, Any]) -> int:
        """Return the number of sentences in the larger part of a batch."""
        return max(len(part["lengths"]) for part in batch.values())

    def forward(self, items: Mapping[str, Any], pairs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the sum of both losses for a batch of `Examples` and an `AlignedBatch`."""
        (realignment,) = self.alongside
        coefficient = realignment.settings.coefficient
        return {"loss": self.task(**items)["loss"] + coefficient * realignment(**pairs)["loss"]}


def check_during(policy: FreezePolicy) -> None:
    """Check that a freeze policy can be used while a task is trained.

    Raises:
        SettingsError: It names adapters: then the task would train the weights, and the realignment the adapters.
    """
    if policy.rank is not None:
        raise SettingsError(
            f"{policy} cannot be used with schedule 'during', where the task trains all that the realignment freezes; "
            "set finetuning.adapter to train adapters on both losses, or another schedule"
        )


def train_during(
    task_model: TaskModel,
    task: Task,
    examples: Examples,
    prepared: Prepared,
    *,
    plan: TrainingPlan,
    compute: ComputeSettings,
    checkpoints: Path | None,
    identity: Any,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingHistory:
    """Train a task model in place on examples and sentence pairs.

    Args:
        task_model: The task model.
        task: What to learn.
        examples: Training examples.
        prepared: The realignment.
        plan: How long and how fast to train. The batch size is that of the task.
        compute: How the training is computed.
        checkpoints: A folder for checkpoints.
        identity: What distinguishes this training from others.
        callbacks: What else the Trainer calls.

    Raises:
        SettingsError: Gradient checkpointing is requested together with frozen parts.
    """
    settings, pairs = prepared.settings, prepared.pairs
    if compute.gradient_checkpointing and prepared.fixed:
        raise SettingsError(
            "compute.gradient_checkpointing: with schedule 'during' and frozen parts, gradient checkpointing would let "
            "realignment gradients reach the frozen parts; use compute.micro_batch to save memory"
        )
    check_processes(plan.batch_size)
    check_processes(settings.batch_size)
    pair_plan = replace(plan, batch_size=settings.batch_size)
    orders = [
        order_visits([np.arange(len(examples))], examples.subwords.lengths(), plan),
        order_visits(pairs.positions(), pairs.lengths(), pair_plan),
    ]
    used = [examples.subwords.take(np.unique(orders[0])), pairs.subwords.take(sides_of(np.unique(orders[1])))]
    network = task_model.model
    with (
        packing(network),
        compacting(network, np.concatenate([*used, [task_model.padding]]), shared=True) as vocabulary,
    ):
        padding = int(vocabulary.numbers[task_model.padding])
        base: Any = network.base_model
        untrained = prepared.policy.parts_of(base, seed=plan.seed)
        assert len(untrained) == len(prepared.fixed)
        model = DuringModel(
            TaskLoss(network, task.kind, padding=padding),
            RealignmentModel(base, settings, padding=padding, untrained=untrained),
        )
        model.at_once = compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            places = np.asarray(numbers)
            parts = {
                "items": examples.batch(places[places < len(examples)]),
                "pairs": pairs.batch(places[places >= len(examples)] - len(examples)),
            }
            return {name: {**batch, "subwords": vocabulary.compact(batch["subwords"])} for name, batch in parts.items()}

        order = _together(orders[0], orders[1] + len(examples), plan.batch_size, settings.batch_size)
        both = replace(plan, batch_size=plan.batch_size + settings.batch_size)
        how: dict[str, Any] = {"compute": compute, "checkpoints": checkpoints, "callbacks": callbacks}
        return train(model, collate, both, order=order, identity=identity, **how)


def _together(items: NDArray[np.int64], pairs: NDArray[np.int64], n_items: int, n_pairs: int) -> NDArray[np.int64]:
    """Return an order whose batches hold one batch of each part; each process gets its share of both."""
    parts = n_processes()
    shares = [items.reshape(-1, parts, n_items // parts), pairs.reshape(-1, parts, n_pairs // parts)]
    return np.concatenate(shares, axis=2).ravel()
