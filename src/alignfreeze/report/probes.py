"""What a probe of encoders finds, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.evaluation.retrieval import METHODS, Drift, Retrieval
from alignfreeze.languages import name_of
from alignfreeze.report.sheets import Cell, Sheet


def retrieval_sheet(found: Mapping[str, Sequence[Retrieval]], language: str) -> Sheet:
    """Return the share of words that find their translation: a row a layer, a column an encoder and method.

    Args:
        found: Of each encoder, by name.
        language: Code of the target language.
    """
    values = {
        (encoder, item.layer, item.method): item
        for encoder, items in found.items()
        for item in items
        if item.language == language
    }
    layers = sorted({layer for _, layer, _ in values})
    columns = [(encoder, method) for encoder in found for method in METHODS]
    rows = [
        (Cell(_layer(layer)), *(_cell(values.get((encoder, layer, method))) for encoder, method in columns))
        for layer in layers
    ]
    n = max(item.n for item in values.values())
    note = (
        f"percent of {n:,} words that find their translation, mean of both directions; weak: among the words of the "
        "other language, strong: among those of both, csls: weak with crowded places made up for"
    )
    names = ("layer", *(f"{encoder} {method}" for encoder, method in columns))
    return Sheet(f"Word retrieval, {name_of(language)} ({language})", names, 1, tuple(rows), note)


def _layer(layer: int) -> str:
    return "embeddings" if layer == 0 else str(layer)


def _cell(item: Retrieval | None) -> Cell:
    return Cell("–" if item is None else f"{100 * item.mean:.1f}")


def drift_sheet(found: Mapping[str, Sequence[Drift]], base: str) -> Sheet:
    """Return how far the layers of encoders have moved: a row a layer, a column an encoder."""
    layers = sorted({item.layer for items in found.values() for item in items})
    by_layer = {name: {item.layer: item.distance for item in items} for name, items in found.items()}
    rows = [(Cell(_layer(layer)), *(Cell(f"{100 * by_layer[name][layer]:.3f}") for name in found)) for layer in layers]
    note = "length of the change of the weights, in percent of the weights' length"
    return Sheet(f"Drift from {base}", ("layer", *found), 1, tuple(rows), note)
