"""Charts as values that plotly draws: which numbers, in which form; colours and fonts are the page's."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from alignfreeze.report.sheets import Sheet

ROW_HEIGHT = 22
"""Pixels of a language."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its numbers.

    Attributes:
        name: For links and file names.
        title: What it shows.
        figure: As plotly takes it: `data` and `layout`.
        sheet: The same numbers as a table.
        note: How to read it.
        choices: What the reader may choose, by name: what is then changed of the figure, `restyle` of its data and
            `relayout` of the rest, as plotly takes them. The first is how it is drawn.
        choosing: What is chosen, such as `sort by`.
    """

    name: str
    title: str
    figure: Mapping[str, Any]
    sheet: Sheet
    note: str
    choices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    choosing: str = ""


def plain(text: str) -> str:
    """Return a text that plotly shows as it is: some of HTML would be taken for markup."""
    return html.escape(text, quote=False)


def figure_values(figure: go.Figure, *, rows: int | None = None) -> dict[str, Any]:
    """Return a figure as plain values, as high as its rows need, on no ground of its own."""
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
