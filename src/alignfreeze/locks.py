"""Locks that processes hold on files; the operating system frees them when a process ends, in whatever way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from alignfreeze.errors import OutputError
from alignfreeze.files import make_folder


class HeldElsewhereError(Exception):
    """Another process holds a lock."""


@contextmanager
def hold_lock(path: Path, *, seconds: float = -1, poll: float = 0.05) -> Iterator[None]:
    """Hold a lock inside the block.

    Args:
        path: The file of the lock. It stays: others may wait for it, and a removed lock would let two of them in.
        seconds: How long to wait for another process that holds it; less than 0 for as long as it takes.
        poll: Seconds between two attempts.

    Raises:
        HeldElsewhereError: Another process held it all the time.
        OutputError: The lock cannot be opened, for example in a folder of another user, or the file system has no
            locks.
    """
    make_folder(path.parent)
    lock = FileLock(path, timeout=seconds, poll_interval=poll)
    try:
        lock.acquire()
    except Timeout:
        raise HeldElsewhereError(path.name) from None
    except (OSError, NotImplementedError) as error:  # the second: the file system has no locks
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{path}: cannot be locked ({reason}); if the folder is another user's, copy it or choose another place"
        ) from error
    try:
        yield
    finally:
        lock.release()
