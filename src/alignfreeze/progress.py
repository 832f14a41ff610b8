"""Progress of long stages.

A stage announces itself with `stage` and counts its steps. The command line installs a display with `use_display`. In
Python, notebooks draw bars, and everything else is silent until `show_progress` is called.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol, Self


class Bar(Protocol):
    """The progress of one stage."""

    def advance(self, steps: int = 1) -> None:
        """Count some steps as done."""
        ...

    def tell(self, **values: float) -> None:
        """Show the latest values of the stage by name, such as its loss."""
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

    def tell(self, **values: float) -> None:
        pass

    def remark(self, text: str) -> None:
        if _is_wanted is not False:
            _LOGGER.warning(text)


_LOGGER = logging.getLogger("alignfreeze")
"""Where remarks go that no display shows. Unless told otherwise, logging writes them to standard error."""

_display: ContextVar[Display] = ContextVar("display")
_SILENCE = _Silence()


_is_wanted: bool | None = None
"""What `show_progress` was last told; None if it was not called: then notebooks alone show progress."""
# No context variable: each cell of a notebook may run in a context of its own.


def get_display() -> Display:
    """Return the display that progress is sent to."""
    return _display.get(None) or _usual_display()


def _usual_display() -> Display:
    """Return the display outside of `use_display`: bars if they are wanted, or if this is a notebook."""
    if _is_wanted is False:
        return _SILENCE
    if (shell := running_shell()) is not None:
        return _notebook_bars(shell)
    return _terminal_bars() if _is_wanted else _SILENCE


def running_shell() -> Any:
    """Return the IPython shell of the notebook that this process runs; None elsewhere. It does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


@cache
def _notebook_bars(shell: Any) -> Display:
    from alignfreeze.progress_notebook import NotebookBars

    return NotebookBars(shell)


@cache
def _terminal_bars() -> Display:
    from alignfreeze.progress_bars import PassingBars

    return PassingBars()


class show_progress:  # noqa: N801 - used as a function
    """Show the progress of alignfreeze and its remarks, or hide them: `show_progress()`, `show_progress(False)`.

    In a notebook they are shown without a call, below the cell. As a context, `with show_progress():`, it ends with the
    block.
    """

    def __init__(self, on: bool = True) -> None:
        global _is_wanted
        self._before, _is_wanted = _is_wanted, on

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        global _is_wanted  # noqa: PLW0603
        _is_wanted = self._before


@contextmanager
def use_display(display: Display) -> Iterator[None]:
    """Send the progress of all stages inside the block to a display."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


class _Gathering:
    """A display that keeps remarks for later."""

    def __init__(self, shown: Display) -> None:
        self.shown = shown
        self.remarks: list[str] = []

    def start(self, title: str, total: int | None) -> Bar:
        return self.shown.start(title, total)

    def finish(self, bar: Bar) -> None:
        self.shown.finish(bar)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


@contextmanager
def gathering_remarks() -> Iterator[None]:
    """Show the remarks of the block when it ends, those of a kind as one: many files often have the same oddity."""
    gathering = _Gathering(get_display())
    try:
        with use_display(gathering):
            yield
    finally:
        for text in gather_remarks(gathering.remarks):
            gathering.shown.remark(text)


@contextmanager
def keeping_remarks() -> Iterator[list[str]]:
    """Yield a list that gets the remarks of the block, which are not shown."""
    gathering = _Gathering(get_display())
    with use_display(gathering):
        yield gathering.remarks


MOST_EXAMPLES = 3
"""How many subjects of remarks of a kind are named. Of the others only the number is given."""


def gather_remarks(texts: Sequence[str]) -> list[str]:
    """Return remarks, those of a kind as one: `fr.tsv: read as tsv; the same for de.tsv, es.tsv and 7 more`.

    Args:
        texts: Remarks, each a subject, a colon and a statement. Those whose statements differ only in numbers are of a
            kind.
    """
    kinds: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        _, colon, statement = text.partition(": ")
        kinds.setdefault(_NUMBER.sub("0", statement) if colon else text, []).append(text)
    return [_join_remarks(alike) for alike in kinds.values()]


_NUMBER = re.compile(r"[0-9][0-9.,]*")


def _join_remarks(alike: Sequence[str]) -> str:
    """Return remarks of a kind as one: the first, and the subjects of the others."""
    if len(alike) == 1:
        return alike[0]
    parts = [text.partition(": ") for text in alike]
    same = len({statement for _, _, statement in parts}) == 1
    folder = os.path.dirname(parts[0][0])  # noqa: PTH120 - a subject may be no path
    named = [subject.removeprefix(f"{folder}/") for subject, _, _ in parts[1 : 1 + MOST_EXAMPLES]]
    n_more = len(parts) - 1 - len(named)
    if n_more:
        named.append(f"{n_more} more")
    others = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"{alike[0]}; {'the same' if same else 'much the same'} for {others}"


class _RemarksAlone(_Silence):
    def __init__(self, shown: Display) -> None:
        self.shown = shown

    def remark(self, text: str) -> None:
        self.shown.remark(text)


class _StagesAlone(_Silence):
    def __init__(self, shown: Display) -> None:
        self.shown = shown

    def start(self, title: str, total: int | None) -> Bar:
        return self.shown.start(title, total)

    def finish(self, bar: Bar) -> None:
        self.shown.finish(bar)

    def remark(self, text: str) -> None:
        pass


@contextmanager
def without_remarks() -> Iterator[None]:
    """Show the stages of the block, but no remarks: files that are read a second time would repeat theirs."""
    with use_display(_StagesAlone(get_display())):
        yield


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


def duration(seconds: float) -> str:
    """Return a time span as text for readers: `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def remark(text: str) -> None:
    """Tell the user something that is not an error."""
    get_display().remark(text)
