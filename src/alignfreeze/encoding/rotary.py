"""Rotary positions (Su et al. 2021, RoFormer) with one pass over queries and keys, for training on a CPU.

The functions in `transformers` make seven new tensors of the size of the queries for each call, and as many for the
gradients. On a CPU that is a tenth of a training step of a small encoder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

NAME = "apply_rotary_pos_emb"
"""The function in the modules of `transformers` that turns queries and keys by their positions."""


@contextmanager
def quick_rotary(model: PreTrainedModel) -> Iterator[None]:
    """Inside the block, let a model with rotary positions turn its queries and keys by `turn`.

    Queries that are not in float32 are turned as before: in higher precision some families round them, and in half
    precision a GPU has functions of its own.
    """
    module: Any = sys.modules[type(model.base_model).__module__]
    before = getattr(module, NAME, None)
    if before is None:
        yield
        return
    setattr(module, NAME, partial(_turn_both, before))
    try:
        yield
    finally:
        setattr(module, NAME, before)


def _turn_both(before: Any, query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, **options: Any) -> Any:
    """Turn queries and keys, [batch, heads, subwords, width of a head]; cosines are [batch, subwords, width of a head].

    The first half of a head is turned with the second half, so that both halves have the same angles.
    """
    if query.dtype != torch.float32 or query.device.type != "cpu" or options.get("unsqueeze_dim", 1) != 1:
        return before(query, key, cos, sin, **options)
    half = cos.shape[-1] // 2
    angles = cos[:, None, :, :half], sin[:, None, :, :half]
    return turn(query, *angles), turn(key, *angles)


def turn(values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first half of each vector with the second half.

    Args:
        values: Vectors, [..., width].
        cos: The cosines of the angles, [..., half the width].
        sin: The sines of the angles, [..., half the width].
    """
    return _Turn.apply(values, cos, sin)  # type: ignore[return-value]


class _Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(values, cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turn(gradients[0], cos, -sin), None, None  # back by the same angles


def _turn(values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.empty(values.transpose(1, 2).shape, dtype=values.dtype, device=values.device).transpose(1, 2)
    halves = zip(values.chunk(2, dim=-1), turned.chunk(2, dim=-1), strict=True)
    (first, first_turned), (second, second_turned) = halves
    torch.mul(first, cos, out=first_turned).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=second_turned).addcmul_(first, sin)
    return turned
