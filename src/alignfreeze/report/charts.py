"""Charts as values that plotly draws: which numbers, in which form; colours and fonts are the page's."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from alignfreeze.languages import name_or_code
from alignfreeze.report.addresses import address_of_language
from alignfreeze.report.palette import BETTER, COLOURS, GREY, SAME, WORSE, ground_of, ink_on
from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.report.tables import gain_text
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.statistics import Summary
from alignfreeze.typology import SIZE

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""Tell lines apart where colours do not."""

ROW = 22
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


def gain_map(comparison: Comparison, *, orders: Mapping[str, Sequence[str]]) -> Chart:
    """Return a heat map of gains: a row a language, a column a strategy.

    Args:
        comparison: The strategies language by language.
        orders: Ways to sort the languages: their codes from the top, by what they are sorted by.
    """
    strategies = comparison.realigned
    languages = list(next(iter(orders.values())))
    rows = [[comparison.cells[code].get(strategy) for strategy in strategies] for code in languages]
    gains = [[None if one is None or one.gain is None else 100 * one.gain for one in row] for row in rows]
    greatest = max((abs(gain) for row in gains for gain in row if gain is not None), default=1.0) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=gains,
            x=[plain(strategy) for strategy in strategies],
            y=[label_of(code) for code in languages],
            text=[[gain_text(one) for one in row] for row in rows],
            hovertemplate="%{y}, %{x}: %{text} points<extra></extra>",
            customdata=[[address_of_language(code)] * len(strategies) for code in languages],
            colorscale=[[0, WORSE], [0.5, SAME], [1, BETTER]],
            zmin=-greatest,
            zmax=greatest,
            colorbar={"title": {"text": "gain"}, "thickness": 12},
            xgap=1,
            ygap=1,
        )
    )
    # Plotly's own choice of ink is too faint on the middle shades.
    for code, row in zip(languages, rows, strict=True):
        for strategy, one in zip(strategies, row, strict=True):
            figure.add_annotation(
                x=plain(strategy),
                y=label_of(code),
                text=gain_text(one),
                showarrow=False,
                font={"color": ink_on(ground_of(one.gain if one else None, greatest / 100)), "size": 12},
            )
    figure.update_yaxes(autorange="reversed", type="category", fixedrange=True)
    figure.update_xaxes(side="top", type="category", fixedrange=True)
    title = "Gain over the baseline"
    return Chart(
        "gains",
        title,
        _values(figure, rows=len(languages)),
        _sheet_of_gains(comparison, title, languages, strategies),
        "points of the metric; ↑ ↓ where the gain is beyond both standard deviations over seeds",
        {name: _sorted([label_of(code) for code in codes]) for name, codes in orders.items()},
        "sort by",
    )


def _sorted(labels: Sequence[str]) -> dict[str, Any]:
    return {"restyle": {}, "relayout": {"yaxis.categoryorder": "array", "yaxis.categoryarray": labels}}


def gain_intervals(comparison: Comparison, *, languages: Sequence[str]) -> Chart:
    """Return the gain of each language and strategy with its interval over seeds.

    Args:
        comparison: The strategies language by language.
        languages: Codes, from the top.
    """
    strategies = comparison.realigned
    figure = go.Figure()
    for number, strategy in enumerate(strategies):
        having = dict(_gains(comparison, strategy))
        known = [(code, having[code]) for code in languages if code in having]
        gains = [100 * (one.gain or 0.0) for _, one in known]
        ends = [one.interval or (one.gain, one.gain) for _, one in known]
        figure.add_scatter(
            x=gains,
            y=[label_of(code) for code, _ in known],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high or 0.0) - gain for (_, high), gain in zip(ends, gains, strict=True)],
                "arrayminus": [gain - 100 * (low or 0.0) for (low, _), gain in zip(ends, gains, strict=True)],
                "thickness": 1,
                "width": 0,
            },
            mode="markers",
            marker={"color": COLOURS[number % len(COLOURS)], "symbol": number, "size": 8},
            name=plain(strategy),
            hovertemplate="%{y}: %{x:+.2f} points<extra>" + plain(strategy) + "</extra>",
            customdata=[address_of_language(code) for code, _ in known],
        )
    figure.add_vline(x=0, line_width=1, line_dash="dot")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(title_text="gain, points")
    title = "Gain with its 95% interval over seeds"
    return Chart(
        "intervals",
        title,
        _values(figure, rows=len(languages)),
        _sheet_of_gains(comparison, title, languages, strategies, intervals=True),
        "over seeds, by Student's t; none with a single seed",
    )


def losses(curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str) -> Chart:
    """Return loss curves.

    Args:
        curves: Pairs of step and loss, by the name of the training.
        title: What they are of.
    """
    note = "mean training loss since the point before"
    return _over_steps("losses", ("training", "step", "loss"), curves, title, note)


def checks(curves: Mapping[str, Sequence[tuple[int, float]]], *, title: str) -> Chart:
    """Return what a training was stopped by.

    Args:
        curves: Pairs of step and estimate, by the name of the estimate.
        title: What they are of.
    """
    note = "mean over languages, from held-out sentence pairs"
    return _over_steps("checks", ("by", "step", "estimate"), curves, title, note)


def _over_steps(
    name: str, columns: tuple[str, str, str], curves: Mapping[str, Sequence[tuple[int, float]]], title: str, note: str
) -> Chart:
    """Return curves over the steps of trainings; the columns of the table are name, step and value."""
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
    return Chart(name, title, _values(figure), Sheet(title, columns, 1, tuple(rows), ""), note)


def gain_by_distance(comparison: Comparison, facts: Mapping[str, Mapping[str, float]]) -> Chart | None:
    """Return the gain of each language against what is known of it, such as its distance from the source language.

    Args:
        comparison: The strategies language by language.
        facts: By language and name; a language of which one is not known has no mark there.
    """
    codes = comparison.languages
    kinds = list(dict.fromkeys(kind for code in codes for kind in facts[code]))
    # What is the same for all languages tells nothing.
    kinds = [kind for kind in kinds if len({facts[code][kind] for code in codes if kind in facts[code]}) > 1]
    if not kinds:
        return None
    highest = {
        code: max(one.gain for one in comparison.cells[code].values() if one.gain is not None)
        for code in codes
        if any(one.gain is not None for one in comparison.cells[code].values())
    }
    figure = go.Figure()
    named: list[list[str]] = []
    for number, strategy in enumerate(comparison.realigned):
        known = [(code, one.gain) for code, one in _gains(comparison, strategy) if one.gain is not None]
        named.append([code for code, _ in known])
        figure.add_scatter(
            x=[facts[code].get(kinds[0]) for code, _ in known],
            y=[100 * gain for _, gain in known],
            mode="markers+text",
            # Of the marks of a language, which stand one above the other, the uppermost is named.
            text=[plain(code) if gain == highest[code] else "" for code, gain in known],
            textposition="top center",
            textfont={"size": 11},
            marker={"color": COLOURS[number % len(COLOURS)], "symbol": number, "size": 8},
            name=plain(strategy),
            hovertemplate="%{hovertext}: %{y:+.2f} points, %{x:.3g}<extra>" + plain(strategy) + "</extra>",
            hovertext=[label_of(code) for code, _ in known],
            customdata=[address_of_language(code) for code, _ in known],
        )
    figure.update_yaxes(title_text="gain, points")
    figure.update_xaxes(title_text=_axis(kinds[0]))
    rows = [
        (
            Cell(code),
            Cell(_named(code)),
            *(Cell(f"{facts[code][kind]:.3g}" if kind in facts[code] else "–") for kind in kinds),
            *(Cell(gain_text(comparison.cells[code].get(strategy))) for strategy in comparison.realigned),
        )
        for code in codes
    ]
    title = "Gain against what is known of the languages"
    sheet = Sheet(title, ("", "language", *kinds, *comparison.realigned), 2, tuple(rows), "")
    choices = {
        kind: {
            "restyle": {"x": [[facts[code].get(kind) for code in those] for those in named]},
            "relayout": {"xaxis.title.text": _axis(kind)},
        }
        for kind in kinds
    }
    note = (
        "syntax, phonology, sounds, genealogy: URIEL's distances from the source language, 0 to 1; geography: the way "
        "over the globe, 1 for the other side; pretraining text: of XLM-R, in GiB; languages of which it is not known "
        "are left out"
    )
    return Chart("distance", title, _values(figure), sheet, note, choices, "against")


def _axis(kind: str) -> str:
    return f"{kind}, GiB" if kind == SIZE else kind


def _gains(comparison: Comparison, strategy: str) -> list[tuple[str, Summary]]:
    cells = [(code, comparison.cells[code].get(strategy)) for code in comparison.languages]
    return [(code, one) for code, one in cells if one is not None and one.gain is not None]


def gain_by_cost(comparison: Comparison, seconds: Mapping[str, float]) -> Chart | None:
    """Return the mean gain of each strategy against what its training takes; None where that is not known.

    Args:
        comparison: The strategies language by language.
        seconds: Of realignment and fine-tuning, mean over seeds, by strategy.
    """
    known = [name for name in comparison.strategies if name in seconds and name in comparison.overall]
    if len(known) < 2:
        return None
    gains = [100 * (comparison.overall[name].average.gain or 0.0) for name in known]
    figure = go.Figure()
    for name, gain in zip(known, gains, strict=True):
        # A strategy looks as it does in the other charts; the baseline, which has no place there, is grey.
        number = comparison.realigned.index(name) if name in comparison.realigned else None
        figure.add_scatter(
            x=[seconds[name] / 60],
            y=[gain],
            mode="markers+text",
            text=[plain(name)],
            textposition="top center",
            marker={
                "color": GREY if number is None else COLOURS[number % len(COLOURS)],
                "symbol": "x" if number is None else number,
                "size": 11,
            },
            name=plain(name),
            hovertemplate="%{x:.1f} minutes, %{y:+.2f} points<extra>" + plain(name) + "</extra>",
        )
    figure.update_xaxes(title_text="minutes of training", rangemode="tozero")
    figure.update_yaxes(title_text="mean gain, points")
    title = "Mean gain against the cost of training"
    rows = [
        (Cell(name), Cell(f"{seconds[name] / 60:.1f}"), Cell(f"{gain:+.2f}"))
        for name, gain in zip(known, gains, strict=True)
    ]
    sheet = Sheet(title, ("strategy", "minutes", "gain"), 1, tuple(rows), "")
    note = "realignment and fine-tuning, mean over seeds; a realigned encoder that runs share counts for each of them"
    return Chart("cost", title, _values(figure), sheet, note)


def by_layer(values: Mapping[str, Mapping[int, float]], *, name: str, title: str, unit: str, note: str) -> Chart:
    """Return a line an encoder over the layers.

    Args:
        values: By encoder and layer, 0 for the embeddings.
        name: Of the chart.
        title: Of the chart.
        unit: Of the values.
        note: How to read it.
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
    numbers = sorted({layer for layers in values.values() for layer in layers})
    rows = [
        (
            Cell("embeddings" if layer == 0 else str(layer)),
            *(Cell(f"{layers[layer]:.2f}" if layer in layers else "–") for layers in values.values()),
        )
        for layer in numbers
    ]
    return Chart(name, title, _values(figure), Sheet(title, ("layer", *values), 1, tuple(rows), unit), note)


def label_of(code: str) -> str:
    """Return a language as charts name it: `Turkish (tr)`."""
    return plain(_named(code))


def _named(code: str) -> str:
    name = name_or_code(code)
    return name if name == code else f"{name} ({code})"


def _sheet_of_gains(
    comparison: Comparison, title: str, languages: Sequence[str], strategies: Sequence[str], *, intervals: bool = False
) -> Sheet:
    rows = []
    for code in languages:
        cells = [Cell(code), Cell(_named(code), page=address_of_language(code))]
        for strategy in strategies:
            summary = comparison.cells[code].get(strategy)
            cells.append(Cell(gain_text(summary)))
            if intervals:
                ends = None if summary is None else summary.interval
                cells.append(Cell("" if ends is None else f"{100 * ends[0]:+.2f} … {100 * ends[1]:+.2f}"))
        rows.append(tuple(cells))
    columns = [name for strategy in strategies for name in ([strategy, "interval"] if intervals else [strategy])]
    return Sheet(title, ("", "language", *columns), 2, tuple(rows), "")


def _values(figure: go.Figure, *, rows: int | None = None) -> dict[str, Any]:
    """Return a figure as plain values, as high as its rows need, on no ground of its own."""
    figure.update_layout(
        template="none",
        height=420 if rows is None else 130 + ROW * rows,
        margin={"l": 10, "r": 10, "t": 40, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure.to_plotly_json()
