"""How commands show what they do and what came of it."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic as _now
from typing import TYPE_CHECKING, Any

import typer

from alignfreeze.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 1_000
"""Of the table where no terminal tells how wide it is."""


def complain(message: str) -> None:
    """Show an error."""
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


@contextmanager
def working(runs: Path | None = None) -> Iterator[None]:
    """Show progress on standard error; keep the remarks of other libraries out of the way of ours.

    Args:
        runs: The folder of an experiment, whose runs are shown too.
    """
    from transformers.utils import logging

    from alignfreeze.progress import showing
    from alignfreeze.progress_bars import ProgressBars

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with warnings.catch_warnings(), ProgressBars(None if runs is None else _table_of(runs)) as bars, showing(bars):
        warnings.filterwarnings("ignore", module=r"torch|transformers|accelerate")
        try:
            yield
        except KeyboardInterrupt:
            complain("interrupted; complete runs and checkpoints are kept, and the same command goes on from there")
            raise typer.Exit(130) from None


def _table_of(out: Path) -> Callable[[], RenderableType | None]:
    """Return what gives the table of the runs in a folder, looked at anew each second; nothing before they begin."""
    from alignfreeze.report.sheets import to_rich
    from alignfreeze.report.status import status_sheet
    from alignfreeze.running.status import read_status

    looked, shown = -math.inf, None

    def table() -> RenderableType | None:
        nonlocal looked, shown
        if _now() - looked >= 1:
            looked = _now()
            with suppress(DataError):
                shown = to_rich(status_sheet(read_status(out)))
        return shown

    return table


def console() -> Console:
    """Return where tables are printed."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH)


def show_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Show facts by name."""
    if as_json:
        typer.echo(json_text(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {fact_text(value)}")


def fact_text(value: Any) -> str:
    """Return a fact as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{fact_text(count)} {name}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else str(value)


def json_text(value: Any) -> str:
    """Return a value as readable JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
