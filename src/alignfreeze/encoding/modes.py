"""Leaves what the caller had set as it was: the modes of a model's modules, and what transformers reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers.utils import logging


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


@contextmanager
def without_reports() -> Iterator[None]:
    """Inside the block, transformers reports errors only."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
