"""Projects labels: those of source sentences go over links to their translations, which become training items."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.evaluation.estimates import Span, carry_span, find_spans, linked_sides
from alignfreeze.evaluation.predictions import Predictions, check_estimable, predict_items, predict_pairs
from alignfreeze.ragged import Ragged
from alignfreeze.settings import Settings
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

Relabel = Callable[[Any, Sequence[str | None]], Any]
"""Returns an item with other labels."""


class ProjectionSettings(Settings):
    """Which projected labels are kept."""

    surest: float = Field(default=0.9, gt=0, le=1)
    """The share of the labels of each kind that are carried over: those of which the model is surest. A model that was
    trained for few steps gives all labels low probabilities, so a share is safer than a least probability."""
    confidence: float = Field(default=0.0, ge=0, lt=1)
    """The least probability that the model must give a label of the source side. For an entity, it is the mean of its
    words. A label below it is not carried over."""
    coverage: float = Field(default=0.5, ge=0, le=1)
    """The least share of the words of a target sentence that must get a label. Other sentences are left out."""


class SelfTrainingSettings(ProjectionSettings):
    """Which labels are kept that a model gives to target sentences by itself."""

    surest: float = Field(default=0.5, gt=0, le=1)
    """The share of the labels of each kind that are kept: those of which the model is surest. With one share for all
    kinds, rare labels would disappear. Other words stay without a label."""
    confidence: float = Field(default=0.0, ge=0, lt=1)
    """The least probability that the model must give a label. For an entity, it is the mean of its words. A word whose
    label is below it stays without a label."""
    coverage: float = Field(default=0.5, ge=0, le=1)
    """The least share of the words of a sentence that must keep their labels. Other sentences are left out."""


@dataclass(frozen=True, slots=True)
class CarriedLabels:
    """The labels that the target side of a sentence pair gets from its source side.

    Attributes:
        labels: The label of each unit; None for a unit without one, which the loss ignores.
        coverage: The share of the units with a label.
        confidence: The mean probability of the labels on the source side; 0 without any label.
    """

    labels: tuple[str | None, ...]
    coverage: float
    confidence: float

    @property
    def worth(self) -> float:
        """How much may be learnt: coverage times confidence."""
        return self.coverage * self.confidence


@dataclass(frozen=True, slots=True)
class Projection:
    """The target sentences of a language with projected labels, as training items.

    Attributes:
        language: The code of the target language.
        items: The items, with a label for each unit that has one.
        carried: The labels of each item, with their coverage and confidence.
        n_pairs: The number of sentence pairs, including those that are left out.
    """

    language: str
    items: tuple[Any, ...]
    carried: tuple[CarriedLabels, ...]
    n_pairs: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def coverage(self) -> float:
        """The mean coverage of the items; 0 without items."""
        return sum(one.coverage for one in self.carried) / max(1, len(self.carried))

    def thin(self, share: float) -> Projection:
        """Keep a share of the items, those with the highest coverage times confidence, in their order.

        A language that is weighed down counts less in this way: no loss needs weights.

        Args:
            share: Between 0 and 1. The number of items is rounded up.

        Raises:
            ValueError: The share is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share is between 0 and 1, not {share}")
        n = int(np.ceil(share * len(self)))
        best = sorted(range(len(self)), key=lambda number: -self.carried[number].worth)[:n]  # a stable order
        kept = sorted(best)
        return replace(self, items=tuple(self.items[n] for n in kept), carried=tuple(self.carried[n] for n in kept))


def project_labels(
    task_model: TaskModel,
    task: Task,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    settings: ProjectionSettings | None = None,
    two_texts: bool = True,
    device: str = "auto",
) -> dict[str, Projection]:
    """Let a fine-tuned model label the source sides of a bitext, and carry the labels to the target sides.

    Args:
        task_model: A model that has learnt the task in the source language.
        task: What it has learnt.
        bitext: Sentence pairs of one or several language pairs.
        alignments: The word alignments of these pairs, in the same order; not used for texts.
        settings: Which labels and sentences are kept.
        two_texts: Whether items of a task on texts are pairs of texts, as in NLI.
        device: Where the model runs.

    Returns:
        The labelled target sides, by target language.

    Raises:
        SettingsError: The task has no labels that links could carry, or the device does not exist.
        DataError: The bitext is empty, or a word alignment does not fit its sentence pair.
    """
    several = predict_pairs(task_model, task, bitext, alignments, two_texts=two_texts, device=device)
    targets = targets_of(task, bitext, two_texts=two_texts)
    relabel = check_estimable(task).relabel
    return {one.language: project(one, targets[one.language], relabel, settings) for one in several}


def predict_targets(
    task_model: TaskModel,
    task: Task,
    language: str,
    targets: Sequence[Any],
    *,
    device: str = "auto",
) -> Predictions:
    """Let a fine-tuned model label sentences of a language; return predictions whose two sides are both these.

    Each unit is linked to itself. So what is carried from side to side are the labels of the model itself.

    Args:
        task_model: A model that has learnt the task in the source language.
        task: What it has learnt.
        language: The code of the language.
        targets: Sentences as items; their labels do not count.
        device: Where the model runs.

    Raises:
        SettingsError: The task has no labels that a sentence could get, or the device does not exist.
    """
    side = predict_items(task_model, task, targets, device=device, title="labelling sentences")
    links = Ragged.of([np.repeat(np.arange(n, dtype=np.int32)[:, None], 2, axis=1) for n in side.lengths()])
    return Predictions(language, tuple(task_model.labels), side, side, links, task.marks_entities)


def targets_of(task: Task, bitext: Sequence[SentencePair], *, two_texts: bool = True) -> dict[str, list[Any]]:
    """Return the target sides of a bitext as items without labels, by target language.

    Raises:
        SettingsError: The task has no labels that links could carry.
    """
    labeller = check_estimable(task)
    found = {}
    for (_, language), numbers in group_by_languages(bitext).items():
        found[language] = labeller.items([bitext[number] for number in numbers], two_texts)[len(numbers) :]
    return found


def project(
    predictions: Predictions, targets: Sequence[Any], relabel: Relabel, settings: ProjectionSettings | None = None
) -> Projection:
    """Label the target sides of a language with the labels of the source sides, and keep those that are covered.

    This is annotation projection (Yarowsky et al. 2001; García-Ferrero et al. 2022), with one-to-one links.

    Args:
        predictions: Predictions of a fine-tuned model for the sentence pairs of one language.
        targets: The target sides as items, one per pair; their labels do not count.
        relabel: Returns an item with other labels, as `PairLabeller.relabel` does.
        settings: Which labels and sentences are kept.

    Raises:
        ValueError: The number of targets is not that of the pairs.
    """
    settings = settings or ProjectionSettings()
    several = carry_labels(predictions, confidence=settings.confidence, surest=settings.surest)
    kept = [
        (relabel(target, carried.labels), carried)
        for target, carried in zip(targets, several, strict=True)
        if carried.coverage > 0 and carried.coverage >= settings.coverage
    ]
    items, carried = tuple(item for item, _ in kept), tuple(one for _, one in kept)
    return Projection(predictions.language, items, carried, len(predictions))


def carry_labels(predictions: Predictions, *, confidence: float = 0.0, surest: float = 1.0) -> list[CarriedLabels]:
    """Carry the most probable labels of each source side to the target side.

    A word without a link gets no label. An entity is carried whole: from the first to the last word that is linked to
    it. It is carried only if most of its words have a link, and if no word between is linked to a word outside it.
    Otherwise none of these words has a label, because the entity may begin or end elsewhere. If several models predict
    together, a label on which they do not agree is treated as if it were not probable enough.

    Args:
        predictions: Predictions for the sentence pairs of one language.
        confidence: The least probability of a label; for an entity the mean of its words.
        surest: The share of the labels of each kind that are carried: those with the highest probabilities.
    """
    found = _carry_all(predictions, defaultdict(lambda: confidence))
    if surest < 1:
        found = _carry_all(predictions, _find_least(found, surest, confidence))
    rows = []
    for size, several in found:
        labels: list[str | None] = [None] * size
        sure = np.zeros(size)
        for places, carried, amount in several:
            labels[places.start : places.stop] = carried
            sure[places.start : places.stop] = amount
        has = [label is not None for label in labels]
        mean = float(sure[has].mean()) if any(has) else 0.0
        rows.append(CarriedLabels(tuple(labels), sum(has) / max(1, len(has)), mean))
    return rows


def _carry_all(predictions: Predictions, least: Mapping[str, float]) -> list[tuple[int, list[_Carried]]]:
    """Return for each pair the number of units on its target side, and what is carried there."""
    carry = _carry_entities if predictions.are_entities else _carry_units
    found = []
    for number, (source, target, links) in enumerate(linked_sides(predictions, predictions)):
        amounts = source.max(axis=1, initial=0.0)
        if predictions.agreed is not None:
            amounts = np.where(predictions.agreed[number][:, 0], amounts, _DISPUTED)
        found.append((len(target), list(carry(predictions.labels, source, links, amounts, least))))
    return found


def _find_least(found: list[tuple[int, list[_Carried]]], surest: float, confidence: float) -> Mapping[str, float]:
    """Return the least probability of each label, if only the surest of its units are carried."""
    amounts: dict[str, list[float]] = defaultdict(list)
    for _, several in found:
        for _, (label, *_), amount in several:
            if label is not None:
                amounts[label].append(amount)
    least = {label: sorted(sizes)[-math.ceil(surest * len(sizes))] for label, sizes in amounts.items()}
    return defaultdict(lambda: confidence, least)


_DISPUTED = -np.inf
"""How sure a label is on which several models do not agree."""

_Carried = tuple[range, Sequence[str | None], float]
"""Places on the target side, their labels, and how sure these labels are."""

_Numbers = NDArray[np.float64]


def _carry_units(
    labels: Sequence[str], source: _Numbers, links: NDArray[Any], amounts: _Numbers, least: Mapping[str, float]
) -> Iterator[_Carried]:
    """Yield the label of each linked unit."""
    for at, to in links.tolist():
        label = labels[int(source[at].argmax())]
        if (amount := float(amounts[at])) >= least[label]:
            yield range(to, to + 1), [label], amount


def _carry_entities(
    labels: Sequence[str], source: _Numbers, links: NDArray[Any], amounts: _Numbers, least: Mapping[str, float]
) -> Iterator[_Carried]:
    """Yield the linked words outside entities, then nothing for broken entities, then whole entities in IOB2."""
    spans = find_spans(labels, source)
    inside = {word for _, start, end in spans for word in range(start, end + 1)}
    for at, to in links.tolist():
        if at not in inside and amounts[at] >= least[OUTSIDE]:
            yield range(to, to + 1), [OUTSIDE], float(amounts[at])
    found = [(span, carried) for span in spans if (carried := carry_span(span, links)) is not None]
    for whole in (False, True):  # whole entities come last, because a broken one may surround them
        for span, (kind, first, last) in found:
            amount = float(amounts[span[1] : span[2] + 1].mean())
            if (amount >= least[f"B-{kind}"] and _is_whole(span, (first, last), links)) is whole:
                n = last - first + 1
                tags = [f"B-{kind}", *[f"I-{kind}"] * (n - 1)] if whole else [None] * n
                yield range(first, last + 1), tags, amount


def _is_whole(span: Span, carried: tuple[int, int], links: NDArray[Any]) -> bool:
    """Return whether most words of an entity have a link, and no word between its places is linked elsewhere."""
    _, start, end = span
    ours = (links[:, 0] >= start) & (links[:, 0] <= end)
    between = (links[:, 1] >= carried[0]) & (links[:, 1] <= carried[1])
    return 2 * int(ours.sum()) > end - start + 1 and not (between & ~ours).any()
