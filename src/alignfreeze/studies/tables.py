"""Comparisons of strategies as tables and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any, NamedTuple

from alignfreeze.columns import Column, make_sheet, plain_values
from alignfreeze.experiment.names import BASELINE
from alignfreeze.languages import name_or_code
from alignfreeze.running.scores import PaperVerdict
from alignfreeze.running.tables import AVERAGE_ROW, ScoreRow, ScoreTable, note_on, note_on_joined, tone_of
from alignfreeze.running.verdicts import (
    VERDICTS,
    Judgement,
    Verdict,
    interval_text,
    points_text,
    verdict_text,
)
from alignfreeze.sheets import DETAIL, NEEDED, Cell, Sheet
from alignfreeze.studies.answers import answer_for
from alignfreeze.studies.comparison import SIGNIFICANT, Comparison, Overall
from alignfreeze.studies.correlations import Correlation
from alignfreeze.studies.results import Setup
from alignfreeze.studies.summaries import summarise_comparison
from alignfreeze.studies.versus import Versus


def describe_setup(setup: Setup) -> str:
    """Return a short text about what runs have in common."""
    return ", ".join([setup.task, *_setup_parts(setup)])


def _setup_parts(setup: Setup) -> list[str]:
    if setup.aligner is None:
        return [setup.encoder]
    return [setup.encoder, f"links by {setup.aligner}", f"realigned {setup.schedule} fine-tuning"]


def title_of(comparison: Comparison) -> str:
    """Return the title of a comparison."""
    parts = [f"{comparison.setup.task}, {comparison.metric} in percent", *_setup_parts(comparison.setup)]
    if comparison.label:
        parts.append(f"of {comparison.label}")
    return ", ".join(parts)


def table_of(comparison: Comparison) -> ScoreTable:
    """Return the scores by language: the source language first, the average last."""
    codes = [*([comparison.source] if comparison.source else []), *comparison.languages]
    rows = [ScoreRow(code, name_or_code(code), comparison.cells[code]) for code in codes]
    if comparison.languages:
        average = {name: overall.average for name, overall in comparison.overall.items()}
        rows.append(ScoreRow(AVERAGE_ROW, f"of {len(comparison.languages)} target languages", average))
    note = note_on(len(comparison.seeds), comparison.seeds[0], has_baseline=BASELINE in comparison.strategies)
    seeds = {
        name: min((row[name].n for row in comparison.cells.values() if name in row), default=0)
        for name in comparison.strategies
    }
    all_seeds = len(comparison.seeds)
    apart = {name: n for name, n in seeds.items() if name not in comparison.joined}
    if fewer := [f"{name} has {n} of the {all_seeds} seeds" for name, n in apart.items() if n < all_seeds]:
        note += f" {', '.join(fewer)}: gains are over the seeds that both have."
    note += note_on_joined(comparison.joined)
    return ScoreTable(title_of(comparison), comparison.strategies, tuple(rows), note)


OVERALL_NOTE = (
    "Mean: over the target languages, in percent. Gain: over the baseline, in points, with its 95% interval over {}. "
    "Verdict: on this gain. Helps, hurts, no difference, cannot tell: number of languages with "
    "this verdict; intervals of single languages are corrected for the number of languages and strategies. "
    "Paper's criterion: number of languages that improve, and that worsen, by more than both standard deviations over "
    "seeds. p: Wilcoxon's test over languages, corrected for the number of strategies. "
    "Rank: mean over languages; 1 is the best."
)

FEW_SEEDS_NOTE = "The paper's criterion says little with fewer than three seeds: a standard deviation is then a guess."


class OverviewRow(NamedTuple):
    """A strategy and its results over all target languages."""

    strategy: str
    overall: Overall


def _count_column(verdict: Verdict) -> Column[OverviewRow]:
    return Column(
        verdict,
        lambda row: row.overall.counts[verdict] if any(row.overall.counts.values()) else None,
        key=verdict.replace(" ", "_"),
        need=DETAIL,
    )


def _paper_count(verdict: PaperVerdict, overall: Overall) -> int | None:
    """Return how many languages the paper's criterion calls so; None with a single seed, which allows no verdicts."""
    return overall.paper_counts[verdict] if any(overall.paper_counts.values()) else None


def _paper_counts(row: OverviewRow) -> tuple[int, int] | None:
    improved, worsened = (_paper_count(verdict, row.overall) for verdict in ("improved", "worsened"))
    return None if improved is None or worsened is None else (improved, worsened)


def _judged(row: OverviewRow) -> Judgement | None:
    return row.overall.average.judged


def _gain_cell(judged: Judgement) -> Cell:
    return Cell(f"{100 * judged.gain:+.2f}", tone_of(judged))


def _verdict_cell(judged: Judgement) -> Cell:
    return Cell(verdict_text(judged), tone_of(judged))


def _to_percent(share: float) -> str:
    return f"{100 * share:.2f}"


OVERVIEW: tuple[Column[OverviewRow], ...] = (
    Column("strategy", lambda row: row.strategy, is_name=True),
    Column("mean", lambda row: row.overall.average.mean, _to_percent, key="mean"),
    Column(None, lambda row: row.overall.average.sd, key="sd"),
    Column("gain", _judged, _gain_cell),
    Column(None, lambda row: row.overall.average.gain, key="gain"),
    Column("95% interval", lambda row: (one := _judged(row)) and one.interval, interval_text, key="interval"),
    Column("verdict", _judged, _verdict_cell),
    Column(None, lambda row: (one := _judged(row)) and one.verdict, key="verdict"),
    Column(None, lambda row: (one := _judged(row)) and one.more_seeds, key="more_seeds"),
    Column(None, lambda row: (one := _judged(row)) and one.more_sentences, key="more_sentences"),
    *map(_count_column, VERDICTS),
    Column("paper's criterion", _paper_counts, lambda counts: "+{} -{}".format(*counts), need=DETAIL),
    Column(None, lambda row: _paper_count("improved", row.overall), key="paper_improved"),
    Column(None, lambda row: _paper_count("worsened", row.overall), key="paper_worsened"),
    Column(None, lambda row: row.overall.p_value, key="p_value"),
    Column("p (Holm)", lambda row: row.overall.corrected, "{:.2g}".format, key="p_value_holm", need=DETAIL),
    Column(
        "rank",
        lambda row: None if isnan(row.overall.rank) else row.overall.rank,
        "{:.2f}".format,
        key="mean_rank",
        need=DETAIL,
    ),
)
"""The columns for each strategy over all target languages."""


def what_varies(comparison: Comparison) -> str:
    """Return what the intervals of a comparison cover, in words."""
    return "seeds and test sentences" if comparison.covers_sentences else "seeds, but not over test sentences"


def overall_sheet(comparison: Comparison) -> Sheet:
    """Return the strategies over all target languages, one row per strategy."""
    title = f"{title_of(comparison)}: over {len(comparison.languages)} target languages"
    margin = f"No difference worth having: within {points_text(comparison.margin).lstrip('+')} points."
    few = [FEW_SEEDS_NOTE] if len(comparison.seeds) < 3 else []
    note = " ".join([OVERALL_NOTE.format(what_varies(comparison)), margin, *few])
    return make_sheet(title, OVERVIEW, map(OverviewRow._make, comparison.overall.items()), note)


VERSUS_NOTE = (
    "Means, gains and counts are over the target languages of each study. Improved, worsened: by the paper's "
    "criterion. Same by the paper's criterion: the share of the common languages in which both studies find an "
    "improvement, a loss, or neither. Correlation: Spearman's, between the gains in the common languages."
)


class VersusRow(NamedTuple):
    """A strategy in two studies.

    Attributes:
        strategy: The name of the strategy.
        ours: The results of the strategy in one study.
        theirs: The results of the strategy in the other study.
        agreement: The share of the common languages with the same verdict.
        correlation: Spearman's correlation of the gains over the common languages.
    """

    strategy: str
    ours: Overall
    theirs: Overall
    agreement: float | None
    correlation: float | None


def _side_by_side(
    name: str, value: Callable[[Overall], Any], show: Callable[[Any], str] | None = None, *, need: int = NEEDED
) -> Iterator[Column[VersusRow]]:
    """Yield two columns: a number in our study, and the same number in their study."""
    yield Column(name, lambda row: value(row.ours), show, need=need, of="ours", part=name)
    yield Column("theirs", lambda row: value(row.theirs), show, need=need, of="theirs", part=name)


VERSUS: tuple[Column[VersusRow], ...] = (
    Column("strategy", lambda row: row.strategy, is_name=True),
    *_side_by_side("mean", lambda overall: overall.average.mean, _to_percent),
    *_side_by_side("gain", lambda overall: overall.average.gain, lambda gain: f"{100 * gain:+.2f}"),
    *_side_by_side("helps", lambda overall: overall.counts["helps"]),
    *_side_by_side("hurts", lambda overall: overall.counts["hurts"]),
    *_side_by_side("improved", lambda overall: _paper_count("improved", overall), need=DETAIL),
    *_side_by_side("worsened", lambda overall: _paper_count("worsened", overall), need=DETAIL),
    Column(
        "same by the paper's criterion",
        lambda row: row.agreement,
        "{:.0%}".format,
        key="same_paper_verdict",
        need=DETAIL,
    ),
    Column("correlation", lambda row: row.correlation, "{:+.2f}".format, key="correlation_of_gains", need=DETAIL),
)
"""The columns for each strategy in two studies."""


def versus_sheet(versus: Versus) -> Sheet:
    """Return two studies side by side, one row per strategy."""
    title = f"{title_of(versus.ours)}; theirs: {title_of(versus.theirs)}; {len(versus.languages)} common languages"
    return make_sheet(title, VERSUS, _versus_rows(versus), VERSUS_NOTE, things="study")


def repetition_lines(versus: Versus) -> list[str]:
    """Return sentences on whether one study repeats the other, the answer first."""
    found = versus.repetition
    who = f"{title_of(versus.ours)}; theirs: {', '.join(_setup_parts(versus.theirs.setup))}"
    if not found.n:
        return [f"The two studies cannot be compared language by language; both need two seeds or more. ({who})"]
    if found.correlation is None or found.p_value is None:
        return [f"Whether the two studies agree cannot be told: too few languages, or all gains are the same. ({who})"]
    outside = found.outside
    inside = (
        f"In {found.n - len(outside)} of {found.n} cases (a strategy in a language), the gains differ by no more than "
        "their intervals."
    )
    pattern = (
        f"Languages that gain more in one study gain {'more' if found.correlation > 0 else 'less'} in the other: "
        f"Spearman's correlation is {found.correlation:+.2f} (p = {found.p_value:.2g})."
    )
    answer = {
        "agrees": "The two studies agree.",
        "does not agree": "The two studies do not agree.",
        "cannot tell": "Whether the two studies agree cannot be told yet.",
    }
    lines = [f"{answer[found.agreement]} {inside} {pattern} ({who})"]
    for strategy in dict.fromkeys(name for name, _ in outside):
        codes = [code for name, code in outside if name == strategy]
        lines.append(f"{strategy} differs by more in {', '.join(map(name_or_code, codes))}.")
    return lines


def _versus_rows(versus: Versus) -> list[VersusRow]:
    ours, theirs = versus.ours.overall, versus.theirs.overall
    return [
        VersusRow(name, ours[name], theirs[name], versus.agreement.get(name), versus.correlation.get(name))
        for name in versus.strategies
    ]


def setup_facts(comparison: Comparison) -> dict[str, Any]:
    """Return the setup of a comparison as plain values."""
    setup = comparison.setup
    return {
        "encoder": setup.encoder,
        "task": setup.task,
        "aligner": setup.aligner,
        "schedule": setup.schedule,
        "settings": setup.settings or None,
        "label": comparison.label or None,
        "metric": comparison.metric,
    }


def comparison_facts(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values."""
    return {
        **setup_facts(comparison),
        "summary": summarise_comparison(comparison),
        "answers": {code: answer_for(comparison, code) for code in comparison.languages},
        "margin": comparison.margin,
        "n_languages": len(comparison.languages),
        "source_language": comparison.source,
        "seeds": list(comparison.seeds),
        "strategies": {name: _strategy_facts(name, overall) for name, overall in comparison.overall.items()},
        "languages": {
            code: {name: asdict(summary) for name, summary in row.items()} for code, row in comparison.cells.items()
        },
    }


def comparison_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield one row per language and strategy, as plain values."""
    setup = {name: value for name, value in setup_facts(comparison).items() if name != "settings"}
    for language, cells in comparison.cells.items():
        for strategy, summary in cells.items():
            yield {**setup, "language": language, "strategy": strategy, **summary.row()}


def _strategy_facts(strategy: str, overall: Overall) -> dict[str, Any]:
    over = {
        "over_best_member": overall.over_best,
        "over_frozen": overall.over_frozen,
        "over_next": overall.over_next,
    }
    known = {name: asdict(one) for name, one in over.items() if one is not None}
    return {**plain_values(OVERVIEW, OverviewRow(strategy, overall)), **known}


def versus_facts(versus: Versus) -> dict[str, Any]:
    """Return two studies side by side as plain values."""
    compared = [row for row in _versus_rows(versus) if row.strategy != BASELINE]
    return {
        "ours": comparison_facts(versus.ours),
        "theirs": comparison_facts(versus.theirs),
        "languages": list(versus.languages),
        "strategies": list(versus.strategies),
        "repetition": asdict(versus.repetition),
        **{column.key: {row.strategy: column.value(row) for row in compared} for column in VERSUS if column.key},
    }


CORRELATION_NOTE = (
    "Spearman's correlation over the target languages, between the gain and a fact about the language. In brackets: "
    "its 95% interval, which assumes independent languages; related languages are not independent. *: p < 5% after "
    "correction for the number of rows (Holm). Syntax, phonology, sounds, genealogy, geography: distance from the "
    "source language by URIEL. Pretraining text: of XLM-R, in GiB."
)


Correlations = Mapping[str, Correlation]
"""The correlations of a fact with the gains, by strategy."""


def correlation_sheet(comparison: Comparison, found: Sequence[Correlation]) -> Sheet:
    """Return the correlations of gains with facts, one row per fact and one column per strategy."""
    by_fact: dict[str, dict[str, Correlation]] = {}
    for item in found:
        by_fact.setdefault(item.fact, {})[item.strategy] = item
    columns: list[Column[tuple[str, Correlations]]] = [
        Column("", lambda row: row[0], is_name=True),
        Column("n", lambda row: max(item.n for item in row[1].values())),
        *map(_correlation_column, comparison.realignments),
    ]
    title = f"{title_of(comparison)}: what the gains correlate with"
    return make_sheet(title, columns, by_fact.items(), CORRELATION_NOTE)


def _correlation_column(strategy: str) -> Column[tuple[str, Correlations]]:
    return Column(strategy, lambda row: row[1].get(strategy), _correlation_text, of=strategy, part="correlation")


def _correlation_text(item: Correlation) -> str:
    star = "*" if item.corrected < SIGNIFICANT else ""
    interval = "" if item.interval is None else " ({:+.2f} to {:+.2f})".format(*item.interval)
    return f"{item.rho:+.2f}{star}{interval}"
