"""What the pages of a study hold, as values: computed first, painted elsewhere."""

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
    """A page: of a comparison, a language or a run.

    Attributes:
        name: Its address, such as `language/tr`.
        title: What it is of.
        summary: What there is to say, in sentences.
        facts: What is known, by name.
        charts: Its charts.
        networks: Its networks.
        sheets: Its tables.
        notes: What people say about it.
        picture: Its most telling chart as SVG, for places where no script runs; empty where it has none.
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
    """All that is shown of a study.

    Attributes:
        study: The page that comes first: what the comparisons come to, and what is wrong or missing.
        comparisons: A page each, one a setup and metric that matters.
        languages: A page each.
        runs: A page each; none of tables.
    """

    study: Page
    comparisons: Sequence[Page]
    languages: Sequence[Page]
    runs: Sequence[Page]

    def pages(self) -> Iterator[Page]:
        """Yield all pages."""
        yield self.study
        yield from self.comparisons
        yield from self.languages
        yield from self.runs

    def _repr_html_(self) -> str:
        """Return what notebooks show: the summary, and a picture of the gains."""
        return template("notebook.html").render(study=self)
