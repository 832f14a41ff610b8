"""Lets a fine-tuned model label texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.lending import visiting
from alignfreeze.progress import stage
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.given import task_of, to_task, to_unlabelled
from alignfreeze.tasks.models import Given, TaskModel, to_task_model
from alignfreeze.tasks.task import Task


class Predicted(Tabular, Sequence[Any]):
    """Predictions, in the order of the texts: the tags of the words, the label, or the answer.

    Attributes:
        task: What is predicted.
        items: The items without labels, or with the labels that they had.
        predictions: One prediction per item.
    """

    def __init__(self, task: Task, items: Sequence[Any], predictions: Sequence[Any]) -> None:
        self.task = task
        self.items = items
        self.predictions = predictions

    def __len__(self) -> int:
        return len(self.predictions)

    def __getitem__(self, place: int | slice) -> Any:
        """Return one prediction, or several with their texts."""
        if isinstance(place, slice):
            return Predicted(self.task, self.items[place], self.predictions[place])
        return self.predictions[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Predicted({list(self.predictions)})"

    def rows(self) -> list[dict[str, Any]]:
        """Return each text with its prediction; for named entities, also the entities.

        An entity has its kind, its text, its first word, counted from 0, and the word after its last one.
        """
        return [row_of(self.task, *both) for both in zip(self.items, self.predictions, strict=True)]


def row_of(task: Task, item: Any, prediction: Any) -> dict[str, Any]:
    """Return an item and its prediction by name; for named entities, also the entities."""
    row = task.kind.plain.row(item, prediction)
    if task.marks_entities:
        row["entities"] = find_entities(row["words"], row["labels"])
    return row


def find_entities(words: Sequence[str], tags: Sequence[str | None]) -> list[dict[str, Any]]:
    """Return the entities that tags in IOB2 mark, found by seqeval (the rules of conlleval).

    An entity has its kind, its text, its first word, counted from 0, and the word after its last one.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    found = get_entities([tag or "O" for tag in tags])
    return [
        {"kind": kind, "text": " ".join(words[first : last + 1]), "start": first, "end": last + 1}
        for kind, first, last in found
    ]


def predict(
    task_model: Given,
    data: Any,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    task: str | Task | None = None,
    language: str | None = None,
    split: str | None = None,
    device: Device = "auto",
) -> Predicted:
    """Let a fine-tuned model label texts; labels in the data are not needed, and do not count.

    Args:
        task_model: The fine-tuned model, its folder, or a model of transformers or peft with a head.
        data: Texts, lists of words, pairs of texts, or questions with their contexts. Or items of the task, dicts, a
            data set, a data frame, the `Path` of a file, or the name of a data set on the hub, as in `to_items`.
        tokenizer: The tokenizer of a model of transformers.
        task: What the model has learnt: a task or its name. By default its record, or its head and labels tell.
        language: The language of the texts. It is required if words of texts are labelled, to find the words.
        split: The split of a data set of the hub, or of a `DatasetDict`.
        device: `auto`, or a device as torch names it.

    Returns:
        One prediction per text, in the same order: for each word a tag (None for a word that the tokenizer drops), a
        label, or an answer. `to_pandas()` has them beside the texts.

    Raises:
        SettingsError: There is no such task, language or device.
        EncoderError: The model is something else.
        DataError: The data are something else, or texts cannot be split into words without their language.
    """
    chosen = None if task is None else to_task(task)
    model = to_task_model(task_model, chosen and chosen.kind.head, tokenizer=tokenizer)
    learnt = chosen or task_of(model)
    device = check_device(device)
    check_finite("the model", model.model)
    items = to_unlabelled(learnt, data, language=language, split=split)
    return Predicted(learnt, items, label_items(model, learnt, items, device=device))


def label_items(
    task_model: TaskModel, task: Task, items: Sequence[Any], *, device: str, title: str = "predicting"
) -> list[Any]:
    """Let a fine-tuned model label items of its task, and leave it where it was.

    Args:
        task_model: The fine-tuned model.
        task: What it has learnt.
        items: The items; their labels do not count.
        device: Where the model runs.
        title: What this is called while it runs.
    """
    with visiting(task_model.model, device), stage(title, total=len(items)) as bar:
        return task.kind.predict(task_model, items, bar=bar)
