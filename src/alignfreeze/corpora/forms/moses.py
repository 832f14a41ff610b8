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
    for first, second in zip_longest(read_lines(source), read_lines(target)):
        if first is None or second is None:
            raise _length_error(source, target)
        yield first[1], second[1]


def _length_error(source: Path, target: Path) -> DataError:
    """Return an error with the lengths of two files, and the first line at which they probably stop matching."""
    counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
    message = (
        f"{source} has {counts[0]:,} lines and {target} {counts[1]:,}; "
        "line N of one must be the translation of line N of the other"
    )
    gap = _find_gap(source, target)
    return DataError(f"{message}. First line that is empty on one side only: {gap}" if gap else message)


def _find_gap(source: Path, target: Path) -> int | None:
    """Return the first line that is empty in one file only."""
    both = zip(read_lines(source), read_lines(target), strict=False)
    return next((number for (number, first), (_, second) in both if bool(first) != bool(second)), None)


MOSES = Form(read_moses, n_files=2)
