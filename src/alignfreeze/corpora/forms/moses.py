"""Two files, one per language: line N of one is the translation of line N of the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.decoding import RETURN_INSIDE
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines


def read_moses(paths: tuple[Path, ...], _: Sides, __: Counter[str]) -> Iterator[Texts]:
    """Yield the lines of two files side by side.

    Raises:
        DataError: One file has more lines than the other, or a line of both holds a carriage return between words.
    """
    source, target = paths
    read = [0, 0]
    gap = None
    returns: list[int | None] = [None, None]
    for first, second in zip_longest(read_lines(source), read_lines(target)):
        read = [number if line is None else line[0] for number, line in zip(read, (first, second), strict=True)]
        if first is None or second is None:
            continue  # read on, to know both lengths: a pipe cannot be read again
        if "\r" in first[1] and "\r" in second[1] and _parts_of(first[1]) == _parts_of(second[1]) > 1:
            raise DataError.at(source, first[0], f"{RETURN_INSIDE}; so it does in {target}")
        returns = [
            at or (line[0] if _parts_of(line[1]) > 1 else None)
            for at, line in zip(returns, (first, second), strict=True)
        ]
        if gap is None and bool(first[1]) != bool(second[1]):
            gap = first[0]
        yield first[1], second[1]
    if read[0] != read[1]:
        inside = [f"; {path}, line {at}: {RETURN_INSIDE}" for path, at in zip(paths, returns, strict=True) if at]
        raise _length_error(paths, read, gap, "".join(inside))


_RETURN = re.compile(r"(?<=\S)\r+(?=\S)")


def _parts_of(line: str) -> int:
    return len(_RETURN.split(line)) if "\r" in line else 1


def _length_error(paths: tuple[Path, ...], lengths: list[int], gap: int | None, inside: str) -> DataError:
    """Return an error with the lengths of two files, and the first line at which they probably stop matching."""
    message = (
        f"{paths[0]} has {lengths[0]:,} lines and {paths[1]} {lengths[1]:,}; "
        f"line N of one must be the translation of line N of the other{inside}"
    )
    return DataError(f"{message}. First line that is empty on one side only: {gap}" if gap else message)


MOSES = Form(read_moses, n_files=2)
