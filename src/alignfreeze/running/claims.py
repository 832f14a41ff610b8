"""Which process does which run, so that no run is done twice at once."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from alignfreeze.errors import OutputError
from alignfreeze.files import write_json
from alignfreeze.locks import HeldElsewhereError, hold_lock
from alignfreeze.processes import n_processes
from alignfreeze.progress import Bar, Display, get_display, remark, use_display
from alignfreeze.stored import Stored

NOTE_SECONDS = 1.0
"""Seconds between two records of the progress of a run."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which process does a run, and its progress.

    Attributes:
        host: Name of the machine.
        process: Number of the process there.
        began: When the process began the run, in seconds since 1970.
        stage: The current stage of the run.
        done: Finished steps of the stage.
        total: All steps of the stage; None if their number is not known.
        stage_began: When the stage began, in seconds since 1970.
        values: The latest values of the stage by name, such as its loss.
    """

    host: str
    process: int
    began: float
    stage: str = ""
    done: int = 0
    total: int | None = None
    stage_began: float = 0.0
    values: dict[str, float] = field(default_factory=dict)


_CLAIM = Stored[Claim](Claim, "the note of a claim")


@contextmanager
def claim_run(out: Path, name: str) -> Iterator[bool]:
    """Claim a run; yields False if another process holds it. Inside the block no other process can claim it.

    The operating system releases the lock whenever the process ends. A killed process leaves a note, which names the
    process whose work is taken over.

    Args:
        out: The folder of the experiment.
        name: Name of the run.

    Raises:
        OutputError: The folder cannot be written.
    """
    if n_processes() > 1:  # these processes do the same runs together
        yield True
        return
    note = _note_file_of(out, name)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(note.with_suffix(".lock"), seconds=0))
        except HeldElsewhereError:
            yield False
            return
        except OutputError as error:
            reason = error.__cause__ or error
            raise OutputError(
                f"{note.parent}: no run can be claimed here ({reason}); choose another place for --out"
            ) from error
        try:
            if (before := read_claim(out, name)) is not None:
                remark(
                    f"{name}: taken over from process {before.process} on {before.host}, which ended in the middle "
                    "of it"
                )
            with use_display(_NotingDisplay(note, get_display())):
                yield True
        finally:
            with suppress(OSError):
                note.unlink()


def is_claimed(out: Path, name: str) -> bool:
    """Return whether a living process holds a run."""
    path = out / "locks" / f"{name}.lock"
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # a folder that is read-only or without locks: trust the note
        return _note_file_of(out, name).exists()
    lock.release()
    return False


def read_claim(out: Path, name: str) -> Claim | None:
    """Return the claim of the process that holds a run, or held it when it was killed; None if there is none."""
    return _CLAIM.find(_note_file_of(out, name))


def _note_file_of(out: Path, name: str) -> Path:
    return out / "locks" / f"{name}.json"


class _NotingDisplay:
    """A display that also writes the current stage into a file, for other processes to read."""

    def __init__(self, path: Path, shown: Display) -> None:
        self.path = path
        self.shown = shown
        self.claim = Claim(socket.gethostname(), os.getpid(), time.time())
        self.written = 0.0
        self._write()

    def start(self, title: str, total: int | None) -> Bar:
        return _NotingBar(self, title, total, self.shown.start(title, total))

    def finish(self, bar: Bar) -> None:
        assert isinstance(bar, _NotingBar)
        self.shown.finish(bar.shown)

    def remark(self, text: str) -> None:
        self.shown.remark(text)

    def note(self, bar: _NotingBar, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self.written >= NOTE_SECONDS:
            first = self.claim
            stage = (bar.title, bar.done, bar.total, bar.began, bar.values)
            self.claim = Claim(first.host, first.process, first.began, *stage)
            self._write()

    def _write(self) -> None:
        self.written = time.monotonic()
        write_json(self.path, asdict(self.claim))


class _NotingBar:
    """The progress of one stage, shown and written into the file."""

    def __init__(self, noting: _NotingDisplay, title: str, total: int | None, shown: Bar) -> None:
        self.noting, self.title, self.total, self.shown = noting, title, total, shown
        self.done = 0
        self.values: dict[str, float] = {}
        self.began = time.time()
        noting.note(self, at_once=True)

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.shown.advance(steps)
        self.noting.note(self)

    def tell(self, **values: float) -> None:
        self.values |= values
        self.shown.tell(**values)
        self.noting.note(self)
