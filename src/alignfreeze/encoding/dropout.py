"""Dropout that makes four decisions from one random number, for training on a CPU.

On a CPU, torch draws one random number per value, one after the other (Intel's library on an Intel processor does not).
Drawing them takes a tenth of a training step with a small encoder. Here the probability is rounded to 1/65,536.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEPS = 2**16


def dropout(values: Tensor, probability: float) -> Tensor:
    """Set values to zero with a probability, and scale up the other values so that the mean stays the same.

    The decisions come from torch's default generator, so the same seed gives the same decisions.
    """
    if not probability:
        return values
    if values.device.type != "cpu":
        return F.dropout(values, probability)
    return _Dropout.apply(values, probability)  # type: ignore[return-value]


@contextmanager
def quick_dropout(model: nn.Module) -> Iterator[None]:
    """Let the dropout layers of a model use `dropout` inside the block."""
    layers = [module for module in model.modules() if type(module) is nn.Dropout]
    for layer in layers:
        layer.forward = partial(_forward, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _forward(layer: nn.Dropout, input: Tensor) -> Tensor:
    return dropout(input, layer.p) if layer.training else input


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, probability: float) -> Tensor:
        factors = draw_factors(values, probability)
        # Factors take four times the memory of decisions, but to multiply by decisions takes twice as long.
        ctx.save_for_backward(factors)
        return values * factors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return gradients[0] * factors, None


def draw_factors(values: Tensor, probability: float) -> Tensor:
    """Return what `dropout` multiplies each value with: 0 with a probability, else the same factor above 1."""
    return _choose_kept(values, probability).to(values.dtype).mul_(1.0 / (1.0 - probability))


def _choose_kept(values: Tensor, probability: float) -> Tensor:
    """Decide for each value whether it is kept, by one of the four 16-bit parts of a 64-bit random number."""
    n = values.numel()
    numbers = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    dropped = round(probability * _STEPS)
    return (numbers.view(torch.int16)[:n] >= dropped - _STEPS // 2).view(values.shape)
