"""Estimates of the quality of a fine-tuned model in a language without labels, from predictions for sentence pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.ragged import Ragged

Addends = NDArray[np.float64]
"""What each sentence pair adds to the numerator and the denominator of an estimate, [pairs, 2]."""

Span = tuple[str, int, int]
"""An entity: its kind, its first word and its last word."""


# --- estimates: from predictions to what each sentence pair adds --------------------


def projection_agreement(
    predictions: Predictions,
    reference: Predictions | None = None,
    *,
    weights: NDArray[np.float64] | None = None,
    counted: Ragged | None = None,
) -> Addends:
    """Return how well labels of the target side agree with the source-side labels that are projected over the links.

    The result is between 0 and 1; it is 1 for identical sides. Each unit is weighted by the probability of its
    source-side label. For entities, the result is the F1 of whole spans.

    This is annotation projection (Yarowsky et al. 2001), used to measure instead of to make training data. It does not
    see an error that a model makes on both sides. Realignment makes such errors more likely.

    Args:
        predictions: Predictions of the model that is measured.
        reference: Predictions whose source side is carried over; by default those of the model itself. The `consensus`
            of several models is the same reference for all of them.
        weights: The weight of each label of the source side, [labels]; not used for entities.
        counted: The links that count; by default all links. An entity counts if one of its words has such a link.
    """
    reference = reference or predictions
    if predictions.are_entities:
        return _agreement_of_spans(predictions, reference, counted)
    rows = []
    for source, target, links in linked_sides(predictions, reference, counted):
        carried = source[links[:, 0]]
        amounts = carried.max(axis=1, initial=0.0) * (1 if weights is None else weights[carried.argmax(axis=1)])
        same = carried.argmax(axis=1) == target.argmax(axis=1)[links[:, 1]]
        rows.append((float(amounts @ same), float(amounts.sum())))
    return np.array(rows, dtype=np.float64)


def entropy(predictions: Predictions) -> Addends:
    """Return how undecided the model is on the target side: the mean entropy of a unit, divided by the highest entropy.

    The result is between 0 (sure of every label) and 1 (all labels equally probable).
    """
    rows = []
    for probabilities in target_sides(predictions):
        logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
        rows.append((float(-(probabilities * logarithms).sum()), len(probabilities)))
    return np.array(rows, dtype=np.float64) / (np.log(max(2, len(predictions.labels))), 1)


def confidence_shift(predictions: Predictions) -> Addends:
    """Return how much surer the model is on the source side than on the target side, over linked units.

    The result is between -1 and 1; it is 0 for identical sides. This is a difference of confidences (Guillory et al.
    2021).
    """
    rows = []
    for source, target, links in linked_sides(predictions, predictions):
        sure = [side.max(axis=1, initial=0.0)[links[:, n]] for n, side in enumerate((source, target))]
        rows.append((float((sure[0] - sure[1]).sum()), len(links)))
    return np.array(rows, dtype=np.float64)


def label_distance(predictions: Predictions) -> float:
    """Return how different the shares of labels on the two sides are: the Jensen-Shannon divergence (Lin 1991), base 2.

    The result is between 0 (the same shares) and 1 (no common label). Some difference is natural: some languages have
    no articles.
    """
    shares: list[NDArray[np.float64]] = [
        np.asarray(np.nanmean(side.values, axis=0, dtype=np.float64))
        for side in (predictions.source, predictions.target)
    ]
    middle = (shares[0] + shares[1]) / 2

    def divergence(share: NDArray[np.float64]) -> float:
        there = share > 0
        return float((share[there] * np.log2(share[there] / middle[there])).sum())

    return min(1.0, max(0.0, sum(map(divergence, shares)) / 2))


def value_of(addends: Addends) -> float | None:
    """Return the estimate that sentence pairs add up to; None if no pair adds anything."""
    above, below = addends.sum(axis=0).tolist()
    return above / below if below else None


def consensus(several: Sequence[Predictions]) -> Predictions:
    """Return the mean predictions of several models for the same sentence pairs.

    Args:
        several: Predictions of at least one model, all for the same pairs and labels.

    Raises:
        ValueError: The pairs or the labels differ.
    """
    first = several[0]
    if any((len(other), other.labels) != (len(first), first.labels) for other in several):
        raise ValueError("a consensus needs models with the same labels, on the same sentence pairs")
    return replace(
        first,
        source=_mean([one.source for one in several]),
        target=_mean([one.target for one in several]),
    )


def _mean(sides: Sequence[Ragged]) -> Ragged:
    return Ragged(np.mean([side.values for side in sides], axis=0), sides[0].starts)


# --- what the estimates share ----------------------------------------------------


def _rows_of(side: Ragged) -> Iterator[NDArray[np.float64]]:
    return (side[row].astype(np.float64) for row in range(len(side)))


def target_sides(predictions: Predictions) -> Iterator[NDArray[np.float64]]:
    """Yield the probabilities of each target side, [units, labels], without words that the model does not see."""
    for side in _rows_of(predictions.target):
        yield side[~np.isnan(side).any(axis=1)]


def linked_sides(
    predictions: Predictions, reference: Predictions, counted: Ragged | None = None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]]:
    """Yield for each pair the source side of a reference, the target side, and the links between words that are seen.

    Args:
        predictions: The predictions with the target sides and the links.
        reference: The predictions with the source sides.
        counted: Links to use instead of those in `predictions`.
    """
    sides = zip(_rows_of(reference.source), _rows_of(predictions.target), strict=True)
    for row, (source, target) in enumerate(sides):
        links = (predictions.links if counted is None else counted)[row]
        seen = ~np.isnan(source[links[:, 0], 0]) & ~np.isnan(target[links[:, 1], 0])
        yield np.nan_to_num(source), np.nan_to_num(target), links[seen]


def _agreement_of_spans(predictions: Predictions, reference: Predictions, counted: Ragged | None) -> Addends:
    """Return what each pair adds to the F1 of the target side's entities; carried source-side entities are the gold."""
    rows = []
    for row, (source, target, links) in enumerate(linked_sides(predictions, reference)):
        sure = source.max(axis=1, initial=0.0)
        # A word of the target side is weighted by the probability of the label of its linked source word.
        weight_of: dict[int, float] = {
            int(t): float(sure[s]) for s, t in (predictions.links if counted is None else counted)[row]
        }
        found = {span: _mean_weight(span, weight_of) for span in find_spans(predictions.labels, target)}
        expected = {
            carried: _mean_weight(carried, weight_of)
            for span in find_spans(reference.labels, source)
            if (carried := carry_span(span, links)) is not None
        }
        both = sum(found[span] + expected[span] for span in found.keys() & expected.keys())
        rows.append((both, sum(found.values()) + sum(expected.values())))
    return np.array(rows, dtype=np.float64)


def find_spans(labels: Sequence[str], probabilities: NDArray[np.float64]) -> list[Span]:
    """Return the entities among the most probable labels of words, as seqeval finds them.

    Args:
        labels: The labels, in IOB2.
        probabilities: [words, labels]; all zero for a word that the model does not see. Such a word is outside.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    best = probabilities.argmax(axis=1) if len(probabilities) else []
    tags = [labels[label] if row.any() else OUTSIDE for label, row in zip(best, probabilities, strict=True)]
    return [(str(kind), int(start), int(end)) for kind, start, end in get_entities(tags)]


def carry_span(span: Span, links: NDArray[Any]) -> Span | None:
    """Carry a span of the source side to the target side: from the first to the last word that is linked to it.

    The result is None if no word of the span has a link.
    """
    kind, start, end = span
    places = [int(target) for source, target in links if start <= source <= end]
    return (kind, min(places), max(places)) if places else None


def _mean_weight(span: Span, weight_of: Mapping[int, float]) -> float:
    """Return the mean weight of the linked words of a span; 0 if no word has a link."""
    weights = [weight_of[word] for word in range(span[1], span[2] + 1) if word in weight_of]
    return sum(weights) / len(weights) if weights else 0.0
