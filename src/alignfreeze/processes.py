"""Several processes that train together, as `torchrun` or `accelerate launch` starts them."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


def n_processes() -> int:
    """Return how many processes train together: 1 unless a launcher started more."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Return the number of this process among those that train together, from 0; process 0 writes and prints."""
    return int(os.environ.get("RANK", "0"))


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    if not _alone():
        distributed.barrier()


def agree(value: T) -> T:
    """Return what process 0 says, on all processes."""
    if _alone():
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def gather(rows: Tensor, rows_per_process: list[int] | None = None) -> Tensor:
    """Return the rows of all processes, one process after the other, with gradients to each.

    Gradients are summed over the processes, which is right for a loss that every process computes in
    full and whose gradients are averaged afterwards.

    Args:
        rows: Of this process, [rows, ...]; others may have more or fewer.
        rows_per_process: How many rows each process has, if it is known.
    """
    if _alone():
        return rows
    return _Gather.apply(rows, rows_per_process or count_rows(len(rows), rows.device))  # type: ignore[return-value]


def sum_all(value: Tensor) -> Tensor:
    """Return the sum of a value over all processes, without gradients."""
    if _alone():
        return value
    summed = value.detach().clone()
    distributed.all_reduce(summed)
    return summed


def count_rows(rows: int, device: torch.device) -> list[int]:
    """Return how many rows each process has."""
    if _alone():
        return [rows]
    found = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(found, torch.tensor([rows], device=device))
    return [int(count) for count in found]


def _alone() -> bool:
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rows_per_process: list[int]) -> Tensor:
        ctx.counts = rows_per_process
        # Collectives need equal shapes.
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
