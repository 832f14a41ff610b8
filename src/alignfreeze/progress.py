"""Progress of long stages.

A stage announces itself with `stage` and counts its steps. The library itself is silent; the command line installs a
display with `use_display`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Bar(Protocol):
    """The progress of one stage."""

    def advance(self, steps: int = 1) -> None:
        """Count some steps as done."""
        ...


class Display(Protocol):
    """Shows the progress of stages, and remarks."""

    def start(self, title: str, total: int | None) -> Bar:
        """Show a new stage; `total` is its number of steps, or None if that is not known."""
        ...

    def finish(self, bar: Bar) -> None:
        """Remove a stage that has ended, with or without an error."""
        ...

    def remark(self, text: str) -> None:
        """Show the user a remark."""
        ...


class _Silence:
    def start(self, title: str, total: int | None) -> Bar:
        return self

    def finish(self, bar: Bar) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def remark(self, text: str) -> None:
        pass


_display: ContextVar[Display] = ContextVar("display")
_SILENCE = _Silence()


def get_display() -> Display:
    """Return the display that progress is sent to."""
    return _display.get(_SILENCE)


@contextmanager
def use_display(display: Display) -> Iterator[None]:
    """Send the progress of all stages inside the block to a display."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


class _RemarksAlone(_Silence):
    def __init__(self, shown: Display) -> None:
        self.shown = shown

    def remark(self, text: str) -> None:
        self.shown.remark(text)


@contextmanager
def stage(title: str, total: int | None = None) -> Iterator[Bar]:
    """Announce a stage, and yield a bar that counts its steps."""
    display = get_display()
    bar = display.start(title, total)
    try:
        yield bar
    finally:
        display.finish(bar)


@contextmanager
def as_one_stage(title: str) -> Iterator[None]:
    """Announce the block as one stage and hide the stages inside it; their remarks are shown."""
    with stage(title), use_display(_RemarksAlone(get_display())):
        yield


def remark(text: str) -> None:
    """Tell the user something that is not an error."""
    get_display().remark(text)
