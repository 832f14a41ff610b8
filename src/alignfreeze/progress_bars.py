"""Progress bars on a terminal; without a terminal, one line per long stage and now and then a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

NOTEWORTHY_SECONDS = 2.0
"""Stages shorter than this leave no line when they end."""

SIGN_SECONDS = 30.0
"""Without a terminal, a stage shows a line at most this often while it runs."""


def say_values(values: Mapping[str, float]) -> str:
    """Return the latest values of a stage as text: `loss 2.31`."""
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items())


class _Bar:
    """One stage on the display."""

    def __init__(self, bars: ProgressBars, task: TaskID, title: str, total: int | None) -> None:
        self.bars = bars
        self.task = task
        self.title = title
        self.total = total
        self.done = 0
        self.values: dict[str, float] = {}
        self.began = self.signed = time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.bars.progress.advance(self.task, steps)
        now = time.perf_counter()
        if not self.bars.console.is_terminal and now - self.signed >= SIGN_SECONDS:
            self.signed = now
            self.bars.say(self.describe())

    def tell(self, **values: float) -> None:
        self.values |= values
        self.bars.progress.update(self.task, values=say_values(self.values))

    def describe(self) -> str:
        """Return the progress as a line, for where no bar can be drawn."""
        steps = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        seconds = f"{time.perf_counter() - self.began:.0f} s"
        return f"{self.title}: {', '.join(filter(None, (steps, say_values(self.values), seconds)))} …"


class _TimeLeft(TimeRemainingColumn):
    """The time left, for the outermost stage alone: several estimates would contradict each other."""

    def __init__(self, bars: ProgressBars) -> None:
        super().__init__()
        self.bars = bars

    def render(self, task: Task) -> Text:
        """Return the time left as text; empty for other stages."""
        if task.id != self.bars.outermost or task.time_remaining is None:
            return Text("")
        return Text.assemble("about ", super().render(task), " left", style="progress.remaining")


class _Bars(Progress):
    """Progress bars, and something else below them."""

    below: Callable[[], RenderableType | None] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield what is shown, from top to bottom."""
        yield from super().get_renderables()
        if self.below is not None and (shown := self.below()) is not None:
            yield shown


class ProgressBars:
    """Shows the running stages on standard error, and between them that the command still works.

    Args:
        below: Returns what is shown below the stages, which then says how much time is left.
        idle: What is shown while no stage runs; None to show nothing.
    """

    def __init__(self, below: Callable[[], RenderableType | None] | None = None, *, idle: str | None = None) -> None:
        self.console = Console(stderr=True)
        self.progress = _Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TimeElapsedColumn(),
            *(() if below else (_TimeLeft(self),)),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.progress.below = below
        self.running: list[TaskID] = []
        self._idle = idle
        self._waiting: TaskID | None = None
        self._wait()

    @property
    def outermost(self) -> TaskID | None:
        """The stage that began first among those that run."""
        return self.running[0] if self.running else None

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def start(self, title: str, total: int | None) -> _Bar:
        """Show a new stage."""
        if self._waiting is not None:
            self.progress.remove_task(self._waiting)
            self._waiting = None
        bar = _Bar(self, self.progress.add_task(title, total=total, values=""), title, total)
        self.running.append(bar.task)
        return bar

    def finish(self, bar: object) -> None:
        """Remove a stage; a long one leaves a line."""
        assert isinstance(bar, _Bar)
        seconds = time.perf_counter() - bar.began
        self.progress.remove_task(bar.task)
        self.running.remove(bar.task)
        self._wait()
        if seconds >= NOTEWORTHY_SECONDS:
            self.say(f"{bar.title}: {seconds:.1f} s")

    def _wait(self) -> None:
        """Show that the command works, if no stage runs."""
        if self._idle is not None and not self.running:
            self._waiting = self.progress.add_task(self._idle, total=None, values="")

    def say(self, line: str) -> None:
        """Leave a line about a stage."""
        self.console.print(line, style="dim", highlight=False, markup=False)

    def remark(self, text: str) -> None:
        """Show a remark."""
        self.console.print(text, highlight=False, markup=False)


class PassingBars(ProgressBars):
    """Progress bars only while a stage runs: the rest of the time the screen belongs to the caller."""

    def start(self, title: str, total: int | None) -> _Bar:
        """Show a new stage."""
        if not self.running:
            self.progress.start()
        return super().start(title, total)

    def finish(self, bar: object) -> None:
        """Remove a stage; a long one leaves a line."""
        super().finish(bar)
        if not self.running:
            self.progress.stop()
