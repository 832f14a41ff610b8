"""The findings of a probe of encoders as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.columns import Column, make_sheet
from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.retrieval import METHODS, Retrieval
from alignfreeze.languages import name_of
from alignfreeze.sheets import Sheet

LAYER: Column[int] = Column("layer", lambda layer: "embeddings" if layer == 0 else layer, is_name=True)


def retrieval_sheet(found: Mapping[str, Sequence[Retrieval]], language: str | None = None) -> Sheet:
    """Return the share of words that find their translation: one row per layer, one column per encoder and method.

    Args:
        found: Retrieval by encoder.
        language: Code of the target language; None for the mean over all languages.
    """
    chosen = {name: [item for item in items if language in {None, item.language}] for name, items in found.items()}
    layers = sorted({item.layer for items in chosen.values() for item in items})
    columns = [
        LAYER,
        *(
            Column(f"{name} {method}", share_by_layer(items, method).get, "{:.1f}".format, of=name, part=method)
            for name, items in chosen.items()
            for method in METHODS
        ),
    ]
    items = next(iter(chosen.values()))
    alike = [item for item in items if (item.layer, item.method) == (items[0].layer, items[0].method)]
    note = (
        f"The share of {sum(item.n for item in alike):,} words that find their translation, in percent, mean of both "
        "directions. weak: among the words of the other language. strong: among the words of both languages. csls: "
        "like weak, but words that are near to everything win less."
    )
    shown = f"mean of {len(alike)} languages" if language is None else f"{name_of(language)} ({language})"
    return make_sheet(f"Word retrieval, {shown}", columns, layers, note, things="encoder")


def share_by_layer(items: Sequence[Retrieval], method: str) -> dict[int, float]:
    """Return for each layer the percentage of words that find their translation with a given method.

    The percentage is averaged over languages.
    """
    layers: dict[int, list[float]] = {}
    for item in items:
        if item.method == method:
            layers.setdefault(item.layer, []).append(100 * item.mean)
    return {layer: sum(shares) / len(shares) for layer, shares in layers.items()}


def drift_sheet(found: Mapping[str, Sequence[Drift]], base: str) -> Sheet:
    """Return how far the layers of encoders have moved: one row per layer, one column per encoder."""
    by_layer = {name: {item.layer: 100 * item.distance for item in items} for name, items in found.items()}
    columns = [
        LAYER,
        *(Column(name, values.get, "{:.3f}".format, of=name, part="drift") for name, values in by_layer.items()),
    ]
    layers = sorted({layer for values in by_layer.values() for layer in values})
    note = "The length of the change of the weights, in percent of the length of the weights."
    return make_sheet(f"Drift from {base}", columns, layers, note, things="encoder")


def gradient_sheet(found: Mapping[str, Sequence[GradientCosine]]) -> Sheet:
    """Return how far the gradients of task and realignment agree: one row per layer, one column per model."""
    by_layer = {name: {item.layer: item for item in items} for name, items in found.items()}
    columns = [
        LAYER,
        *(Column(name, values.get, _cosine_text, of=name, part="cosine") for name, values in by_layer.items()),
    ]
    first = next(iter(found.values()))
    note = (
        f"The cosine between the gradients of the task's loss and of the realignment loss, mean ± sd over {first[0].n} "
        "batches. 1: the same direction. 0: unrelated. -1: opposite directions."
    )
    return make_sheet("Task and realignment gradients", columns, [item.layer for item in first], note, things="model")


def _cosine_text(item: GradientCosine) -> str:
    return f"{item.mean:+.3f} ± {item.sd:.3f}"
