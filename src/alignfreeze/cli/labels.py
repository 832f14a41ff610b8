"""Commands for the labels that settle which model to use: label, settle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import show_facts, show_json, show_lines, show_sheets, working

Study = Annotated[Path, typer.Argument(help="Folder of a study whose models were kept (keep_models = true).")]


def label(
    study: Study,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to label: .conllu, .iob2, .jsonl or .tsv, by task.")],
    language: Annotated[str | None, typer.Option(help="Language of the text.")] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="The text: plain sentences (.txt), or a file of the task, whose labels do not count."),
    ] = None,
    html: Annotated[
        bool,
        typer.Option("--html", help="Also write a page beside the file, to label the same items in a browser."),
    ] = False,
    sentences: Annotated[int, typer.Option(min=1, help="How many items are written.")] = 30,
    strategies: Annotated[
        list[str] | None,
        typer.Option("--strategy", help="A strategy to choose among, by default all with a model; may be repeated."),
    ] = None,
    after: Annotated[
        list[Path] | None,
        typer.Option("--after", help="Go on after this file, which was written before; may be repeated."),
    ] = None,
    proposals: Annotated[
        bool, typer.Option("--proposals", help="Write the commonest prediction beside each label that is asked for.")
    ] = False,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Write the few sentences whose labels say most about which model of a study is the best for a language."""
    with working():
        from alignfreeze.labelling.asking import label as ask
        from alignfreeze.reports.labelling_pages import page_beside, write_labelling_page

        inputs = [*(after or ()), *([] if text is None else [text])]
        page = page_beside(out, inputs) if html else None
        asked = ask(
            study,
            text,
            language=language,
            out=out,
            sentences=sentences,
            strategies=strategies or (),
            after=after or (),
            proposals=proposals,
            seed=seed or 0,
            device=device or "auto",
        )
        if page is not None:
            write_labelling_page(asked, page)
    if as_json:
        show_facts({**asked.to_dict(), **({} if page is None else {"page": str(page)})}, as_json)
        return
    more = [] if page is None else [f"Or open {page} in a browser, label there, and save the file from the page."]
    show_lines([*asked.lines(), *more])


def settle(
    study: Study,
    files: Annotated[list[Path], typer.Argument(help="Files of `alignfreeze label`, in whatever state they are.")],
    margin: o.Margin = 0.5,
    finetune: Annotated[
        Path | None,
        typer.Option(help="Also train the chosen model on the labels, say what that gains, and write it here."),
    ] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Say which model to use from the labels so far, how sure that is, and how many more labels would settle it."""
    with working():
        from alignfreeze.labelling.few_shot import learn
        from alignfreeze.labelling.matching import read_labels
        from alignfreeze.labelling.settling import settle as find_out

        found = find_out(study, files, margin=margin)
        how = {"seed": 31 if seed is None else seed, "device": device or "auto"}
        learnt = None if finetune is None else learn(study, read_labels(study, files), found, out=finetune, **how)
    if as_json:
        show_json(found.to_dict() | ({} if learnt is None else {"few_shot": learnt.to_dict()}))
        return
    show_lines([*found.answers(), ""])
    show_sheets(found.sheets())
    if learnt is not None:
        show_lines(learnt.lines())
