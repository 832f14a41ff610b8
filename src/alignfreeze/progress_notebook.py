"""Progress bars in a notebook: one output below the cell, which is drawn anew."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from alignfreeze.progress_bars import NOTEWORTHY_SECONDS, say_values

_SECONDS = 0.2
"""The shortest time between two drawings; a notebook keeps up with a few in a second."""

_MOST_LINES = 50
"""The most lines of stages that have ended, and of remarks."""


class _Bar:
    """One stage on the display."""

    def __init__(self, bars: NotebookBars, title: str, total: int | None) -> None:
        self.bars = bars
        self.title = title
        self.total = total
        self.done = 0
        self.values: dict[str, float] = {}
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the stage began."""
        return time.perf_counter() - self.began

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.bars.draw()

    def tell(self, **values: float) -> None:
        self.values |= values
        self.bars.draw()

    def as_html(self) -> str:
        """Return the bar: title, progress, steps, seconds so far and left."""
        told = f", {escape(said)}" if (said := say_values(self.values)) else ""
        if self.total is None:
            return f"{escape(self.title)} <progress></progress> {self.seconds:.0f} s{told}"
        left = f", {self.seconds / self.done * (self.total - self.done):.0f} s left" if self.done else ""
        drawn = f'<progress value="{self.done}" max="{self.total}"></progress>'
        return f"{escape(self.title)} {drawn} {self.done:,}/{self.total:,}, {self.seconds:.0f} s{left}{told}"

    def as_text(self) -> str:
        """Return the bar as a line, for pages that show no HTML."""
        steps = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        return f"{self.title}: {steps}, {self.seconds:.0f} s"


class NotebookBars:
    """Shows the running stages below the cell, with a line for each long stage that has ended and for each remark.

    The shell of the notebook tells when a new cell runs.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.running: list[_Bar] = []
        self.lines: list[str] = []
        self._handle: Any = None
        self._cell: int | None = None
        self._drawn = 0.0

    def start(self, title: str, total: int | None) -> _Bar:
        """Show a new stage."""
        bar = _Bar(self, title, total)
        self.running.append(bar)
        self.draw()
        return bar

    def finish(self, bar: object) -> None:
        """Remove a stage; a long one leaves a line."""
        assert isinstance(bar, _Bar)
        self.running.remove(bar)
        if bar.seconds >= NOTEWORTHY_SECONDS:
            self._add(f"{bar.title}: {bar.seconds:.1f} s")
        self.draw(at_once=not self.running)

    def remark(self, text: str) -> None:
        """Show a remark."""
        self._add(text)
        self.draw(at_once=True)

    def _add(self, line: str) -> None:
        self._begin_cell()
        self.lines = [*self.lines, line][-_MOST_LINES:]

    def _begin_cell(self) -> None:
        """Begin a new output when a new cell runs."""
        if self.shell.execution_count != self._cell:
            self._cell, self._handle, self.lines = self.shell.execution_count, None, []

    def draw(self, *, at_once: bool = False) -> None:
        """Draw what there is to show, but not too often."""
        now = time.perf_counter()
        if not at_once and now - self._drawn < _SECONDS:
            return
        self._begin_cell()
        if self._handle is None and not self.running and not self.lines:
            return
        self._drawn = now
        shown = {
            "text/html": "<br>".join([*map(escape, self.lines), *(bar.as_html() for bar in self.running)]),
            "text/plain": "\n".join([*self.lines, *(bar.as_text() for bar in self.running)]),
        }
        if self._handle is None:
            from IPython.display import display

            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)
