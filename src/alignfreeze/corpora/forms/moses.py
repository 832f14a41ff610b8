"""Two files, one per language: line N of one is the translation of line N of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines


def read_moses(paths: tuple[Path, ...], _: Sides, __: Counter[str]) -> Iterator[Texts]:
    """Yield the lines of two files side by side.

    Raises:
        DataError: One file has more lines than the other.
    """
    source, target = paths
    read = [0, 0]
    gap = None
    for first, second in zip_longest(read_lines(source), read_lines(target)):
        read = [number if line is None else line[0] for number, line in zip(read, (first, second), strict=True)]
        if first is None or second is None:
            continue  # read on, to know both lengths: a pipe cannot be read again
        if gap is None and bool(first[1]) != bool(second[1]):
            gap = first[0]
        yield first[1], second[1]
    if read[0] != read[1]:
        raise _length_error(paths, read, gap)


def _length_error(paths: tuple[Path, ...], lengths: list[int], gap: int | None) -> DataError:
    """Return an error with the lengths of two files, and the first line at which they probably stop matching."""
    message = (
        f"{paths[0]} has {lengths[0]:,} lines and {paths[1]} {lengths[1]:,}; "
        "line N of one must be the translation of line N of the other"
    )
    return DataError(f"{message}. First line that is empty on one side only: {gap}" if gap else message)


MOSES = Form(read_moses, n_files=2)
