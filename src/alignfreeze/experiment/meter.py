"""Time and memory of the stages of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Meter:
    """Measures stages.

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
        """Measure the block as a stage of this name, or as a further part of it."""
        on_gpu = self.device == "cuda"
        _reset_peak()
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
        """Add to a stage what a part of it took: seconds sum up, of the memory the most counts."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)
        most = self.memory.setdefault(name, {})
        for where, n_bytes in memory.items():
            most[where] = max(n_bytes, most.get(where, 0))


def peak_of_process() -> int:
    """Return the most bytes this process has held: on Linux since the last stage began, elsewhere since it started."""
    with suppress(OSError):  # where it is there: what getrusage says begins with the parent's
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _reset_peak() -> None:
    with suppress(OSError):  # not Linux, or not allowed: then the peak is that of the stages before too
        _RESET.write_text("5")
