"""The lens: a server on this machine that shows the page of a study to browsers and keeps notes from them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Self

import uvicorn

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.reports.application import HOST, address_of, make_application
from alignfreeze.reports.serving import LivePage

_GRACE = 1.0
"""Seconds in which unfinished answers can still be sent when the server ends."""


class Lens:
    """A server on this machine, for browsers on this machine.

    Args:
        paths: Folders of runs, and tables.
        port: The port on which the server listens; 0 for any free port.

    Raises:
        DataError: A folder or table is missing.
        SettingsError: The port is not available.
    """

    def __init__(self, paths: Sequence[Path], *, port: int) -> None:
        for path in paths:
            if not path.exists():
                raise DataError(f"{path}: no such file or folder; name folders of runs, or tables (CSV)")
        self.page = LivePage(paths)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_application(self.page, port=self.port),
                # Other installed packages and environment variables must not change the server.
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                workers=1,
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                log_level="error",
            )
        )
        self._ended = Event()
        self._ended.set()

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return address_of(self.port)

    def serve_forever(self) -> None:
        """Answer requests until `shutdown` or Ctrl-C."""
        self._ended.clear()
        # With a daemon thread, Ctrl-C does not wait for a page or a slow reader.
        Thread(target=self._serve, daemon=True).start()
        with _noticing_interrupts() as interrupts:
            while not interrupts and not self._ended.wait(timeout=0.5):  # Windows notices Ctrl-C between two waits
                pass

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """End `serve_forever` and free the port."""
        self._server.should_exit = True
        self._ended.wait(_GRACE)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


@contextmanager
def _noticing_interrupts() -> Iterator[list[int]]:
    """Inside the block, Ctrl-C adds to a list. KeyboardInterrupt may be raised where Python drops it: in `__del__`.

    Only the main thread of a process can say what Ctrl-C does; elsewhere the list stays empty.
    """
    interrupts: list[int] = []
    if current_thread() is not main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _listen(port: int) -> socket.socket:
    """Open a port. Requests that arrive before `serve_forever` wait.

    Raises:
        SettingsError: The port is not available.
    """
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise SettingsError(
            f"--port {port}: is not available ({reason}); choose another port, or 0 for any free port"
        ) from error
