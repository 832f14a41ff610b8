"""Statistics of scores over seeds, languages and sentences, with their uncertainty."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.strategies import BASELINE

Values = Mapping[int, float]
"""A score by seed."""

Verdict = Literal["improved", "unchanged", "worsened"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Summary:
    """A score over seeds.

    Attributes:
        mean: Mean over the seeds.
        sd: Standard deviation with n - 1; None for a single seed.
        n: Number of seeds.
        gain: Mean minus the baseline's mean; None for the baseline, or without a baseline.
        interval: 95% confidence interval of the gain, over seeds; None if it cannot be computed.
        verdict: The paper's verdict: improved or worsened if the gain or loss is greater than both standard deviations.
            These are the deviations of the strategy and of the baseline. None for a single seed.
    """

    mean: float
    sd: float | None
    n: int
    gain: float | None = None
    interval: tuple[float, float] | None = None
    verdict: Verdict | None = None


def summarise(values: Values, baseline: Values | None = None) -> Summary:
    """Summarise a score over its seeds, and its gain over the baseline if there is one."""
    scores = list(values.values())
    mean, sd = statistics.fmean(scores), _sd_of(scores)
    if not baseline:
        return Summary(mean, sd, len(scores))
    # Only common seeds are compared: other seeds are other random starts. Without a common seed, all seeds are used.
    common = sorted(set(values) & set(baseline))
    ours, theirs = ({seed: side[seed] for seed in common} if common else dict(side) for side in (values, baseline))
    gain = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    verdict = _judge_gain(gain, _sd_of([*ours.values()]), _sd_of([*theirs.values()]))
    return Summary(mean, sd, len(scores), gain, interval_of_gain(ours, theirs), verdict)


def _sd_of(scores: Sequence[float]) -> float | None:
    return statistics.stdev(scores) if len(scores) > 1 else None


def _judge_gain(gain: float, *spreads: float | None) -> Verdict | None:
    """Return the paper's verdict on a gain (section 4.2: beyond the greater of two standard deviations)."""
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return None
    if abs(gain) <= max(known) + _NO_SPREAD:
        return "unchanged"
    return "improved" if gain > 0 else "worsened"


def interval_of_gain(values: Values, baseline: Values) -> tuple[float, float] | None:
    """Return the 95% confidence interval of the mean gain over seeds, by Student's t.

    If both sides have the same seeds, the test is paired; otherwise it has separate variances (Welch). The result is
    None with fewer than two seeds on a side, or without any spread.
    """
    if min(len(values), len(baseline)) < 2:
        return None
    ours, theirs = ([side[seed] for seed in sorted(side)] for side in (values, baseline))
    paired = set(values) == set(baseline)
    spreads = [np.subtract(ours, theirs)] if paired else [ours, theirs]
    if max(map(np.ptp, spreads)) < _NO_SPREAD:
        return None
    test: Any = stats.ttest_rel(ours, theirs) if paired else stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval(CONFIDENCE)
    return float(low), float(high)


_NO_SPREAD = 1e-12
"""Numbers that differ by less are the same up to rounding."""


def group_scores(records: Sequence[RunRecord], language: str, metric: str) -> Mapping[str, Values]:
    """Return the scores for a language and a metric, by strategy and seed."""
    values: dict[str, dict[int, float]] = {}
    for record in records:
        for score in record.scores:
            if (score.language, score.metric) == (language, metric):
                values.setdefault(record.strategy, {})[record.seed] = score.value
    return values


def average_languages(values: Sequence[Mapping[str, Values]]) -> Mapping[str, Values]:
    """Return the mean over languages, by strategy and seed. Only seeds that all languages have are used."""
    strategies = values[0] if values else {}
    found: dict[str, dict[int, float]] = {}
    for strategy in strategies:
        languages = [language[strategy] for language in values if strategy in language]
        seeds = set.intersection(*(set(language) for language in languages))
        if len(languages) == len(values) and seeds:
            found[strategy] = {
                seed: statistics.fmean(language[seed] for language in languages) for seed in sorted(seeds)
            }
    return found


def summarise_all(values: Mapping[str, Values]) -> dict[str, Summary]:
    """Summarise each strategy, with its gain over the baseline if there is one."""
    baseline = values.get(BASELINE)
    return {
        strategy: summarise(scores, None if strategy == BASELINE else baseline) for strategy, scores in values.items()
    }


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
    if n < 4 or abs(rho) > 1 - _NO_SPREAD:
        return None
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The difference of two models on the same sentences, with its uncertainty by a bootstrap.

    Attributes:
        difference: The difference of the two scores.
        interval: The 95% confidence interval of the difference, over sentences.
        p_value: Two-sided: twice the share of resamples in which the difference has the other sign or is zero. The
            original sentences count as one more resample, so the p-value is never zero.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float


Counts = NDArray[np.float64]
"""Numerator and denominator of a score for each sentence, such as right words and all words, [sentences, 2]."""


def bootstrap_difference(ours: Counts, theirs: Counts, *, resamples: int = 2_000, seed: int = 0) -> PairedDifference:
    """Compare two models on the same sentences, drawn many times with replacement (Koehn 2004).

    Accuracy and F1 both divide a sum over sentences by another sum. Accuracy divides right words by all words. F1
    divides twice the number of right entities by the predicted entities plus the true entities.

    Args:
        ours: Numerator and denominator of each sentence for one model, [sentences, 2].
        theirs: The same for the other model, [sentences, 2].
        resamples: How often sentences are drawn.
        seed: The seed of the draws.

    Raises:
        ValueError: The models were tested on different numbers of sentences, or on none.
    """
    if ours.shape != theirs.shape or not len(ours):
        raise ValueError(
            f"both results must have the same number of sentences, at least one: got {len(ours)} and {len(theirs)}"
        )
    random = np.random.default_rng(seed)
    n = len(ours)
    # With the number of draws of each sentence, all sums are one product of matrices.
    drawn = random.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)  # [resamples, sentences]
    differences = _divide(drawn @ ours) - _divide(drawn @ theirs)  # [resamples]
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    difference = _divide(ours.sum(axis=0)) - _divide(theirs.sum(axis=0))
    return PairedDifference(
        float(difference), (float(low), float(high)), min(1.0, 2 * (float(beyond) + 1) / (resamples + 1))
    )


def _divide(sums: Counts) -> NDArray[np.float64]:
    """Divide sums of numerators by sums of denominators, [..., 2]. Zero divided by zero is 0."""
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)
