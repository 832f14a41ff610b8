"""Commands on complete runs and their models: compare, correlate, export, report, probe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli import values
from alignfreeze.cli.shown import show_answers, show_doubts, show_json, show_lines, show_sheets, working
from alignfreeze.errors import SettingsError


def compare(
    paths: o.Results,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Another study to compare with, or paper:pos-xlmr; may be repeated."),
    ] = None,
    margin: o.Margin = 0.5,
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="Show only the answer for a language; may be repeated.")
    ] = None,
    only_overview: Annotated[bool, typer.Option("--overview", help="Leave out the tables by language.")] = False,
    latex: o.Latex = False,
    markdown: o.Markdown = False,
    as_json: o.Json = False,
) -> None:
    """Say for each language whether a strategy helps, hurts, or makes no difference, and how sure that is."""
    _check_forms(latex, markdown, as_json)
    if languages and (latex or markdown):
        raise SettingsError("--language shows sentences, which --latex and --markdown do not print; leave one out")
    with working(needs_torch=False):
        from alignfreeze.progress import stage
        from alignfreeze.running.tables import sheet_of
        from alignfreeze.studies import comparing
        from alignfreeze.studies import tables as shown
        from alignfreeze.studies.overviews import summarise_comparisons, summarise_language

        with stage("comparing"):
            found = comparing.compare(paths, against=against or None, margin=margin)
    if as_json:
        show_json(found.to_dict())
        return
    show_doubts(found.doubts, latex=latex, markdown=markdown)
    if languages:
        for code in found.check_languages(languages):
            show_lines(summarise_language(found.comparisons, code))
        return
    if len(found) > 1 and not latex and not markdown:
        show_lines([" ".join(summarise_comparisons(found.comparisons)), ""])
    for item in found:
        if len(found) > 1 and not latex and not markdown:
            show_lines([f"{shown.title_of(item)}:"])
        show_answers(item, with_languages=not only_overview, latex=latex, markdown=markdown)
        tables = [*([] if only_overview else [sheet_of(shown.table_of(item))]), shown.overall_sheet(item)]
        show_sheets(tables, latex=latex, markdown=markdown)
    for item in found.versus:
        if not latex and not markdown:
            show_lines(shown.repetition_lines(item))
        show_sheets([shown.versus_sheet(item)], latex=latex, markdown=markdown)


def _check_forms(latex: bool, markdown: bool, as_json: bool) -> None:
    if latex + markdown + as_json > 1:
        raise SettingsError("--json, --latex and --markdown cannot be used together")


def correlate(
    paths: o.Results,
    latex: o.Latex = False,
    markdown: o.Markdown = False,
    as_json: o.Json = False,
) -> None:
    """Correlate gains with facts about languages: distance from the source, script, family, pretraining text."""
    _check_forms(latex, markdown, as_json)
    with working(needs_torch=False):
        from alignfreeze.progress import remark
        from alignfreeze.running.doubts import doubts_of
        from alignfreeze.studies import comparison, results
        from alignfreeze.studies import tables as shown
        from alignfreeze.studies.correlations import collect_facts, correlate_gains
        from alignfreeze.typology import is_installed

        if not is_installed():
            remark(
                "distances of languages are left out; they need the extra `typology`: pip install "
                '"alignfreeze[typology]"'
            )
        read, records = results.read_all(paths)
        doubts = [doubt.sentence for doubt in doubts_of(records)]
        compared = comparison.compare_results(read)
        found = [(item, correlate_gains(item)) for item in compared]
    if as_json:
        facts = [
            {**shown.setup_facts(item), "facts": collect_facts(item), "correlations": list(map(asdict, several))}
            for item, several in found
        ]
        show_json({"doubts": doubts, "comparisons": facts})
        return
    show_doubts(doubts, latex=latex, markdown=markdown)
    show_sheets([shown.correlation_sheet(item, several) for item, several in found], latex=latex, markdown=markdown)


def export(
    paths: o.Results,
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv, .parquet, .md or .tex.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv, parquet, markdown or latex; by default read from the file's name."),
    ] = None,
) -> None:
    """Write all scores, one per row (csv, parquet), or the tables of `compare` (markdown, latex)."""
    from alignfreeze.files import check_apart
    from alignfreeze.reports.exports import choose_export_form, export_results
    from alignfreeze.running.doubts import doubts_of
    from alignfreeze.studies.results import read_all

    chosen = choose_export_form(out, form)
    check_apart({"--out": out}, [path for path in paths if path.is_file()])
    results, records = read_all(paths)
    export_results(results, out, chosen, doubts=[doubt.sentence for doubt in doubts_of(records)])
    show_lines([f"{len(results):,} scores in {out}"])


def report(
    paths: o.Results,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .html, .md or .tex.")],
    title: Annotated[str | None, typer.Option(help="Name of the study.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="html, markdown or latex; by default read from the file's name.")
    ] = None,
    margin: o.Margin = 0.5,
) -> None:
    """Write a study as one page that needs no network: the outcome, charts, drawings, every language, every run.

    Markdown and LaTeX, for a pull request or a paper, have only the outcome and the tables.
    """
    with working():
        from alignfreeze.reports.writing import report as write

        page = write(paths, out, title=title, form=form, margin=margin)
    show_lines([*page.study.summary, f"the page is {out}"])


def probe(
    encoders: Annotated[
        list[str],
        typer.Argument(help="Encoders or fine-tuned models; the first is the encoder that the others were made from."),
    ],
    bitext: o.Bitexts,
    aligner: o.Aligner = "eflomal",
    alignment: o.AlignmentOptions = None,
    dictionary: o.Dictionaries = None,
    links: o.Links = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    pretokenized: o.Pretokenized = False,
    unescape: o.Unescape = False,
    most_words: Annotated[int, typer.Option("--words", min=2, help="Most words per language pair.")] = 2_000,
    task: Annotated[
        str | None, typer.Option(help="Task of the fine-tuned models: compare its gradients with those of realignment.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="For --task: items of the source language, a file or hub:OWNER/NAME/CONFIG.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Keep the result in this file; `report` shows a probe.json in the folder of a study."
        ),
    ] = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Look into encoders, layer by layer: how many words find their translation, how far the weights have moved.

    With --task and --train, also show whether the task and realignment change fine-tuned models in the same direction.
    """
    with working():
        from alignfreeze.evaluation.probing import probe as look_into
        from alignfreeze.files import check_file

        if out is not None:
            check_file(out)
        probed = look_into(
            encoders,
            values.bitext_request(
                bitext, form=form, columns=columns, select=select, pretokenized=pretokenized, unescape=unescape
            ),
            alignments=values.link_request(aligner, alignment, dictionaries=dictionary, links=links),
            task=task,
            train=train,
            most_words=most_words,
            device=device or "auto",
        )
    if out is not None:
        probed.write(out)
    if as_json:
        show_json(probed.to_dict())
    else:
        show_sheets(probed.sheets())
