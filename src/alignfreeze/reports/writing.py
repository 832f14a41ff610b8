"""Files that are written beside the records of studies: tables of runs, pages, advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.advice.advice import AdviceOutcome
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.records import RunRecord
from alignfreeze.files import check_apart, check_file, write_json, write_lines
from alignfreeze.processes import process_number
from alignfreeze.reports.advice import advice_doubts, advice_facts, advice_lines, advice_sheet
from alignfreeze.reports.forms import choose_form
from alignfreeze.reports.pictures import illustrate
from alignfreeze.reports.sheets import Sheet, doubt_lines, markdown_text, to_markdown
from alignfreeze.reports.tables import ScoreTable, score_tables, sheet_of
from alignfreeze.running.dispatch import Study
from alignfreeze.running.folder import Failure
from alignfreeze.settings import to_toml
from alignfreeze.studies.doubts import doubts_of

if TYPE_CHECKING:
    from alignfreeze.reports.pages import StudyPage

REPORT_ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".tex": "latex"}
"""The forms of a report by the ending of its name."""

RECOMMENDED = "recommended.toml"
"""The recommended experiment file, in the folder of an advice."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of experiments that ran together.

    Attributes:
        tables: The scores of the experiments.
        records: The complete runs. A run that several experiments share is listed once.
        failures: The failed runs, each listed once.
        doubts: The doubts about scores, each listed once.
    """

    tables: Sequence[ScoreTable]
    records: Sequence[RunRecord]
    failures: Sequence[Failure]
    doubts: Sequence[str] = ()

    @classmethod
    def of(cls, studies: Iterable[Study]) -> RunOutcome:
        """Put the outcomes of experiments together."""
        studies = list(studies)
        records = list({record.digest: record for study in studies for record in study.records}.values())
        return cls(
            tables=[table for study in studies if study.records for table in score_tables(study)],
            records=records,
            failures=list(dict.fromkeys(failure for study in studies for failure in study.failures)),
            doubts=[doubt.sentence for doubt in doubts_of(records)],
        )

    def write(self, out: Path) -> None:
        """Write the tables into the folder of the experiments, and pictures beside the models that are kept.

        If several processes train together, only the first one writes.
        """
        if process_number() > 0:
            return
        sheets = [to_markdown(sheet_of(table)) for table in self.tables]
        write_lines(out / "table.md", [*doubt_lines(self.doubts, markdown=True), *"\n\n".join(sheets).splitlines()])
        write_json(out / "table.json", [asdict(table) for table in self.tables])
        illustrate(self.records, out / "runs")

    def facts(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        parts = {"tables": self.tables, "runs": self.records, "failures": self.failures}
        facts = {name: [asdict(value) for value in values] for name, values in parts.items()}
        return {"doubts": list(self.doubts), **facts}

    def cost(self) -> str:
        """Return how many runs there are, how long they took, and their peak memory, as text."""
        seconds = sum(sum(record.seconds.values()) for record in self.records)
        stages = [taken for record in self.records for taken in record.memory.values()]
        peak = max((most for taken in stages for most in taken.values()), default=0)
        return f"{len(self.records)} runs, {seconds:,.0f} seconds, peak memory {peak / 2**30:.1f} GiB"


def write_report(paths: Sequence[Path], out: Path, form: str | None, *, title: str | None = None) -> StudyPage:
    """Write what `study_page` returns, and return it.

    Args:
        paths: Folders of studies, and tables.
        out: The file.
        form: html, markdown or latex; None for the form that the name of the file tells.
        title: Name of the study.

    Raises:
        SettingsError: The form is not known, the extra `report` is not installed, or results contradict each other.
        DataError: A study is missing or damaged.
        OutputError: The file cannot be written, or is one of the inputs.
    """
    check_file(out)
    check_apart({"--out": out}, [path for path in paths if path.is_file()])
    forms, otherwise = set(REPORT_ENDINGS.values()), "use a name that ends in .html, .md or .tex, or give --format"
    form = choose_form(out, form, forms=sorted(forms), endings=REPORT_ENDINGS, otherwise=otherwise)
    try:
        from alignfreeze.reports.study import study_page
        from alignfreeze.reports.text import REPORT_FORMS
    except ModuleNotFoundError as error:
        raise SettingsError(f'reports need the extra `report`: pip install "alignfreeze[report]" ({error})') from None
    page = study_page(paths, title=title)
    write_lines(out, REPORT_FORMS[form](page).removesuffix("\n").split("\n"))
    return page


def report_demo(folder: Path, page: Path, *, required: bool) -> str:
    """Write the page of the demo, and return a text with its place, or with the reason why there is no page.

    Raises:
        SettingsError: The extra `report` is not installed, and the page is required.
    """
    try:
        write_report([folder], page, "html", title="alignfreeze demo")
    except SettingsError as error:
        if required:
            raise
        return f"no report is written: {error}"
    return f"the report is {page}"


def write_advice(advised: AdviceOutcome, folder: Path) -> dict[str, Any]:
    """Write advice and the recommended experiment into a folder, and return the advice as plain values."""
    values = advised.recommended.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    write_lines(folder / RECOMMENDED, to_toml(values))
    facts = {**advice_facts(advised), "recommended": str(folder / RECOMMENDED)}
    doubts = advice_doubts(advised)
    write_findings(folder, "advice", advice_sheet(advised), advice_lines(advised), facts, doubts=doubts)
    return facts


def write_findings(
    folder: Path, name: str, sheet: Sheet, lines: Iterable[str], facts: dict[str, Any], *, doubts: Iterable[str]
) -> None:
    """Write findings as `NAME.md`, with doubts above the table and lines below it, and as `NAME.json`."""
    write_json(folder / f"{name}.json", facts)
    above = [*(f"- {markdown_text(doubt)}" for doubt in doubts), ""]
    write_lines(
        folder / f"{name}.md",
        [*(above if len(above) > 1 else []), *to_markdown(sheet).splitlines(), "", *(f"- {line}" for line in lines)],
    )
