"""Paints the page of a study: one file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

from alignfreeze.report.charts import Chart
from alignfreeze.report.html import template
from alignfreeze.report.study import Page, Section, StudyPage


def to_html(study: StudyPage) -> str:
    """Return an HTML page with everything in it: styles, scripts, numbers."""
    charts = {f"{place.name}/{chart.name}": _chart(chart) for place in _places(study) for chart in place.charts}
    return template("study.html").render(
        study=study,
        charts=_in_script(charts),
        style=_text("study.css") + _text("notes.css"),
        script=_text("study.js"),
        plotly=get_plotlyjs(),
    )


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
