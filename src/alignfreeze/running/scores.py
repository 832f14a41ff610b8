"""Scores of many runs: means over seeds and languages, with their spread, and gains over the baseline."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

from alignfreeze.experiment.names import BASELINE

if TYPE_CHECKING:
    from alignfreeze.experiment.records import RunRecord

Values = Mapping[int, float]
"""A score by seed."""

Verdict = Literal["improved", "unchanged", "worsened"]

CONFIDENCE = 0.95

NO_SPREAD = 1e-12
"""Numbers that differ by less are the same up to rounding."""


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

    def row(self) -> dict[str, Any]:
        """Return the summary as plain values, as it is part of a row of a result."""
        low, high = self.interval or (None, None)
        return {
            "mean": self.mean,
            "sd": self.sd,
            "seeds": self.n,
            "gain": self.gain,
            "gain_low": low,
            "gain_high": high,
            "verdict": self.verdict,
        }


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
    if abs(gain) <= max(known) + NO_SPREAD:
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
    if max(map(np.ptp, spreads)) < NO_SPREAD:
        return None
    test: Any = stats.ttest_rel(ours, theirs) if paired else stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval(CONFIDENCE)
    return float(low), float(high)


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
