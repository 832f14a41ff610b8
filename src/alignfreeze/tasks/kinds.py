"""What all tasks share: the kind of task, examples as arrays, the loss of a batch, and runs without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.words import Splitter
from alignfreeze.encoding.modes import evaluating
from alignfreeze.encoding.order import split_by_budget
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import packing
from alignfreeze.files import digest_of_arrays
from alignfreeze.gathering import sum_all
from alignfreeze.processes import n_processes
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.heads import Head
from alignfreeze.tasks.kept_items import KeptItem
from alignfreeze.tasks.models import TaskModel
from alignfreeze.training.model import LossModel

IGNORED = -100
"""The label that torch's cross-entropy ignores."""

SUBWORDS_AT_ONCE = 4_096
"""The most subwords of one prediction. Their states need some 100 MB with a base encoder."""

Text = str | tuple[str, ...]
"""A text, or the words of one."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Training sentences, or windows of long sentences, in a few flat arrays.

    Attributes:
        subwords: The subwords of each sentence.
        labels: The labels of each sentence, in the form of the kind of task.
        types: For each subword 1 if it belongs to the second of two texts, else 0; None for models without this input.
    """

    subwords: Ragged
    labels: Ragged
    types: Ragged | None = None

    def __len__(self) -> int:
        return len(self.subwords)

    @property
    def digest(self) -> str:
        """A digest of all arrays."""
        parts = [self.subwords, self.labels, *([] if self.types is None else [self.types])]
        return digest_of_arrays(*(part.values for part in parts), self.subwords.starts)

    def join(self, others: Examples) -> Examples:
        """Return these examples, and others after them."""
        types = None if self.types is None or others.types is None else Ragged.join([self.types, others.types])
        return Examples(Ragged.join([self.subwords, others.subwords]), Ragged.join([self.labels, others.labels]), types)

    def batch(self, sentences: Sequence[int] | NDArray[np.int64]) -> dict[str, Any]:
        """Put sentences into one batch for `TaskLoss`."""
        numbers = np.asarray(sentences, dtype=np.int64)
        return Packed.take(self.subwords, numbers, types=self.types).to_batch() | {
            "labels": torch.from_numpy(self.labels.take(numbers).astype(np.int64))
        }


Logits = Callable[..., Tensor]
"""Runs a model on sentences that lie end to end; its arguments are those of `encode`."""

Loss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Returns the sum of the losses and their number, from logits, labels and the length of each sentence."""


class Items(Protocol):
    """Turns items of a task into examples for training."""

    def __call__(self, task_model: TaskModel, items: Sequence[Any]) -> Examples:
        """Return the examples of some items. Examples without any label are left out."""
        ...


class Predictor(Protocol):
    """Predicts for items of a task."""

    def __call__(
        self, task_model: TaskModel, items: Sequence[Any], *, at_once: int = SUBWORDS_AT_ONCE, bar: Bar | None = None
    ) -> list[Any]:
        """Return one prediction per item, in the same order."""
        ...


class Prober(Protocol):
    """Returns how probable each label is for items of a task."""

    def __call__(
        self, task_model: TaskModel, items: Sequence[Any], *, at_once: int = SUBWORDS_AT_ONCE, bar: Bar | None = None
    ) -> Ragged:
        """Return the probabilities of the labels for each unit of each item, [units, labels] per item."""
        ...


class Keeper(Protocol):
    """Makes of a test item and its prediction what a run keeps of them."""

    def __call__(self, language: str, item: Any, predicted: Any, score: float) -> KeptItem:
        """Return the item of a language; the score is what it adds to the most important metric."""
        ...


@dataclass(frozen=True, slots=True)
class PairLabeller:
    """Labels both sides of sentence pairs, so that links can carry labels from one side to the other.

    Attributes:
        items: Makes items without labels from the sentence pairs of one language pair: first all source sides, then all
            target sides. Its second argument says whether an item has two texts.
        links: Returns the units that translate each other and have no other link, from the word alignment of a pair.
        probabilities: Returns how probable each label is for each unit: for each word, or for the text.
        relabel: Returns an item with these labels, one per unit, None for a unit without a label.
    """

    items: Callable[[Sequence[SentencePair], bool], list[Any]]
    links: Callable[[WordAlignment], WordAlignment]
    probabilities: Prober
    relabel: Callable[[Any, Sequence[str | None]], Any]


@dataclass(frozen=True, slots=True)
class Joint:
    """Lets several models predict together, as if they were one whose outputs are the mean of theirs.

    Attributes:
        outputs: Returns what a model says about items: the probabilities of labels, or other numbers that have a mean.
            The order of the rows depends on the items and the tokenizer alone.
        decode: Turns such outputs into one prediction per item, in the same order.
    """

    outputs: Prober
    decode: Callable[[TaskModel, Sequence[Any], Ragged], list[Any]]


@dataclass(frozen=True, slots=True)
class LineForm:
    """Items as lines of plain text, which a translator reads, and translated lines as items with the same labels.

    Attributes:
        write: Returns an item as a line. Its second argument stands between words.
        read: Makes an item from an item and its translated line. It gets a function that splits a text into words, and
            raises `UnusableLineError` for a line that does not fit the item.
        needs_entities: Whether labels must mark entities: of other labels of words, a line does not say which word of
            the translation has them.
    """

    write: Callable[[Any, str], str]
    read: Callable[[Any, str, Splitter], Any]
    needs_entities: bool = False


def _show_item(item: Any, prediction: Any) -> dict[str, Any]:
    return {"item": str(item), "prediction": prediction}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainItems:
    """Items of a kind as plain values, which people have in their programs.

    Attributes:
        tuples: Names of the fields of a row, for items that are tuples with these values; one for each length.
        by_unit: Whether an item may also be a list with a tuple for each unit, such as (word, tag).
        example: What an item may be, for messages.
        unlabelled: Makes an item without labels from a text, a list or a row with named fields. It gets a function that
            splits a text into words, and the place of the item for messages. None if there are no such items.
        row: Returns an item with its prediction as a row of a table.
    """

    tuples: tuple[tuple[str, ...], ...] = ()
    by_unit: bool = False
    example: str = ""
    unlabelled: Callable[[Any, Splitter, str], Any] | None = None
    row: Callable[[Any, Any], dict[str, Any]] = _show_item

    def to_row(self, item: Any) -> Mapping[str, Any] | None:
        """Return an item with labels as a row with named fields; None if it is something else."""
        if isinstance(item, Mapping):
            return item
        if self.by_unit and is_by_unit(item):
            item = tuple(zip(*item, strict=True))
        names = next((names for names in self.tuples if isinstance(item, list | tuple) and len(names) == len(item)), ())
        return dict(zip(names, item, strict=True)) if names else None


def is_by_unit(item: Any) -> bool:
    """Tell whether an item is a list of tuples such as (word, tag), as NLTK has tagged sentences."""
    is_list = isinstance(item, list) and len(item) > 0
    return is_list and all(isinstance(unit, tuple) and len(unit) == 2 and isinstance(unit[0], str) for unit in item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is predicted, and how. Tasks with the same form of items and labels share a kind.

    Attributes:
        head: The head of its models.
        item_name: The word for its items, in the plural.
        texts: The texts of an item, the main one first.
        labels: The labels of the units of an item, None for a unit without a label; empty if the kind has no labels.
        examples: Turns items into examples for training.
        logits: Runs a model with the head.
        loss: The losses of a batch.
        predict: Predicts for items.
        joint: Lets several models predict together; None if they cannot.
        pair_labeller: Labels the sides of sentence pairs; None if a sentence cannot be an item, or nothing has a label.
        splits: Whether a long item is split into windows, each of which is an example. If not, a long item is cut off.
        overlaps: Whether windows share `stride` subwords.
        place: Says where a unit of an item stands in its file, such as `line 12`; empty where that is not known.
        plain: Items as plain values of Python.
        keep: Makes what a run keeps of a test item; None if it keeps none.
        lines: Items as lines of plain text; None if they have no such form.
    """

    head: Head
    item_name: str
    texts: Callable[[Any], tuple[Text, ...]]
    labels: Callable[[Any], Sequence[str | None]]
    examples: Items
    logits: Logits
    loss: Loss
    predict: Predictor
    joint: Joint | None = None
    pair_labeller: PairLabeller | None = None
    splits: bool = False
    overlaps: bool = False
    place: Callable[[Any, int], str] = lambda _, __: ""
    plain: PlainItems = PlainItems()
    keep: Keeper | None = None
    lines: LineForm | None = None


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
        return {"loss": loss * n_processes() / sum_all(count)}


def run_sorted(
    task_model: TaskModel,
    logits: Logits,
    subwords: Sequence[NDArray[np.int64]],
    types: Sequence[NDArray[np.int64]] | None = None,
    *,
    at_once: int = SUBWORDS_AT_ONCE,
) -> Iterator[tuple[list[int], Tensor]]:
    """Run a model on sentences. Sentences of similar length run together, so that little is wasted on padding.

    Args:
        task_model: The fine-tuned model.
        logits: How the model is run.
        subwords: The subwords of each sentence.
        types: For each subword 1 if it belongs to the second of two texts, else 0; None for models without this input.
        at_once: The most subwords at once. A higher number needs more memory, and is faster on a GPU.

    Yields:
        Numbers of sentences, and the outputs of the model for them, end to end.
    """
    order = sorted(range(len(subwords)), key=lambda number: len(subwords[number]))
    rows = Ragged.of([subwords[number] for number in order])
    kinds = None if types is None else Ragged.of([types[number] for number in order])
    model = task_model.model
    device = model.device.type
    # The outer autocast does nothing but keep the rounded weights until all sentences have run.
    with evaluating(model), packing(model), torch.inference_mode(), torch.autocast(device, enabled=False):
        for places in split_by_budget(rows.lengths(), at_once):
            batch = Packed.take(rows, places, types=kinds).to(model.device)
            # Not around the yield: what the caller does with the outputs is computed as ever.
            with torch.autocast(device, torch.bfloat16, enabled=task_model.in_bf16):
                outputs = logits(model, batch, padding=task_model.padding)
            yield [order[place] for place in places.tolist()], outputs.float() if task_model.in_bf16 else outputs
