"""The page on which a speaker labels the items of a file: one file that needs no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from alignfreeze.compressed import COMPRESSED_NAMES
from alignfreeze.errors import OutputError
from alignfreeze.files import check_apart, check_file, write_lines
from alignfreeze.labelling.asking import Asked
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.forms import Item, to_lines
from alignfreeze.languages import name_of
from alignfreeze.reports.html import read_template, script_json, template
from alignfreeze.reports.label_keys import find_keys
from alignfreeze.tasks.table import TASKS

_HEADINGS = {
    ("text",): ("Text",),
    ("text", "text2"): ("First text", "Second text"),
    ("question", "context"): ("Question", "Text"),
}
"""The headings of texts, by the names of their fields; other fields are their own headings."""


def page_beside(out: Path, inputs: Iterable[Path] = ()) -> Path:
    """Return the place of the page that belongs to a file to label: the same name, which ends in `.html`.

    Args:
        out: The file to label.
        inputs: Files that are read, which the page must not overwrite.

    Raises:
        OutputError: The page cannot be written there, or would overwrite something.
    """
    page = out.with_suffix(".html")
    if page.exists():
        raise OutputError(f"{page}: exists already; choose another name for {out.name}, or remove the page")
    check_file(page)
    check_apart({"--out": out, "--html": page}, inputs)
    return page


def write_labelling_page(asked: Asked, path: Path) -> Path:
    """Write the page on which the items of a file are labelled, and return its place.

    Raises:
        OutputError: The page cannot be written.
    """
    write_lines(path, to_labelling_html(asked).removesuffix("\n").split("\n"))
    return path


def to_labelling_html(asked: Asked) -> str:
    """Return the page on which the items of a file are labelled; it contains everything that it needs."""
    drawing, items = asked.drawing, asked.items
    script, style = read_template("labelling.js"), read_template("labelling.css")
    kind = TASKS[drawing.task].kind.item_name.removesuffix("s")
    return template("labelling.html").render(
        title=f"Label {len(items):,} {kind}{'' if len(items) == 1 else 's'} in {name_of(drawing.language)}",
        task=_describe_task(drawing),
        kind=kind,
        answers=not drawing.labels,
        words=drawing.labels_words,
        entities=drawing.marks_entities,
        data=script_json(_to_data(asked, items)),
        script=script,
        style=style,
        policy=_policy_of(script, style),
    )


def _policy_of(script: str, style: str) -> str:
    """Return a policy with which a browser runs this script and this style only, and loads nothing."""
    script_hash, style_hash = (b64encode(sha256(text.encode()).digest()).decode() for text in (script, style))
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _describe_task(drawing: Drawing) -> str:
    """Return what a speaker does on the page, in a sentence."""
    if not drawing.labels:
        return "Answer each question: write the answer, or select it in the text."
    if drawing.marks_entities:
        return "Label the words with a question mark, and correct the other words of the sentence where they are wrong."
    return f"Choose a label for each {'marked word' if drawing.labels_words else 'text'}."


def _to_data(asked: Asked, items: list[Item]) -> dict[str, Any]:
    """Return what the script of the page needs."""
    drawing = asked.drawing
    return {
        "drawing": drawing.name,
        "file": _plain_name(asked.file),
        "command": asked.command,
        "language": drawing.language,
        "kind": TASKS[drawing.task].kind.item_name.removesuffix("s").capitalize(),
        "entities": drawing.marks_entities,
        "labels": [asdict(one) for one in find_keys(drawing.labels, marks_entities=drawing.marks_entities)],
        "items": [_to_plain(item, drawing.asked(draw)) for item, draw in zip(items, asked.draws, strict=True)],
        "lines": list(to_lines(drawing, items, asked.file)),
    }


def _to_plain(item: Item, asked: list[int]) -> dict[str, Any]:
    """Return an item as plain values: its words, or its texts with their headings."""
    words = item.row.get("words")
    texts = {} if words is not None else item.row
    headings = _HEADINGS.get(tuple(texts), tuple(texts))
    return {
        "name": item.name,
        "words": None if words is None else list(words),
        "texts": [
            {"heading": heading, "text": str(text)} for heading, text in zip(headings, texts.values(), strict=True)
        ],
        "labels": item.labels,
        "asked": asked,
        "proposals": item.proposals,
    }


def _plain_name(path: Path) -> str:
    """Return the name under which the page saves a file: the page does not compress it."""
    return path.stem if path.suffix.lower() in COMPRESSED_NAMES else path.name
