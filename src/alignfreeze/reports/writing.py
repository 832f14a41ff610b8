"""Files that are written beside the records of studies: tables of runs, and pages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alignfreeze.errors import SettingsError
from alignfreeze.files import check_apart, check_file, to_path, write_json, write_lines
from alignfreeze.processes import process_number
from alignfreeze.progress import stage
from alignfreeze.reports.forms import choose_form
from alignfreeze.reports.pictures import illustrate
from alignfreeze.running.study import Outcome
from alignfreeze.running.tables import sheet_of
from alignfreeze.running.verdicts import MARGIN
from alignfreeze.sheets import doubt_lines, to_markdown
from alignfreeze.studies.comparing import StudyLike, to_places

if TYPE_CHECKING:
    from alignfreeze.reports.pages import StudyPage

REPORT_ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".tex": "latex"}
"""The forms of a report by the ending of its name."""


def write_outcome(outcome: Outcome, out: Path) -> None:
    """Write the tables into the folder of the experiments, and pictures beside the models that are kept.

    If several processes train together, only the first one writes.
    """
    if process_number() > 0:
        return
    sheets = [to_markdown(sheet_of(table)) for table in outcome.tables]
    write_lines(out / "table.md", [*doubt_lines(outcome.doubts, markdown=True), *"\n\n".join(sheets).splitlines()])
    write_json(out / "table.json", [asdict(table) for table in outcome.tables])
    illustrate(outcome.records, out / "runs")


def report(
    studies: StudyLike | Sequence[StudyLike],
    out: str | os.PathLike[str],
    *,
    title: str | None = None,
    form: str | None = None,
    margin: float = 100 * MARGIN,
) -> StudyPage:
    """Write a study as one page that needs no network, and return its pages.

    ```python
    af.report("my-study", "my-study.html")
    ```

    Args:
        studies: What `run_experiment` returned, folders of runs, or tables (CSV); one of these or a list. They are
            shown as one study.
        out: The file.
        title: Name of the study; by default the name of the folder or table, if only one is given.
        form: html, markdown or latex; by default the form that the name of the file tells.
        margin: A gain or loss within this many points is no difference worth having.

    Raises:
        SettingsError: The form is not known, the extra `report` is not installed, or results contradict each other.
        DataError: A study is missing or damaged.
        OutputError: The file cannot be written, or is one of the inputs.
    """
    paths, out = to_places(studies, "studies"), to_path(out, "out")
    check_file(out)
    check_apart({"--out": out}, [path for path in paths if path.is_file()])
    forms, otherwise = set(REPORT_ENDINGS.values()), "use a name that ends in .html, .md or .tex, or give --format"
    form = choose_form(out, form, forms=sorted(forms), endings=REPORT_ENDINGS, otherwise=otherwise)
    try:
        from alignfreeze.reports.study import study_page
        from alignfreeze.reports.text import REPORT_FORMS
    except ModuleNotFoundError as error:
        raise SettingsError(f'reports need the extra `report`: pip install "alignfreeze[report]" ({error})') from None
    with stage("reading the study"):
        page = study_page(paths, title=title, margin=margin)
    with stage(f"writing {out.name}"):
        write_lines(out, REPORT_FORMS[form](page).removesuffix("\n").split("\n"))
    return page


def report_demo(folder: Path, page: Path, *, required: bool) -> str:
    """Write the page of the demo, and return a text with its place, or with the reason why there is no page.

    Raises:
        SettingsError: The extra `report` is not installed, and the page is required.
    """
    try:
        report(folder, page, title="alignfreeze demo", form="html")
    except SettingsError as error:
        if required:
            raise
        return f"no report is written: {error}"
    return f"the report is {page}"
