"""One file with tabs between its columns."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alignfreeze.corpora.forms.evidence import (
    CHOOSE,
    Choice,
    UnclearError,
    choose_columns,
    find_header,
    is_tag,
    words_of_names,
)
from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.corpora.forms.headers import HeaderError
from alignfreeze.decoding import RETURN_INSIDE
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
    for number, line in lines.beginning:
        _refuse_joined(path, number, line, lines.widths)
    widths = {line.count("\t") + 1 for _, line in lines.beginning if line.strip()}
    header = next((line for _, line in lines.beginning if line.strip()), "")
    choice = _choose(path, sides, lines)
    first, second = choice.columns
    last = max(first, second)
    watch = _Watch(path, sides, choice, _names_of(header) if choice.has_header else ())
    for number, line in lines:
        if "\r" in line:
            _refuse_joined(path, number, line, lines.widths)
        has_text = bool(line) and not line.isspace()
        parts = line.split("\t") if has_text else [""] * (last + 1)
        if len(parts) <= last:
            expected = "two columns" if last == 1 else f"{last + 1} columns"
            problem = f"expected {expected} separated by a tab, found {len(parts)} part(s){_hint(line)}"
            raise DataError.at(path, number, problem)
        if sides.columns is None and has_text and len(parts) not in widths:
            usual = " or ".join(map(str, sorted(widths)))
            problem = f"{len(parts)} columns, but the lines at the beginning have {usual}; {CHOOSE} if this is right"
            raise DataError.at(path, number, problem)
        if has_text and not watch.sees_sentences(line, parts) and watch.passes_over(number, line, parts):
            continue
        yield parts[first], parts[second]


def _hint(line: str) -> str:
    """Return what a line without two columns may be instead."""
    if line.lstrip().startswith("<"):
        return "; is this a web page or XML?"
    if '"' in line and line.count('"') % 2:
        return "; line ends inside a quoted cell are not read: leave them out, or write JSON lines"
    is_csv = "\t" not in line and ("," in line or ";" in line)
    return "; if this is CSV, separate its columns by tabs, or write JSON lines" if is_csv else ""


def _refuse_joined(path: Path, number: int, line: str, widths: set[int]) -> None:
    """Refuse a line that is several lines with a carriage return between them, by their numbers of columns."""
    if "\r" not in line:
        return
    parts = [part.count("\t") + 1 for part in line.split("\r") if part]
    if widths:
        is_joined = line.count("\t") + 1 not in widths and widths.issuperset(parts)
    else:
        is_joined = len(set(parts)) == 1 and parts[0] > 1 and "\r\t" not in line
    if is_joined and len(parts) > 1:
        raise DataError.at(path, number, RETURN_INSIDE)


class _Watch:
    """Looks at every line for what the choice of columns rests on: the names of columns, and the tags of languages."""

    def __init__(self, path: Path, sides: Sides, choice: Choice, header: Sequence[str]) -> None:
        self.path = path
        self.sides = sides
        self.choice = choice
        self.header = header
        self.tags = choice.tags if sides.columns is None else ()
        self.has_said: set[str] = set()
        self.words = [words_of_names(code, is_source=not side) for side, code in enumerate(sides.languages)]

    def sees_sentences(self, line: str, cells: Sequence[str]) -> bool:
        """Tell at a glance whether a line is an ordinary one, as most are; `passes_over` looks closely at others."""
        return not self.tags and len(cells[0]) > _LONGEST_NAME and '""' not in line

    def passes_over(self, number: int, line: str, cells: Sequence[str]) -> bool:
        """Tell whether a line is the header again, as in files that were joined.

        Raises:
            DataError: The line names the columns in another order, or its tags are of other languages.
        """
        if '""' in line and any(map(_is_quoted, cells)):
            self._say(number, 'cells are quoted as spreadsheets do, with "" for "; the quotes are read as text')
        if max(map(len, cells)) <= _LONGEST_NAME:
            if self.header and _names_of(line) == self.header:
                self._say(number, "the names of the columns stand here again; such lines are left out")
                return True
            self._check_names(number, cells)
        for place, codes in self.tags:
            tag = cells[place].strip() if place < len(cells) else ""
            if tag and not any(is_tag(tag, code) for code in codes):
                problem = (
                    f"column {place + 1} holds {tag!r} here, and the tags of {' and '.join(codes)} above; {CHOOSE}"
                )
                raise DataError.at(self.path, number, f"{problem}, or keep the lines of one pair")
        return False

    def _check_names(self, number: int, cells: Sequence[str]) -> None:
        found = set(_PARTS.split(" ".join(cells).casefold()))
        found.update(cell.strip().casefold() for cell in cells)
        if any(map(found.isdisjoint, self.words)):
            return
        columns = self.choice.columns
        is_free = self.sides.columns is None and not self.choice.tags  # tags in every line are no names
        if self.header and is_free and find_header(cells, self.sides) not in {None, columns}:
            problem = "this line names the columns in another order than the first line; give all lines one order"
            raise DataError.at(self.path, number, problem)
        if find_header([cells[place] for place in columns], self.sides):
            self._say(number, "this line looks like names of columns; it is read as a pair")

    def _say(self, number: int, what: str) -> None:
        if what not in self.has_said:
            self.has_said.add(what)
            remark(f"{self.path}, line {number}: {what}")


_LONGEST_NAME = 40
_PARTS = re.compile(r"[\s_.:\"-]+")
_SEPARATOR = "sep=\t"
"""What spreadsheets may write above a table."""


def _is_quoted(cell: str) -> bool:
    """Tell whether a cell is quoted as spreadsheets do, and holds quotes of its own."""
    inside = cell[1:-1]
    return '""' in inside and cell[0] == cell[-1] == '"' and '"' not in inside.replace('""', "")


def _names_of(line: str) -> list[str]:
    return [cell.strip(' "').casefold() for cell in line.split("\t")]


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
        if self.beginning and self.beginning[0][1] == _SEPARATOR:
            self.beginning.popleft()
        self.widths = {line.count("\t") + 1 for _, line in self.beginning if line.strip() and "\r" not in line}

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


def _choose(path: Path, sides: Sides, lines: _Lines) -> Choice:
    """Choose the two columns, and pass over a header."""
    filled = [line for _, line in lines.beginning if line.strip()]
    header = filled[0].split("\t") if filled else []
    if sides.columns is None:
        try:
            choice = choose_columns(filled, sides)
        except UnclearError as error:
            raise DataError(f"{path}: {error}") from error
        except HeaderError as error:
            number = next(number for number, line in lines.beginning if line.strip())
            raise DataError.at(path, number, str(error)) from error
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
    return choice


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
