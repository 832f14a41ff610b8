"""Several processes: those that train together, started by `torchrun` or `accelerate launch`, and those we start."""

from __future__ import annotations

import os
import sys
from typing import TypeVar

T = TypeVar("T")


def n_processes() -> int:
    """Return how many processes train together: 1, unless a launcher started more."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Return the number of this process, from 0; process 0 writes files and prints."""
    return int(os.environ.get("RANK", "0"))


def wait_for_all() -> None:
    """Wait until all processes have reached this call."""
    if not is_alone():
        from torch import distributed

        distributed.barrier()


def agree(value: T) -> T:
    """Return the value of process 0 on all processes."""
    if is_alone():
        return value
    from torch import distributed

    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def is_alone() -> bool:
    """Return whether this process trains alone."""
    if "torch" not in sys.modules:  # whoever trains together has imported it
        return True
    from torch import distributed

    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1)


def run_module(name: str) -> list[str]:
    """Return the command that runs a module as a program, which imports nothing from the current folder by chance."""
    return [sys.executable, "-P", "-m", name]


def environment_of_children() -> dict[str, str]:
    """Return the environment for a process that is to find the modules that this one finds, and no others."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
