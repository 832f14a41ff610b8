"""A task as a value: what is learnt, where its items come from, and how predictions are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.hub import HUB, read_hub_rows
from alignfreeze.errors import DataError, SettingsError, show_value
from alignfreeze.tasks.metrics import Measure

if TYPE_CHECKING:
    from alignfreeze.tasks.kinds import Kind


@dataclass(frozen=True, slots=True)
class Source:
    """Where the items of a task are, and which of them are wanted.

    Attributes:
        place: A file, or `hub:OWNER/NAME/CONFIGURATION`.
        language: The language that is wanted, where the place holds several.
        split: The split of a data set of the hub.
        most: Read only the first so many items; None for all.
    """

    place: Path | str
    language: str | None = None
    split: str = "train"
    most: int | None = None

    @property
    def on_hub(self) -> bool:
        """Whether the place is a data set of the hub."""
        return str(self.place).startswith(HUB)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rows of a data set of the hub, each with its place for messages."""
        name = str(self.place)
        return ((f"{name}, row {n}", row) for n, row in enumerate(read_hub_rows(name, split=self.split), start=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is learnt in the source language and tested in all.

    Attributes:
        name: Its name in settings and records.
        what: What it is, in words.
        kind: What is predicted, and how.
        read: Reads the items of a file, or of a data set of the hub.
        metrics: Measures predictions; the first measure is the one that tables show.
        metric: The name of that measure.
        labels: The labels that it tells apart; None for those of the training data, empty where there are none.
        marks_entities: Whether labels mark entities in IOB2, so that spans of words count.
        usual_length: Subwords of a usual training item; None where an item fills `finetuning.max_length`.
    """

    name: str
    what: str
    kind: Kind
    read: Callable[[Source], list[Any]]
    metrics: Callable[[Sequence[Any], Sequence[Any]], list[Measure]]
    metric: str
    labels: tuple[str, ...] | None = None
    marks_entities: bool = False
    usual_length: int | None = None

    def texts_of(self, item: Any) -> list[str]:
        """Return the texts of an item, the main one first; words are joined by spaces."""
        return [text if isinstance(text, str) else " ".join(text) for text in self.kind.texts(item)]

    def labels_of(self, items: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels of a model that learns these training items; empty for a task without labels."""
        if self.labels is not None:
            return self.labels
        found = sorted({label for item in items for label in self.kind.labels(item) if label is not None})
        if not self.marks_entities:
            return tuple(found)
        entities = dict.fromkeys(label[2:] for label in found if label != OUTSIDE)
        return (OUTSIDE, *(f"{begin}-{entity}" for entity in entities for begin in "BI"))

    def check_items(self, items: Sequence[Any], *, name: str) -> None:
        """Check that items are those of the task.

        Args:
            items: Items for training or for a test.
            name: What the items are called in the message.

        Raises:
            DataError: There are none, or something is not an item of the task, or has a label that the task cannot
                have; the message says where.
        """
        if isinstance(items, str) or not isinstance(items, Sequence):
            raise DataError(f"{name}: expected a list of {self.kind.item_name}, got {show_value(items)}")
        for number, item in enumerate(items, start=1):
            try:
                texts, labels = self.kind.texts(item), self.kind.labels(item)
            except (AttributeError, TypeError, IndexError, KeyError):
                texts, labels = (None,), ()
            if not all(isinstance(text, str) or _is_words(text) for text in texts):
                raise DataError(
                    f"{name}: item {number} is {show_value(item)}; the task {self.name!r} needs "
                    f"{self.kind.item_name} as its reader returns them"
                )
            for label in labels:
                if label is not None and (problem := self._problem_of(label)):
                    raise DataError(f"{name}: item {number} has the label {label!r}; {problem}")

    def _problem_of(self, label: Any) -> str:
        """Say why the task cannot have a label; empty if it can."""
        if not isinstance(label, str):
            return "labels are texts"
        if self.labels is not None and label not in self.labels:
            return f"the task {self.name!r} has {', '.join(self.labels)}"
        if self.marks_entities and label != OUTSIDE and label[:2] not in {"B-", "I-"}:
            return f"the task {self.name!r} has labels such as B-PER, I-PER and {OUTSIDE}"
        return ""

    def check_tests(self, tests: Mapping[str, Sequence[Any]]) -> None:
        """Check that the test items of several languages are those of the task.

        Raises:
            DataError: Something is not an item of the task; the message says where.
        """
        if not isinstance(tests, Mapping):
            raise DataError(f"tests: expected {self.kind.item_name} by language code, got {show_value(tests)}")
        for language, items in tests.items():
            self.check_items(items, name=f"test {language}")

    def check_labels(self, items: Sequence[Any], labels: Sequence[str], *, name: str) -> None:
        """Check that a model knows all labels of some items.

        Args:
            items: Test items.
            labels: The labels of the model; with none of them there is nothing to check.
            name: What the items are called in the message.

        Raises:
            DataError: A label is unknown; the message says where it is.
        """
        if not labels:
            return
        for number, item in enumerate(items, start=1):
            for label in self.kind.labels(item):
                if label is not None and label not in labels:
                    raise DataError(
                        f"{name}: item {number} has the label {label!r}, which the training data have nowhere; "
                        f"they have {', '.join(labels[:20])}"
                    )


def _is_words(text: Any) -> bool:
    return isinstance(text, Sequence) and all(isinstance(word, str) for word in text)


def check_task(task: Task) -> None:
    """Check that a value is a task, not the name of one.

    Raises:
        SettingsError: It is something else.
    """
    if not isinstance(task, Task):
        raise SettingsError(f"expected a task, such as TASKS['pos'], got {show_value(task)}")
