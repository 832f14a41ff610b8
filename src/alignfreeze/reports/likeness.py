"""Which languages are similar, in several senses, and which runs are similar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from alignfreeze.addresses import address_of_language, address_of_run
from alignfreeze.evaluation.probe import Probe
from alignfreeze.experiment.identity import flatten
from alignfreeze.experiment.records import RunRecord
from alignfreeze.languages import name_or_code
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.studies.comparison import Comparison
from alignfreeze.typology import FEATURES, facts_of

Distances = Mapping[tuple[str, str], float]
"""The distance of two languages, by their codes in either order."""

BY_GAINS, BY_TYPOLOGY, BY_VECTORS = "effect of realignment", "typology", "vectors of the encoder"

MEASURES = {
    BY_GAINS: "difference of the gains, in points (root mean square)",
    BY_TYPOLOGY: "mean of URIEL's cosine distances",
    BY_VECTORS: "1 - cosine of where the encoder has the words",
}
"""What a distance is, by sense."""

SHOWN = 5
"""How many of the nearest languages a table names."""

OTHERS = 8
"""How many differences between two runs are named. If there are more, only the number of the rest is given."""


def measure_distances(
    codes: Sequence[str], compared: Sequence[Comparison], probe: Probe | None
) -> dict[str, Distances]:
    """Measure the distances between languages, in several senses.

    Args:
        codes: The languages.
        compared: Comparisons. Two languages are near if their gains, in points, are similar.
        probe: A probe, or None. Two languages are near if its encoder puts their words into the same place.
    """
    found = {BY_GAINS: _by_gains(codes, compared), BY_TYPOLOGY: _by_typology(codes)}
    if probe is not None:
        found[BY_VECTORS] = _both_ways({(one, other): 1 - cosine for one, other, cosine in probe.alike})
    return {sense: values for sense, values in found.items() if values}


def _by_gains(codes: Sequence[str], compared: Sequence[Comparison]) -> Distances:
    """Return the root mean square of the differences between the gains of two languages, in points."""
    gains = {code: _gains_of(code, compared) for code in codes}
    found = {}
    for one, other in combinations(codes, 2):
        both = gains[one].keys() & gains[other].keys()
        if len(both) > 1:
            squares = [(gains[one][name] - gains[other][name]) ** 2 for name in both]
            found[one, other] = 100 * float(np.sqrt(np.mean(squares)))
    return _both_ways(found)


def _gains_of(code: str, compared: Sequence[Comparison]) -> dict[tuple[int, str], float]:
    return {
        (number, strategy): one.gain
        for number, comparison in enumerate(compared)
        for strategy, one in comparison.cells.get(code, {}).items()
        if one.gain is not None
    }


def _by_typology(codes: Sequence[str]) -> Distances:
    """Return the mean of those URIEL distances that are known for both languages."""
    found = {}
    for one, other in combinations(codes, 2):
        values = facts_of(one, other).values
        if known := [values[kind] for kind in FEATURES if kind in values]:
            found[one, other] = float(np.mean(known))
    return _both_ways(found)


def _both_ways(found: Distances) -> Distances:
    return {**found, **{(other, one): value for (one, other), value in found.items()}}


def find_nearest(code: str, codes: Sequence[str], values: Distances, n: int) -> list[str]:
    """Return the languages that are most similar to a language, the nearest first."""
    others = [other for other in codes if other != code and (code, other) in values]
    return sorted(others, key=lambda other: values[code, other])[:n]


def alike_sheet(code: str, codes: Sequence[str], found: Mapping[str, Distances]) -> Sheet:
    """Return the languages most similar to a language: one row per sense and language."""
    rows = [
        (
            Cell(sense),
            Cell(name_or_code(other), page=address_of_language(other)),
            Cell(f"{values[code, other]:.2f}"),
        )
        for sense, values in found.items()
        for other in find_nearest(code, codes, values, SHOWN)
    ]
    note = (
        f"The {SHOWN} nearest languages in each sense. Effect of realignment: root mean square difference of the "
        "gains, in points. Typology: mean of URIEL's cosine distances. Vectors of the encoder: where it has the words "
        "of a language (1 - cosine)."
    )
    return Sheet(f"Most like {name_or_code(code)}", ("by", "language", "distance"), 2, tuple(rows), note)


def alike_runs_sheet(record: RunRecord, records: Sequence[RunRecord]) -> Sheet | None:
    """Return the runs whose settings are most similar to those of a run, with the differences; None without others."""
    ours = _flatten(record)
    others = [(_find_differences(ours, _flatten(other)), other) for other in records if other is not record]
    if not others:
        return None
    others.sort(key=lambda pair: len(pair[0]))
    rows = [
        (
            Cell(f"{other.strategy}, {other.named_seeds}: {other.experiment}", page=address_of_run(other.folder)),
            Cell(_describe_differences(found)),
        )
        for found, other in others[:SHOWN]
    ]
    note = "Differences: this run → the other run."
    return Sheet("Runs most like this one", ("run", "differs in"), 2, tuple(rows), note)


def _flatten(record: RunRecord) -> dict[str, str]:
    """Return everything that decides the result of a run, as texts by names with dots."""
    identity = record.identity
    facts = {name: fact for found in identity.facts.values() for name, fact in found.items()}
    told = {"version": identity.version, "encoder": identity.encoder, "strategy": record.strategy, "seed": record.seed}
    values = {**told, "settings": identity.all_settings, "data": record.files, **facts}
    return {name: str(value) for name, value in flatten(values)}


def _find_differences(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the differences by name. A table that only one run has is a single difference."""
    found: dict[str, tuple[str, str]] = {}
    for name in {**ours, **theirs}:
        here, there = ours.get(name), theirs.get(name)
        if here is None or there is None:
            found[".".join(name.split(".")[:2])] = (
                "none" if here is None else "some",
                "none" if there is None else "some",
            )
        elif here != there:
            found[name] = (here, there)
    return found


def _describe_differences(found: dict[str, tuple[str, str]]) -> str:
    named = [
        f"{name.removeprefix('settings.')} {_shorten(here)} → {_shorten(there)}"
        for name, (here, there) in found.items()
    ]
    rest = len(named) - OTHERS
    return ", ".join([*named[:OTHERS], *([f"and {rest} more"] if rest > 0 else [])])


def _shorten(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:12]}…"
