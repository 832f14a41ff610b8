"""Charts of gains: by language and strategy, against facts about languages, against the cost of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go

from alignfreeze.addresses import address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.charts import Chart, figure_values, plain
from alignfreeze.reports.palette import BETTER, COLOURS, GREY, SAME, WORSE, ground_of, ink_on
from alignfreeze.running.scores import Summary
from alignfreeze.running.tables import gain_text
from alignfreeze.running.verdicts import interval_text
from alignfreeze.sheets import Cell
from alignfreeze.studies.comparison import Comparison
from alignfreeze.typology import SIZE


def draw_gain_map(comparison: Comparison, *, orders: Mapping[str, Sequence[str]]) -> Chart:
    """Draw a heat map of gains: one row per language, one column per strategy.

    Args:
        comparison: The strategies language by language.
        orders: Ways to sort the languages, by name: the codes from the top down.
    """
    strategies = comparison.realignments
    languages = list(next(iter(orders.values())))
    rows = [[comparison.cells[code].get(strategy) for strategy in strategies] for code in languages]
    gains = [[None if one is None or one.gain is None else 100 * one.gain for one in row] for row in rows]
    greatest = max((abs(gain) for row in gains for gain in row if gain is not None), default=1.0) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=gains,
            x=[plain(strategy) for strategy in strategies],
            y=[_label(code) for code in languages],
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
    # The text colour that plotly chooses is too faint on the middle shades.
    for code, row in zip(languages, rows, strict=True):
        for strategy, one in zip(strategies, row, strict=True):
            figure.add_annotation(
                x=plain(strategy),
                y=_label(code),
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
        figure_values(figure, rows=len(languages)),
        make_sheet(title, [*_LANGUAGE, *(_gain_column(comparison, name) for name in strategies)], languages),
        "Gains are in points of the metric. ↑ ↓: beyond both standard deviations over seeds.",
        {name: _sort_by([_label(code) for code in codes]) for name, codes in orders.items()},
        "sort by",
    )


def _sort_by(labels: Sequence[str]) -> dict[str, Any]:
    return {"restyle": {}, "relayout": {"yaxis.categoryorder": "array", "yaxis.categoryarray": labels}}


def draw_gain_intervals(comparison: Comparison, *, languages: Sequence[str]) -> Chart:
    """Draw the gain of each language and strategy with its interval.

    Args:
        comparison: The strategies language by language.
        languages: The codes from the top down.
    """
    strategies = comparison.realignments
    figure = go.Figure()
    for number, strategy in enumerate(strategies):
        having = dict(_known_gains(comparison, strategy))
        known = [(code, having[code]) for code in languages if code in having]
        gains = [100 * (one.gain or 0.0) for _, one in known]
        ends = [(one.judged and one.judged.interval) or (one.gain, one.gain) for _, one in known]
        figure.add_scatter(
            x=gains,
            y=[_label(code) for code, _ in known],
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
    title = "Gain with its 95% interval over seeds and test sentences"
    return Chart(
        "intervals",
        title,
        figure_values(figure, rows=len(languages)),
        make_sheet(title, [*_LANGUAGE, *_interval_columns(comparison)], languages),
        "Intervals are corrected for the number of languages and strategies. A single seed has none.",
    )


def draw_gain_by_distance(comparison: Comparison, facts: Mapping[str, Mapping[str, float]]) -> Chart | None:
    """Draw gains against facts about languages, such as the distance from the source language.

    Args:
        comparison: The strategies language by language.
        facts: Facts by language and name. A language without a fact has no mark in the chart of that fact.
    """
    codes = comparison.languages
    kinds = list(dict.fromkeys(kind for code in codes for kind in facts[code]))
    # A fact that is the same for all languages shows nothing.
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
    for number, strategy in enumerate(comparison.realignments):
        known = [(code, one.gain) for code, one in _known_gains(comparison, strategy) if one.gain is not None]
        named.append([code for code, _ in known])
        figure.add_scatter(
            x=[facts[code].get(kinds[0]) for code, _ in known],
            y=[100 * gain for _, gain in known],
            mode="markers+text",
            # The marks of a language lie one above the other: only the highest has a name.
            text=[plain(code) if gain == highest[code] else "" for code, gain in known],
            textposition="top center",
            textfont={"size": 11},
            marker={"color": COLOURS[number % len(COLOURS)], "symbol": number, "size": 8},
            name=plain(strategy),
            hovertemplate="%{hovertext}: %{y:+.2f} points, %{x:.3g}<extra>" + plain(strategy) + "</extra>",
            hovertext=[_label(code) for code, _ in known],
            customdata=[address_of_language(code) for code, _ in known],
        )
    figure.update_yaxes(title_text="gain, points")
    figure.update_xaxes(title_text=_axis_title(kinds[0]))
    title = "Gain against facts about the languages"
    columns = [
        Column("", str, is_name=True),
        Column("language", _name_with_code, is_name=True),
        *(Column(kind, partial(_value, facts, kind), "{:.3g}".format) for kind in kinds),
        *(_gain_column(comparison, strategy) for strategy in comparison.realignments),
    ]
    choices = {
        kind: {
            "restyle": {"x": [[facts[code].get(kind) for code in those] for those in named]},
            "relayout": {"xaxis.title.text": _axis_title(kind)},
        }
        for kind in kinds
    }
    note = (
        "Syntax, phonology, sounds, genealogy: URIEL's distances from the source language, 0 to 1. Geography: the way "
        "over the globe; 1 is the other side. Pretraining text: of XLM-R, in GiB. A language without a known value is "
        "left out."
    )
    return Chart("distance", title, figure_values(figure), make_sheet(title, columns, codes), note, choices, "against")


def _axis_title(kind: str) -> str:
    return f"{kind}, GiB" if kind == SIZE else kind


def _known_gains(comparison: Comparison, strategy: str) -> list[tuple[str, Summary]]:
    cells = [(code, comparison.cells[code].get(strategy)) for code in comparison.languages]
    return [(code, one) for code, one in cells if one is not None and one.gain is not None]


def draw_gain_by_cost(comparison: Comparison, seconds: Mapping[str, float]) -> Chart | None:
    """Draw the mean gain of each strategy against the cost of its training; None if the cost is not known.

    Args:
        comparison: The strategies language by language.
        seconds: Seconds of realignment and fine-tuning, mean over seeds, by strategy.
    """
    known = [name for name in comparison.strategies if name in seconds and name in comparison.overall]
    if len(known) < 2:
        return None
    gains = [100 * (comparison.overall[name].average.gain or 0.0) for name in known]
    figure = go.Figure()
    for name, gain in zip(known, gains, strict=True):
        # A strategy looks the same in all charts. The baseline, which is in no other chart, is grey.
        number = comparison.realignments.index(name) if name in comparison.realignments else None
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
    columns: list[Column[tuple[str, float]]] = [
        Column("strategy", lambda row: row[0], is_name=True),
        Column("minutes", lambda row: seconds[row[0]] / 60, "{:.1f}".format),
        Column("gain", lambda row: row[1], "{:+.2f}".format),
    ]
    sheet = make_sheet(title, columns, zip(known, gains, strict=True))
    note = (
        "Minutes of realignment and fine-tuning, mean over seeds. A realigned encoder that several runs share counts "
        "for each of them."
    )
    return Chart("cost", title, figure_values(figure), sheet, note)


def _label(code: str) -> str:
    """Return the name of a language in a figure: `Turkish (tr)`."""
    return plain(_name_with_code(code))


def _name_with_code(code: str) -> str:
    name = name_or_code(code)
    return name if name == code else f"{name} ({code})"


_LANGUAGE: tuple[Column[str], ...] = (
    Column("", str, is_name=True),
    Column("language", lambda code: Cell(_name_with_code(code), page=address_of_language(code)), is_name=True),
)


def _gain_column(comparison: Comparison, strategy: str) -> Column[str]:
    return Column(strategy, lambda code: comparison.cells[code].get(strategy), gain_text, missing="")


def _interval_columns(comparison: Comparison) -> Iterator[Column[str]]:
    for strategy in comparison.realignments:
        yield _gain_column(comparison, strategy)
        yield Column("interval", partial(_interval, comparison, strategy), interval_text, missing="")


def _interval(comparison: Comparison, strategy: str, code: str) -> tuple[float, float] | None:
    one = comparison.cells[code].get(strategy)
    return None if one is None or one.judged is None else one.judged.interval


def _value(facts: Mapping[str, Mapping[str, float]], kind: str, code: str) -> float | None:
    return facts[code].get(kind)
