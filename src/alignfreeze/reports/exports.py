"""Results in files for other programs and for papers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

from alignfreeze.columns import Column, plain_values
from alignfreeze.errors import OutputError, SettingsError
from alignfreeze.files import check_file, new_file, write_lines
from alignfreeze.reports.forms import choose_form
from alignfreeze.running.tables import sheet_of
from alignfreeze.sheets import Sheet, doubt_lines, to_latex, to_markdown
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import Result
from alignfreeze.studies.tables import overall_sheet, table_of


def _attribute(name: str) -> Column[Result]:
    return Column(None, attrgetter(name), key=name.rpartition(".")[2])


_NAMES = (
    *("setup.encoder", "setup.task", "setup.aligner", "setup.schedule", "setup.settings"),
    *("strategy", "seed", "language", "is_source", "metric", "value", "tests"),
)

RESULT_COLUMNS = tuple(map(_attribute, _NAMES))
"""The columns of results, which CSV and Parquet share."""


def _write_csv(results: Sequence[Result], out: Path, _: Sequence[str]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, [column.key for column in RESULT_COLUMNS], lineterminator="\n")
    table.writeheader()
    table.writerows(plain_values(RESULT_COLUMNS, result) for result in results)
    write_lines(out, text.getvalue().splitlines())


def _write_parquet(results: Sequence[Result], out: Path, _: Sequence[str]) -> None:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise SettingsError("Parquet needs an extra: pip install 'alignfreeze[hub]'") from None
    table = arrow.table({column.key: [column.value(result) for result in results] for column in RESULT_COLUMNS})
    with new_file(out) as beside:
        parquet.write_table(table, beside)


Writer = Callable[[Sequence[Result], Path, Sequence[str]], None]
"""Writes results to a file. Tables have the doubts about the results above them; bare scores have none."""


def _write_tables(write: Callable[[Sheet], str], **form: bool) -> Writer:
    def write_tables(results: Sequence[Result], out: Path, doubts: Sequence[str]) -> None:
        found = compare_results(results)
        sheets = [sheet for item in found for sheet in (sheet_of(table_of(item)), overall_sheet(item))]
        write_lines(out, [*doubt_lines(doubts, **form), *"\n\n".join(map(write, sheets)).splitlines()])

    return write_tables


EXPORT_FORMS: dict[str, Writer] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "markdown": _write_tables(to_markdown, markdown=True),
    "latex": _write_tables(to_latex, latex=True),
}
"""The functions that write results, by form."""

_EXPORT_ENDINGS = {".csv": "csv", ".parquet": "parquet", ".md": "markdown", ".tex": "latex"}


def choose_export_form(out: Path, form: str | None) -> str:
    """Choose the form of a file: the requested form, or the form that belongs to the file's name.

    Raises:
        SettingsError: The form does not exist, or cannot be recognised from the name.
    """
    otherwise = f"give one of {', '.join(EXPORT_FORMS)} with --format"
    return choose_form(out, form, forms=EXPORT_FORMS, endings=_EXPORT_ENDINGS, otherwise=otherwise)


def export_results(results: Sequence[Result], out: Path, form: str, *, doubts: Sequence[str] = ()) -> None:
    """Write results to a file.

    Args:
        results: The results.
        out: The file.
        form: A name in `EXPORT_FORMS`.
        doubts: What is doubtful in the results.

    Raises:
        OutputError: The file cannot be written.
        SettingsError: The form needs a library that is not installed, or the results have no baseline.
    """
    check_file(out)
    try:
        EXPORT_FORMS[form](results, out, doubts)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from error
