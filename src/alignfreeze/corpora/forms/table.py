"""The table of the forms of bitext, and how the form of a file is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from alignfreeze.compressed import strip_compression
from alignfreeze.corpora.forms.bars import BARS
from alignfreeze.corpora.forms.form import Form
from alignfreeze.corpora.forms.jsonl import JSONL
from alignfreeze.corpora.forms.moses import MOSES
from alignfreeze.corpora.forms.po import PO
from alignfreeze.corpora.forms.tmx import TMX
from alignfreeze.corpora.forms.tsv import TSV
from alignfreeze.corpora.json_lines import ARRAY, is_array
from alignfreeze.errors import DataError
from alignfreeze.files import check_readable_again, read_lines

FORMS: dict[str, Form] = {"moses": MOSES, "tsv": TSV, "bars": BARS, "tmx": TMX, "po": PO, "jsonl": JSONL}
"""The forms by name; a new form is a file and a line. If several forms fit a first line, the last one is used."""

USUAL = "tsv"
"""The form of a file whose form cannot be recognised: a file to be written, or a file without any text."""


def form_of_name(path: Path) -> str | None:
    """Return the form that belongs to the ending of a name, in any case. Endings of compressions are ignored."""
    ending = strip_compression(path).suffix.lower()
    return next((name for name, form in FORMS.items() if ending in form.endings), None)


def guess_form(path: Path) -> str:
    """Return the form of a single file, by its name or else by its first lines.

    Raises:
        DataError: The file has none of the forms in the table, or can be read only once.
    """
    if (named := form_of_name(path)) is not None:
        return named
    check_readable_again(path, "so its form cannot be guessed; name it with --form, such as --form tsv")
    if (problem := OTHER_ENDINGS.get(strip_compression(path).suffix.lower())) is not None:
        raise DataError(f"{path}: {problem}")
    filled = ((number, line) for number, line in read_lines(path) if line.strip())
    lines = list(islice(filled, _SEEN_LINES))
    if not lines:
        return USUAL  # an empty file: the reader reports later that it has no pair
    number, line = lines[0]
    for name, form in reversed(FORMS.items()):
        if form.fits_line(line):
            if name == USUAL:
                _check_tabs(path, lines)
            return name
    if is_array(line):
        raise DataError.at(path, number, ARRAY)
    ending = strip_compression(path).suffix.lower()
    for pattern, problem in _OTHER_LINES.items():
        if re.match(pattern, ending + line):
            raise DataError.at(path, number, problem)
    raise DataError.at(
        path, number, "neither a tab nor ' ||| ' separates two sides; if the two sides are in two files, name both"
    )


_SEEN_LINES = 100

_CSV = (
    "this looks like CSV, with commas between columns, which is not read; separate the columns by tabs (.tsv), or "
    "write JSON lines (.jsonl)"
)
_XLIFF = "this is XLIFF, which is not read; turn it into a catalogue, for example by xliff2po, or export it as TMX"

_MO = "this is a compiled catalogue, which is not read; turn it into a PO file, for example by msgunfmt"

OTHER_ENDINGS = {
    **dict.fromkeys((".xlf", ".xliff", ".sdlxliff", ".mqxliff"), _XLIFF),
    **dict.fromkeys((".mo", ".gmo"), _MO),
}
"""What to say about files that are not read, by the ending of their names."""

_OTHER_LINES = {
    r"\.csv": _CSV,
    r'(?:\.\w*)?"[^"]*"[,;]': _CSV,
    r"(?i)(?:\.\w*)?(?:[\w-]+[,;])+[\w-]+$": _CSV,
    r"(?:\.\w*)?\s*<xliff\b": _XLIFF,
    r"(?i)(?:\.\w*)?\s*<(?:!doctype )?html\b": "this is a web page; was the download refused?",
}
"""What to say about files that are not read, by a pattern of the ending of their names and their first line."""


def _check_tabs(path: Path, lines: Sequence[tuple[int, str]]) -> None:
    """Refuse a file whose first line has a tab and another one bars and no tab, or whose lines all have both."""
    for number, line in lines:
        if BARS.fits_line(line):
            problem = "this line has ||| and no tab, and the first line has a tab; name the form"
            raise DataError.at(path, number, f"{problem} with --form bars or --form tsv")
    if len(lines) > 1 and all(line.count("\t") == line.count("|||") == 1 for _, line in lines):
        problem = "every line has a tab and |||, so either may separate the two sides; name the form"
        raise DataError.at(path, lines[0][0], f"{problem} with --form bars or --form tsv")
