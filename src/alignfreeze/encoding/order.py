"""In which order sentences are trained on; it depends on the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 8
"""Batches among which sentences are sorted by length: longer windows waste less padding and mix less."""


def take_turns(groups: Sequence[Sequence[int] | NDArray[np.int64]], length: int, *, seed: int) -> NDArray[np.int64]:
    """Return an order in which the members of several groups take turns.

    Each group is shuffled anew whenever it runs out, so that a small one
    neither ends the training nor repeats in the same order (the reference code
    does both).

    Args:
        groups: The members of each group, such as the sentence pairs of each language.
        length: How many places the order has.
        seed: For the shuffling.

    Returns:
        Members of the groups, [length].
    """
    generator = np.random.default_rng(seed)
    order = np.empty(length, dtype=np.int64)
    for turn, members in enumerate(groups):
        places = order[turn :: len(groups)]
        passes = -(-len(places) // len(members))
        shuffled = [generator.permutation(members) for _ in range(passes)]
        places[:] = np.concatenate(shuffled)[: len(places)] if passes else []
    return order


def sort_by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, *, seed: int, window: int = WINDOW
) -> NDArray[np.int64]:
    """Return an order whose batches hold sentences of like length.

    Within each window of a few batches the members are sorted by length; the
    batches of a window are then shuffled. What takes turns in the order
    stays evenly mixed from one window to the next, and no member meets itself
    in a batch that did not meet itself there before: of a sentence pair the
    other copy would be a negative.

    Args:
        order: What is visited, [visits].
        lengths: Subwords of each member, [members].
        batch_size: Members a batch; visits beyond the last whole batch are left where they are.
        seed: For the shuffling.
        window: Most batches that are sorted together.
    """
    generator = random.Random(seed)
    batches: list[NDArray[np.int64]] = []
    whole = len(order) - len(order) % batch_size
    for visits in _windows(order[:whole].reshape(-1, batch_size), window):
        ranked = visits[np.argsort(lengths[visits], kind="stable")].reshape(-1, batch_size)
        batches += generator.sample(list(ranked), len(ranked))
    return np.concatenate([*batches, order[whole:]])


def _windows(batches: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Yield the members of consecutive batches, as many as have none in common, [batches * batch size]."""
    start, seen = 0, set()
    for number, batch in enumerate(batches.tolist()):
        if number - start == most or not seen.isdisjoint(batch):
            yield batches[start:number].ravel()
            start, seen = number, set()
        seen.update(batch)
    if start < len(batches):
        yield batches[start:].ravel()


def split_by_budget(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield consecutive members that together, each padded to the longest of them, stay within a budget.

    Args:
        lengths: Subwords of each member, in ascending order, [members].
        budget: Most subwords of a batch; a longer member is a batch of its own.
    """
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > budget:
            yield np.arange(start, end)
            start = end
