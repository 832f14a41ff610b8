"""Statistics of gains over languages and sentences, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from alignfreeze.running.scores import CONFIDENCE, NO_SPREAD


def p_value_of_gains(gains: Sequence[float]) -> float | None:
    """Return the two-sided p-value of Wilcoxon's signed-rank test that the gains of languages are around zero.

    The result is None if all gains are zero, because nothing can be ranked then.
    """
    if not any(gains):
        return None
    test: Any = stats.wilcoxon(gains)
    return float(test.pvalue)


def correct_p_values(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for multiple tests, and return them in the same order (Holm 1979).

    The smallest of n p-values is multiplied by n, the next by n - 1, and so on. In this order, no corrected p-value is
    smaller than the previous one, and none is greater than 1.
    """
    corrected = [0.0] * len(p_values)
    greatest = 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        greatest = max(greatest, min(1.0, (len(p_values) - place) * p_values[number]))
        corrected[number] = greatest
    return corrected


def rank_strategies(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean rank of each strategy over languages. 1 is the best; equal scores share their ranks.

    Args:
        scores: The scores of each language, by strategy.
    """
    if not scores:
        return {}
    strategies = list(scores[0])
    table = np.array([[-language[strategy] for strategy in strategies] for language in scores])
    ranks = stats.rankdata(table, axis=1)  # [languages, strategies]
    return dict(zip(strategies, ranks.mean(axis=0).tolist(), strict=True))


def correlate_ranks(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation of two lists; None for fewer than three values, or if a list is constant."""
    if len(ours) < 3 or len(set(ours)) < 2 or len(set(theirs)) < 2:
        return None
    found: Any = stats.spearmanr(list(ours), list(theirs))
    return float(found.statistic)


EXACT = 8
"""For at most this many pairs, all orders are tried, because p-values by Student's t would be too small."""


def p_value_of_ranks(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the two-sided p-value of no rank correlation: exact for few pairs, by Student's t for more."""
    found: Any = stats.spearmanr(list(ours), list(theirs))
    if len(ours) > EXACT:
        return float(found.pvalue)
    ranks = stats.rankdata(theirs)
    exact: Any = stats.permutation_test(
        (stats.rankdata(ours),),
        lambda order, axis: np.sum(order * ranks, axis=axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=math.factorial(EXACT),  # all orders
    )
    return float(exact.pvalue)


def interval_of_correlation(rho: float, n: int) -> tuple[float, float] | None:
    """Return the 95% confidence interval of a rank correlation of n independent pairs (Bonett and Wright 2000).

    Fisher's transformation of a correlation of ranks has the variance (1 + rho^2 / 2) / (n - 3). The result is None for
    fewer than four pairs, and for a correlation of 1 or -1.
    """
    if n < 4 or abs(rho) > 1 - NO_SPREAD:
        return None
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


_FEWEST = 3
"""The fewest languages with a correlation."""

_ORDERS = 9_999
"""Orders of the languages that are tried; for up to seven languages, all of them."""


def correlate_gains(
    gains: Mapping[str, Mapping[str, tuple[float, float]]],
) -> tuple[float | None, float | None, int]:
    """Return the rank correlation of two studies' gains, its p-value, and the number of languages.

    The mean of each strategy is subtracted. For the p-value, languages change places, each with all its strategies:
    the gains of one language have the same baseline. Without enough languages, or with equal gains, the first two are
    None.

    Args:
        gains: The gains in both studies, by strategy and language. Languages that a strategy lacks do not count.
    """
    codes = sorted(set.intersection(*(set(row) for row in gains.values()))) if gains else []
    table = np.array([[row[code] for code in codes] for row in gains.values()])  # [strategies, languages, studies]
    if len(codes) < _FEWEST:
        return None, None, len(codes)
    table -= table.mean(axis=1, keepdims=True)
    ours, theirs = (stats.rankdata(table[..., side]).reshape(table.shape[:2]) for side in (0, 1))
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None, None, len(codes)

    def correlate(order: NDArray[Any]) -> float:
        return float(np.corrcoef(ours[:, order.astype(int)].ravel(), theirs.ravel())[0, 1])

    places = np.arange(len(codes))
    test: Any = stats.permutation_test(
        (places,), correlate, permutation_type="pairings", vectorized=False, n_resamples=_ORDERS, rng=0
    )
    return correlate(places), float(test.pvalue), len(codes)
