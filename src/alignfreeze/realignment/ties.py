"""Merges what several encoders have learnt, without what they contradict each other in (TIES).

A mean of encoders halves what only one of two has learnt, and lets opposite changes cancel out. TIES-Merging (Yadav et
al. 2023, arXiv 2306.01708) keeps only the largest changes of each encoder and decides on one direction for each weight.
It takes the mean of the changes in this direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.averaging import check_alike, named_tensors

DENSITY = 0.2
"""The share of its changes that each encoder keeps, as in the paper (section 5)."""


def merge_changes(pretrained: Model, encoders: Iterable[Model], *, density: float = DENSITY) -> Encoder:
    """Add the changes of several encoders to the pretrained one, in place, and return it.

    1. Of each encoder's changes, those of the largest absolute value are kept, over all changed weights together.
    2. For each weight, the direction is that of the sum of these changes.
    3. The weight changes by the mean of the kept changes in this direction. If they cancel out, it stays.

    The encoders are requested and released one by one. Beside two encoders, their changes are in memory, and up to four
    more numbers per changed weight. A weight that is the same in all encoders stays bit-identical. Whole numbers are
    those of the pretrained encoder.

    Args:
        pretrained: The encoder from which the others were made.
        encoders: One or more of them, with the same architecture and the same vocabulary.
        density: The share of the changes that each encoder keeps, more than 0 and at most 1.

    Raises:
        EncoderError: Two encoders differ in more than their weights, or a parameter is not finite.
        SettingsError: The share is not more than 0 and at most 1.
        ValueError: No encoder is given.
    """
    check_density(density)
    start = to_encoder(pretrained)
    check_finite(start.name, start.model)
    directions: dict[str, _Directions] = {}
    n = 0
    for encoder in map(to_encoder, encoders):
        n += 1
        check_finite(encoder.name, encoder.model)
        check_alike(start, encoder, how="merged")
        changes = dict(_changes_of(start, encoder))
        least = _find_least(changes.values(), density)
        for name, change in changes.items():
            change[change.abs() < least] = 0
            directions.setdefault(name, _Directions(change)).add(change)
        del encoder, changes  # otherwise they would stay in memory while the next encoder is loaded
    if not n:
        raise ValueError("no encoder is given")
    with torch.no_grad():
        for name, tensor in named_tensors(start.model):
            if name in directions and (moves := directions.pop(name).mean()).any():
                tensor.add_(moves)
    return start


def check_density(density: float) -> float:
    """Return the share of the changes that an encoder keeps unchanged, if it is one.

    Raises:
        SettingsError: It is not more than 0 and at most 1.
    """
    if not (math.isfinite(density) and 0 < density <= 1):
        raise SettingsError(f"{density:g} is no share of the changes: it must be more than 0 and at most 1")
    return density


class _Directions:
    """The changes of a tensor upwards and downwards: their sums and numbers."""

    def __init__(self, like: Tensor) -> None:
        self.up = torch.zeros_like(like)
        self.down = torch.zeros_like(like)
        self.n_up = torch.zeros_like(like, dtype=torch.uint8)
        self.n_down = torch.zeros_like(like, dtype=torch.uint8)

    def add(self, change: Tensor) -> None:
        self.up += change.clamp(min=0)
        self.down += change.clamp(max=0)
        self.n_up += change > 0
        self.n_down += change < 0

    def mean(self) -> Tensor:
        """Return the mean change in the direction of the sum of all changes."""
        total = self.up + self.down
        up, down = self.up / self.n_up.clamp(min=1), self.down / self.n_down.clamp(min=1)
        return torch.where(total > 0, up, torch.where(total < 0, down, 0.0))


@torch.no_grad()
def _changes_of(start: Encoder, encoder: Encoder) -> Iterator[tuple[str, Tensor]]:
    """Yield how far each tensor of numbers with fractions is from the pretrained one."""
    theirs = dict(named_tensors(encoder.model))
    for name, tensor in named_tensors(start.model):
        if tensor.is_floating_point():
            yield name, theirs[name].to(tensor) - tensor


def _find_least(changes: Iterable[Tensor], density: float) -> float:
    """Return the least absolute value of the largest changes of all tensors.

    Only weights that changed count. Realignment leaves most of a word table as it is, because only the rows of words in
    the bitext change. If all weights counted, the share could be more than everything that changed.
    """
    sizes = torch.cat([change[change != 0].abs() for change in changes])
    if not len(sizes):
        return 0.0
    n = math.ceil(density * len(sizes))
    return float(sizes.kthvalue(len(sizes) - n + 1).values)
