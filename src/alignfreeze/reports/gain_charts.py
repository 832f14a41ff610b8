"""Charts of gains: against facts about languages, and against the cost of training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import plotly.graph_objects as go

from alignfreeze.addresses import address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.charts import Chart, figure_values, plain
from alignfreeze.reports.palette import COLOURS, GREY
from alignfreeze.running.scores import Summary
from alignfreeze.running.tables import gain_text
from alignfreeze.sheets import Cell
from alignfreeze.studies.comparison import Comparison
from alignfreeze.typology import SIZE


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


def _value(facts: Mapping[str, Mapping[str, float]], kind: str, code: str) -> float | None:
    return facts[code].get(kind)
