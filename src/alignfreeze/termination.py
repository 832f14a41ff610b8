"""SIGTERM, which schedulers and service managers send, ends a command as Ctrl-C does: with its clean-up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CLEAN_UP_SECONDS = 5
"""The clean-up may take this long. Then the process ends without it."""

TERMINATED = 128 + signal.SIGTERM
"""The exit code of a command that SIGTERM has ended."""


class Terminated(SystemExit):
    """SIGTERM has arrived. As this is no `Exception`, only `finally` and `with` blocks see it."""


@contextmanager
def clean_up_when_terminated() -> Iterator[None]:
    """Raise `Terminated` inside the block when SIGTERM arrives; a second SIGTERM ends the process at once.

    Signals are handled by the main thread only; in other threads the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    has_arrived = False

    def end(*_: object) -> None:
        nonlocal has_arrived
        has_arrived = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if _HAS_ALARM:  # the exception is lost if it is raised where Python ignores exceptions
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CLEAN_UP_SECONDS)
        raise Terminated(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except SystemExit as error:
        if not has_arrived:
            raise
        if _HAS_ALARM:
            signal.alarm(0)
        raise Terminated(TERMINATED) from error  # Ray raises a SystemExit of its own in its place
    finally:
        signal.signal(signal.SIGTERM, before)


_HAS_ALARM = hasattr(signal, "alarm")
