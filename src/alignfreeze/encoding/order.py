"""The order in which a training visits sentences; it depends on the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 8
"""This many batches are sorted by length together. Longer windows need less padding, but mix the data less."""


def take_turns(groups: Sequence[Sequence[int] | NDArray[np.int64]], length: int, *, seed: int) -> NDArray[np.int64]:
    """Return an order in which the members of several groups take turns.

    Each group is shuffled again whenever it runs out. So a small group neither ends the training nor repeats in the
    same order (the reference code does both).

    Args:
        groups: The members of each group, such as the sentence pairs of each language.
        length: The length of the order.
        seed: The seed of the shuffling.

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


def take_shares(
    first: Sequence[int] | NDArray[np.int64],
    second: Sequence[int] | NDArray[np.int64],
    length: int,
    *,
    share: float,
    seed: int,
) -> NDArray[np.int64]:
    """Return an order in which two groups take turns, so that the first has a share of all places.

    Each group is shuffled again whenever it runs out, as in `take_turns`.

    Args:
        first: The members of the first group.
        second: The members of the second group.
        length: The length of the order.
        share: The share of the first group, between 0 and 1.
        seed: The seed of the shuffling.

    Returns:
        Members of both groups, evenly mixed, [length].
    """
    due = np.floor(np.arange(length + 1) * share)
    is_first = np.diff(due) > 0
    order = np.empty(length, dtype=np.int64)
    for number, (members, places) in enumerate(((first, is_first), (second, ~is_first))):
        order[places] = take_turns([members], int(places.sum()), seed=seed + number)
    return order


def sort_by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, *, seed: int, window: int = WINDOW
) -> NDArray[np.int64]:
    """Return an order whose batches hold sentences of similar length.

    A window is a few batches. Its members are sorted by length, and the resulting batches are shuffled. So groups that
    take turns stay evenly mixed from one window to the next. No window holds a member twice, unless one of its batches
    did before. A second copy of a sentence pair would be a negative of the first.

    Args:
        order: The members to visit, [visits].
        lengths: Subwords of each member, [members].
        batch_size: Members per batch; visits beyond the last whole batch keep their places.
        seed: The seed of the shuffling.
        window: The most batches that are sorted together.
    """
    generator = random.Random(seed)
    batches: list[NDArray[np.int64]] = []
    whole = len(order) - len(order) % batch_size
    for visits in _windows(order[:whole].reshape(-1, batch_size), window):
        ranked = visits[np.argsort(lengths[visits], kind="stable")].reshape(-1, batch_size)
        batches += generator.sample(list(ranked), len(ranked))
    return np.concatenate([*batches, order[whole:]])


def _windows(batches: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Yield the members of consecutive batches that have no member in common, [batches * batch size]."""
    start, seen = 0, set()
    for number, batch in enumerate(batches.tolist()):
        if number - start == most or not seen.isdisjoint(batch):
            yield batches[start:number].ravel()
            start, seen = number, set()
        seen.update(batch)
    if start < len(batches):
        yield batches[start:].ravel()


def split_by_budget(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Split members into batches of limited size, and yield the numbers of each batch's members.

    Args:
        lengths: Subwords of each member, in ascending order, [members].
        budget: The most subwords of a batch, with each member padded to the longest. A member that is longer than the
            budget gets a batch of its own.
    """
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > budget:
            yield np.arange(start, end)
            start = end
