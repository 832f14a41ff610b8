"""Charts of the findings of a probe of encoders: retrieval and drift by layer."""

from __future__ import annotations

from alignfreeze.evaluation.probe import Probe
from alignfreeze.evaluation.probe_tables import share_by_layer
from alignfreeze.reports.charts import Chart
from alignfreeze.reports.line_charts import draw_layers


def draw_probe(probe: Probe) -> list[Chart]:
    """Draw how many words find their translation at each layer, and how far the layers have moved."""
    found = {name: share_by_layer(items, "strong") for name, items in probe.retrieval.items()}
    note = (
        "The share of words that are nearer to their translation than to any other word of either language. In "
        "percent, as the mean of both directions and of all languages."
    )
    charts = [draw_layers(found, name="retrieval", title="Word retrieval by layer", unit="percent", note=note)]
    if probe.drift:
        moves = {name: {item.layer: 100 * item.distance for item in items} for name, items in probe.drift.items()}
        first = next(iter(probe.encoders))
        note = f"The length of the change of the weights since {first}, in percent of the length of the weights."
        charts.append(draw_layers(moves, name="drift", title="Drift by layer", unit="percent", note=note))
    return charts
