"""What commands list for people: facts by name, the agreement of layers with links made by hand, and scores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from alignfreeze.alignment.similarity import MATCHINGS
from alignfreeze.columns import Column, make_sheet, to_signed
from alignfreeze.encoding.vectors import LayerResult
from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.languages import name_or_code
from alignfreeze.sheets import DETAIL, Sheet


def fact_texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return facts and their names as people read them."""
    return {_IN_ALL.sub(r"\1 in all", name).replace("_", " "): _fact_text(value) for name, value in _flatten(facts)}


_IN_ALL = re.compile(r"\bn_(\w+)")
"""Names such as `n_parameters`."""


def _flatten(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield facts by name. Of a fact with parts other than counts, each part is a fact that has a value."""
    for name, value in facts.items():
        if isinstance(value, dict) and not all(isinstance(part, int) for part in value.values()):
            given = {part: one for part, one in value.items() if one is not None}
            yield from _flatten(given, f"{before}{name} ")
        else:
            yield before + name, value


def _fact_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_fact_text(count)} {name}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else str(value)


LAYERS: tuple[Column[LayerResult], ...] = (
    Column("aligner", lambda row: row.aligner, is_name=True),
    Column("layer", lambda row: row.layer),
    Column("threshold", lambda row: row.threshold if MATCHINGS[row.aligner].has_threshold else None, "{:g}".format),
    Column("centred", lambda row: "yes" if row.centred else "no"),
    Column("AER", lambda row: row.agreement.aer, "{:.3f}".format),
    Column("precision", lambda row: row.agreement.precision, "{:.3f}".format, need=DETAIL),
    Column("recall", lambda row: row.agreement.recall, "{:.3f}".format, need=DETAIL),
)
"""The columns for each layer and way to align."""


def sort_layers(results: Sequence[LayerResult]) -> list[LayerResult]:
    """Return the layers with the best first."""
    return sorted(results, key=lambda row: row.agreement.aer)


def layer_sheet(results: Sequence[LayerResult]) -> Sheet:
    """Return how well the links of each layer agree with links made by hand, one row per layer and way to align."""
    note = "AER: alignment error rate against the links made by hand; 0 is the best."
    return make_sheet("Layers, the best first", LAYERS, sort_layers(results), note)


SCORES: tuple[Column[Score], ...] = (
    Column("code", lambda score: score.language, is_name=True, need=DETAIL),
    Column("language", lambda score: name_or_code(score.language), is_name=True),
    Column("metric", lambda score: score.metric),
    Column("percent", lambda score: 100 * score.value, "{:.1f}".format),
    Column("of", lambda score: f"{score.n:,} {score.unit}"),
)
"""The columns for each language and metric."""


def list_scores(scores: Sequence[Score]) -> Sheet:
    """Return the scores of one model, one row per language and metric."""
    return make_sheet("Scores", SCORES, scores)


_SERVED: tuple[Column[tuple[str, Mapping[str, Any]]], ...] = (
    Column("code", lambda row: row[0], is_name=True, need=DETAIL),
    Column("language", lambda row: name_or_code(row[0]), is_name=True),
    Column("subwords kept", lambda row: 100 * row[1]["subwords"], "{:.2f} %".format),
    Column("words split otherwise", lambda row: 100 * row[1]["split_otherwise"], "{:.2f} %".format),
    Column("measured on", lambda row: row[1]["measured_on"], need=DETAIL),
)
"""The columns for each language of a model that was cut down."""


def list_served(languages: Mapping[str, Mapping[str, Any]]) -> Sheet:
    """Return how well a model that was cut down serves its languages, one row per language."""
    note = "Shares of running subwords and words. A word is split otherwise if one of its subwords is not kept."
    return make_sheet("Languages", _SERVED, list(languages.items()), note)


_LOSS: tuple[Column[tuple[str, Mapping[str, float]]], ...] = (
    Column("code", lambda row: row[0], is_name=True, need=DETAIL),
    Column("language", lambda row: name_or_code(row[0]), is_name=True),
    Column("before", lambda row: row[1]["before"], "{:.1f}".format),
    Column("after", lambda row: row[1]["after"], "{:.1f}".format),
    Column("change", lambda row: -row[1]["loss"], to_signed),
)
"""The columns for each language whose tests a changed model has done."""


def list_loss(points: Mapping[str, Mapping[str, float]]) -> Sheet:
    """Return the points of a model before and after a change, one row per language."""
    change = to_signed(-mean(row["loss"] for row in points.values()), 2)
    note = f"Points on the tests of the experiment, from 0 to 100; the mean change is {change}."
    return make_sheet("Points", _LOSS, list(points.items()), note)
