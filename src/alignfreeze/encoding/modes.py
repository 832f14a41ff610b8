"""Leaves the modules of a model in the modes in which the caller had them: training, or evaluation without dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def keeping_modes(model: nn.Module) -> Iterator[None]:
    """Inside the block, modules may change between training and evaluation; each has its own mode again afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside the block, a model has no dropout; each of its modules has its own mode again afterwards."""
    with keeping_modes(model):
        model.eval()
        yield
