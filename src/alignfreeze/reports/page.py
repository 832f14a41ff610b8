"""Paints the pages of a study as one file that needs no network."""

from __future__ import annotations

import gzip
from base64 import b64encode
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from plotly.offline import get_plotlyjs

from alignfreeze.reports.changed_items import MOST_SHOWN
from alignfreeze.reports.html import read_template, script_json, template
from alignfreeze.reports.notes import MOST_BYTES, MOST_NAME
from alignfreeze.reports.pages import StudyPage

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src data: blob:"
)
"""With this policy, a browser lets the page load and run only what is inside the page."""

SERVED_POLICY = f"{POLICY} 'self'; form-action 'self'; base-uri 'none'"
"""The policy for a page from a server. Such a page may also ask that server, and send notes to it."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a page knows about its server.

    Attributes:
        state: A digest of what the page was made from. When the server has another digest, the page is refreshed.
        writer: The name in the form for notes; None if no folder keeps notes.
    """

    state: str
    writer: str | None


def to_html(study: StudyPage, *, served: Served | None = None) -> str:
    """Return an HTML page that contains everything: styles, scripts, numbers.

    Args:
        study: What the page shows.
        served: The server of the page; None for a file. A page from a server refreshes itself and has a form for
            notes.
    """
    pages = list(study.pages())
    charts = {f"{page.name}/{chart.name}": _chart_data(chart) for page in pages for chart in page.charts}
    return template("study.html").render(
        study=study,
        addresses={page.name for page in pages},
        charts=script_json(charts),
        style="".join(map(read_template, ("study.css", "answer.css", "changes.css", "notes.css"))),
        script=read_template("study.js") + read_template("answer.js"),
        policy=POLICY if served is None else SERVED_POLICY,
        served=served,
        most={"characters": MOST_BYTES, "name": MOST_NAME, "changes": MOST_SHOWN},
        lens="" if served is None else read_template("lens.js"),
        plotly=_plotly_text() if charts else "",
    )


@cache
def _plotly_text() -> str:
    """Return the script of plotly as gzip in base64. The page unpacks it when the first chart comes into view."""
    return b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def waiting_html(reason: str, *, seconds: int) -> str:
    """Return the page that a server shows while there is no study to show. This page reloads itself."""
    return template("waiting.html").render(reason=reason, seconds=seconds, style=read_template("study.css"))


def _chart_data(chart: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(chart).items() if name in {"name", "figure", "choices"}}
