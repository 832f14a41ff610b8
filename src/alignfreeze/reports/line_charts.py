"""Charts of lines: over the steps of a training, and over the layers of an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from alignfreeze.columns import Column, make_sheet
from alignfreeze.evaluation.probe_tables import LAYER
from alignfreeze.reports.charts import Chart, figure_values, plain
from alignfreeze.reports.palette import COLOURS
from alignfreeze.sheets import Cell, Sheet

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""Dashes, which distinguish lines of the same colour."""


def draw_losses(curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str) -> Chart:
    """Draw loss curves.

    Args:
        curves: Pairs of step and loss, by the name of the training.
        title: Title of the chart.
    """
    note = "Each point is the mean training loss since the previous point."
    return _draw_steps("losses", ("training", "step", "loss"), curves, title, note)


def draw_checks(curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str) -> Chart:
    """Draw the estimates that decided when a training stopped.

    Args:
        curves: Pairs of step and estimate, by the name of the estimate.
        title: Title of the chart.
    """
    note = "The estimates are means over languages, from held-out sentence pairs."
    return _draw_steps("checks", ("by", "step", "estimate"), curves, title, note)


def _draw_steps(
    name: str, columns: tuple[str, str, str], curves: Mapping[str, Sequence[tuple[int, float]]], title: str, note: str
) -> Chart:
    """Draw curves over steps. The columns of the table are the name, the step and the value."""
    figure = go.Figure()
    for number, (curve, points) in enumerate(curves.items()):
        steps, values = [step for step, _ in points], [value for _, value in points]
        figure.add_scatter(x=steps, y=values, name=plain(curve), line={"color": COLOURS[number % len(COLOURS)]})
    figure.update_xaxes(title_text=columns[1])
    figure.update_yaxes(title_text=columns[2])
    rows = [
        (Cell(curve), Cell(str(step)), Cell(f"{value:.4f}"))
        for curve, points in curves.items()
        for step, value in points
    ]
    return Chart(name, title, figure_values(figure), Sheet(title, columns, 1, tuple(rows), ""), note)


def draw_layers(values: Mapping[str, Mapping[int, float]], *, name: str, title: str, unit: str, note: str) -> Chart:
    """Draw a number over the layers, one line per encoder.

    Args:
        values: The number by encoder and layer; layer 0 stands for the embeddings.
        name: Name of the chart.
        title: Title of the chart.
        unit: Unit of the number.
        note: How to read the chart.
    """
    figure = go.Figure()
    for number, (encoder, layers) in enumerate(values.items()):
        figure.add_scatter(
            x=list(layers),
            y=list(layers.values()),
            name=plain(encoder),
            mode="lines+markers",
            line={"color": COLOURS[number % len(COLOURS)], "dash": DASHES[number % len(DASHES)]},
            marker={"symbol": number},
            hovertemplate="layer %{x}: %{y:.2f}<extra>" + plain(encoder) + "</extra>",
        )
    figure.update_xaxes(title_text="layer (0: embeddings)", dtick=1)
    figure.update_yaxes(title_text=unit, rangemode="tozero")
    columns = [LAYER, *(Column(encoder, layers.get, "{:.2f}".format) for encoder, layers in values.items())]
    numbers = sorted({layer for layers in values.values() for layer in layers})
    return Chart(name, title, figure_values(figure), make_sheet(title, columns, numbers, f"In {unit}."), note)
