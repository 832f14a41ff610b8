"""Tables of scores by language and strategy: the numbers first, then their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignfreeze.addresses import address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.errors import counted
from alignfreeze.experiment.names import BASELINE
from alignfreeze.languages import name_of
from alignfreeze.running.counts import CountsByMetric
from alignfreeze.running.scores import Summary, find_groups, group_scores, judge_scores, size_groups
from alignfreeze.running.trials import Counts
from alignfreeze.running.verdicts import Judgement, Verdict, points_text
from alignfreeze.sheets import DETAIL, Cell, Sheet

if TYPE_CHECKING:
    from alignfreeze.experiment.records import RunRecord
    from alignfreeze.experiment.settings import ExperimentSettings

AVERAGE_ROW = "average"
"""Name of the row that sums up the target languages."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The scores of a language, or the average over languages.

    Attributes:
        name: Code of the language, or `average`.
        title: The name for readers.
        cells: The scores by strategy.
    """

    name: str
    title: str
    cells: Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores by language and strategy.

    Attributes:
        title: What the table shows.
        strategies: The columns.
        rows: The source language, the target languages and their average, in this order.
        note: How to read the table.
    """

    title: str
    strategies: tuple[str, ...]
    rows: tuple[ScoreRow, ...]
    note: str


def score_tables(
    settings: ExperimentSettings, records: Sequence[RunRecord], counts: Mapping[str, CountsByMetric] | None = None
) -> list[ScoreTable]:
    """Return the scores of an experiment, one table per metric. The most important metric comes first.

    Args:
        settings: The settings of the experiment.
        records: The complete runs.
        counts: Counts of test items, by the folder of the run. Without them, verdicts are over seeds alone.
    """
    return [score_table(settings, records, metric, counts or {}) for metric in metrics_of(records)]


def metrics_of(records: Sequence[RunRecord]) -> list[str]:
    """Return the metrics of the scores of runs. The most important metric comes first."""
    return list(dict.fromkeys(score.metric for record in records for score in record.scores))


def score_table(
    settings: ExperimentSettings, records: Sequence[RunRecord], metric: str, counts: Mapping[str, CountsByMetric]
) -> ScoreTable:
    """Return the scores by a metric: one row per language, one column per strategy, the average last."""
    values = {language: group_scores(records, language, metric) for language in settings.tested_languages}
    # A language whose test items have no labels, or others than the training data, has no score.
    scored = [language for language in settings.tested_languages if values[language]]
    targets = [language for language in scored if language != settings.source_language]
    groups = find_groups((record.strategy, record.seeds) for record in records)
    cells, averages = judge_scores(values, _group_counts(records, metric, counts), targets=targets, groups=groups)
    rows = [ScoreRow(language, name_of(language), cells[language]) for language in values]
    if targets:
        rows.append(ScoreRow(AVERAGE_ROW, f"of {counted(len(targets), 'target language')}", averages))
    strategies = tuple(dict.fromkeys(map(str, settings.strategies)))
    seeds = list(dict.fromkeys(settings.seeds))
    return ScoreTable(
        title=f"{settings.name}: {settings.task}, {metric} in percent, {settings.encoder}",
        strategies=strategies,
        rows=tuple(rows),
        note=note_on(len(seeds), seeds[0], has_baseline=BASELINE in strategies) + note_on_joined(size_groups(groups)),
    )


def _group_counts(
    records: Sequence[RunRecord], metric: str, counts: Mapping[str, CountsByMetric]
) -> dict[str, dict[str, dict[int, Counts]]]:
    """Return the counts of test items by language, strategy and seed."""
    found: dict[str, dict[str, dict[int, Counts]]] = {}
    for record in records:
        for language, row in counts.get(record.folder, {}).items():
            if metric in row:
                found.setdefault(language, {}).setdefault(record.strategy, {})[record.seed] = row[metric]
    return found


def note_on(n_seeds: int, seed: int, *, has_baseline: bool) -> str:
    """Explain the cells of a table."""
    spread = f"Mean ± standard deviation over {n_seeds} seeds." if n_seeds > 1 else f"Seed {seed} only."
    gain = f" In brackets: the gain over {BASELINE}." if has_baseline else ""
    return spread + gain + (f" {SIGNS_NOTE}" if gain and n_seeds > 1 else "")


def note_on_joined(joined: Mapping[str, int]) -> str:
    """Explain how runs that join several seeds are compared; empty without any.

    Args:
        joined: How many seeds a run has, for the strategies that join several.
    """
    if not joined:
        return ""
    names = ", ".join(f"{name} joins {n} seeds in each run" for name, n in joined.items())
    return f" {names}: gains are over the mean of {BASELINE} over these seeds."


SIGNS: dict[Verdict, str] = {"helps": " ↑", "hurts": " ↓", "no difference": " =", "cannot tell": ""}

SIGNS_NOTE = "↑ helps, ↓ hurts, = no difference worth having; without a sign, one cannot tell yet."


def score_text(summary: Summary) -> str:
    """Return a score in percent, with its gain in points: `81.4 ± 0.2 (+0.7)`."""
    spread = "" if summary.sd is None else f" ± {100 * summary.sd:.1f}"
    gain = "" if summary.gain is None else f" ({points_text(summary.gain)})"
    return f"{100 * summary.mean:.1f}{spread}{gain}"


def gain_text(summary: Summary | None) -> str:
    """Return a gain in points: `+0.7 ↑`; empty without a gain."""
    return "" if summary is None or summary.gain is None else points_text(summary.gain) + _sign(summary)


def _sign(summary: Summary) -> str:
    return "" if summary.judged is None else SIGNS[summary.judged.verdict]


def sheet_of(table: ScoreTable) -> Sheet:
    """Return a table of scores for readers."""
    columns: list[Column[ScoreRow]] = [
        Column("", lambda row: row.name, is_name=True, need=DETAIL),
        Column("language", lambda row: Cell(row.title, page=address_of_language(row.name)), is_name=True),
        *map(_strategy_column, table.strategies),
    ]
    sums = [row for row in table.rows if row.name == AVERAGE_ROW]
    return make_sheet(table.title, columns, table.rows, table.note, n_last=len(sums))


def _strategy_column(strategy: str) -> Column[ScoreRow]:
    return Column(strategy, lambda row: row.cells.get(strategy), _score_cell, of=strategy, part="score")


def _score_cell(summary: Summary) -> Cell:
    return Cell(score_text(summary) + _sign(summary), tone_of(summary.judged))


def tone_of(judged: Judgement | None) -> int:
    """Return the tone of a verdict: 1 for help, -1 for harm, 0 for everything else."""
    return 0 if judged is None else {"helps": 1, "hurts": -1}.get(judged.verdict, 0)
