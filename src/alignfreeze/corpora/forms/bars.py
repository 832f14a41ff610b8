"""One file with `|||` between the two sides of a line, as fast_align reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.decoding import RETURN_INSIDE
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines

SEPARATOR = " ||| "
_BARS = "|||"


def read_bars(paths: tuple[Path, ...], _: Sides, __: Counter[str]) -> Iterator[Texts]:
    """Yield the two sides of each line; an empty line has two empty sides.

    In a line without ` ||| `, bars without spaces, or at an end of the line, separate the sides.

    Raises:
        DataError: A line does not have two sides.
    """
    for number, line in read_lines(paths[0]):
        parts = line.split(SEPARATOR) if line.strip() else ["", ""]
        if len(parts) == 1:
            parts = [part.strip(" ") for part in line.split(_BARS)]
        if len(parts) > 2 and "\r" in line:
            raise DataError.at(paths[0], number, RETURN_INSIDE)
        if len(parts) != 2:
            raise DataError.at(paths[0], number, f"expected 'source ||| target', found {len(parts)} part(s)")
        yield parts[0], parts[1]


BARS = Form(read_bars, fits_line=lambda line: _BARS in line and "\t" not in line)
