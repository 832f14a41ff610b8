"""Commands on studies that run, or have run: status, compare, export, probe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import console, json_text, working
from alignfreeze.errors import EncoderError, SettingsError

if TYPE_CHECKING:
    from alignfreeze.report.pages import StudyPage
    from alignfreeze.report.sheets import Sheet
    from alignfreeze.tasks.models import TaskModel
    from alignfreeze.tasks.task import Task


def status(
    out: Annotated[Path, typer.Argument(help="The folder of the runs.")],
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it until no run is left.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show how far an experiment has come: its runs, their stage and speed, the time left; from any terminal."""
    from alignfreeze.report.sheets import to_rich
    from alignfreeze.report.status import status_facts, status_sheet
    from alignfreeze.running.status import read_status

    found = read_status(out)
    if as_json:
        typer.echo(json_text(status_facts(found)))
        return
    if not watch:
        console().print(to_rich(status_sheet(found)))
        return
    import time

    from rich.live import Live

    with Live(to_rich(status_sheet(found)), console=console()) as live:
        while found.count("waiting") + found.count("running"):
            time.sleep(1)
            found = read_status(out)
            live.update(to_rich(status_sheet(found)))


def compare(
    paths: o.Results,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Another study to compare with; may be repeated.")
    ] = None,
    only_overview: Annotated[bool, typer.Option("--overview", help="Leave out the tables by language.")] = False,
    latex: o.Latex = False,
    markdown: o.Markdown = False,
    as_json: o.Json = False,
) -> None:
    """Compare strategies with the baseline, language by language: gains, intervals, tests, ranks."""
    _check_forms(latex, markdown, as_json)
    from alignfreeze.report import comparisons as shown
    from alignfreeze.report.tables import sheet_of
    from alignfreeze.studies import comparison, results
    from alignfreeze.studies.versus import set_side_by_side

    read = results.read_results(paths)
    found = comparison.compare(read)
    versus = []
    if against:
        theirs = results.read_results(against)
        results.check_tests([*read, *theirs])
        versus = set_side_by_side(found, comparison.compare(theirs))
    if as_json:
        facts = {"comparisons": [shown.comparison_facts(item) for item in found]}
        if against:
            facts["versus"] = [shown.versus_facts(item) for item in versus]
        typer.echo(json_text(facts))
        return
    for item in found:
        tables = [*([] if only_overview else [sheet_of(shown.table_of(item))]), shown.overall_sheet(item)]
        _print(tables, latex=latex, markdown=markdown)
        if not latex and not markdown:
            console().print(" ".join(shown.summarise_comparison(item)) + "\n", highlight=False, markup=False)
    _print(list(map(shown.versus_sheet, versus)), latex=latex, markdown=markdown)


def _check_forms(latex: bool, markdown: bool, as_json: bool) -> None:
    if latex + markdown + as_json > 1:
        raise SettingsError("--json, --latex and --markdown exclude each other")


def _print(tables: Sequence[Sheet], *, latex: bool, markdown: bool) -> None:
    """Print tables in the form that was asked for."""
    from alignfreeze.report.sheets import to_latex, to_markdown, to_rich

    for sheet in tables:
        if latex or markdown:
            typer.echo((to_latex if latex else to_markdown)(sheet) + "\n")
        else:
            console().print(to_rich(sheet))


def correlate(
    paths: o.Results,
    latex: o.Latex = False,
    markdown: o.Markdown = False,
    as_json: o.Json = False,
) -> None:
    """Show what gains go with over languages: distance from the source language, script, family, pretraining text."""
    _check_forms(latex, markdown, as_json)
    with working():
        from alignfreeze.progress import remark
        from alignfreeze.report import comparisons as shown
        from alignfreeze.studies import comparison, results
        from alignfreeze.studies.correlations import collect_facts, correlate_gains
        from alignfreeze.typology import is_installed

        if not is_installed():
            remark(
                "distances of languages are left out; they need the extra `typology`: pip install "
                '"alignfreeze[typology]"'
            )
        compared = comparison.compare(results.read_results(paths))
        found = [(item, correlate_gains(item)) for item in compared]
    if as_json:
        facts = [
            {**shown.setup_facts(item), "facts": collect_facts(item), "correlations": list(map(asdict, several))}
            for item, several in found
        ]
        typer.echo(json_text({"comparisons": facts}))
        return
    _print([shown.correlation_sheet(item, several) for item, several in found], latex=latex, markdown=markdown)


def export(
    paths: o.Results,
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv, .parquet, .md or .tex.")],
    form: Annotated[
        str | None, typer.Option("--format", help="csv, parquet, markdown or latex; left out, the file's name tells.")
    ] = None,
) -> None:
    """Write all scores, a row each (csv, parquet), or the tables of `compare` (markdown, latex)."""
    from alignfreeze.files import check_apart
    from alignfreeze.report.exports import choose_export_form, export_results
    from alignfreeze.studies.results import read_results

    chosen = choose_export_form(out, form)
    check_apart({"--out": out}, [path for path in paths if path.is_file()])
    results = read_results(paths)
    export_results(results, out, chosen)
    typer.echo(f"{len(results):,} scores in {out}")


def report(
    paths: o.Results,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .html, .md or .tex.")],
    title: Annotated[str | None, typer.Option(help="Name of the study.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="html, markdown or latex; left out, the file's name tells.")
    ] = None,
) -> None:
    """Write a study as one page that needs no network: what it comes to, charts, networks, every language, every run.

    In Markdown or LaTeX what it comes to and the tables alone, for a pull request or a paper.
    """
    with working():
        from alignfreeze.report.text import choose_report_form

        chosen = choose_report_form(out, form)
        page = write_report(paths, out, chosen, title)
    typer.echo("\n".join([*page.study.summary, f"the page is {out}"]))


def write_report(paths: Sequence[Path], out: Path, form: str, title: str | None = None) -> StudyPage:
    """Write a study in a form.

    Raises:
        SettingsError: The extra `report` is not installed.
    """
    from alignfreeze.files import check_apart, check_file, write_lines

    check_file(out)
    check_apart({"--out": out}, [path for path in paths if path.is_file()])
    try:
        from alignfreeze.report.study import study_page
        from alignfreeze.report.text import REPORT_FORMS
    except ModuleNotFoundError as error:
        raise SettingsError(f'reports need the extra `report`: pip install "alignfreeze[report]" ({error})') from None
    page = study_page(paths, title=title)
    write_lines(out, REPORT_FORMS[form](page).removesuffix("\n").split("\n"))
    return page


def probe(
    encoders: Annotated[
        list[str],
        typer.Argument(help="Encoders or fine-tuned models; the first is what the others were made from."),
    ],
    bitext: o.Bitexts,
    aligner: o.Aligner = "fast-align",
    alignment: o.AlignmentOptions = None,
    dictionary: o.Dictionaries = None,
    links: o.Links = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    pretokenized: o.Pretokenized = False,
    most_words: Annotated[int, typer.Option("--words", min=2, help="Most words of a language pair.")] = 2_000,
    task: Annotated[
        str | None, typer.Option(help="Of the fine-tuned models: compare its gradients with those of realignment.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="For --task: items of the source language, a file or hub:OWNER/NAME/CONFIG.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep what is found in this file; `report` shows it as probe.json of a study."),
    ] = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Look into encoders, layer by layer: how many words find their translation, how far the weights have moved.

    With --task and --train also whether the task and realignment pull fine-tuned models the same way.
    """
    with working():
        from alignfreeze.alignment.aligning import align
        from alignfreeze.cli import reading
        from alignfreeze.encoding.encoder import load_encoder
        from alignfreeze.evaluation.probe import look_into
        from alignfreeze.files import check_file
        from alignfreeze.report.probes import probe_sheets
        from alignfreeze.tasks.task import Source

        names = _short(encoders)
        if out is not None:
            check_file(out)
        if (task is None) != (train is None):
            raise SettingsError("--task and --train go together: gradients of a task are those on its items")
        learnt = None if task is None else reading.task_named(task)
        settings = reading.alignment_settings(aligner, alignment)
        chosen = reading.choose_bitexts(bitext, form=form, columns=columns, select=select)
        base = load_encoder(encoders[0])
        pairs = reading.in_words(chosen, pretokenized=pretokenized)
        if files := o.by_language_pair(links, "--links"):
            alignments = reading.read_links(files, pairs)
        else:
            resources = reading.resources(settings, encoder=base, dictionaries=dictionary, device=device)
            alignments = align(pairs, aligner=settings, resources=resources)
        tuned, items = _tuned(dict(zip(names, encoders, strict=True)), learnt), []
        if learnt is not None:
            items = learnt.read(Source(str(train), pairs[0].languages[0]))
        probed = look_into(
            dict(zip(names, encoders, strict=True)),
            base,
            pairs,
            alignments,
            tuned=tuned,
            task=learnt,
            items=items,
            most_words=most_words,
            device=device or "auto",
        )
    if out is not None:
        probed.write(out)
    if as_json:
        typer.echo(json_text(asdict(probed)))
        return
    _print(probe_sheets(probed), latex=False, markdown=False)


def _tuned(encoders: dict[str, str], task: Task | None) -> dict[str, TaskModel]:
    """Return those of the encoders that have learnt a task."""
    from alignfreeze.tasks.models import load_task_model

    found: dict[str, TaskModel] = {}
    if task is None:
        return found
    for name, place in encoders.items():
        with suppress(EncoderError):  # it has learnt no task
            found[name] = load_task_model(Path(place), task.kind.head)
    if not found:
        raise SettingsError(f"--task {task.name}: none of these is a folder with a model fine-tuned for it")
    return found


def _short(encoders: list[str]) -> list[str]:
    """Return the last parts of names, as long as they tell the encoders apart; doubles are refused."""
    if len(set(encoders)) < len(encoders):
        raise SettingsError("an encoder is named twice")
    for n_parts in range(1, 1 + max(len(Path(name).parts) for name in encoders)):
        short = ["/".join(Path(name).parts[-n_parts:]) for name in encoders]
        if len(set(short)) == len(short):
            return short
    return encoders
