"""Scores of many runs: means over seeds and languages, with their spread, and gains over the baseline."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alignfreeze.experiment.names import BASELINE
from alignfreeze.running.trials import (
    Counts,
    Groups,
    Trial,
    average_groups,
    average_trials,
    mean_gain,
    share_seeds,
    try_strategy,
)
from alignfreeze.running.verdicts import MARGIN, Judgement, judge_gains

if TYPE_CHECKING:
    from alignfreeze.experiment.records import RunRecord

Values = Mapping[int, float]
"""A score by seed; of a run that joins several seeds, by the first of them."""

PaperVerdict = Literal["improved", "unchanged", "worsened"]
"""The paper's criterion (section 4.2): is a gain greater than both standard deviations over seeds?"""

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
        paper_verdict: The paper's criterion: improved or worsened if the gain or loss is greater than both standard
            deviations. These are the deviations of the strategy and of the baseline. None for a single seed.
        judged: The verdict on the strategy, with the interval of the gain; None for the baseline, or without one.
    """

    mean: float
    sd: float | None
    n: int
    gain: float | None = None
    paper_verdict: PaperVerdict | None = None
    judged: Judgement | None = None

    def row(self) -> dict[str, Any]:
        """Return the summary as plain values, as it is part of a row of a result."""
        judged = self.judged
        low, high = (judged and judged.interval) or (None, None)
        return {
            "mean": self.mean,
            "sd": self.sd,
            "seeds": self.n,
            "gain": self.gain,
            "gain_low": low,
            "gain_high": high,
            "verdict": judged and judged.verdict,
            "more_seeds": judged and judged.more_seeds,
            "more_sentences": judged and judged.more_sentences,
            "paper_verdict": self.paper_verdict,
        }


def summarise(values: Values, baseline: Values | None = None) -> Summary:
    """Summarise a score over its seeds, and its gain over the baseline if there is one."""
    scores = list(values.values())
    mean, sd = statistics.fmean(scores), _sd_of(scores)
    if not baseline:
        return Summary(mean, sd, len(scores))
    gain = mean_gain(values, baseline)
    spreads = [_sd_of([*side.values()]) for side in share_seeds(values, baseline)]
    return Summary(mean, sd, len(scores), gain, _judge_as_paper(gain, *spreads))


def _sd_of(scores: Sequence[float]) -> float | None:
    if len(scores) < 2:
        return None
    mean = statistics.fmean(scores)
    # `statistics.stdev` computes with fractions, which takes as long as all other figures of a study together.
    return math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1))


def _judge_as_paper(gain: float, *spreads: float | None) -> PaperVerdict | None:
    """Return the paper's verdict on a gain (section 4.2: beyond the greater of two standard deviations)."""
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return None
    if abs(gain) <= max(known) + NO_SPREAD:
        return "unchanged"
    return "improved" if gain > 0 else "worsened"


def interval_of_gain(values: Values, baseline: Values) -> tuple[float, float] | None:
    """Return the 95% confidence interval of the mean gain over the common seeds, by Student's t.

    If both sides have the same seeds, the test is paired; otherwise it has separate variances (Welch). The result is
    None with fewer than two seeds on a side, or without any spread.
    """
    values, baseline = share_seeds(values, baseline)
    if min(len(values), len(baseline)) < 2:
        return None
    ours, theirs = ([side[seed] for seed in sorted(side)] for side in (values, baseline))
    paired = set(values) == set(baseline)
    spreads = [np.subtract(ours, theirs)] if paired else [ours, theirs]
    if max(map(np.ptp, spreads)) < NO_SPREAD:
        return None
    from scipy import stats  # takes a second to import

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


GroupsByStrategy = Mapping[str, Groups]
"""The seeds of each run of the strategies that join several."""


def find_groups(runs: Iterable[tuple[str, Sequence[int]]]) -> GroupsByStrategy:
    """Return the groups of seeds of runs that join several; each run is a strategy with its seeds."""
    groups: dict[str, dict[int, Sequence[int]]] = {}
    for strategy, seeds in runs:
        if len(seeds) > 1:
            groups.setdefault(strategy, {})[seeds[0]] = seeds
    return groups


def size_groups(groups: GroupsByStrategy) -> dict[str, int]:
    """Return how many seeds a run has, for the strategies that join several."""
    return {name: max(map(len, several.values())) for name, several in groups.items()}


def summarise_all(values: Mapping[str, Values], groups: GroupsByStrategy | None = None) -> dict[str, Summary]:
    """Summarise each strategy, with its gain over the baseline if there is one."""
    baseline, groups = values.get(BASELINE, {}), groups or {}
    return {
        strategy: summarise(
            scores, None if strategy == BASELINE else average_groups(baseline, groups.get(strategy, {}))
        )
        for strategy, scores in values.items()
    }


CountsBySeed = Mapping[str, Mapping[str, Mapping[int, Counts]]]
"""Counts of test items by language, strategy and seed."""


def judge_scores(
    values: Mapping[str, Mapping[str, Values]],
    counts: CountsBySeed,
    *,
    targets: Iterable[str],
    margin: float = MARGIN,
    groups: GroupsByStrategy | None = None,
) -> tuple[dict[str, dict[str, Summary]], dict[str, Summary]]:
    """Summarise each strategy in each language and in the mean over the target languages, with verdicts.

    Args:
        values: Scores by language, strategy and seed.
        counts: Counts of test items, in the same order; a language without counts is judged by its seeds alone.
        targets: The target languages. Verdicts are corrected for their number.
        margin: A gain or loss within this share is not worth having.
        groups: The seeds of each run of the strategies that join several. Such a run counts as one, and its gain is
            over the mean of the baseline over these seeds.

    Returns:
        The summaries by language and strategy, and those of the means by strategy.
    """
    targets = [code for code in targets if code in values]
    groups = groups or {}
    trials = {code: _try_all(row, counts.get(code, {}), groups) for code, row in values.items()}
    judged = judge_gains({code: trials[code] for code in targets}, margin=margin)
    for code in values.keys() - set(targets):  # the source language is not one of many
        judged |= judge_gains({code: trials[code]}, margin=margin)
    cells = {code: _with_verdicts(summarise_all(row, groups), judged[code]) for code, row in values.items()}
    several = [values[code] for code in targets], [trials[code] for code in targets]
    return cells, _judge_averages(*several, margin, groups)


def _judge_averages(
    values: Sequence[Mapping[str, Values]],
    trials: Sequence[Mapping[str, Trial]],
    margin: float,
    groups: GroupsByStrategy,
) -> dict[str, Summary]:
    """Summarise and judge each strategy in the mean over languages."""
    by_seed = average_languages(values)
    means = {
        name: average_trials(mean, [row[name] for row in trials if name in row])
        for name, mean in _try_all(by_seed, {}, groups).items()
    }
    return _with_verdicts(summarise_all(by_seed, groups), judge_gains({"": means}, margin=margin)[""])


def _try_all(
    row: Mapping[str, Values], counts: Mapping[str, Mapping[int, Counts]], groups: GroupsByStrategy
) -> dict[str, Trial]:
    baseline = row.get(BASELINE)
    if not baseline:
        return {}
    return {
        name: try_strategy(values, baseline, counts.get(name, {}), counts.get(BASELINE, {}), groups.get(name))
        for name, values in row.items()
        # Where nothing was learnt, nothing can be judged: that both have no score is no finding.
        if name != BASELINE
        and (any(values.values()) or any(baseline.values()))
        and average_groups(baseline, groups.get(name, {}))
    }


def _with_verdicts(row: Mapping[str, Summary], judged: Mapping[str, Judgement]) -> dict[str, Summary]:
    return {name: replace(summary, judged=judged.get(name)) for name, summary in row.items()}
