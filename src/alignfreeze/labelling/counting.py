"""Counts what labels say about models: right words, right texts, right entities, right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alignfreeze.labelling.drawing import Drawing, Labels, Spans, ends_of, find_spans, number_labels
from alignfreeze.labelling.estimates import OF_RATIOS, OF_SUMS, Checks, Estimate, Evidence, Floats, estimate_gain
from alignfreeze.tasks.table import TASKS

PRESUMED_RIGHT = 0.8
"""The share of right ones that is presumed of the entities that all models find. Any share leaves estimates right on
average, and one near the truth makes them vary less."""


def collect_evidence(drawing: Drawing, truths: Sequence[Labels]) -> Evidence:
    """Return what labels of the first drawn items say.

    Args:
        drawing: What was drawn.
        truths: The true labels of the units of the first drawn items, in their order; None for a unit that was not
            asked for, or that nobody could label. Such a unit makes no difference between models, nor does an entity
            that touches it.
    """
    sampling = drawing.sampling
    is_spans = drawing.marks_entities
    numerators, denominators, *known = (_count_entities if is_spans else _count_units)(drawing, truths)
    return Evidence(
        numerators=numerators,
        denominators=denominators,
        known_numerators=known[0],
        known_denominators=known[1],
        left=sampling.left,
        shares=np.array(sampling.shares),
        most=find_most(drawing),
        checks=None if is_spans else _count_checks(drawing, truths),
        presumed=OF_RATIOS if is_spans else OF_SUMS,
    )


def _count_units(drawing: Drawing, truths: Sequence[Labels]) -> tuple[Floats, Floats, Floats, Floats]:
    """Count right units of those on which models differ; units without a label are taken out of the denominators."""
    places = drawing.sampling.order[: len(truths)]
    several = [[predicted[place] for place in places] for predicted in drawing.predictions.values()]
    numerators = _count_right(drawing, truths, several)
    units = sum(len(mask) for mask in drawing.differing)
    n = len(drawing.predictions)
    return numerators, -_count_unknown(drawing, truths, n), np.zeros(n), np.full(n, float(units))


def _count_checks(
    drawing: Drawing, truths: Sequence[Labels], several: Sequence[Sequence[Labels]] | None = None
) -> Checks:
    """Count right units of those on which models agree: one of each drawn item.

    Args:
        drawing: What was drawn.
        truths: The true labels of the first drawn items.
        several: What two models predict for these items: then it is counted how much more right the second is.
    """
    right, units = np.zeros((2, len(truths)))
    labels = next(iter(drawing.predictions.values()))
    for draw, truth in enumerate(truths):
        place, check = drawing.sampling.order[draw], drawing.checks[draw]
        if check is None or truth[check] is None:
            continue
        predicted = [labels[place]] if several is None else [one[draw] for one in several]
        scores = [_score(drawing, place, check, one, truth) for one in predicted]
        right[draw] = scores[-1] - (scores[0] if several else 0.0)
        units[draw] = (~drawing.differing[place]).sum()
    return Checks(right, units, float(sum((~mask).sum() for mask in drawing.differing)))


def compare_on_labels(
    drawing: Drawing, truths: Sequence[Labels], before: Sequence[Labels], after: Sequence[Labels]
) -> Estimate:
    """Return how much a model is above another one that was among those of the drawing; it need not have been itself.

    Args:
        drawing: What was drawn.
        truths: The true labels of the first drawn items, as for `collect_evidence`.
        before: What the first model predicts for all items of the text.
        after: What the second model predicts for the labelled items, in the order of the draws.
    """
    several = [[before[place] for place in drawing.sampling.order[: len(truths)]], list(after)]
    checks = None
    if drawing.marks_entities:
        found = [[find_spans(labels) for labels in one] for one in several]
        parts = np.stack([_entity_parts(spans, truths) for spans in found], axis=1)
        numerators, denominators, known = parts[..., 0], parts[..., 1], np.zeros(2)
        changed = [len(ours ^ theirs) for ours, theirs in zip(*found, strict=True)]
    else:
        numerators, denominators = _count_right(drawing, truths, several), -_count_unknown(drawing, truths, 2)
        known = np.full(2, float(sum(map(len, drawing.differing))))
        checks = _count_checks(drawing, truths, several)
        changed = [_count_changed(drawing, draw, *pair) for draw, pair in enumerate(zip(*several, strict=True))]
    sampling, n = drawing.sampling, len(truths)
    shares = np.array(sampling.shares)
    # How far a draw would move the difference, if one of them was right wherever they differ.
    most = np.sqrt(np.mean((np.array(changed, dtype=float) * sampling.left[:n] / shares[:n]) ** 2))
    return estimate_gain(
        Evidence(
            numerators=numerators,
            denominators=denominators,
            known_numerators=np.zeros(2),
            known_denominators=known,
            left=sampling.left,
            shares=shares,
            most=np.full((2, 2), most),
            checks=checks,
            presumed=OF_RATIOS if drawing.marks_entities else OF_SUMS,
        )
    )


def _count_right(drawing: Drawing, truths: Sequence[Labels], several: Sequence[Sequence[Labels]]) -> Floats:
    """Return how many of the units on which models differ are right in each labelled item, [labelled, models].

    Args:
        drawing: What was drawn.
        truths: The true labels of the first drawn items.
        several: What each model predicts for these items.
    """
    counts = np.zeros((len(truths), len(several)))
    for draw, truth in enumerate(truths):
        place = drawing.sampling.order[draw]
        units = drawing.differing_units(draw)
        for model, predicted in enumerate(several):
            counts[draw, model] = sum(_score(drawing, place, unit, predicted[draw], truth) for unit in units)
    return counts


def _count_unknown(drawing: Drawing, truths: Sequence[Labels], n_models: int) -> Floats:
    """Return on how many units models differ that nobody could label, in each labelled item, [labelled, models]."""
    counts = [sum(truth[unit] is None for unit in drawing.differing_units(draw)) for draw, truth in enumerate(truths)]
    return np.repeat(np.array(counts, dtype=float)[:, None], n_models, axis=1)


def _count_changed(drawing: Drawing, draw: int, before: Labels, after: Labels) -> int:
    """Return how many units have another label, of those on which models differ."""
    return sum(before[unit] != after[unit] for unit in drawing.differing_units(draw))


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


def _count_entities(drawing: Drawing, truths: Sequence[Labels]) -> tuple[Floats, Floats, Floats, Floats]:
    """Count entities: twice the right ones, those of the truth, and those of each model, which are known.

    Of the entities that all models find, a part is presumed right, and labels correct that.
    """
    places = list(drawing.sampling.order[: len(truths)])
    found = drawing.entities
    agreed = PRESUMED_RIGHT * np.array([len(set.intersection(*several)) for several in zip(*found, strict=True)])
    parts = np.stack([_entity_parts([model[place] for place in places], truths) for model in found], axis=1)
    # The entities of the models are counted already, but for those that touch a word that nobody could label.
    own = np.array([[len(model[place]) for model in found] for place in places], dtype=float).reshape(parts.shape[:2])
    return (
        parts[..., 0] - 2 * agreed[places, None],
        parts[..., 1] - own - agreed[places, None],
        np.full(len(found), 2 * agreed.sum()),
        np.array([sum(map(len, model)) for model in found]) + agreed.sum(),
    )


def _entity_parts(found: Sequence[Spans], truths: Sequence[Labels]) -> Floats:
    """Return twice the right entities, and those of the model and of the truth together, of some items, [items, 2].

    Entities that touch a word that nobody could label do not count.

    Args:
        found: The entities that a model finds in each item.
        truths: The true labels of each item.
    """
    parts = np.zeros((len(truths), 2))
    for item, (spans, truth) in enumerate(zip(found, truths, strict=True)):
        true = find_spans(truth)
        unknown = _find_unknown(truth, true)
        ours, gold = ({one for one in several if unknown.isdisjoint(_words_of(one))} for several in (spans, true))
        parts[item] = 2 * len(ours & gold), len(ours) + len(gold)
    return parts


def _find_unknown(truth: Labels, gold: Spans) -> set[int]:
    """Return the words without a label, and those of an entity before such a word: nobody knows where it ends."""
    unknown = {word for word, label in enumerate(truth) if label is None}
    return unknown.union(*(_words_of(one) for one in gold if one[2] + 1 in unknown))


def _words_of(span: tuple[str, int, int]) -> range:
    _, first, last = span
    return range(first, last + 1)


def find_most(drawing: Drawing) -> Floats:
    """Return how far one draw would move a difference if one model were right wherever two models differ.

    For a model alone it is how far the draw would move its score, if it were wrong everywhere.
    """
    sampling = drawing.sampling
    places, shares = list(sampling.order), np.array(sampling.shares)
    count = _count_differing_entities if drawing.marks_entities else _count_differing_units
    return np.sqrt((count(drawing)[..., places] ** 2 / shares).sum(axis=-1))


def _count_differing_units(drawing: Drawing) -> Floats:
    """Return on how many units of each item two models differ; for a model alone all units, [models, models, items]."""
    numbered = number_labels(drawing.predictions)  # [models, units]
    starts = np.concatenate([[0], ends_of(drawing.predictions)[:-1]])
    n = len(numbered)
    counts = np.empty((n, n, len(starts)))
    for row, column in np.ndindex(n, n):
        counted = np.ones(numbered.shape[1]) if row == column else numbered[row] != numbered[column]
        counts[row, column] = np.add.reduceat(counted.astype(float), starts)
    return counts


def _count_differing_entities(drawing: Drawing) -> Floats:
    """Return how many entities of each item one of two models finds; for a model alone twice all that any finds."""
    found = drawing.entities
    each = np.array(
        [[[len(a ^ b) for a, b in zip(ours, theirs, strict=True)] for theirs in found] for ours in found], dtype=float
    )
    any_of = [2 * len(set.union(*several)) for several in zip(*found, strict=True)]
    each[np.arange(len(found)), np.arange(len(found))] = any_of
    return each
