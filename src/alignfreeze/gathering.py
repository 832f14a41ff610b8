"""Sums and rows of tensors over the processes that train together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from alignfreeze.processes import is_alone


def gather_rows(rows: Tensor, rows_per_process: list[int] | None = None) -> Tensor:
    """Return the rows of all processes, one process after the other; gradients flow back to each process.

    Gradients are summed over the processes. This is right if every process computes the whole loss, and if gradients
    are averaged afterwards.

    Args:
        rows: The rows of this process, [rows, ...]; other processes may have more or fewer.
        rows_per_process: How many rows each process has; None to ask all processes.
    """
    if is_alone():
        return rows
    return _Gather.apply(rows, rows_per_process or count_rows(len(rows), rows.device))  # type: ignore[return-value]


def sum_all(value: Tensor) -> Tensor:
    """Return the sum of a value over all processes, without gradients."""
    if is_alone():
        return value
    summed = value.detach().clone()
    distributed.all_reduce(summed)
    return summed


def count_rows(rows: int, device: torch.device) -> list[int]:
    """Return how many rows each process has."""
    if is_alone():
        return [rows]
    counts = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, torch.tensor([rows], device=device))
    return [int(count) for count in counts]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rows_per_process: list[int]) -> Tensor:
        ctx.counts = rows_per_process
        # All processes must send the same shape.
        padded = rows.new_zeros(max(ctx.counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in ctx.counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, ctx.counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total.split(ctx.counts)[distributed.get_rank()], None
