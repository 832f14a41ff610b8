"""The pages of a study as values. Their contents are computed first and painted elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alignfreeze.reports.answer_figures import Answer
from alignfreeze.reports.changed_items import Changes
from alignfreeze.reports.charts import Chart
from alignfreeze.reports.drawings import Drawing
from alignfreeze.reports.html import template
from alignfreeze.reports.notes import Note
from alignfreeze.reports.overviews import Overview
from alignfreeze.sheets import Sheet
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.tables import comparison_rows
from alignfreeze.tabular import Tabular


@dataclass(frozen=True, slots=True)
class Page:
    """The page of a study, a comparison, a language or a run.

    Attributes:
        name: The address of the page, such as `language/tr`.
        title: What the page is about.
        summary: The findings, in sentences.
        facts: Known facts, by name.
        charts: The charts.
        drawings: The drawings.
        sheets: The tables.
        folded: Tables of which only the title is shown until the reader opens them.
        notes: The notes that people wrote about the subject of the page.
        picture: The heat map of gains as SVG, for papers and notebooks; empty without one.
        answer: The figure that answers the question of the page; None if nothing can be answered.
        overview: All comparisons at a glance; None unless there are several.
        changes: What strategies change in test items.
    """

    name: str
    title: str
    summary: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    drawings: Sequence[Drawing] = ()
    sheets: Sequence[Sheet] = ()
    folded: Sequence[Sheet] = ()
    notes: Sequence[Note] = ()
    picture: str = ""
    answer: Answer | None = None
    overview: Overview | None = None
    changes: Sequence[Changes] = ()


@dataclass(frozen=True, slots=True)
class StudyPage(Tabular):
    """All pages of a study.

    Attributes:
        study: The first page: the findings of the comparisons, and everything that is wrong or missing.
        comparisons: One page per setup.
        languages: One page per target language.
        runs: One page per run. Tables have no runs.
        compared: The comparisons that the pages show.
    """

    study: Page
    comparisons: Sequence[Page]
    languages: Sequence[Page]
    runs: Sequence[Page]
    compared: Sequence[Comparison] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per comparison, language and strategy, as those of `compare`."""
        return [row for comparison in self.compared for row in comparison_rows(comparison)]

    def to_dict(self) -> dict[str, Any]:
        """Return title, findings, facts and rows as plain values."""
        first = self.study
        return {"title": first.title, "summary": [*first.summary], "facts": {**first.facts}, "rows": self.rows()}

    def pages(self) -> Iterator[Page]:
        """Yield all pages, the first page first."""
        yield self.study
        yield from self.comparisons
        yield from self.languages
        yield from self.runs

    def _repr_html_(self) -> str:
        """Return the HTML for notebooks: the summary, the overview and a picture of the gains."""
        return template("notebook.html").render(study=self)
