"""Means, spreads and gains over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import BASELINE

Values = Mapping[int, float]
"""A score by seed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A score over seeds.

    Attributes:
        mean: Over the seeds.
        sd: Standard deviation with n - 1; None for a single seed.
        n: How many seeds.
        gain: Mean minus the baseline's; None for the baseline, or without one.
    """

    mean: float
    sd: float | None
    n: int
    gain: float | None = None


def summarise(values: Values, baseline: Values | None = None) -> Summary:
    """Summarise a score over its seeds, against the baseline's if there is one."""
    scores = list(values.values())
    mean = statistics.fmean(scores)
    sd = statistics.stdev(scores) if len(scores) > 1 else None
    gain = mean - statistics.fmean(baseline.values()) if baseline else None
    return Summary(mean, sd, len(scores), gain)


def by_strategy(records: Sequence[RunRecord], language: str, metric: str) -> Mapping[str, Values]:
    """Return the scores in a language, of a metric, by strategy and seed."""
    values: dict[str, dict[int, float]] = {}
    for record in records:
        for score in record.scores:
            if (score.language, score.metric) == (language, metric):
                values.setdefault(record.strategy, {})[record.seed] = score.value
    return values


def average(values: Sequence[Mapping[str, Values]]) -> Mapping[str, Values]:
    """Return the mean over languages, by strategy and seed."""
    strategies = values[0] if values else {}
    return {
        strategy: {
            seed: statistics.fmean(language[strategy][seed] for language in values) for seed in strategies[strategy]
        }
        for strategy in strategies
    }


def summaries(values: Mapping[str, Values]) -> dict[str, Summary]:
    """Summarise each strategy, with its gain over the baseline where there is one."""
    baseline = values.get(BASELINE)
    return {
        strategy: summarise(scores, None if strategy == BASELINE else baseline) for strategy, scores in values.items()
    }
