"""Paints the pages of a study: one file that needs no network."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from alignfreeze.report.html import template
from alignfreeze.report.networks import Network, network_script
from alignfreeze.report.pages import StudyPage
from alignfreeze.report.palette import COLOURS

FORMS = (("dot", "●"), ("diamond", "◆"), ("square", "■"), ("triangle", "▲"), ("triangleDown", "▼"), ("star", "★"))
"""What nodes of a kind look like, as vis-network calls it, and a sign that looks so: colours alone do not tell."""


def to_html(study: StudyPage) -> str:
    """Return an HTML page with everything in it: styles, scripts, numbers.

    Raises:
        SettingsError: The package that draws networks is not installed.
    """
    pages = list(study.pages())
    charts = {f"{page.name}/{chart.name}": _chart(chart) for page in pages for chart in page.charts}
    networks = {f"{page.name}/{network.name}": _network(network) for page in pages for network in page.networks}
    return template("study.html").render(
        study=study,
        addresses={page.name for page in pages},
        charts=_in_script(charts),
        networks=_in_script(networks),
        looks=looks,
        style=_text("study.css"),
        script=_text("study.js"),
        plotly=get_plotlyjs(),
        vis=network_script() if networks else "",
    )


def _chart(chart: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(chart).items() if name in {"name", "figure", "choices"}}


def _network(network: Network) -> dict[str, Any]:
    """Return a network as the page's script takes it."""
    return {
        "nodes": [asdict(node) for node in network.nodes],
        "edges": {sense: [[edge.source, edge.target] for edge in edges] for sense, edges in network.edges.items()},
        "looks": looks(network),
        "directed": network.directed,
    }


def looks(network: Network) -> dict[str, dict[str, str]]:
    """Return colour, form and sign of each kind of node; colours that begin with `--` are the page's."""
    found = {}
    for number, kind in enumerate(network.kinds):
        # As there are as many forms as colours, after each round the forms move on by one.
        form, sign = FORMS[(number + number // len(COLOURS)) % len(FORMS)]
        colour = network.looks.get(kind, COLOURS[number % len(COLOURS)])
        found[kind] = {"colour": colour, "form": form, "sign": sign}
    return found


def _in_script(value: Any) -> str:
    """Return a value as JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(name: str) -> str:
    return (files("alignfreeze.report") / "templates" / name).read_text(encoding="utf-8")
