"""Set two studies of the same setup side by side, such as a repetition and published results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from scipy import stats

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.paper import table_path
from alignfreeze.running.scores import PaperVerdict, Summary
from alignfreeze.running.verdicts import ERRORS
from alignfreeze.studies.comparison import Comparison, name_setup
from alignfreeze.studies.results import Setup, read_results
from alignfreeze.studies.statistics import correlate_gains, correlate_ranks

if TYPE_CHECKING:  # comparing studies does not need torch
    from alignfreeze.experiment.settings import ExperimentSettings

_ENOUGH = 20
"""Languages among which a correlation that is worth having is found as a rule."""

SYNONYMS = {
    "udpos": "pos",
    "wikiann": "ner",
    "xnli": "nli",
    "xquad": "qa",
    "dico": "dictionary",
    "fastalign": "fast-align",
    "awesome": "softmax",
}
"""Our names for the tasks and aligners in the tables of the reference code."""


def _simplify(setup: Setup) -> Setup:
    """Return a setup for comparison with another study: with our names, and without the digest of the settings."""
    aligner = None if setup.aligner is None else SYNONYMS.get(setup.aligner, setup.aligner)
    encoder = setup.encoder.rsplit("/", 1)[-1]
    return replace(
        setup, encoder=encoder, task=SYNONYMS.get(setup.task, setup.task), aligner=aligner, settings="", teaching=""
    )


Agreement = Literal["agrees", "does not agree", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Repetition:
    """Whether a study repeats another one.

    Attributes:
        agreement: It agrees if the gains differ by no more than their intervals in all but a few cases, as many as
            chance would allow, and if the languages that gain more in one study gain more in the other.
        within: Whether the gains of both studies differ by no more than their intervals, by strategy and language;
            only where both studies have an interval.
        correlation: Spearman's correlation of the gains over languages and strategies, after the mean of each strategy
            is subtracted; None if it is not known.
        p_value: The p-value of no correlation.
    """

    agreement: Agreement
    within: Mapping[str, Mapping[str, bool]]
    correlation: float | None
    p_value: float | None

    @property
    def n(self) -> int:
        """The number of cases: languages with a strategy."""
        return sum(map(len, self.within.values()))

    @property
    def outside(self) -> list[tuple[str, str]]:
        """The cases whose gains differ by more than their intervals: a strategy, and a language."""
        return [(name, code) for name, row in self.within.items() for code, inside in row.items() if not inside]


@dataclass(frozen=True, slots=True)
class Versus:
    """Two studies of the same setup.

    Attributes:
        ours: The comparison of one study.
        theirs: The comparison of the other study.
        languages: Target languages of both.
        strategies: Strategies of both.
        agreement: The share of these languages with the same outcome by the paper's criterion, by strategy;
            None with a single seed.
        correlation: Spearman's correlation of the gains over these languages, by strategy; None below three.
        repetition: Whether one study repeats the other.
    """

    ours: Comparison
    theirs: Comparison
    languages: tuple[str, ...]
    strategies: tuple[str, ...]
    agreement: Mapping[str, float | None]
    correlation: Mapping[str, float | None]
    repetition: Repetition


def set_side_by_side(ours: Sequence[Comparison], theirs: Sequence[Comparison]) -> list[Versus]:
    """Set the comparisons of two studies side by side if their setup and metric are the same.

    Names in the paper's tables match ours (`dico` is `dictionary`). If no setup matches, the encoder may differ. If
    still no setup matches, the aligner may differ too.

    Raises:
        SettingsError: No setup matches.
    """
    for ignored in ({}, {"encoder": ""}, {"encoder": "", "aligner": None}):
        found = [
            _compare_two(our, their)
            for our in ours
            for their in theirs
            if _setup_of(our, ignored) == _setup_of(their, ignored) and set(our.languages) & set(their.languages)
        ]
        if found:
            return found
    raise SettingsError(
        "the two studies have no comparison with the same task, schedule and metric and a common language:\n"
        f"  one has {_name_all(ours)}\n  the other {_name_all(theirs)}"
    )


def check_repeatable(settings: ExperimentSettings, name: str) -> None:
    """Check, before anything runs, that an experiment can be compared with what the paper published for another.

    Args:
        settings: The experiment.
        name: The name of the paper's experiment.

    Raises:
        SettingsError: They have no target language in common, no strategy but the baseline, or different schedules.
    """
    published = read_results([table_path(name)])
    if not {result.language for result in published if not result.is_source} & set(settings.languages):
        raise SettingsError(f"the paper has no scores of {name} in {', '.join(settings.languages)}")
    strategies = {result.strategy for result in published} - {BASELINE}
    if not strategies & {str(strategy) for strategy in settings.strategies}:
        raise SettingsError(f"the paper has scores of {', '.join(sorted(strategies))}; strategies names none of them")
    schedule = settings.realignment.schedule
    if schedule not in (known := {result.setup.schedule for result in published}):
        known = " and ".join(repr(one) for one in known if one)
        raise SettingsError(f"realignment.schedule: the paper's scores here are of {known}, not of {schedule!r}")


def _setup_of(comparison: Comparison, ignored: Mapping[str, Any]) -> tuple[Setup, str]:
    return replace(_simplify(comparison.setup), **ignored), comparison.metric


def _name_all(comparisons: Sequence[Comparison]) -> str:
    return "; ".join(dict.fromkeys(f"{name_setup(c.setup)} ({c.metric})" for c in comparisons))


def _compare_two(ours: Comparison, theirs: Comparison) -> Versus:
    languages = tuple(code for code in ours.languages if code in theirs.languages)
    strategies = tuple(name for name in ours.strategies if name in ours.overall and name in theirs.overall)
    realigned = [name for name in strategies if name in ours.realignments]
    rows = {
        name: {
            code: (our, their)
            for code in languages
            if (our := ours.cells[code].get(name)) and (their := theirs.cells[code].get(name))
        }
        for name in realigned
    }
    return Versus(
        ours,
        theirs,
        languages,
        strategies,
        {
            name: _agreement_of([(our.paper_verdict, their.paper_verdict) for our, their in row.values()])
            for name, row in rows.items()
        },
        {name: _correlation_of([(our.gain, their.gain) for our, their in row.values()]) for name, row in rows.items()},
        _find_repetition(rows),
    )


def _find_repetition(rows: Mapping[str, Mapping[str, tuple[Summary, Summary]]]) -> Repetition:
    """Return whether the gains of one study repeat those of the other.

    Args:
        rows: The cells of both studies, by strategy and language.
    """
    within: dict[str, dict[str, bool]] = {}
    gains: dict[str, dict[str, tuple[float, float]]] = {}
    for name, row in rows.items():
        pairs = {code: (our.judged, their.judged) for code, (our, their) in row.items()}
        known = {code: (our, their) for code, (our, their) in pairs.items() if our is not None and their is not None}
        within[name] = {
            code: abs(our.gain - their.gain) <= math.hypot(_half_width(our.interval), _half_width(their.interval))
            for code, (our, their) in known.items()
            if our.interval is not None and their.interval is not None
        }
        gains[name] = {code: (our.gain, their.gain) for code, (our, their) in known.items()}
    correlation, p_value, n = correlate_gains(gains)
    cases = [code for row in within.values() for code in row]
    if not cases or correlation is None or p_value is None:
        return Repetition("cannot tell", within, correlation, p_value)
    # The strategies of a language share its baseline, so languages are counted, not cases.
    outside = {code for row in within.values() for code, inside in row.items() if not inside}
    too_many = len(outside) > stats.binom.ppf(1 - ERRORS, len(set(cases)), ERRORS)
    if not too_many and correlation > 0 and p_value < ERRORS:
        return Repetition("agrees", within, correlation, p_value)
    # Few languages, or wide intervals: that nothing is found does not say that nothing is there.
    return Repetition("does not agree" if too_many or n >= _ENOUGH else "cannot tell", within, correlation, p_value)


def _half_width(interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / 2


def _agreement_of(pairs: Sequence[tuple[PaperVerdict | None, PaperVerdict | None]]) -> float | None:
    known = [pair for pair in pairs if None not in pair]
    return sum(our == their for our, their in known) / len(known) if known else None


def _correlation_of(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    known = [(our, their) for our, their in pairs if our is not None and their is not None]
    return correlate_ranks([our for our, _ in known], [their for _, their in known])
