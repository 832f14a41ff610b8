"""Several processes that train together, started by `torchrun` or `accelerate launch`."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


def n_processes() -> int:
    """Return how many processes train together: 1, unless a launcher started more."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Return the number of this process, from 0; process 0 writes files and prints."""
    return int(os.environ.get("RANK", "0"))


def wait_for_all() -> None:
    """Wait until all processes have reached this call."""
    if not _is_alone():
        distributed.barrier()


def agree(value: T) -> T:
    """Return the value of process 0 on all processes."""
    if _is_alone():
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def gather_rows(rows: Tensor, rows_per_process: list[int] | None = None) -> Tensor:
    """Return the rows of all processes, one process after the other; gradients flow back to each process.

    Gradients are summed over the processes. This is right if every process computes the whole loss, and if gradients
    are averaged afterwards.

    Args:
        rows: The rows of this process, [rows, ...]; other processes may have more or fewer.
        rows_per_process: How many rows each process has; None to ask all processes.
    """
    if _is_alone():
        return rows
    return _Gather.apply(rows, rows_per_process or count_rows(len(rows), rows.device))  # type: ignore[return-value]


def sum_all(value: Tensor) -> Tensor:
    """Return the sum of a value over all processes, without gradients."""
    if _is_alone():
        return value
    summed = value.detach().clone()
    distributed.all_reduce(summed)
    return summed


def count_rows(rows: int, device: torch.device) -> list[int]:
    """Return how many rows each process has."""
    if _is_alone():
        return [rows]
    counts = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, torch.tensor([rows], device=device))
    return [int(count) for count in counts]


def _is_alone() -> bool:
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


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
