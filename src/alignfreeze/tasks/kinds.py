"""What all tasks share: examples as arrays, the loss of a batch, and predictions for sentences of like length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from alignfreeze.encoding.order import split_by_budget
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import packing
from alignfreeze.files import digest_of_arrays
from alignfreeze.processes import n_processes, total
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.models import TaskModel
from alignfreeze.training.model import LossModel

IGNORED = -100
"""The label that torch's cross-entropy passes over."""

SUBWORDS_AT_ONCE = 4_096
"""Of a prediction; the states of so many fit into some 100 MB with a base encoder."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Training sentences, or windows of long ones, in a few flat arrays.

    Attributes:
        subwords: Of each sentence.
        labels: Of each sentence, as its kind of task has them.
        types: Of each subword 1 if it belongs to the second of two texts; None where models are not told.
    """

    subwords: Ragged
    labels: Ragged
    types: Ragged | None = None

    def __len__(self) -> int:
        return len(self.subwords)

    @property
    def digest(self) -> str:
        """A digest of all of them."""
        parts = [self.subwords, self.labels, *([] if self.types is None else [self.types])]
        return digest_of_arrays(*(part.values for part in parts), self.subwords.starts)

    def batch(self, sentences: Sequence[int] | NDArray[np.int64]) -> dict[str, Any]:
        """Put sentences into one batch, as `TaskLoss` takes it."""
        numbers = np.asarray(sentences, dtype=np.int64)
        return Packed.take(self.subwords, numbers, types=self.types).to_batch() | {
            "labels": torch.from_numpy(self.labels.take(numbers).astype(np.int64))
        }


Logits = Callable[..., Tensor]
"""Runs a model on sentences that lie end to end; its arguments are those of `encode`."""

Loss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""From logits, labels, and the length of each sentence, to the sum of the losses and how many there are."""


class Items(Protocol):
    """Turns items of a task into examples for training."""

    def __call__(self, task_model: TaskModel, items: Sequence[Any]) -> Examples:
        """Return the examples of some items, without those that teach nothing."""
        ...


class Predictor(Protocol):
    """Predicts for items of a task."""

    def __call__(
        self, task_model: TaskModel, items: Sequence[Any], *, at_once: int = SUBWORDS_AT_ONCE, bar: Bar | None = None
    ) -> list[Any]:
        """Return a prediction an item, in the same order."""
        ...


class Prober(Protocol):
    """Says how probable each label is for items of a task."""

    def __call__(
        self, task_model: TaskModel, items: Sequence[Any], *, at_once: int = SUBWORDS_AT_ONCE, bar: Bar | None = None
    ) -> Ragged:
        """Return the probabilities of an item's words, or of the item, in the same order, [units, labels] an item."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of task does with a model.

    Attributes:
        head: A name in `HEADS`.
        unit: What its scores count.
        examples: Turns items into examples.
        logits: Runs a model with the head.
        loss: The losses of a batch.
        predict: Predicts for items.
        probabilities: Says how probable each label is; None where there are no labels.
    """

    head: str
    unit: str
    examples: Items
    logits: Logits
    loss: Loss
    predict: Predictor
    probabilities: Prober | None = None


class TaskLoss(LossModel):
    """A task model whose output is the mean loss of a batch."""

    def __init__(self, model: PreTrainedModel, kind: Kind, *, padding: int = 0) -> None:
        super().__init__()
        self.model = model
        self.kind = kind
        self.padding = padding

    @property
    def network(self) -> PreTrainedModel:
        """The model with its head."""
        return self.model

    def forward(
        self, subwords: Tensor, lengths: Tensor, longest: int, labels: Tensor, types: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the loss of a batch of `Examples`."""
        sentences = Packed(subwords, lengths, longest, types)
        logits = self.kind.logits(self.model, sentences, padding=self.padding, at_once=self.at_once)
        loss, count = self.kind.loss(logits.float() if logits.dtype.itemsize < 4 else logits, labels, lengths)
        # The mean over what all processes have, whose gradients are averaged afterwards.
        return {"loss": loss * n_processes() / total(count)}


def run_sorted(
    task_model: TaskModel,
    logits: Logits,
    subwords: Sequence[NDArray[np.int64]],
    types: Sequence[NDArray[np.int64]] | None = None,
    *,
    at_once: int = SUBWORDS_AT_ONCE,
) -> Iterator[tuple[list[int], Tensor]]:
    """Run a model on sentences, those of like length together: they waste no padding.

    Args:
        task_model: The fine-tuned model.
        logits: How it is run.
        subwords: Of each sentence.
        types: Of each subword, where the model is told.
        at_once: Most subwords at once; memory grows with it, and on a GPU speed.

    Yields:
        Numbers of sentences, and what the model gives for them, end to end.
    """
    order = sorted(range(len(subwords)), key=lambda number: len(subwords[number]))
    rows = Ragged.of([subwords[number] for number in order])
    kinds = None if types is None else Ragged.of([types[number] for number in order])
    model = task_model.model.eval()
    with packing(model), torch.inference_mode():
        for places in split_by_budget(rows.lengths(), at_once):
            batch = Packed.take(rows, places, types=kinds).to(model.device)
            yield [order[place] for place in places.tolist()], logits(model, batch, padding=task_model.padding)
