"""The pages of a study as values: what they hold is computed first and painted elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alignfreeze.report.charts import Chart
from alignfreeze.report.html import template
from alignfreeze.report.networks import Network
from alignfreeze.report.notes import Note
from alignfreeze.report.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Page:
    """The page of a study, a comparison, a language or a run.

    Attributes:
        name: Its address, such as `language/tr`.
        title: What it is about.
        summary: Its findings, in sentences.
        facts: What is known, by name.
        charts: Its charts.
        networks: Its networks.
        sheets: Its tables.
        notes: The notes that people wrote about it.
        picture: Its most telling chart as SVG, for places where no script runs; empty if there is none.
    """

    name: str
    title: str
    summary: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    networks: Sequence[Network] = ()
    sheets: Sequence[Sheet] = ()
    notes: Sequence[Note] = ()
    picture: str = ""


@dataclass(frozen=True, slots=True)
class StudyPage:
    """All pages of a study.

    Attributes:
        study: The first page: what the comparisons show, and what is wrong or missing.
        comparisons: One page per setup.
        languages: One page per target language.
        runs: One page per run. Tables have no runs.
    """

    study: Page
    comparisons: Sequence[Page]
    languages: Sequence[Page]
    runs: Sequence[Page]

    def pages(self) -> Iterator[Page]:
        """Yield all pages, the first page first."""
        yield self.study
        yield from self.comparisons
        yield from self.languages
        yield from self.runs

    def _repr_html_(self) -> str:
        """Return what notebooks show: the summary, the overview and a picture of the gains."""
        return template("notebook.html").render(study=self)
