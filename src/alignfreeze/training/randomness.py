"""Leaves the random numbers of the caller as they are: a training has a seed of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def keeping_random_state() -> Iterator[None]:
    """Inside the block, random numbers may be seeded; afterwards those of the caller go on as before it."""
    ours, theirs = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(theirs)
