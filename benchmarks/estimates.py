"""Estimates without labels that only studies compare; those that advice goes by are in `alignfreeze.evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.estimates import (
    Addends,
    confidence_shift,
    entropy,
    linked_sides,
    projection_agreement,
    target_sides,
)
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.ragged import Ragged

MOST_WEIGHT = 5.0
"""The most that a label counts, so that a label that hardly occurs does not decide."""


def soft_agreement(predictions: Predictions, reference: Predictions | None = None) -> Addends:
    """Return how probable it is that labels drawn for two linked units are the same.

    Between 0 and 1; for identical sides it is 1 only where the model is sure. Unlike `projection_agreement` it changes
    with every probability, not only where the most probable label changes.
    """
    rows = []
    for source, target, links in linked_sides(predictions, reference or predictions):
        same = (source[links[:, 0]] * target[links[:, 1]]).sum(axis=1)
        rows.append((float(same.sum()), len(links)))
    return np.array(rows, dtype=np.float64)


def confidence(predictions: Predictions) -> Addends:
    """Return the mean probability of the most probable label on the target side.

    Between 1 / labels and 1. A calibrated model would get so many labels right; in other languages models are too
    sure (Guo et al. 2017).
    """
    rows = [(float(side.max(axis=1, initial=0.0).sum()), len(side)) for side in target_sides(predictions)]
    return np.array(rows, dtype=np.float64)


ESTIMATES: Mapping[str, Callable[[Predictions], Addends]] = {
    "projection agreement": projection_agreement,
    "soft agreement": soft_agreement,
    "entropy": entropy,
    "confidence": confidence,
    "confidence shift": confidence_shift,
}
"""The estimates that sentence pairs add up to, by name."""


def consensus_agreement(predictions: Predictions, reference: Predictions) -> Addends:
    """Return how far the labels of the target side are those that several models together give it.

    Between 0 and 1. Each unit counts as much as the reference's label is probable. No links are needed, but a majority
    that makes the same error is believed.

    Args:
        predictions: Predictions of the model in question.
        reference: The `consensus` of several models on the same pairs.
    """
    rows = []
    for ours, theirs in zip(target_sides(predictions), target_sides(reference), strict=True):
        weights = theirs.max(axis=1, initial=0.0)
        same = ours.argmax(axis=1) == theirs.argmax(axis=1)
        rows.append((float(weights @ same), float(weights.sum())))
    return np.array(rows, dtype=np.float64)


def label_weights(predictions: Predictions, frequencies: Mapping[str, float]) -> NDArray[np.float64]:
    """Return weights of links by which labels are as frequent as in other text, [labels].

    Sentence pairs are seldom of the kind that the task is about. With the label frequencies of the training data the
    estimate is for text like those. These are importance weights against a shift of labels (Lipton et al. 2018).

    Args:
        predictions: Predictions whose source side is carried over.
        frequencies: How often each label occurs in the other text; a label that is left out does not occur.
    """
    found = np.zeros(len(predictions.labels))
    for source, _, links in linked_sides(predictions, predictions):
        carried = source[links[:, 0]]
        np.add.at(found, carried.argmax(axis=1), carried.max(axis=1, initial=0.0))
    wanted = np.array([frequencies.get(label, 0.0) for label in predictions.labels])
    shares = [side / max(side.sum(), 1e-12) for side in (wanted, found)]
    ratios = np.divide(shares[0], shares[1], out=np.ones_like(found), where=shares[1] > 0)
    return np.minimum(ratios, MOST_WEIGHT)


def new_words(links: Ragged, pairs: Sequence[SentencePair], realigned: Sequence[SentencePair]) -> Ragged:
    """Return the links whose two words occur nowhere in the bitext of a realignment.

    Realignment does most for the words that it sees, of which other text has few. On all links its gain is
    overestimated, on those of new words less so (benchmarks/results/advice_quality.json).

    Args:
        links: Links of words, [links, 2] per pair.
        pairs: The sentence pairs of the links.
        realigned: The sentence pairs of the realignment, of the same language pair.
    """
    sources = {word.lower() for pair in realigned for word in pair.source}
    targets = {word.lower() for pair in realigned for word in pair.target}
    rows = []
    for row, pair in enumerate(pairs):
        kept = [
            (source, target)
            for source, target in links[row].tolist()
            if pair.source[source].lower() not in sources and pair.target[target].lower() not in targets
        ]
        rows.append(np.array(kept, dtype=np.int32).reshape(-1, 2))
    return Ragged.of(rows)


def linked_share(predictions: Predictions) -> float:
    """Return the share of units of the target side that have a link, between 0 and 1.

    It is the same for all strategies, and says how near a language is to the source language in the first encoder.
    """
    return len(predictions.links.values) / max(1, len(predictions.target.values))


def gradient_agreement(found: Sequence[GradientCosine]) -> float:
    """Return the mean cosine of the gradients of task and realignment over the layers, without the embeddings.

    Between -1 and 1; near 0 the two have nothing to do with each other (arXiv 2603.18863).
    """
    layers = [item.mean for item in found if item.layer > 0]
    return sum(layers) / len(layers)


def mean_drift(found: Sequence[Drift]) -> float:
    """Return how far the layers of an encoder have moved in the mean, 0 or more; without the embeddings.

    It is the same for all languages, so that it can tell strategies apart but not languages.
    """
    layers = [item.distance for item in found if item.layer > 0]
    return sum(layers) / len(layers)
