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
"""The forms by name; a new form is a file and a line. If several forms fit a first line, the last one is used."""

USUAL = "tsv"
"""The form of a file whose form cannot be recognised: a file to be written, or a file without any text."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def form_of_name(path: Path) -> str | None:
    """Return the form that belongs to the ending of a name, in any case. Endings of compressions are ignored."""
    ending = strip_compression(path).suffix.lower()
    return next((name for name, form in FORMS.items() if ending in form.endings), None)


def guess_form(path: Path) -> str:
    """Return the form of a single file, by its name or else by its first line.

    Raises:
        DataError: The file has none of the forms in the table.
    """
    if (named := form_of_name(path)) is not None:
        return named
    with open_binary(path) as file:
        if file.read(2) in _UTF16:
            return next(name for name, form in FORMS.items() if form.in_utf16)
    number, line = next(((number, line) for number, line in read_lines(path) if line.strip()), (1, ""))
    if not line:
        return USUAL  # an empty file: the reader reports later that it has no pair
    for name, form in reversed(FORMS.items()):
        if form.fits_line(line):
            return name
    raise DataError.at(
        path, number, "neither a tab nor ' ||| ' separates two sides; if the two sides are in two files, name both"
    )
