"""Time and memory of the stages of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from alignfreeze.encoding.devices import is_gpu

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Meter:
    """Measures the time and memory of stages.

    Attributes:
        seconds: Wall-clock time of each stage.
        memory: Most bytes held in each stage, by `process` and, on a GPU, `device`.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, dict[str, int]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure the block. Blocks of the same name count as one stage."""
        on_gpu = is_gpu(self.device)
        with suppress(OSError):  # not Linux, or not allowed: then the peak includes earlier stages
            _RESET.write_text("5")
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        memory = {"process": peak_of_process()}
        if on_gpu:
            memory["device"] = torch.cuda.max_memory_allocated()
        self.add(name, seconds, memory)

    def add(self, name: str, seconds: float, memory: Mapping[str, int]) -> None:
        """Add a block to its stage: seconds are summed, and the greatest memory counts."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)
        most = self.memory.setdefault(name, {})
        for where, n_bytes in memory.items():
            most[where] = max(n_bytes, most.get(where, 0))


def peak_of_process() -> int:
    """Return the most bytes that this process has held: on Linux since the last stage began, else since its start."""
    with suppress(OSError):  # preferred where it exists, because getrusage begins with the peak of the parent
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
