"""Tables: numbers first, text from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from alignfreeze.experiment.settings import BASELINE
from alignfreeze.experiment.statistics import Summary, average, by_strategy, summaries
from alignfreeze.experiment.sweep import Study
from alignfreeze.languages import name_of


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of a language, or the average.

    Attributes:
        name: Code of the language, or `average`.
        title: What it is called.
        cells: A summary a strategy.
    """

    name: str
    title: str
    cells: Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class Table:
    """Scores by language and strategy.

    Attributes:
        title: What it shows.
        strategies: The columns.
        rows: The source language, the target languages, the average of the target languages.
        note: How to read it.
    """

    title: str
    strategies: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str


def score_tables(study: Study) -> list[Table]:
    """Return the outcome of an experiment, a table for each metric, the one that matters first."""
    metrics = dict.fromkeys(score.metric for score in study.records[0].scores)
    return [score_table(study, metric) for metric in metrics]


def score_table(study: Study, metric: str) -> Table:
    """Return the scores of a metric: a row a language, a column a strategy, the average last."""
    settings = study.settings
    values = {language: by_strategy(study.records, language, metric) for language in settings.tested_languages}
    targets = [language for language in settings.tested_languages if language != settings.source_language]
    rows = [Row(language, name_of(language), summaries(values[language])) for language in values]
    if targets:
        mean = average([values[language] for language in targets])
        rows.append(Row("average", f"of {len(targets)} target languages", summaries(mean)))
    strategies = tuple(dict.fromkeys(settings.strategies))
    return Table(
        title=f"{settings.name}: {settings.task}, {metric} in percent, {settings.encoder}",
        strategies=strategies,
        rows=tuple(rows),
        note=_note(list(dict.fromkeys(settings.seeds)), BASELINE in strategies),
    )


def _note(seeds: list[int], has_baseline: bool) -> str:
    spread = f"mean ± standard deviation over {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]} only"
    return f"{spread}; in brackets the gain over {BASELINE}" if has_baseline else spread


def cell_text(summary: Summary) -> str:
    """Return a summary in percent: `81.4 ± 0.2 (+0.7)`."""
    text = f"{100 * summary.mean:.1f}"
    if summary.sd is not None:
        text += f" ± {100 * summary.sd:.1f}"
    if summary.gain is not None:
        text += f" ({100 * summary.gain:+.1f})"
    return text


def to_markdown(table: Table) -> str:
    """Return a table in Markdown, with its title and note."""
    header = ["", "language", *table.strategies]
    lines = [
        f"**{table.title}**",
        "",
        f"| {' | '.join(header)} |",
        f"|{'|'.join(['---', '---', *['---:'] * len(table.strategies)])}|",
    ]
    for row in table.rows:
        cells = [cell_text(row.cells[strategy]) for strategy in table.strategies]
        lines.append(f"| {' | '.join([row.name, row.title, *cells])} |")
    return "\n".join([*lines, "", f"{table.note}."])


def to_rich(table: Table) -> RichTable:
    """Return a table for the terminal; gains are green, losses red."""
    shown = RichTable(title=Text(table.title), caption=Text(table.note), box=box.SIMPLE_HEAD, title_justify="left")
    shown.add_column("")
    shown.add_column("language")
    for strategy in table.strategies:
        shown.add_column(strategy, justify="right", no_wrap=True)
    for row in table.rows:
        if row is table.rows[-1]:
            shown.add_section()
        summaries = [row.cells[strategy] for strategy in table.strategies]
        shown.add_row(row.name, row.title, *[Text(cell_text(summary), style=_style(summary)) for summary in summaries])
    return shown


def _style(summary: Summary) -> str:
    if not summary.gain:
        return ""
    return "green" if summary.gain > 0 else "red"
