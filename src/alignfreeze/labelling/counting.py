"""Counts what labels say about models: right words, right texts, right entities, right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alignfreeze.labelling.drawing import Drawing, Labels, ends_of, number_labels
from alignfreeze.labelling.estimates import Checks, Evidence, Floats
from alignfreeze.tasks.table import TASKS


def collect_evidence(drawing: Drawing, truths: Sequence[Labels]) -> Evidence:
    """Return what labels of the first drawn items say.

    Args:
        drawing: What was drawn.
        truths: The true labels of the units of the first drawn items, in their order; None for a unit that was not
            asked for, or that nobody could label. Such a unit makes no difference between models.
    """
    sampling = drawing.sampling
    is_spans = TASKS[drawing.task].marks_entities
    numerators, denominators, known = (_count_entities if is_spans else _count_units)(drawing, truths)
    return Evidence(
        numerators=numerators,
        denominators=denominators,
        known=known,
        left=sampling.left,
        shares=np.array(sampling.shares),
        most=find_most(drawing),
        checks=None if is_spans else _count_checks(drawing, truths),
    )


def _count_units(drawing: Drawing, truths: Sequence[Labels]) -> tuple[Floats, Floats, Floats]:
    """Count right units of those on which models differ."""
    numerators = np.zeros((len(truths), len(drawing.predictions)))
    for draw, truth in enumerate(truths):
        place = drawing.sampling.order[draw]
        units = np.flatnonzero(drawing.differing[place]).tolist()
        for model, predicted in enumerate(drawing.predictions.values()):
            numerators[draw, model] = sum(_score(drawing, place, unit, predicted[place], truth) for unit in units)
    units = sum(len(mask) for mask in drawing.differing)
    return numerators, np.zeros_like(numerators), np.full(numerators.shape[1], float(units))


def _count_checks(drawing: Drawing, truths: Sequence[Labels]) -> Checks:
    """Count right units of those on which models agree: one of each drawn item."""
    right, units = np.zeros((2, len(truths)))
    labels = next(iter(drawing.predictions.values()))
    for draw, truth in enumerate(truths):
        place, check = drawing.sampling.order[draw], drawing.checks[draw]
        if check is not None and truth[check] is not None:
            right[draw] = _score(drawing, place, check, labels[place], truth)
            units[draw] = (~drawing.differing[place]).sum()
    return Checks(right, units, float(sum((~mask).sum() for mask in drawing.differing)))


def compare_on_labels(
    drawing: Drawing, truths: Sequence[Labels], before: Sequence[Labels], after: Sequence[Labels]
) -> Evidence:
    """Return what labels say about two models, of which the second may say anything for the labelled items.

    Args:
        drawing: What was drawn.
        truths: The true labels of the first drawn items, as for `collect_evidence`.
        before: What the first model predicts for all items of the text.
        after: What the second model predicts for the labelled items, in the order of the draws.
    """
    places = drawing.sampling.order[: len(truths)]
    pairs = [(before[place], guess) for place, guess in zip(places, after, strict=True)]
    if TASKS[drawing.task].marks_entities:
        parts = np.stack([_entity_parts(drawing, one, truths, places) for one in zip(*pairs, strict=True)])
        numerators, denominators = parts[..., 0].T, parts[..., 1].T
        known = np.zeros(2)
    else:
        counts = [
            [_count_all(drawing, draw, one, truth) for one in pair]
            for draw, (pair, truth) in enumerate(zip(pairs, truths, strict=True))
        ]
        numerators = np.array(counts)
        denominators = np.zeros_like(numerators)
        known = np.full(2, float(sum(map(len, drawing.differing))))
    shares = np.array(drawing.sampling.shares)
    return Evidence(numerators, denominators, known, drawing.sampling.left, shares, np.zeros((2, 2)))


def _count_all(drawing: Drawing, draw: int, predicted: Labels, truth: Labels) -> float:
    """Return how many units of an item are right: those that were asked for, one of them on behalf of others."""
    place, check = drawing.sampling.order[draw], drawing.checks[draw]
    mask = drawing.differing[place]
    right = sum(_score(drawing, place, unit, predicted, truth) for unit in np.flatnonzero(mask).tolist())
    return right + (0.0 if check is None else _score(drawing, place, check, predicted, truth) * int((~mask).sum()))


def _score(drawing: Drawing, place: int, unit: int, predicted: Labels, truth: Labels) -> float:
    """Return how right the label of a unit is: 1, 0 or, for an answer, the share of its words."""
    label = truth[unit]
    if label is None:
        return 0.0
    task = TASKS[drawing.task]
    if task.kind.pair_labeller is not None:
        return float(predicted[unit] == label)
    item = replace(drawing.items[place], answers=(label,), starts=(0,))
    return task.metrics([predicted[unit]], [item])[0].parts[0][0]


def _count_entities(drawing: Drawing, truths: Sequence[Labels]) -> tuple[Floats, Floats, Floats]:
    """Count entities: twice the right ones, those of the truth, and those of each model, which are known."""
    places = drawing.sampling.order[: len(truths)]
    every = range(len(drawing.rows))
    numerators, denominators, known = [], [], []
    for predicted in drawing.predictions.values():
        outside = [tuple("O" for _ in labels) for labels in predicted]
        found = _entity_parts(drawing, predicted, outside, every)[:, 1]  # [items], entities of the model
        counts = _entity_parts(drawing, [predicted[place] for place in places], truths, places)
        numerators.append(counts[:, 0])
        denominators.append(counts[:, 1] - found[list(places)])
        known.append(found.sum())
    return np.stack(numerators, 1), np.stack(denominators, 1), np.array(known, dtype=float)


def _entity_parts(
    drawing: Drawing, predicted: Sequence[Labels], truths: Sequence[Labels], places: Sequence[int]
) -> Floats:
    """Return twice the right entities, and those of prediction and truth together, of some items, [items, 2]."""
    task = TASKS[drawing.task]
    relabel = task.kind.pair_labeller.relabel  # type: ignore[union-attr]
    items: list[Any] = [relabel(drawing.items[place], truth) for place, truth in zip(places, truths, strict=True)]
    return np.array(task.metrics(predicted, items)[0].parts, dtype=float).reshape(-1, 2)


def find_most(drawing: Drawing) -> Floats:
    """Return how far one draw would move a difference if one model were right wherever two models differ.

    For a model alone it is how far the draw would move its score, if it were wrong everywhere.
    """
    sampling = drawing.sampling
    numbered = number_labels(drawing.predictions)  # [models, units]
    starts = np.concatenate([[0], ends_of(drawing.predictions)[:-1]])
    each = 2.0 if TASKS[drawing.task].marks_entities else 1.0
    places, shares = list(sampling.order), np.array(sampling.shares)
    most = np.empty((len(numbered), len(numbered)))
    for row, column in np.ndindex(most.shape):
        counted = np.ones(numbered.shape[1]) if row == column else numbered[row] != numbered[column]
        counts = np.add.reduceat(counted.astype(float), starts)[places]  # [drawn]
        most[row, column] = each * np.sqrt((counts**2 / shares).sum())
    return most
