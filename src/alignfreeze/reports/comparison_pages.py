"""The page of a comparison: its summary, its charts and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.addresses import address_of_comparison
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.records import RunRecord
from alignfreeze.languages import name_or_code
from alignfreeze.reports.charts import Chart
from alignfreeze.reports.gain_charts import draw_gain_by_cost, draw_gain_by_distance, draw_gain_intervals, draw_gain_map
from alignfreeze.reports.pages import Page
from alignfreeze.reports.pictures import draw_gain_picture
from alignfreeze.running.tables import sheet_of
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.results import results_of
from alignfreeze.studies.summaries import summarise_comparison
from alignfreeze.studies.tables import overall_sheet, table_of, title_of
from alignfreeze.typology import facts_of

Seconds = Mapping[tuple[str, str], float]
"""Seconds of training. Each key is a digest of settings and the name of a strategy."""


def comparison_page(
    number: int, comparison: Comparison, *others: Comparison, seconds: Seconds, doubts: Sequence[str] = ()
) -> Page:
    """Return the page of a comparison: first the doubts about its runs. Tables by other metrics follow its own."""
    charts: list[Chart | None] = []
    picture = ""
    if len(comparison.strategies) > 1 and comparison.languages:
        source = comparison.source or "en"
        facts = {code: facts_of(code, source).values for code in comparison.languages}
        orders = _sort_languages(comparison)
        settings = (comparison.setup.settings, comparison.fine_tuned)  # those of the runs, and those of the baseline
        cost = {name: value for (digest, name), value in seconds.items() if digest in settings}
        charts = [
            draw_gain_map(comparison, orders=orders),
            draw_gain_intervals(comparison, languages=next(iter(orders.values()))),
            draw_gain_by_distance(comparison, facts),
            draw_gain_by_cost(comparison, cost),
        ]
        picture = draw_gain_picture(comparison)
    return Page(
        name=address_of_comparison(number),
        title=title_of(comparison),
        summary=[*doubts, *summarise_comparison(comparison)],
        charts=[chart for chart in charts if chart is not None],
        sheets=[sheet for one in (comparison, *others) for sheet in (overall_sheet(one), sheet_of(table_of(one)))],
        picture=picture,
    )


def _sort_languages(comparison: Comparison) -> dict[str, list[str]]:
    """Return ways to sort the target languages: by gain, name, family, distance from the source language."""
    codes = list(comparison.languages)
    source = comparison.source or "en"
    known = {code: facts_of(code, source) for code in codes}

    def gain(code: str) -> float:
        gains = [
            one.gain for s in comparison.realignments if (one := comparison.cells[code].get(s)) and one.gain is not None
        ]
        return max(gains, default=0.0)

    orders = {
        "gain": sorted(codes, key=gain, reverse=True),
        "name": sorted(codes, key=name_or_code),
        "family": sorted(codes, key=lambda code: (known[code].family or "~", name_or_code(code))),
    }
    if any("syntax" in known[code].values for code in codes):
        # Languages whose distance is not known come last.
        orders["distance of syntax"] = sorted(codes, key=lambda code: known[code].values.get("syntax", 2.0))
    return orders


def training_seconds(records: Sequence[RunRecord]) -> Seconds:
    """Return the mean seconds of realignment and fine-tuning over seeds."""
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if (result := next(results_of(record, ""), None)) is not None:
            digest = result.fine_tuned if record.strategy == BASELINE else result.setup.settings
            seconds = sum(record.seconds.get(stage, 0.0) for stage in ("realignment", "fine-tuning"))
            found.setdefault((digest, record.strategy), []).append(seconds)
    return {name: sum(values) / len(values) for name, values in found.items()}
