"""Commands for the labels that settle which model to use: label, settle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import show_json, show_lines, show_sheets, working

LANGUAGE = "{language}"
"""Stands for the code of a language in names of files."""

Study = Annotated[Path, typer.Argument(help="Folder of a study whose models were kept (keep_models = true).")]


def label(
    study: Study,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="File to label: .conllu, .iob2, .jsonl or .tsv, by task; of several languages, with {language} in it.",
        ),
    ],
    languages: Annotated[
        list[str] | None,
        typer.Option("--language", help="Language of the text; may be repeated: then the items are spread over them."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="The text: plain sentences (.txt, or the target side of bitext), or a file of the task, whose labels "
            "do not count; of several languages, with {language} in it."
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option("--html", help="Also write a page beside the file, to label the same items in a browser."),
    ] = False,
    sentences: Annotated[int, typer.Option(min=1, help="How many items are written, in all languages together.")] = 30,
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
    several = len(languages or ()) > 1 or LANGUAGE in out
    how = {
        "sentences": sentences,
        "strategies": strategies or (),
        "after": after or (),
        "proposals": proposals,
        "seed": seed or 0,
        "device": device or "auto",
    }
    with working():
        from alignfreeze.errors import SettingsError
        from alignfreeze.labelling.asking import label as ask
        from alignfreeze.labelling.matching import languages_of
        from alignfreeze.labelling.several import label_languages
        from alignfreeze.reports.labelling_pages import page_beside, write_labelling_page

        if after and seed is not None:
            raise SettingsError("--seed: the items of the files in --after were drawn before; leave it out")
        codes = list(languages or (languages_of(after) if after and several else ()))
        files = [Path(out.replace(LANGUAGE, code)) for code in codes] or [Path(out)]
        texts = {code: Path(text.replace(LANGUAGE, code)) for code in codes} if text else {}
        if len(texts) > 1 and LANGUAGE not in str(text):
            raise SettingsError(f"--text: {text!r} has no {LANGUAGE}, so all languages would have the same text")
        inputs = [*(after or ()), *texts.values()]
        if html:
            for file in files:
                page_beside(file, inputs)
        if several:
            asked = label_languages(study, texts, out=out, **how)
        else:
            given = None if text is None else next(iter(texts.values()), Path(text))
            asked = [ask(study, given, language=next(iter(codes), None), out=out, **how)]
        pages = [write_labelling_page(one, page_beside(one.file, inputs)) for one in asked] if html else []
    if as_json:
        facts = [one.to_dict() for one in asked]
        for one, page in zip(facts, pages, strict=False):
            one["page"] = str(page)
        show_json(facts if several else facts[0])
        return
    for one in asked:
        show_lines(one.lines())
    if pages:
        names = ", ".join(map(str, pages))
        show_lines([f"Or open {names} in a browser, label there, and save the file from the page."])


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
        from alignfreeze.files import check_unused
        from alignfreeze.labelling.few_shot import train_on_labels
        from alignfreeze.labelling.settling import settle as find_out

        if finetune is not None:
            check_unused(finetune)
        found = find_out(study, files, margin=margin)
    if not as_json:
        show_lines([*found.answers(), ""])
        show_sheets(found.sheets())
    learnt = None
    if finetune is not None:
        how = {"seed": 31 if seed is None else seed, "device": device or "auto"}
        with working():
            learnt = train_on_labels(study, files, settled=found, out=finetune, **how)
    if as_json:
        show_json(found.to_dict() | ({} if learnt is None else {"few_shot": learnt.to_dict()}))
    elif learnt is not None:
        show_lines(["", *learnt.lines()])
