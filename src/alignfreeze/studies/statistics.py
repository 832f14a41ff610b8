"""What scores over seeds, languages and sentences say, and how sure one may be of it."""

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
        mean: Over the seeds.
        sd: Standard deviation with n - 1; None for a single seed.
        n: How many seeds.
        gain: Mean minus the baseline's; None for the baseline, or without one.
        interval: Where the gain lies with 95% confidence, over seeds; None where that cannot be said.
        verdict: The paper's: improved or worsened where the gain, or the loss, is greater than the standard deviation
            of the strategy and that of the baseline; None where there is a single seed.
    """

    mean: float
    sd: float | None
    n: int
    gain: float | None = None
    interval: tuple[float, float] | None = None
    verdict: Verdict | None = None


def summarise(values: Values, baseline: Values | None = None) -> Summary:
    """Summarise a score over its seeds, against the baseline's if there is one."""
    scores = list(values.values())
    mean, sd = statistics.fmean(scores), _sd_of(scores)
    if not baseline:
        return Summary(mean, sd, len(scores))
    # Other seeds are other starts: a gain over them would be theirs. Without a common seed there is nothing better.
    common = sorted(set(values) & set(baseline))
    ours, theirs = ({seed: side[seed] for seed in common} if common else dict(side) for side in (values, baseline))
    gain = statistics.fmean(ours.values()) - statistics.fmean(theirs.values())
    verdict = _judge_gain(gain, _sd_of([*ours.values()]), _sd_of([*theirs.values()]))
    return Summary(mean, sd, len(scores), gain, interval_of_gain(ours, theirs), verdict)


def _sd_of(scores: Sequence[float]) -> float | None:
    return statistics.stdev(scores) if len(scores) > 1 else None


def _judge_gain(gain: float, *spreads: float | None) -> Verdict | None:
    """Return what the paper calls a gain (section 4.2: beyond the greater of two standard deviations)."""
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return None
    if abs(gain) <= max(known) + _NO_SPREAD:
        return "unchanged"
    return "improved" if gain > 0 else "worsened"


def interval_of_gain(values: Values, baseline: Values) -> tuple[float, float] | None:
    """Return the 95% confidence interval of the mean gain over seeds, by Student's t.

    With the same seeds on both sides the differences are paired, else the
    variances are taken apart (Welch). None with fewer than two seeds on either side, or without a spread.
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
"""Numbers that differ by less are the same but for rounding."""


def group_scores(records: Sequence[RunRecord], language: str, metric: str) -> Mapping[str, Values]:
    """Return the scores in a language, of a metric, by strategy and seed."""
    values: dict[str, dict[int, float]] = {}
    for record in records:
        for score in record.scores:
            if (score.language, score.metric) == (language, metric):
                values.setdefault(record.strategy, {})[record.seed] = score.value
    return values


def average_languages(values: Sequence[Mapping[str, Values]]) -> Mapping[str, Values]:
    """Return the mean over languages, by strategy and seed; of the seeds that all languages have."""
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
    """Summarise each strategy, with its gain over the baseline where there is one."""
    baseline = values.get(BASELINE)
    return {
        strategy: summarise(scores, None if strategy == BASELINE else baseline) for strategy, scores in values.items()
    }


def p_value_of_gains(gains: Sequence[float]) -> float | None:
    """Return the p-value of Wilcoxon's signed-rank test that gains over languages are around zero, two-sided.

    None with no gain but zero: there is nothing to rank.
    """
    if not any(gains):
        return None
    test: Any = stats.wilcoxon(gains)
    return float(test.pvalue)


def correct_p_values(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being several, in the same order (Holm 1979).

    The smallest of n is multiplied by n, the next by n - 1 and so on; none is
    less than one before it in that order, nor more than 1.
    """
    corrected = [0.0] * len(p_values)
    greatest = 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        greatest = max(greatest, min(1.0, (len(p_values) - place) * p_values[number]))
        corrected[number] = greatest
    return corrected


def rank_strategies(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean rank of each strategy over languages; 1 is the best, equal scores share their ranks.

    Args:
        scores: Of each language, by strategy.
    """
    if not scores:
        return {}
    strategies = list(scores[0])
    table = np.array([[-language[strategy] for strategy in strategies] for language in scores])
    ranks = stats.rankdata(table, axis=1)  # [languages, strategies]
    return dict(zip(strategies, ranks.mean(axis=0).tolist(), strict=True))


def correlate_ranks(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation of two lists; None below three values, or where all of a list are equal."""
    if len(ours) < 3 or len(set(ours)) < 2 or len(set(theirs)) < 2:
        return None
    found: Any = stats.spearmanr(list(ours), list(theirs))
    return float(found.statistic)


EXACT = 8
"""Pairs, up to which all orders are tried; that of Student's t is too sure there."""


def p_value_of_ranks(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the two-sided p-value of no rank correlation: of few pairs over all orders, of more by Student's t."""
    found: Any = stats.spearmanr(list(ours), list(theirs))
    if len(ours) > EXACT:
        return float(found.pvalue)
    ranks = stats.rankdata(theirs)
    exact: Any = stats.permutation_test(
        (stats.rankdata(ours),),
        lambda order, axis: np.sum(order * ranks, axis=axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=math.factorial(EXACT),  # all there are
    )
    return float(exact.pvalue)


def interval_of_correlation(rho: float, n: int) -> tuple[float, float] | None:
    """Return where a rank correlation of n independent pairs lies with 95% confidence (Bonett and Wright 2000).

    Fisher's transformation of the correlation has, for ranks, the variance
    (1 + rho^2 / 2) / (n - 3). It says nothing of less than four pairs, and of
    a correlation of 1 or -1.
    """
    if n < 4 or abs(rho) > 1 - _NO_SPREAD:
        return None
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """What a bootstrap says of the difference of two models on the same sentences.

    Attributes:
        difference: Of their scores.
        interval: Where it lies with 95% confidence, over sentences.
        p_value: Two-sided: twice the share of resamples in which the difference has the other sign, or is zero;
            the models as they are count as one resample more, so that it is never zero.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float


Counts = NDArray[np.float64]
"""Of each sentence what a score adds up above and below its line, such as right words and words, [sentences, 2]."""


def bootstrap_difference(ours: Counts, theirs: Counts, *, resamples: int = 2_000, seed: int = 0) -> PairedDifference:
    """Compare two models on the same sentences, drawn again and again with replacement (Koehn 2004).

    Accuracy and F1 are both the sum of a numerator over sentences divided by
    that of a denominator: right words by words, twice the right entities by
    those found and those there.

    Args:
        ours: Numerator and denominator of each sentence, [sentences, 2].
        theirs: The same of the other model, [sentences, 2].
        resamples: How often sentences are drawn.
        seed: Of the draws.

    Raises:
        ValueError: The models were tested on different numbers of sentences, or on none.
    """
    if ours.shape != theirs.shape or not len(ours):
        raise ValueError(f"sentences come in pairs: got {len(ours)} and {len(theirs)}")
    random = np.random.default_rng(seed)
    n = len(ours)
    # How often each sentence is drawn: the sums are then one product of matrices.
    drawn = random.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)  # [resamples, sentences]
    differences = _divide(drawn @ ours) - _divide(drawn @ theirs)  # [resamples]
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    difference = _divide(ours.sum(axis=0)) - _divide(theirs.sum(axis=0))
    return PairedDifference(
        float(difference), (float(low), float(high)), min(1.0, 2 * (float(beyond) + 1) / (resamples + 1))
    )


def _divide(sums: Counts) -> NDArray[np.float64]:
    """Return scores of sums above and below the line, [..., 2]; nothing of nothing is 0."""
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)
