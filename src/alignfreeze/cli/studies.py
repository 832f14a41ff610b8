"""Commands on studies that have run: compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import console, json_text
from alignfreeze.errors import SettingsError


def compare(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders of runs, and tables (CSV) in the layout of the paper's results.")
    ],
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another study to compare with; may be repeated.")
    ] = None,
    only_overview: Annotated[bool, typer.Option("--overview", help="Leave out the tables by language.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    as_json: o.Json = False,
) -> None:
    """Compare strategies with the baseline, language by language: gains, intervals, tests, ranks."""
    if latex + markdown + as_json > 1:
        raise SettingsError("--json, --latex and --markdown exclude each other")
    from alignfreeze.experiment import comparison, results
    from alignfreeze.report import comparisons as shown
    from alignfreeze.report import sheets
    from alignfreeze.report.tables import sheet_of

    read = results.read_results(paths)
    found = comparison.compare(read)
    versus = []
    if against:
        theirs = results.read_results(against)
        results.check_tests([*read, *theirs])
        versus = comparison.against(found, comparison.compare(theirs))
    if as_json:
        facts = {
            "comparisons": [shown.comparison_facts(item) for item in found],
            "versus": [shown.versus_facts(item) for item in versus],
        }
        typer.echo(json_text(facts if against else {"comparisons": facts["comparisons"]}))
        return
    tables = []
    for item in found:
        tables += [] if only_overview else [sheet_of(shown.table_of(item))]
        tables.append(shown.overall_sheet(item))
    tables += [shown.versus_sheet(item) for item in versus]
    if latex or markdown:
        write = sheets.to_latex if latex else sheets.to_markdown
        typer.echo("\n\n".join(write(sheet) for sheet in tables))
        return
    for sheet in tables:
        console().print(sheets.to_rich(sheet))
