"""One file with tabs between its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import read_lines


def read_tsv(paths: tuple[Path, ...], sides: Sides, _: Counter[str]) -> Iterator[Texts]:
    """Yield two columns of each line: the first two, or those whose names or numbers are given.

    If names of columns are given, the first line holds the names.

    Raises:
        DataError: A line has too few columns, or no column has the name.
    """
    lines = read_lines(paths[0])
    first, second = _find_columns(paths[0], sides, lines)
    last = max(first, second)
    for number, line in lines:
        parts = line.split("\t") if line.strip() else [""] * (last + 1)
        if len(parts) <= last:
            expected = "two columns" if last == 1 else f"{last + 1} columns"
            raise DataError.at(paths[0], number, f"expected {expected} separated by a tab, found {len(parts)} part(s)")
        yield parts[first], parts[second]


def _find_columns(path: Path, sides: Sides, lines: Iterator[tuple[int, str]]) -> tuple[int, int]:
    """Return the places of the two columns, from 0. If the columns are named, this reads the first line."""
    names = sides.columns or ("1", "2")
    if (numbers := _column_numbers(names)) is not None:
        return numbers
    header = next(lines, (1, ""))[1].split("\t")
    missing = [name for name in names if name not in header]
    if missing:
        found = ", ".join(map(repr, header))
        raise DataError.at(path, 1, f"no column is named {missing[0]!r}; choose two of {found}")
    return header.index(names[0]), header.index(names[1])


def _column_numbers(names: tuple[str, str]) -> tuple[int, int] | None:
    """Return the places of two columns, from 0, if both are numbered; None if they are named.

    Raises:
        SettingsError: A number is 0.
    """
    if not all(name.isdecimal() for name in names):
        return None
    first, second = map(int, names)
    if 0 in {first, second}:
        raise SettingsError(f"columns {','.join(names)}: columns are numbered from 1")
    return first - 1, second - 1


def _check_columns(names: tuple[str, str]) -> None:
    _column_numbers(names)


def _to_lines(texts: Iterable[Texts], _: tuple[str, str]) -> Iterator[str]:
    # A tab inside a sentence would be another column.
    return ("\t".join(side.replace("\t", " ") for side in pair) for pair in texts)


TSV = Form(
    read_tsv,
    endings=(".tsv",),
    fits_line=lambda line: "\t" in line,
    check_columns=_check_columns,
    to_lines=_to_lines,
)
