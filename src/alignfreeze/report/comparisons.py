"""Comparisons of strategies as tables, and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.languages import name_or_code
from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.report.summaries import summary
from alignfreeze.report.tables import AVERAGE, Row, Table, note_on
from alignfreeze.studies.comparison import SIGNIFICANT, Comparison, Overall
from alignfreeze.studies.correlations import Correlation
from alignfreeze.studies.results import Setup
from alignfreeze.studies.statistics import Summary
from alignfreeze.studies.versus import Versus


def described(setup: Setup) -> str:
    """Say what runs have in common."""
    return ", ".join([setup.task, *_parts(setup)])


def _parts(setup: Setup) -> list[str]:
    if setup.aligner is None:
        return [setup.encoder]
    return [setup.encoder, f"links by {setup.aligner}", f"realigned {setup.schedule} fine-tuning"]


def title_of(comparison: Comparison) -> str:
    """Say what a comparison is of."""
    parts = [f"{comparison.setup.task}, {comparison.metric} in percent", *_parts(comparison.setup)]
    if comparison.label:
        parts.append(f"of {comparison.label}")
    return ", ".join(parts)


def table_of(comparison: Comparison) -> Table:
    """Return a comparison language by language, the source language first, the average last."""
    codes = [*([comparison.source] if comparison.source else []), *comparison.languages]
    rows = [Row(code, name_or_code(code), comparison.cells[code]) for code in codes]
    if comparison.languages:
        average = {name: overall.average for name, overall in comparison.overall.items()}
        rows.append(Row(AVERAGE, f"of {len(comparison.languages)} target languages", average))
    note = note_on(len(comparison.seeds), comparison.seeds[0], has_baseline=BASELINE in comparison.strategies)
    seeds = {
        name: min((row[name].n for row in comparison.cells.values() if name in row), default=0)
        for name in comparison.strategies
    }
    all_seeds = len(comparison.seeds)
    if fewer := [f"{name} has {n} of the {all_seeds} seeds" for name, n in seeds.items() if n < all_seeds]:
        note += f"; {', '.join(fewer)}: gains are over the seeds that both have"
    return Table(title_of(comparison), comparison.strategies, tuple(rows), note)


_OVERALL = (
    *("strategy", "mean", "gain", "95% interval"),
    *("improved", "unchanged", "worsened", "better, worse with other sentences", "p (Holm)", "rank"),
)

OVERALL_NOTE = (
    "mean over the target languages, in percent; gain over the baseline, with its interval over seeds; languages "
    "improved and worsened by more than both standard deviations; better or worse with other sentences: these very "
    "models, by a bootstrap at 5%, corrected for the number of languages, which says nothing of other seeds; p of "
    "Wilcoxon's test over languages, corrected for the number of strategies; mean rank over languages, 1 is the best"
)


def overall_sheet(comparison: Comparison) -> Sheet:
    """Return what a comparison comes to: a row a strategy."""
    rows = [_overall_row(strategy, overall) for strategy, overall in comparison.overall.items()]
    title = f"{title_of(comparison)}: over {len(comparison.languages)} target languages"
    return Sheet(title, _OVERALL, 1, tuple(rows), OVERALL_NOTE)


def _overall_row(strategy: str, overall: Overall) -> tuple[Cell, ...]:
    average = overall.average
    known = strategy != BASELINE and any(overall.counts.values())
    gain = average.gain or 0.0
    return (
        Cell(strategy),
        Cell(f"{100 * average.mean:.2f}"),
        Cell("–" if average.gain is None else f"{100 * gain:+.2f}", (gain > 0) - (gain < 0)),
        Cell(_interval(average)),
        *(Cell(str(count) if known else "–") for count in overall.counts.values()),
        Cell("–" if overall.sure is None else "{}, {}".format(*overall.sure)),
        Cell("–" if overall.corrected is None else f"{overall.corrected:.2g}"),
        Cell(f"{overall.rank:.2f}"),
    )


def _interval(summary: Summary) -> str:
    if summary.interval is None:
        return "–"
    low, high = summary.interval
    return f"{100 * low:+.2f} … {100 * high:+.2f}"


_VERSUS = (
    *("strategy", "mean", "theirs", "gain", "theirs", "improved", "theirs", "worsened", "theirs"),
    *("same verdict", "correlation"),
)

VERSUS_NOTE = (
    "over the target languages of each study; same verdict: share of the common languages in which both find an "
    "improvement, none, or a loss; correlation: Spearman's, of the gains over the common languages"
)


def versus_sheet(versus: Versus) -> Sheet:
    """Return two studies side by side: a row a strategy."""
    rows = [_versus_row(versus, strategy) for strategy in versus.strategies]
    title = f"{title_of(versus.ours)}; theirs: {title_of(versus.theirs)}; {len(versus.languages)} common languages"
    return Sheet(title, _VERSUS, 1, tuple(rows), VERSUS_NOTE)


def _versus_row(versus: Versus, strategy: str) -> tuple[Cell, ...]:
    sides = [versus.ours.overall[strategy], versus.theirs.overall[strategy]]
    texts = [strategy, *(f"{100 * side.average.mean:.2f}" for side in sides)]
    texts += ["–" if (gain := side.average.gain) is None else f"{100 * gain:+.2f}" for side in sides]
    for verdict in ("improved", "worsened"):
        texts += ["–" if strategy == BASELINE else str(side.counts[verdict]) for side in sides]
    alike, correlation = versus.agreement.get(strategy), versus.correlation.get(strategy)
    texts += ["–" if alike is None else f"{alike:.0%}", "–" if correlation is None else f"{correlation:+.2f}"]
    return tuple(map(Cell, texts))


def setup_facts(comparison: Comparison) -> dict[str, Any]:
    """Return what a comparison is of as plain values."""
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
        "summary": summary(comparison),
        "n_languages": len(comparison.languages),
        "source_language": comparison.source,
        "seeds": list(comparison.seeds),
        "strategies": {name: _overall_facts(overall) for name, overall in comparison.overall.items()},
        "languages": {
            code: {name: asdict(summary) for name, summary in row.items()} for code, row in comparison.cells.items()
        },
        "over_sentences": {
            code: {name: asdict(paired) for name, paired in row.items()} for code, row in comparison.paired.items()
        },
    }


def _overall_facts(overall: Overall) -> dict[str, Any]:
    return {
        "mean": overall.average.mean,
        "sd": overall.average.sd,
        "gain": overall.average.gain,
        "interval": overall.average.interval,
        # With single seeds there are no verdicts to count.
        **{verdict: count if any(overall.counts.values()) else None for verdict, count in overall.counts.items()},
        "p_value": overall.p_value,
        "p_value_holm": overall.corrected,
        "surely_better": None if overall.sure is None else overall.sure[0],
        "surely_worse": None if overall.sure is None else overall.sure[1],
        "mean_rank": None if overall.rank != overall.rank else overall.rank,
        **({} if overall.over_best is None else {"over_best_member": asdict(overall.over_best)}),
    }


def versus_facts(versus: Versus) -> dict[str, Any]:
    """Return two studies side by side as plain values."""
    return {
        "ours": comparison_facts(versus.ours),
        "theirs": comparison_facts(versus.theirs),
        "languages": list(versus.languages),
        "strategies": list(versus.strategies),
        "same_verdict": dict(versus.agreement),
        "correlation_of_gains": dict(versus.correlation),
    }


CORRELATION_NOTE = (
    "Spearman's correlation, over the target languages, of the gain with what is known of them; in brackets its 95% "
    "interval, as if languages were independent of each other, which relatives are not; * p < 5% after correction for "
    "the number of rows (Holm). syntax, phonology, sounds, genealogy, geography: distance from the source language by "
    "URIEL; pretraining text: of XLM-R, in GiB"
)


def correlation_sheet(comparison: Comparison, found: Sequence[Correlation]) -> Sheet:
    """Return what gains go with: a row a fact, a column a strategy."""
    by_place = {(item.fact, item.strategy): item for item in found}
    strategies = comparison.realigned
    rows = []
    for fact in dict.fromkeys(item.fact for item in found):
        items = [by_place.get((fact, strategy)) for strategy in strategies]
        n = max(item.n for item in items if item is not None)
        rows.append((Cell(fact), Cell(str(n)), *map(_correlation_cell, items)))
    return Sheet(
        f"{title_of(comparison)}: what the gains go with", ("", "n", *strategies), 1, tuple(rows), CORRELATION_NOTE
    )


def _correlation_cell(item: Correlation | None) -> Cell:
    if item is None:
        return Cell("–")
    star = "*" if item.corrected < SIGNIFICANT else ""
    interval = "" if item.interval is None else " ({:+.2f} … {:+.2f})".format(*item.interval)
    return Cell(f"{item.rho:+.2f}{star}{interval}")
