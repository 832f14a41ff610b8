"""Limits of this process: the size of its files, its memory, and the time of a block."""

import resource
import time
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 10**6


@contextmanager
def _limit(kind, most):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def smallest_files(n_bytes):
    """Let no file of this process grow beyond some bytes, as `ulimit -f` does."""
    return _limit(resource.RLIMIT_FSIZE, n_bytes)


@contextmanager
def within(*, megabytes, seconds):
    """Let the block take only so much more memory than is taken now, and so much time.

    A block that wants more memory gets a MemoryError. Only Linux says how much is taken now.
    """
    status = Path("/proc/self/statm")
    start = time.monotonic()
    if status.exists():
        taken = int(status.read_text().split()[0]) * resource.getpagesize()
        with _limit(resource.RLIMIT_AS, taken + megabytes * MEGABYTE):
            yield
    else:
        yield
    assert time.monotonic() - start < seconds
