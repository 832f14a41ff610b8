"""Progress bars on a terminal; without a terminal, one line per long stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

NOTEWORTHY_SECONDS = 2.0
"""Stages shorter than this leave no line when they end."""


class _Bar:
    """One stage on the display."""

    def __init__(self, progress: Progress, task: TaskID, title: str) -> None:
        self.progress = progress
        self.task = task
        self.title = title
        self.began = time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        self.progress.advance(self.task, steps)


class _Bars(Progress):
    """Progress bars, and something else below them."""

    below: Callable[[], RenderableType | None] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield what is shown, from top to bottom."""
        yield from super().get_renderables()
        if self.below is not None and (shown := self.below()) is not None:
            yield shown


class ProgressBars:
    """Shows the running stages on standard error. What `below` returns is shown below the stages."""

    def __init__(self, below: Callable[[], RenderableType | None] | None = None) -> None:
        self.console = Console(stderr=True)
        self.progress = _Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.progress.below = below

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def start(self, title: str, total: int | None) -> _Bar:
        """Show a new stage."""
        return _Bar(self.progress, self.progress.add_task(title, total=total), title)

    def finish(self, bar: object) -> None:
        """Remove a stage; a long one leaves a line."""
        assert isinstance(bar, _Bar)
        seconds = time.perf_counter() - bar.began
        self.progress.remove_task(bar.task)
        if seconds >= NOTEWORTHY_SECONDS:
            self.console.print(f"[dim]{bar.title}: {seconds:.1f} s[/dim]", highlight=False)

    def remark(self, text: str) -> None:
        """Show a remark."""
        self.console.print(text, highlight=False, markup=False)


class PassingBars(ProgressBars):
    """Progress bars only while a stage runs: the rest of the time the screen belongs to the caller."""

    def start(self, title: str, total: int | None) -> _Bar:
        """Show a new stage."""
        if not self.progress.tasks:
            self.progress.start()
        return super().start(title, total)

    def finish(self, bar: object) -> None:
        """Remove a stage; a long one leaves a line."""
        super().finish(bar)
        if not self.progress.tasks:
            self.progress.stop()
