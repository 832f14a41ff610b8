"""Tables that fit a width. Columns are left out, or stacked, before any number would be cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from alignfreeze.sheets import DETAIL, NEEDED, Cell, Place, Sheet

GAP = 2
"""The space between two columns."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table that fits a width.

    Attributes:
        sheet: The columns and rows that are shown.
        widths: The width of each column.
        left_out: The headings of the columns that are left out.
    """

    sheet: Sheet
    widths: tuple[int, ...]
    left_out: tuple[str, ...]

    @property
    def width(self) -> int:
        """The width of a line."""
        return sum(self.widths) + GAP * (len(self.widths) - 1)


def fit(sheet: Sheet, width: int) -> Fitted | None:
    """Fit a table to a width: leave out spare columns, then stack strategies, then leave out details.

    Args:
        sheet: The table.
        width: The most characters of a line.

    Returns:
        The table with as many columns as fit; None if not even the needed columns do.
    """
    stacked = stack(sheet)
    tries = [*_thin_out(sheet, below=DETAIL), *_thin_out(stacked, below=NEEDED)]
    for height in (_MOST_LINES, None):  # words wrap into tall cells only if nothing else helps
        for chosen, left_out in tries:
            if fitted := _set_widths(chosen, width, left_out, height=height):
                n = len(chosen.rows) // max(1, len(sheet.rows))
                return _spread_names(fitted, n) if n > 1 else fitted
    return None


def places_of(sheet: Sheet) -> Sequence[Place]:
    """Return what becomes of each column where the table is too wide."""
    return sheet.places or tuple(Place(part=name) for name in sheet.columns)


def _thin_out(sheet: Sheet, *, below: int) -> Iterator[tuple[Sheet, tuple[str, ...]]]:
    """Yield the table, and the table with fewer and fewer columns. The least needed go first, from the right."""
    needs = [place.need for place in places_of(sheet)]
    spare = sorted((number for number, need in enumerate(needs) if need < below), key=lambda n: (needs[n], -n))
    for count in range(len(spare) + 1):
        out = set(spare[:count])
        kept = [number for number in range(len(needs)) if number not in out]
        yield _choose(sheet, kept), tuple(filter(None, (sheet.columns[number] for number in sorted(out))))


def _choose(sheet: Sheet, kept: Sequence[int]) -> Sheet:
    """Return a table with some of its columns."""
    places = places_of(sheet)
    return replace(
        sheet,
        columns=tuple(sheet.columns[number] for number in kept),
        n_names=sum(number < sheet.n_names for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in sheet.rows),
        places=tuple(places[number] for number in kept),
    )


def stack(sheet: Sheet) -> Sheet:
    """Return a table with one row per row and strategy; the same table if fewer than two strategies have columns."""
    places = places_of(sheet)
    things = list(dict.fromkeys(place.of for place in places if place.of))
    if len(things) < 2:
        return sheet
    parts = _find_parts(places)
    names = range(sheet.n_names)
    others = [number for number in range(sheet.n_names, len(places)) if not places[number].of]
    rows = []
    for row in sheet.rows:
        for line, thing in enumerate(things):
            own = [row[columns[thing]] if thing in columns else Cell("") for columns in parts.values()]
            kept = [[row[number] if line == 0 else Cell("") for number in numbers] for numbers in (names, others)]
            rows.append((*kept[0], Cell(thing), *own, *kept[1]))
    headings = [Place(max(places[n].need for n in columns.values()), part=part) for (part, _), columns in parts.items()]
    return replace(
        sheet,
        columns=(
            *sheet.columns[: sheet.n_names],
            sheet.things,
            *(place.part for place in headings),
            *(sheet.columns[number] for number in others),
        ),
        n_names=sheet.n_names + 1,
        rows=tuple(rows),
        n_last=sheet.n_last * len(things),
        places=(
            *places[: sheet.n_names],
            Place(part=sheet.things),
            *headings,
            *(places[number] for number in others),
        ),
    )


def _find_parts(places: Sequence[Place]) -> dict[tuple[str, int], dict[str, int]]:
    """Return for each part the column of each thing. A part that a thing has twice is two parts."""
    parts: dict[tuple[str, int], dict[str, int]] = {}
    for number, place in enumerate(places):
        if place.of:
            copy = sum((other.of, other.part) == (place.of, place.part) for other in places[:number])
            parts.setdefault((place.part, copy), {})[place.of] = number
    return parts


def _set_widths(sheet: Sheet, width: int, left_out: tuple[str, ...], *, height: int | None) -> Fitted | None:
    """Return the table with the width of each column; None if the table cannot be as narrow as that."""
    room = width - GAP * (len(sheet.columns) - 1)
    least = [_least_width(sheet, number, height) for number in range(len(sheet.columns))]
    if sum(least) > room:
        return None
    widths = [_widest([name, *_column(sheet, number)]) for number, name in enumerate(sheet.columns)]
    while sum(widths) > room:  # the widest column that can wrap gives way
        at = max((n for n in range(len(widths)) if widths[n] > least[n]), key=lambda n: widths[n])
        widths[at] -= 1
    return Fitted(sheet, tuple(widths), left_out)


def is_text(sheet: Sheet, number: int) -> bool:
    """Tell whether a column has words, and not numbers, so that it is read from the left."""
    shown = [text for text in _column(sheet, number) if text not in {"", "–"}]
    return number < sheet.n_names or (bool(shown) and all(text[0].isalpha() for text in shown))


def _spread_names(fitted: Fitted, n: int) -> Fitted:
    """Return the table with each name that needs several lines on as many of its n rows, if that is enough."""
    rows = [list(row) for row in fitted.sheet.rows]
    for first in range(0, len(rows), n):
        for number in range(fitted.sheet.n_names):
            lines = _break(rows[first][number].text, fitted.widths[number])
            if 1 < len(lines) <= n and not any(row[number].text for row in rows[first + 1 : first + n]):
                for row, line in zip(rows[first : first + n], lines, strict=False):
                    row[number] = replace(rows[first][number], text=line)
    return replace(fitted, sheet=replace(fitted.sheet, rows=tuple(map(tuple, rows))))


def _break(text: str, width: int) -> list[str]:
    """Break a text into lines between words."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _column(sheet: Sheet, number: int) -> Iterator[str]:
    return (row[number].text for row in sheet.rows)


def _least_width(sheet: Sheet, number: int, height: int | None) -> int:
    """Return how narrow a column can be: words may wrap, and a cell of numbers stays on one line.

    Args:
        sheet: The table.
        number: The place of the column.
        height: About how many lines the words of a cell may take if the column is narrow; None for any number.
    """
    texts = [sheet.columns[number], *_column(sheet, number)]
    whole = [text for text in texts[1:] if number >= sheet.n_names and not _WORD.search(text)]
    low = 0 if height is None else min(_WIDE_ENOUGH, _widest(texts) // height)
    return max(_widest(whole), longest_word(texts), low)


_WIDE_ENOUGH = 16
"""A column of words that is as wide as this may be of any height."""

_MOST_LINES = 3
"""About as many lines of words has a cell in a column that is narrower, if the terminal is wide enough."""

_WORD = re.compile(r"[^\W\d_]{3}")
"""What only words have, and numbers with their units and signs have not."""


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def longest_word(texts: Iterable[str]) -> int:
    """Return the width of the longest word of texts."""
    return _widest(word for text in texts for word in text.split())
