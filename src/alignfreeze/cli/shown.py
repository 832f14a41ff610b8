"""What commands show: progress while they work, then facts, tables and errors."""

from __future__ import annotations

import json
import math
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic as _now
from typing import TYPE_CHECKING, Any

import typer

from alignfreeze.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from alignfreeze.encoding.vectors import LayerResult
    from alignfreeze.evaluation.scores import Score
    from alignfreeze.reports.links import Linked
    from alignfreeze.running.status import Status
    from alignfreeze.running.study import Outcome
    from alignfreeze.sheets import Sheet
    from alignfreeze.studies.comparison import Comparison

OTHER_ROWS = 12
"""The rows of a terminal that are left for stages and for what stands around a table of runs."""


def complain(message: str) -> None:
    """Show an error."""
    from rich.text import Text

    _print_text(Text().append("error: ", "bold red").append(message), err=True)


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
    from alignfreeze.terminal import to_rich

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


def console(*, err: bool = False) -> Console:
    """Return where people read: standard output, or standard error."""
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def _is_read_by_people(*, err: bool = False) -> bool:
    """Tell whether a stream is a terminal; programs read from other streams, and get lines that do not change."""
    return (sys.stderr if err else sys.stdout).isatty()


def _print_text(text: Text, *, err: bool = False) -> None:
    """Show a text on a terminal without breaking a word or a number; elsewhere as it is."""
    from alignfreeze.terminal import wrap

    if _is_read_by_people(err=err):
        to = console(err=err)
        _print(wrap(text, to, to.width), err=err, soft_wrap=True)
    else:
        typer.echo(text.plain, err=err)


def _print(shown: RenderableType, *, err: bool = False, soft_wrap: bool = False) -> None:
    """Show something on a terminal. A word or a number that is longer than a line is not cut."""
    to = console(err=err)
    with to.capture() as printed:
        to.print(shown, crop=False, soft_wrap=soft_wrap)
    typer.echo(printed.get(), nl=False, err=err)  # above a display that is refreshed


def show_json(value: Any) -> None:
    """Show a value as readable JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def show_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Show facts by name."""
    if as_json:
        show_json(facts)
        return
    from alignfreeze.reports.lists import fact_texts
    from alignfreeze.sheets import list_pairs

    show_sheets([list_pairs(fact_texts(facts).items())])


def show_training(facts: dict[str, Any], as_json: bool) -> None:
    """Show the facts of a training, with the ends of its loss curve instead of the whole."""
    training = facts["training"]
    ends = {"first_loss": training["losses"][0][1], "last_loss": training["losses"][-1][1]}
    short = {"steps": training["steps"], "seconds": training["seconds"], **ends}
    show_facts({name: value for name, value in facts.items() if name != "training"} | short, as_json)


def show_shrunk(facts: dict[str, Any], as_json: bool) -> None:
    """Show the size of a model that was cut down, then how well it serves its languages."""
    if as_json:
        show_json(facts)
        return
    from alignfreeze.reports.lists import fact_texts, list_served
    from alignfreeze.sheets import list_pairs

    shown = {
        "model": facts["model"],
        "size": _size_of(facts),
        "subwords": f"{facts['subwords']:,} of {facts['subwords_before']:,}",
        "difference": f"{facts['difference']:.1e} of the largest output",
        **{name: facts[name] for name in ("folder", "hub") if name in facts},
    }
    show_sheets([list_pairs(fact_texts(shown).items()), list_served(facts["languages"]), *_list_loss(facts)])


def show_converted(facts: dict[str, Any], as_json: bool) -> None:
    """Show what a model was converted into, then what it loses on tests."""
    if as_json:
        show_json(facts)
        return
    from alignfreeze.reports.lists import fact_texts
    from alignfreeze.sheets import list_pairs

    shown = {name: value for name, value in facts.items() if name not in {"points", "bytes", "bytes_before"}}
    if facts.get("bytes") != facts.get("bytes_before"):
        shown["size"] = _size_of(facts)
    show_sheets([list_pairs(fact_texts(shown).items()), *_list_loss(facts)])


def _size_of(facts: dict[str, Any]) -> str:
    size = f"{facts['bytes'] / 1e6:,.1f} MB of {facts['bytes_before'] / 1e6:,.1f} MB"
    return f"{size} ({facts['bytes'] / facts['bytes_before']:.0%})"


def _list_loss(facts: dict[str, Any]) -> list[Sheet]:
    from alignfreeze.reports.lists import list_loss

    return [list_loss(facts["points"])] if facts.get("points") else []


def show_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Show sentences. Where no terminal is, each line begins with `# `; on standard error it stands as it is."""
    from rich.text import Text

    from alignfreeze.terminal import to_comments

    for line in lines:
        shown = line if err or _is_read_by_people() else "\n".join(to_comments([line]))
        _print_text(Text(shown), err=err)


def show_sheets(sheets: Iterable[Sheet], *, latex: bool = False, markdown: bool = False) -> None:
    """Show tables: as LaTeX, as Markdown, fitted to the terminal, or with tabs where no terminal is."""
    from alignfreeze.sheets import to_latex, to_markdown
    from alignfreeze.terminal import to_rich, to_tsv

    for sheet in sheets:
        if latex or markdown:
            typer.echo((to_latex if latex else to_markdown)(sheet) + "\n")
        elif _is_read_by_people():
            _print(to_rich(sheet))
            typer.echo(nl=not sheet.is_list)
        else:
            typer.echo("\n".join(to_tsv(sheet)))


def show_links(sample: Sequence[Linked]) -> None:
    """Show linked sentence pairs in colour; where no terminal is, as a table."""
    from alignfreeze.reports.links import link_sheet, to_terminal

    if not _is_read_by_people():
        show_sheets([link_sheet(sample)])
        return
    for linked in sample:
        _print_text(to_terminal(linked))


def show_layers(results: Sequence[LayerResult], as_json: bool) -> None:
    """Show how well the links of each layer agree with links made by hand, the best first."""
    from alignfreeze.reports.lists import layer_sheet, sort_layers

    if as_json:
        show_json([asdict(row) for row in sort_layers(results)])
    else:
        show_sheets([layer_sheet(results)])


def show_scores(scores: Sequence[Score], as_json: bool) -> None:
    """Show scores, one row per language and metric."""
    from alignfreeze.reports.lists import list_scores

    if as_json:
        show_json([asdict(score) for score in scores])
    else:
        show_sheets([list_scores(scores)])


def show_plans(plans: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Show plans as JSON, or how many runs several plans have; the text of each plan has been shown already."""
    if as_json:
        show_json(plans[0] if len(plans) == 1 else {"experiments": plans})
    elif len(plans) > 1:
        runs = {run.get("folder", str(run)) for facts in plans for run in facts["runs"]}
        show_lines([f"{len(plans)} experiments, {len(runs)} different runs"])


def show_doubts(doubts: Iterable[str], *, latex: bool = False, markdown: bool = False) -> None:
    """Show doubts about scores, before the scores."""
    from alignfreeze.sheets import doubt_lines

    lines = doubt_lines(doubts, latex=latex, markdown=markdown)
    if not (latex or markdown):
        show_lines(lines)
    elif lines:
        typer.echo("\n".join(lines))


def show_answers(
    comparison: Comparison, *, with_languages: bool = True, latex: bool = False, markdown: bool = False
) -> None:
    """Show what a comparison says: a summary, then one line per language. Tables come after them."""
    from alignfreeze.sheets import markdown_text
    from alignfreeze.studies.answers import answer_lines
    from alignfreeze.studies.summaries import summarise_comparison

    summary = summarise_comparison(comparison)
    lines = answer_lines(comparison) if with_languages and comparison.realignments else []
    if latex:
        typer.echo("\n".join(f"% {line}" for line in (*summary, *lines)))
    elif markdown:
        typer.echo("\n".join([*map(markdown_text, summary), "", *(f"- {markdown_text(line)}" for line in lines), ""]))
    else:
        show_lines([" ".join(summary), "", *lines, ""])


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """Show doubts about scores, tables and cost of experiments, and failed runs."""
    from alignfreeze.running.tables import sheet_of

    if as_json:
        show_json(outcome.facts())
    else:
        show_doubts(outcome.doubts)
        show_sheets(map(sheet_of, outcome.tables))
        show_lines([outcome.cost()])
    for failure in outcome.failures:
        complain(f"{failure.strategy}, seed {failure.seed} failed: {failure.error}")


def show_status(look: Callable[[], Status], *, watch: bool) -> None:
    """Show the progress of runs; on request, when no run is left, and in a terminal each second until then."""
    from alignfreeze.reports.status import status_doubts, status_sheet

    found = look()
    if watch:
        found = _watch(look, found)
    show_doubts(status_doubts(found))
    show_sheets([status_sheet(found)])


def _watch(look: Callable[[], Status], found: Status) -> Status:
    """Wait until no run is left, and return the progress then."""
    import time

    from rich.live import Live

    from alignfreeze.reports.status import status_sheet
    from alignfreeze.terminal import to_rich

    shown = console() if _is_read_by_people() else None
    with nullcontext() if shown is None else Live(console=shown, transient=True) as live:
        while found.count("waiting") + found.count("running"):
            if live is not None:
                live.update(to_rich(status_sheet(found)), refresh=True)
            time.sleep(1)
            found = look()
    return found
