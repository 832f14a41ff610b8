"""Lets several models label together: a label counts only if all of them give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alignfreeze.evaluation.estimates import consensus, find_spans
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.ragged import Ragged


def agree_on(several: Sequence[Predictions]) -> Predictions:
    """Return the mean predictions of several models, with the units of source sides on whose label all models agree.

    Models agree on an entity if all of them find it, with the same words. They agree on another word if none of them
    has it in an entity.

    Args:
        several: Predictions of at least one model, all for the same pairs and labels.

    Raises:
        ValueError: The pairs or the labels differ.
    """
    if len(several) == 1:
        return several[0]
    mean = consensus(several)
    compare = _agree_on_entities if mean.are_entities else _agree_on_units
    rows = []
    for number in range(len(mean)):
        sides = [np.nan_to_num(one.source[number].astype(np.float64)) for one in (mean, *several)]
        rows.append(compare(mean.labels, sides)[:, None])
    return replace(mean, agreed=Ragged.of(rows, dtype=bool))


def _agree_on_units(_: Sequence[str], sides: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return for each unit whether all sides have the same most probable label, [units]."""
    best = np.stack([side.argmax(axis=1) for side in sides])  # [sides, units]
    return (best == best[0]).all(axis=0)


def _agree_on_entities(labels: Sequence[str], sides: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return for each word whether it is in an entity of all sides, or in none, [words]."""
    spans = [set(find_spans(labels, side)) for side in sides]
    agreed = np.ones(len(sides[0]), dtype=bool)
    for _, start, end in set.union(*spans) - set.intersection(*spans):
        agreed[start : end + 1] = False
    return agreed
