"""What a probe of encoders finds, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.probe import Probe
from alignfreeze.evaluation.retrieval import METHODS, Retrieval
from alignfreeze.languages import name_of
from alignfreeze.report.sheets import Cell, Sheet


def probe_sheets(probe: Probe) -> list[Sheet]:
    """Return what a look into encoders has found: retrieval by language and on average, drift, gradients."""
    first = next(iter(probe.encoders))
    languages: list[str | None] = list(dict.fromkeys(item.language for item in probe.retrieval[first]))
    sheets = [
        retrieval_sheet(probe.retrieval, language) for language in [*languages, *([None] if len(languages) > 1 else [])]
    ]
    if probe.drift:
        sheets.append(drift_sheet(probe.drift, first))
    if probe.gradients:
        sheets.append(gradient_sheet(probe.gradients))
    return sheets


def retrieval_sheet(found: Mapping[str, Sequence[Retrieval]], language: str | None = None) -> Sheet:
    """Return the share of words that find their translation: a row a layer, a column an encoder and method.

    Args:
        found: Of each encoder, by name.
        language: Code of the target language; None for the mean over all.
    """
    values: dict[tuple[str, int, str], list[Retrieval]] = {}
    for encoder, items in found.items():
        for item in items:
            if language in {None, item.language}:
                values.setdefault((encoder, item.layer, item.method), []).append(item)
    layers = sorted({layer for _, layer, _ in values})
    columns = [(encoder, method) for encoder in found for method in METHODS]
    rows = [
        (Cell(_layer(layer)), *(_cell(values.get((encoder, layer, method), [])) for encoder, method in columns))
        for layer in layers
    ]
    first = next(iter(values.values()))
    note = (
        f"percent of {sum(item.n for item in first):,} words that find their translation, mean of both directions; "
        "weak: among the words of the other language, strong: among those of both, csls: weak with crowded places made "
        "up for"
    )
    names = ("layer", *(f"{encoder} {method}" for encoder, method in columns))
    shown = f"mean of {len(first)} languages" if language is None else f"{name_of(language)} ({language})"
    return Sheet(f"Word retrieval, {shown}", names, 1, tuple(rows), note)


def _layer(layer: int) -> str:
    return "embeddings" if layer == 0 else str(layer)


def _cell(items: Sequence[Retrieval]) -> Cell:
    return Cell(f"{100 * sum(item.mean for item in items) / len(items):.1f}" if items else "–")


def drift_sheet(found: Mapping[str, Sequence[Drift]], base: str) -> Sheet:
    """Return how far the layers of encoders have moved: a row a layer, a column an encoder."""
    layers = sorted({item.layer for items in found.values() for item in items})
    by_layer = {name: {item.layer: item.distance for item in items} for name, items in found.items()}
    rows = [(Cell(_layer(layer)), *(Cell(f"{100 * by_layer[name][layer]:.3f}") for name in found)) for layer in layers]
    note = "length of the change of the weights, in percent of the weights' length"
    return Sheet(f"Drift from {base}", ("layer", *found), 1, tuple(rows), note)


def gradient_sheet(found: Mapping[str, Sequence[GradientCosine]]) -> Sheet:
    """Return how far task and realignment pull layers the same way: a row a layer, a column a model."""
    rows = [
        (Cell(_layer(items[0].layer)), *(Cell(f"{item.mean:+.3f} ± {item.sd:.3f}") for item in items))
        for items in zip(*found.values(), strict=True)
    ]
    n = next(iter(found.values()))[0].n
    note = (
        f"cosine between the gradients of the task's loss and of the realignment loss, mean ± sd over {n} batches: "
        "1 the same way, 0 nothing to do with each other, -1 against each other"
    )
    return Sheet("Task and realignment gradients", ("layer", *found), 1, tuple(rows), note)
