"""What commands show: progress while they work, then facts, tables and errors."""

from __future__ import annotations

import json
import math
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic as _now
from typing import TYPE_CHECKING, Any

import typer

from alignfreeze.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from alignfreeze.encoding.vectors import LayerResult
    from alignfreeze.evaluation.scores import Score
    from alignfreeze.reports.links import Linked
    from alignfreeze.running.status import Status
    from alignfreeze.running.study import Outcome
    from alignfreeze.sheets import Sheet

OTHER_ROWS = 12
"""The rows of a terminal that are left for stages and for what stands around a table of runs."""

WIDTH = 1_000
"""The width of a table where no terminal sets one."""


def complain(message: str) -> None:
    """Show an error."""
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


@contextmanager
def working(runs: Path | None = None, *, only: Sequence[str] | None = None, needs_torch: bool = True) -> Iterator[None]:
    """Show progress on standard error, and silence the remarks of other libraries.

    Args:
        runs: The folder of an experiment. If given, the state of its runs is shown beside the progress.
        only: Patterns of the names of these runs; by default all are shown.
        needs_torch: Whether the block needs PyTorch, which is loaded first, because that takes seconds.
    """
    from alignfreeze.progress import use_display
    from alignfreeze.progress_bars import ProgressBars

    below = None if runs is None else _table_of(runs, only=only)
    with warnings.catch_warnings(), ProgressBars(below, idle="working") as bars, use_display(bars):
        warnings.filterwarnings("ignore", module=r"torch|transformers|accelerate")
        try:
            if needs_torch:
                _load_libraries()
            yield
        except KeyboardInterrupt:
            complain("interrupted; complete runs and checkpoints are kept, and the same command continues from there")
            raise typer.Exit(130) from None


def _load_libraries() -> None:
    """Import the libraries that take seconds, and silence them."""
    from alignfreeze.progress import stage

    if "transformers" not in sys.modules:
        with stage("loading PyTorch"):
            import torch  # noqa: F401
        with stage("loading transformers"):
            from transformers import Trainer  # noqa: F401 - most of the package comes with it
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _table_of(out: Path, *, only: Sequence[str] | None = None) -> Callable[[], RenderableType | None]:
    """Return a function that returns a table of the runs in a folder, at most a second old; None before the first."""
    from alignfreeze.reports.status import live_sheet
    from alignfreeze.running.status import read_status
    from alignfreeze.sheets import to_rich

    looked, shown = -math.inf, None
    rows = shutil.get_terminal_size().lines

    def table() -> RenderableType | None:
        nonlocal looked, shown
        if _now() - looked >= 1:
            looked = _now()
            with suppress(DataError):
                shown = to_rich(live_sheet(read_status(out, only=only), most=max(4, rows - OTHER_ROWS)))
        return shown

    return table


def console() -> Console:
    """Return where tables are printed."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH)


def show_json(value: Any) -> None:
    """Show a value as readable JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def show_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Show facts by name."""
    if as_json:
        show_json(facts)
        return
    width = max(map(len, facts))
    for name, text in fact_texts(facts).items():
        typer.echo(f"{name:<{width}}  {text}")


def fact_texts(facts: dict[str, Any]) -> dict[str, str]:
    """Return facts and their names as people read them."""
    return {name.replace("_", " "): _fact_text(value) for name, value in facts.items()}


def _fact_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_fact_text(count)} {name}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else str(value)


def show_training(facts: dict[str, Any], as_json: bool) -> None:
    """Show the facts of a training, with the ends of its loss curve instead of the whole."""
    training = facts["training"]
    ends = {"first_loss": training["losses"][0][1], "last_loss": training["losses"][-1][1]}
    short = {"steps": training["steps"], "seconds": training["seconds"], **ends}
    show_facts({name: value for name, value in facts.items() if name != "training"} | short, as_json)


def show_lines(lines: Iterable[str]) -> None:
    """Show sentences as they are, without reading any part of them as markup."""
    for line in lines:
        console().print(line, highlight=False, markup=False)


def show_sheets(sheets: Iterable[Sheet], *, latex: bool = False, markdown: bool = False) -> None:
    """Show tables in the terminal, as LaTeX or as Markdown."""
    from alignfreeze.sheets import to_latex, to_markdown, to_rich

    for sheet in sheets:
        if latex or markdown:
            typer.echo((to_latex if latex else to_markdown)(sheet) + "\n")
        else:
            console().print(to_rich(sheet))


def show_links(sample: Iterable[Linked]) -> None:
    """Show linked sentence pairs in colour."""
    from alignfreeze.reports.links import to_terminal

    for linked in sample:
        console().print(to_terminal(linked))


def show_layers(results: Sequence[LayerResult], as_json: bool) -> None:
    """Show how well the links of each layer agree with links made by hand."""
    if as_json:
        show_json([asdict(row) for row in results])
        return
    from alignfreeze.alignment.similarity import MATCHINGS

    typer.echo("   aer  precision  recall  aligner  layer  threshold  centred")
    for row in results:
        limit = f"{row.threshold:g}" if MATCHINGS[row.aligner].has_threshold else ""
        numbers = f"{row.agreement.aer:6.3f} {row.agreement.precision:10.3f} {row.agreement.recall:7.3f}"
        typer.echo(f"{numbers}  {row.aligner:<7} {row.layer:6}  {limit:>9}  {'yes' if row.centred else 'no'}")


def show_scores(scores: Sequence[Score], as_json: bool) -> None:
    """Show scores, one line per language and metric."""
    if as_json:
        show_json([asdict(score) for score in scores])
        return
    for score in scores:
        typer.echo(f"{score.language}  {score.metric} {100 * score.value:.1f}%  of {score.n:,} {score.unit}")


def show_plans(plans: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Show plans as JSON, or how many runs several plans have; the text of each plan has been shown already."""
    if as_json:
        show_json(plans[0] if len(plans) == 1 else {"experiments": plans})
    elif len(plans) > 1:
        runs = {run.get("folder", str(run)) for facts in plans for run in facts["runs"]}
        typer.echo(f"{len(plans)} experiments, {len(runs)} different runs")


def show_doubts(doubts: Iterable[str], *, latex: bool = False, markdown: bool = False) -> None:
    """Show doubts about scores, before the scores."""
    from alignfreeze.sheets import doubt_lines

    for line in doubt_lines(doubts, latex=latex, markdown=markdown):
        typer.echo(line)


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """Show doubts about scores, tables and cost of experiments, and failed runs."""
    from alignfreeze.running.tables import sheet_of

    if as_json:
        show_json(outcome.facts())
    else:
        show_doubts(outcome.doubts)
        show_sheets(map(sheet_of, outcome.tables))
        console().print(outcome.cost())
    for failure in outcome.failures:
        complain(f"{failure.strategy}, seed {failure.seed} failed: {failure.error}")


def show_status(look: Callable[[], Status], *, watch: bool) -> None:
    """Show the progress of runs; on request, refresh it each second until no run is left."""
    import time

    from rich.live import Live

    from alignfreeze.reports.status import status_doubts, status_sheet
    from alignfreeze.sheets import to_rich

    found = look()
    if not watch:
        show_doubts(status_doubts(found))
        show_sheets([status_sheet(found)])
        return
    with Live(to_rich(status_sheet(found)), console=console()) as live:
        while found.count("waiting") + found.count("running"):
            time.sleep(1)
            found = look()
            live.update(to_rich(status_sheet(found)))
    show_doubts(status_doubts(found))
