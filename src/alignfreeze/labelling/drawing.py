"""A text with the predictions of several models, and the order in which its items are to be labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.errors import DataError
from alignfreeze.files import digest_of_json, write_json
from alignfreeze.labelling.sampling import Sampling, size_entities, size_items
from alignfreeze.languages import name_of
from alignfreeze.stored import Stored
from alignfreeze.tasks.given import to_unlabelled
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Task

Labels = tuple[str | None, ...]
"""One label per unit of an item: per word, or one for the whole item; None for a unit without a label."""

Spans = set[tuple[str, int, int]]
"""The entities of an item: kind, first and last word."""


@dataclass(frozen=True)
class Drawing:
    """Items to label, with the predictions of the models among which the labels are to decide.

    Attributes:
        task: Name of the task.
        language: Code of the language.
        seed: The seed of the draw.
        labels: The labels that an item or its units may have; empty if answers are texts.
        models: The folder of each model, by the name of its strategy.
        rows: The items of the text as rows with named fields, without labels.
        predictions: What each model predicts, by strategy: the labels of the units of each item.
        sampling: The order of the items.
        checks: For each drawn item a unit on which all models agree, chosen at random; None if there is none.
    """

    task: str
    language: str
    seed: int
    labels: tuple[str, ...]
    models: dict[str, str]
    rows: list[dict[str, Any]]
    predictions: dict[str, list[Labels]]
    sampling: Sampling
    checks: tuple[int | None, ...]

    @classmethod
    def draw(
        cls,
        task: Task,
        language: str,
        items: Sequence[Any],
        predictions: Mapping[str, Sequence[Any]],
        *,
        models: Mapping[str, str],
        labels: Sequence[str],
        seed: int,
    ) -> Drawing:
        """Draw items where models differ.

        Args:
            task: What the models have learnt.
            language: The language of the items.
            items: Items without labels.
            predictions: One prediction per item, by strategy.
            models: The folder of each model, by strategy.
            labels: The labels that the models know.
            seed: The seed of the draw.

        Raises:
            DataError: There are fewer than two models, or they predict the same for all items.
        """
        if len(predictions) < 2:
            raise DataError(f"there is nothing to choose from: {', '.join(predictions) or 'no model'} is alone")
        read = to_entity_labels if task.marks_entities else to_labels
        guesses = {name: [read(one) for one in several] for name, several in predictions.items()}
        masks = find_differing(guesses)
        if task.marks_entities:
            found = [[*map(find_spans, several)] for several in zip(*guesses.values(), strict=True)]
            agreed = np.array([len(set.intersection(*several)) for several in found], dtype=float)
            sizes = size_entities(np.array([len(set.union(*several)) for several in found]) - agreed, agreed)
        else:
            differing, units = (np.array([*map(count, masks)], dtype=float) for count in (np.sum, len))
            sizes = size_items(differing, units)
        try:
            sampling = Sampling.draw(sizes, seed=seed)
        except DataError as error:
            hint = _say_one_label(guesses, task)
            raise DataError(f"there is nothing to label in {name_of(language)}: {error}{hint}") from None
        first = next(iter(predictions.values()))
        rows = [_to_row(task, item, prediction) for item, prediction in zip(items, first, strict=True)]
        random = np.random.default_rng([seed, 1])
        checks = tuple(_choose_check(masks[place], random) for place in sampling.order)
        return cls(task.name, language, seed, tuple(labels), dict(models), rows, guesses, sampling, checks)

    @property
    def name(self) -> str:
        """A name that only this drawing has: the code of the language, and a digest."""
        return f"{self.language}-{self.digest}"

    @cached_property
    def digest(self) -> str:
        """A digest of everything in the drawing."""
        return digest_of_json(asdict(self))[:8]

    @cached_property
    def items(self) -> Sequence[Any]:
        """The items without labels."""
        return to_unlabelled(TASKS[self.task], self.rows, language=self.language)

    @cached_property
    def differing(self) -> list[NDArray[np.bool_]]:
        """For each item, which of its units do not get the same label from all models, [units]."""
        return find_differing(self.predictions)

    @cached_property
    def entities(self) -> list[list[Spans]]:
        """The entities that each model finds in each item."""
        return [[find_spans(labels) for labels in several] for several in self.predictions.values()]

    @property
    def labels_words(self) -> bool:
        """Whether each word of an item has a label; otherwise an item has one label or answer."""
        return "words" in self.rows[0]

    @property
    def marks_entities(self) -> bool:
        """Whether labels mark entities.

        Entities are spans, so whoever labels sees the whole sentence, and words on which the models agree have their
        label before.
        """
        return TASKS[self.task].marks_entities

    def differing_units(self, draw: int) -> list[int]:
        """Return the units of a drawn item that do not get the same label from all models, in their order."""
        return np.flatnonzero(self.differing[self.sampling.order[draw]]).tolist()

    def asked(self, draw: int) -> list[int]:
        """Return the units of a drawn item that are to be labelled, in their order."""
        if self.marks_entities:
            return list(range(len(self.differing[self.sampling.order[draw]])))
        check = self.checks[draw]
        return sorted([*self.differing_units(draw), *([] if check is None else [check])])

    def questions(self, draw: int) -> list[int]:
        """Return the units of a drawn item at which a `?` is written, in their order.

        In a sentence with entities these are the words on which models differ. If there are none, it is one word, which
        shows afterwards that somebody has looked at the sentence.
        """
        if not self.marks_entities:
            return self.asked(draw)
        check = self.checks[draw]
        return self.differing_units(draw) or ([] if check is None else [check])

    def write(self, path: Path) -> None:
        """Write the drawing as JSON."""
        write_json(path, asdict(self))


_STORED = Stored[Drawing](Drawing, "a drawing of `alignfreeze label`")


def read_drawing(path: Path) -> Drawing:
    """Read a drawing.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return _STORED.read(path)


def to_labels(prediction: Any) -> Labels:
    """Return a prediction as one label per unit."""
    return (prediction,) if isinstance(prediction, str) else tuple(prediction)


def to_entity_labels(prediction: Any) -> Labels:
    """Return predicted labels of entities in IOB2. A word that continues no entity begins one, as in conlleval."""
    labels: list[str] = []
    for label in prediction:
        begins = label.startswith("I-") and (not labels or labels[-1][1:] != label[1:])
        labels.append(f"B{label[1:]}" if begins else label)
    return tuple(labels)


def find_differing(predictions: Mapping[str, Sequence[Labels]]) -> list[NDArray[np.bool_]]:
    """Return which units of each item do not get the same label from all models, [units] per item."""
    numbered = number_labels(predictions)
    return np.split((numbered != numbered[0]).any(axis=0), ends_of(predictions)[:-1])


def number_labels(predictions: Mapping[str, Sequence[Labels]]) -> NDArray[np.int64]:
    """Return the labels of the units of all items, end to end, as numbers, [models, units]."""
    known: dict[str | None, int] = {}
    return np.array(
        [
            [known.setdefault(label, len(known)) for labels in several for label in labels]
            for several in predictions.values()
        ],
        dtype=np.int64,
    )


def ends_of(predictions: Mapping[str, Sequence[Labels]]) -> NDArray[np.int64]:
    """Return where the units of each item end, if those of all items lie end to end, [items]."""
    return np.cumsum([len(labels) for labels in next(iter(predictions.values()))], dtype=np.int64)


def find_spans(labels: Labels) -> Spans:
    """Return the entities that labels mark, found by seqeval (the rules of conlleval)."""
    from seqeval.metrics.sequence_labeling import get_entities

    return set(get_entities([label or OUTSIDE for label in labels]))


def _say_one_label(predictions: Mapping[str, Sequence[Labels]], task: Task) -> str:
    """Return a doubt about models that give the same label everywhere; empty if they give several."""
    found = {label for labels in next(iter(predictions.values())) for label in labels}
    if len(found) != 1 or task.kind.pair_labeller is None:
        return ""
    return (
        f". But their one label is {found.pop()!r}: they may have learnt nothing. See what `alignfreeze report` says "
        "of the study, and train longer"
    )


def _choose_check(mask: NDArray[np.bool_], random: np.random.Generator) -> int | None:
    """Return a unit on which all models agree; None if there is none."""
    agreed = np.flatnonzero(~mask)
    return int(random.choice(agreed)) if len(agreed) else None


def _to_row(task: Task, item: Any, prediction: Any) -> dict[str, Any]:
    """Return an item as a row without labels."""
    named = task.kind.plain.row(item, prediction)
    return {field: value for field, value in named.items() if field not in {"label", "labels", "answer"}}
