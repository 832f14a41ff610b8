"""One file with tabs between its columns."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from alignfreeze.corpora.forms.evidence import CHOOSE, Choice, UnclearError, choose_columns, find_header
from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.errors import DataError, EndsEarlyError, SettingsError
from alignfreeze.files import read_lines
from alignfreeze.progress import remark

_SEEN_LINES = 1000
_SEEN_CHARACTERS = 2**20
"""How much of a file is seen before its columns are chosen."""


def read_tsv(paths: tuple[Path, ...], sides: Sides, _: Counter[str]) -> Iterator[Texts]:
    """Yield two columns of each line: those whose names or numbers are given, or else those that hold sentences.

    If names of columns are given, the first line holds the names. Otherwise it may.

    Raises:
        DataError: A line has too few columns, no column has the name, or it cannot be told which columns to read.
    """
    path, lines = paths[0], _Lines(paths[0])
    widths = {line.count("\t") + 1 for _, line in lines.beginning if line.strip()}
    first, second = _choose(path, sides, lines)
    last = max(first, second)
    for number, line in lines:
        parts = line.split("\t") if line.strip() else [""] * (last + 1)
        if len(parts) <= last:
            expected = "two columns" if last == 1 else f"{last + 1} columns"
            raise DataError.at(path, number, f"expected {expected} separated by a tab, found {len(parts)} part(s)")
        if sides.columns is None and line.strip() and len(parts) not in widths:
            usual = " or ".join(map(str, sorted(widths)))
            problem = f"{len(parts)} columns, but the lines at the beginning have {usual}; {CHOOSE} if this is right"
            raise DataError.at(path, number, problem)
        yield parts[first], parts[second]


class _Lines:
    """The lines of a file with their numbers, of which the first can be seen before they are read."""

    def __init__(self, path: Path) -> None:
        self.rest = read_lines(path)
        self.beginning: deque[tuple[int, str]] = deque()
        self.broken: EndsEarlyError | None = None
        size = 0
        try:
            for number, line in self.rest:
                self.beginning.append((number, line))
                size += len(line)
                if number >= _SEEN_LINES or size > _SEEN_CHARACTERS:
                    break
        except EndsEarlyError as error:  # what comes before the break is read
            self.broken = error

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while self.beginning:
            yield self.beginning.popleft()
        if self.broken is not None:
            raise self.broken
        yield from self.rest

    def skip_header(self) -> None:
        """Leave out the first line that is not empty, and those above it."""
        while self.beginning and not self.beginning.popleft()[1].strip():
            pass


def _choose(path: Path, sides: Sides, lines: _Lines) -> tuple[int, int]:
    """Return the places of the two columns, from 0; this passes over a header."""
    filled = [line for _, line in lines.beginning if line.strip()]
    header = filled[0].split("\t") if filled else []
    if sides.columns is None:
        try:
            choice = choose_columns(filled, sides)
        except UnclearError as error:
            raise DataError(f"{path}: {error}") from error
    elif (numbers := _column_numbers(sides.columns)) is None:
        choice = Choice(_find_columns(path, sides.columns, header), has_header=True)
    else:
        cells = [header[place] for place in numbers if place < len(header)]
        named = find_header(cells, sides) is not None
        choice = Choice(numbers, named, "the first line names the columns" if named else "")
    if choice.reason:
        remark(f"{path}: {choice.reason}")
    if choice.has_header:
        lines.skip_header()
    return choice.columns


def _find_columns(path: Path, names: tuple[str, str], header: list[str]) -> tuple[int, int]:
    """Return the places of two named columns, from 0."""
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
