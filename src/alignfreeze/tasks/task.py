"""A task as a value: what is learnt, how its items are read, and how predictions are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.hub import HUB, read_hub_rows
from alignfreeze.errors import UnlabelledError
from alignfreeze.progress import remark
from alignfreeze.tasks.metrics import Measure

if TYPE_CHECKING:
    from alignfreeze.tasks.kinds import Kind


@dataclass(frozen=True, slots=True)
class Source:
    """Where the items of a task are, and which items are wanted.

    Attributes:
        place: A file, or `hub:OWNER/NAME/CONFIGURATION`; for rows in memory, what they are called in messages.
        language: The language that is wanted, if the place holds several languages.
        split: The split of a data set of the hub.
        most: Read only this many items, from the beginning; None for all.
        several: Whether the place is for several languages, so that each row must name its own.
        held: The rows of an object in memory, such as a data set; None for a file or a data set of the hub.
    """

    place: Path | str
    language: str | None = None
    split: str = "train"
    most: int | None = None
    several: bool = False
    held: Iterable[Mapping[Any, Any]] | None = field(default=None, compare=False, repr=False)

    @property
    def has_rows(self) -> bool:
        """Whether there are rows with named fields: those of the hub, or of an object in memory."""
        return self.held is not None or self.on_hub

    @property
    def on_hub(self) -> bool:
        """Whether the place is a data set of the hub."""
        return str(self.place).startswith(HUB)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rows of a data set of the hub, or of an object in memory, each with its place for messages."""
        name = str(self.place)
        rows = read_hub_rows(name, split=self.split) if self.held is None else map(dict, self.held)
        return ((f"{name}, row {n}", row) for n, row in enumerate(rows, start=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model learns in the source language and is tested on in all languages.

    Attributes:
        name: Its name in settings and records.
        what: A description of the task in words.
        kind: What is predicted, and how.
        read: Reads the items of a file, of a data set of the hub, or of the rows of an object in memory.
        metrics: Measures predictions. Tables show the first measure.
        metric: The name of the first measure.
        labels: The labels of the task; None for the labels of the training data, empty for a task without labels.
        marks_entities: Whether labels mark entities in IOB2, so that spans of words count.
        needs_pairs: Whether an item has two texts, such as a premise and a hypothesis.
        names_languages: Whether its reader knows a field `language`, so that one file may hold several languages.
        usual_length: Subwords of a usual training item; None if an item fills `finetuning.max_length`.
    """

    name: str
    what: str
    kind: Kind
    read: Callable[[Source], list[Any]]
    metrics: Callable[[Sequence[Any], Sequence[Any]], list[Measure]]
    metric: str
    labels: tuple[str, ...] | None = None
    marks_entities: bool = False
    needs_pairs: bool = False
    names_languages: bool = False
    usual_length: int | None = None

    def read_tests(self, source: Source) -> list[Any]:
        """Read test items. If none of them has a label there are none, and the language has no score.

        Raises:
            DataError: The data cannot be read.
        """
        try:
            return self.read(source)
        except UnlabelledError as error:
            remark(str(error))
            return []

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

    def problem_of(self, label: Any) -> str:
        """Say why the task cannot have a label; empty if it can."""
        if not isinstance(label, str):
            return "labels are texts"
        if self.labels is not None and label not in self.labels:
            return f"the task {self.name!r} has {', '.join(self.labels)}"
        if self.marks_entities and label != OUTSIDE and label[:2] not in {"B-", "I-"}:
            return f"the task {self.name!r} has labels such as B-PER, I-PER and {OUTSIDE}"
        return ""

    def say_one_label(self, items: Sequence[Any], *, name: str) -> None:
        """Say that all labels of training items are the same, so that a model learns to say this one label.

        Args:
            items: Training items.
            name: What the items are called in the remark.
        """
        found = {label for item in items for label in self.kind.labels(item) if label is not None}
        if len(found) != 1:
            return
        (label,) = found
        what = "have no entity: all tags are" if self.marks_entities and label == OUTSIDE else "have one label alone:"
        remark(f"{name}: the training data {what} {label!r}; a model learns to say it each time")

    def why_unscored(self, items: Sequence[Any], labels: Sequence[str], *, name: str) -> str | None:
        """Return why a model cannot be scored on some items; None if it can.

        Args:
            items: Test items.
            labels: The labels of the model; empty for a task without labels.
            name: What the items are called in the reason.
        """
        given = [label for item in items for label in self.kind.labels(item) if label is not None]
        if not items or (labels and not given):
            return f"{name}: no labels to compare with"
        if self.marks_entities and all(label == OUTSIDE for label in given):
            return f"{name}: no entities to compare with, all words have the tag {OUTSIDE!r}"
        known = set(labels)
        return self.find_unknown(items, labels, name=name) if labels and not known.issuperset(given) else None

    def find_unknown(self, items: Sequence[Any], labels: Sequence[str], *, name: str) -> str | None:
        """Return where the first label stands that a model does not know; None if it knows all."""
        for number, item in enumerate(items, start=1):
            for unit, label in enumerate(self.kind.labels(item)):
                if label is not None and label not in labels:
                    place = self.kind.place(item, unit)
                    return (
                        f"{name}{place and f', {place}'}: item {number} has the label {label!r}, which does not "
                        f"occur in the training data; the labels there are {', '.join(labels[:20])}"
                    )
        return None


def content_of(item: Any) -> dict[str, Any]:
    """Return the fields of an item, a dataclass, that make it what it is: without its place in a file."""
    places = {field.name for field in fields(item) if not field.compare}
    return {name: value for name, value in asdict(item).items() if name not in places}
