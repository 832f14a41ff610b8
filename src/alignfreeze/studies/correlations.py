"""Which facts about languages the gains correlate with: distance from the source language, script, family, text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alignfreeze.errors import DataError
from alignfreeze.experiment.names import BASELINE
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.statistics import correct_p_values, correlate_ranks, interval_of_correlation, p_value_of_ranks
from alignfreeze.typology import facts_of

SCORE = "baseline score"

FEWEST = 5
"""The fewest languages for a correlation."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """The correlation of the gains of a strategy with a fact about languages.

    Attributes:
        strategy: The strategy.
        fact: The fact: a name of `typology.Facts.values`, or `baseline score`.
        rho: Spearman's rank correlation over the target languages.
        interval: The 95% confidence interval, if the languages are independent; None for a perfect correlation.
        p_value: The two-sided p-value of no correlation.
        corrected: The p-value corrected for the other facts (Holm).
        n: Number of languages.
    """

    strategy: str
    fact: str
    rho: float
    interval: tuple[float, float] | None
    p_value: float
    corrected: float
    n: int


def correlate_gains(comparison: Comparison) -> list[Correlation]:
    """Correlate the gains of each strategy with each fact about the target languages.

    Args:
        comparison: The comparison with the gains by language.

    Raises:
        DataError: Fewer than five target languages were tested, or only the baseline was tested.
    """
    if not comparison.realignments:
        raise DataError("only the baseline was tested, so there are no gains to correlate; test another strategy")
    if len(comparison.languages) < FEWEST:
        raise DataError(
            f"{len(comparison.languages)} target languages: correlations need at least {FEWEST}, preferably 20 or more"
        )
    known = collect_facts(comparison)
    return [item for strategy in comparison.realignments for item in _correlate_strategy(strategy, comparison, known)]


def collect_facts(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return the facts about the target languages: one value per language, by the name of the fact."""
    source = comparison.source or "en"
    found: dict[str, dict[str, float]] = {SCORE: {}}
    for language in comparison.languages:
        row = comparison.cells[language]
        values = {SCORE: row[BASELINE].mean} if BASELINE in row else {}
        for name, value in {**values, **facts_of(language, source).values}.items():
            found.setdefault(name, {})[language] = value
    return found


def _correlate_strategy(
    strategy: str, comparison: Comparison, known: Mapping[str, Mapping[str, float]]
) -> list[Correlation]:
    gains = {
        language: gain
        for language in comparison.languages
        if strategy in (row := comparison.cells[language]) and (gain := row[strategy].gain) is not None
    }
    found = []
    for fact, values in known.items():
        languages = [language for language in gains if language in values]
        ours, theirs = [gains[code] for code in languages], [values[code] for code in languages]
        if len(languages) >= FEWEST and (rho := correlate_ranks(ours, theirs)) is not None:
            found.append((fact, rho, p_value_of_ranks(ours, theirs), len(languages)))
    corrected = correct_p_values([p for _, _, p, _ in found])
    return [
        Correlation(strategy, fact, rho, interval_of_correlation(rho, n), p, p_holm, n)
        for (fact, rho, p, n), p_holm in zip(found, corrected, strict=True)
    ]
