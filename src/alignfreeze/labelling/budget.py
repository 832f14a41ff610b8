"""Spreads a number of items to label over languages, so that the expected regret falls most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alignfreeze.labelling.counting import collect_evidence, find_most
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.estimates import FEWEST, Estimates, Floats
from alignfreeze.labelling.matching import Labelled
from alignfreeze.labelling.settling import find_prior, update

PORTION = 5
"""Items are given to languages in portions of this size."""

ONE_SIDED = 0.2
"""The variance of a draw, as a share of what it would be if one model were right wherever two models differ.

It was measured on the tuning languages of benchmarks/studies/labelling.py: a median of 0.19, and 0.07 to 0.34 for most.
"""

DRAWS = 2_000
"""How often true gains are drawn for an expected regret."""


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a language.

    Attributes:
        mean: The expected gains of the models, [models].
        covariance: Their covariance, [models, models].
        once: The covariance of what one draw says about the gains, [models, models].
        weights: The weights of the draws in their order, [drawn].
        n: Number of labelled items.
    """

    mean: Floats
    covariance: Floats
    once: Floats
    weights: Floats
    n: int

    def expect_best(self, more: int) -> float:
        """Return the expected gain of the model that will be chosen once this many more items are labelled.

        The expectations of that day are themselves normal around those of today (Raiffa and Schlaifer 1961, chapter 5).
        """
        if more <= 0:
            return float(self.mean.max())
        n = min(self.n + more, len(self.weights))
        share = np.linalg.solve(self.covariance + self._noise(n) + 1.0, self.covariance).T
        spread = share @ self.covariance
        random = np.random.default_rng(0)  # the same draws for each number of items
        drawn = random.multivariate_normal(self.mean, (spread + spread.T) / 2, size=DRAWS, method="eigh")
        return float(drawn.max(axis=1).mean() - drawn.mean(axis=0).max() + self.mean.max())

    def _noise(self, n: int) -> Floats:
        """Return the covariance of what items say that are not labelled yet, [models, models]."""
        fresh = float(self.weights[self.n : n].sum())
        return self.once / fresh + 1e-10 * np.eye(len(self.mean))


def spread_items(known: Mapping[str, tuple[Drawing, Labelled | None]], total: int) -> dict[str, int]:
    """Return how many more items to label in each language.

    Of all ways to give out portions of five items, it is the one with the lowest sum of expected regrets: a regret is
    how far the chosen model is behind the best one.

    Args:
        known: The drawing of each language by its code, and the labels so far.
        total: Number of items in all languages together.
    """
    portions = max(1, total // PORTION)
    size = total / portions
    values, left = [], []
    for drawing, labelled in known.values():
        state = _find_state(drawing, labelled)
        left.append(len(drawing.sampling.order) - (len(labelled.draws) if labelled else 0))
        values.append([state.expect_best(min(left[-1], round(portion * size))) for portion in range(portions + 1)])
    shares = _give_out(values, portions)
    ends = np.round(np.cumsum(shares) * size).astype(int)
    counts = np.diff([0, *ends.tolist()]).tolist()
    return dict(zip(known, _fill_up(counts, left, total), strict=True))


def _fill_up(counts: list[int], left: list[int], total: int) -> list[int]:
    """Return counts none of which is above what is left there; what is over goes where most is left."""
    counts = [min(pair) for pair in zip(counts, left, strict=True)]
    for _ in range(min(total, sum(left)) - sum(counts)):
        most = max(range(len(left)), key=lambda place: left[place] - counts[place])
        counts[most] += 1
    return counts


def _give_out(values: list[list[float]], portions: int) -> list[int]:
    """Return the number of portions of each language with the greatest sum of values, by dynamic programming."""
    best = np.zeros(portions + 1)
    taken = []
    for row in values:
        gains = np.array(row)
        table = np.array(
            [[best[n - k] + gains[k] if k <= n else -np.inf for k in range(portions + 1)] for n in range(portions + 1)]
        )
        taken.append(table.argmax(axis=1))
        best = table.max(axis=1)
    left, shares = portions, []
    for row in reversed(taken):
        shares.append(int(row[left]))
        left -= shares[-1]
    return shares[::-1]


def _find_state(drawing: Drawing, labelled: Labelled | None) -> _State:
    prior = find_prior(drawing.task, list(drawing.predictions))
    weights = drawing.sampling.left**-2.0
    n = 0 if labelled is None else len(labelled.truths)
    if labelled is None or n < FEWEST:
        return _State(*prior, _presume_draw(drawing), weights, 0)
    estimates = Estimates(collect_evidence(drawing, labelled.truths))
    mean, covariance = update(prior, estimates)
    return _State(mean, covariance, estimates.covariance * float(weights[:n].sum()), weights, n)


def _presume_draw(drawing: Drawing) -> Floats:
    """Return the presumed covariance of what one draw says about scores, from where models differ, [models, models]."""
    most = find_most(drawing) / _presume_denominator(drawing)
    np.fill_diagonal(most, 0.0)
    squares = ONE_SIDED * most**2
    # Variances of differences become a covariance by double centring (Gower 1966).
    centre = np.eye(len(most)) - 1 / len(most)
    values, vectors = np.linalg.eigh(-centre @ squares @ centre / 2)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _presume_denominator(drawing: Drawing) -> float:
    """Return the denominator of a score: the units of the text, or about twice the entities that a model finds."""
    if not drawing.marks_entities:
        return float(sum(map(len, drawing.differing)))
    return 2 * float(np.mean([sum(map(len, model)) for model in drawing.entities])) or 1.0
