"""Draws the items to label, one after another, with known probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignfreeze.errors import DataError

Floats = NDArray[np.float64]

EVERYWHERE = 0.1
"""The part of the draws that reaches items on which the models agree; the rest goes to those on which they differ."""

MISSED = 0.05
"""How many entities an item counts for in which no model finds one."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The order in which items are drawn, each in proportion to its size among those that are left.

    Whoever labels may stop after any item: the first ones are a sample of their own.

    Attributes:
        order: The places of the items in the text, the first drawn first. Items without a size are never drawn.
        shares: The size of each drawn item, as a share of all sizes.
    """

    order: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def draw(cls, sizes: Floats, *, seed: int) -> Sampling:
        """Draw all items.

        Args:
            sizes: The size of each item, from 0 on.
            seed: The same seed draws the same order.

        Raises:
            DataError: No item has a size.
        """
        total = float(sizes.sum())
        if total <= 0:
            raise DataError("all models say the same everywhere, so any of them will do for it")
        # The order of exponential times with these rates is that of draws in proportion to what is left
        # (Efraimidis and Spirakis 2006).
        times = np.random.default_rng(seed).exponential(size=len(sizes))
        reached = np.flatnonzero(sizes > 0)
        order = reached[np.argsort(times[reached] / sizes[reached], kind="stable")]
        return cls(tuple(order.tolist()), tuple((sizes[order] / total).tolist()))

    @property
    def left(self) -> Floats:
        """Return the share of the sizes that was left before each draw, [drawn]."""
        shares = np.array(self.shares)
        return np.cumsum(shares[::-1])[::-1]  # summed from the end, the last is exact


def size_entities(differing: Floats, agreed: Floats) -> Floats:
    """Return the size of each item by which it is drawn, if entities count and not units.

    An item in which no model finds an entity has a size too: all may have missed one.

    Args:
        differing: Number of entities of each item that some models find and others do not, [items].
        agreed: Number of entities of each item that all models find, [items].
    """
    if not differing.any():
        return np.zeros_like(differing)
    return np.sqrt(differing + EVERYWHERE * agreed + MISSED)


def size_items(differing: Floats, units: Floats) -> Floats:
    """Return the size of each item, by which it is drawn.

    What an item tells about a difference grows with the number of units on which models differ. Neighbouring words are
    often wrong together, so that it grows more slowly than this number; its root needs the fewest items
    (docs/decisions/17-labelling.md). A small part of the draws reaches all items, so that every unit counts in scores.

    Args:
        differing: Number of units of each item on which models differ, [items].
        units: Number of units of each item, [items].
    """
    roots = np.sqrt(differing)
    if not roots.any():
        return np.zeros_like(roots)
    return (1 - EVERYWHERE) * roots / roots.sum() + EVERYWHERE * units / units.sum()
