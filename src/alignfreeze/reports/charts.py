"""Charts as values that plotly draws. The page sets fonts and the colours of text."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from alignfreeze.sheets import Sheet

ROW_HEIGHT = 22
"""Height of the row of a language, in pixels."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its numbers.

    Attributes:
        name: The name of the chart in links and file names.
        title: What the chart shows.
        figure: The `data` and `layout` of the figure, in the form of plotly.
        sheet: The same numbers as a table.
        note: How to read the chart.
        choices: What the reader may choose, by name. A choice changes the figure: `restyle` changes its data and
            `relayout` the rest, in the form of plotly. At the beginning, the first choice is drawn.
        choosing: The label of the choices, such as `sort by`.
    """

    name: str
    title: str
    figure: Mapping[str, Any]
    sheet: Sheet
    note: str
    choices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    choosing: str = ""


def plain(text: str) -> str:
    """Escape a text, because plotly reads some HTML as markup."""
    return html.escape(text, quote=False)


def figure_values(figure: go.Figure, *, rows: int | None = None) -> dict[str, Any]:
    """Return a figure as plain values: as high as its rows need, without a background."""
    figure.update_layout(
        template="none",
        height=420 if rows is None else 130 + ROW_HEIGHT * rows,
        margin={"l": 10, "r": 10, "t": 40, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure.to_plotly_json()
