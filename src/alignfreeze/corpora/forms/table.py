"""The table of the forms of bitext, and how the form of a file is guessed."""

from __future__ import annotations

from pathlib import Path

from alignfreeze.corpora.forms.bars import BARS
from alignfreeze.corpora.forms.form import Form
from alignfreeze.corpora.forms.jsonl import JSONL
from alignfreeze.corpora.forms.moses import MOSES
from alignfreeze.corpora.forms.po import PO
from alignfreeze.corpora.forms.tmx import TMX
from alignfreeze.corpora.forms.tsv import TSV
from alignfreeze.errors import DataError
from alignfreeze.files import open_binary, read_lines, strip_compression

FORMS: dict[str, Form] = {"moses": MOSES, "tsv": TSV, "bars": BARS, "tmx": TMX, "po": PO, "jsonl": JSONL}
"""The forms by name; a new one is a file and a line. Where several fit a first line, the last one is taken."""

USUAL = "tsv"
"""The form of a file that tells none: one to be written, or one without any text."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def form_of_name(path: Path) -> str | None:
    """Return the form that the ending of a name tells, in any case and with any compression behind it."""
    ending = strip_compression(path).suffix.lower()
    return next((name for name, form in FORMS.items() if ending in form.endings), None)


def guess_form(path: Path) -> str:
    """Return the form of a single file, by its name or else by its first line.

    Raises:
        DataError: It is none of the table.
    """
    if (named := form_of_name(path)) is not None:
        return named
    with open_binary(path) as file:
        if file.read(2) in _UTF16:
            return next(name for name, form in FORMS.items() if form.in_utf16)
    number, line = next(((number, line) for number, line in read_lines(path) if line.strip()), (1, ""))
    if not line:
        return USUAL  # an empty file: whoever finds no pair in it says so
    for name, form in reversed(FORMS.items()):
        if form.fits_line(line):
            return name
    raise DataError.at(path, number, "neither a tab nor ' ||| ' separates two sides; for two files give both")
