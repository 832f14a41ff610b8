"""Paints the page of a study: one file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from alignfreeze.experiment.notes import MOST_BYTES, MOST_NAME
from alignfreeze.report.charts import Chart
from alignfreeze.report.html import template
from alignfreeze.report.study import Page, Section, StudyPage

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src data: blob:"
)
"""What a browser lets a page load and run: what is inside it."""

SERVED_POLICY = f"{POLICY} 'self'; form-action 'self'; base-uri 'none'"
"""The same for a page that a server shows, which may also ask that server, and send it notes."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a page must know of the server that shows it.

    Attributes:
        state: A digest of what the page was made from; once the server says another one, it shows a new page.
        writer: Whose name stands in the form for notes; None where no folder keeps notes.
    """

    state: str
    writer: str | None


def to_html(study: StudyPage, *, served: Served | None = None) -> str:
    """Return an HTML page with everything in it: styles, scripts, numbers.

    Args:
        study: What it shows.
        served: Of a page that a server shows, which refreshes itself and has a form for notes; None for a file.
    """
    charts = {f"{place.name}/{chart.name}": _chart(chart) for place in _places(study) for chart in place.charts}
    return template("study.html").render(
        study=study,
        charts=_in_script(charts),
        style=_text("study.css") + _text("notes.css"),
        script=_text("study.js"),
        policy=POLICY if served is None else SERVED_POLICY,
        served=served,
        most={"characters": MOST_BYTES, "name": MOST_NAME},
        lens="" if served is None else _text("lens.js"),
        plotly=get_plotlyjs(),
    )


def waiting_html(reason: str, *, seconds: int) -> str:
    """Return the page that a server shows where there is no study to show yet; it asks again by itself."""
    return template("waiting.html").render(reason=reason, seconds=seconds, style=_text("study.css"))


def _places(study: StudyPage) -> Iterator[Section | Page]:
    yield from study.sections
    yield from study.languages
    yield from study.runs


def _chart(chart: Chart) -> dict[str, Any]:
    facts = asdict(chart)
    del facts["sheet"]
    return facts


def _in_script(value: Any) -> str:
    """Return a value as JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(name: str) -> str:
    return (files("alignfreeze.report") / "templates" / name).read_text(encoding="utf-8")
