"""Paints the pages of a study as one file that needs no network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from alignfreeze.reports.changed_items import MOST_SHOWN
from alignfreeze.reports.html import template
from alignfreeze.reports.networks import Network, network_script
from alignfreeze.reports.notes import MOST_BYTES, MOST_NAME
from alignfreeze.reports.pages import StudyPage
from alignfreeze.reports.palette import COLOURS

NODE_SHAPES = (("dot", "●"), ("diamond", "◆"), ("square", "■"), ("triangle", "▲"), ("triangleDown", "▼"), ("star", "★"))
"""The shapes of nodes by kind, as vis-network calls them, and similar signs. Colours alone do not suffice."""


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

    Raises:
        SettingsError: The package that draws networks is not installed.
    """
    pages = list(study.pages())
    charts = {f"{page.name}/{chart.name}": _chart_data(chart) for page in pages for chart in page.charts}
    networks = {f"{page.name}/{network.name}": _network_data(network) for page in pages for network in page.networks}
    return template("study.html").render(
        study=study,
        addresses={page.name for page in pages},
        charts=_script_json(charts),
        networks=_script_json(networks),
        looks=looks,
        style="".join(map(_read_template, ("study.css", "notes.css", "changes.css"))),
        script=_read_template("study.js"),
        policy=POLICY if served is None else SERVED_POLICY,
        served=served,
        most={"characters": MOST_BYTES, "name": MOST_NAME, "changes": MOST_SHOWN},
        lens="" if served is None else _read_template("lens.js"),
        plotly=get_plotlyjs(),
        vis=network_script() if networks else "",
    )


def waiting_html(reason: str, *, seconds: int) -> str:
    """Return the page that a server shows while there is no study to show. This page reloads itself."""
    return template("waiting.html").render(reason=reason, seconds=seconds, style=_read_template("study.css"))


def _chart_data(chart: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(chart).items() if name in {"name", "figure", "choices"}}


def _network_data(network: Network) -> dict[str, Any]:
    """Return a network in the form that the script of the page needs."""
    return {
        "nodes": [asdict(node) for node in network.nodes],
        "edges": {sense: [[edge.source, edge.target] for edge in edges] for sense, edges in network.edges.items()},
        "looks": looks(network),
        "directed": network.directed,
    }


def looks(network: Network) -> dict[str, dict[str, str]]:
    """Return the colour, shape and sign of each kind of node. The page defines colours that begin with `--`."""
    found = {}
    for number, kind in enumerate(network.kinds):
        # The numbers of shapes and colours are equal, so after each round the shapes move on by one.
        form, sign = NODE_SHAPES[(number + number // len(COLOURS)) % len(NODE_SHAPES)]
        colour = network.looks.get(kind, COLOURS[number % len(COLOURS)])
        found[kind] = {"colour": colour, "form": form, "sign": sign}
    return found


def _script_json(value: Any) -> str:
    """Return a value as JSON that cannot end the script around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read_template(name: str) -> str:
    return (files("alignfreeze.reports") / "templates" / name).read_text(encoding="utf-8")
