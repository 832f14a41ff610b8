"""Reads columns separated by tabs, with their names in the first line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alignfreeze.errors import DataError


def parse_rows(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Return the number and the cells of each line after the first, by the name of the column; empty lines are skipped.

    Args:
        path: The file, for messages.
        lines: Its lines and their numbers.

    Raises:
        DataError: A line has another number of columns than the first; the message names the line.
    """
    names: list[str] = []
    for number, line in lines:
        if line.strip() and names:
            yield number, parse_row(path, number, line, names)
        elif line.strip():
            names = line.split("\t")


def parse_row(path: Path, number: int, line: str, names: Sequence[str]) -> dict[str, str]:
    """Return the cells of a line by the names of their columns.

    Raises:
        DataError: The line has another number of columns, or the names stand there again.
    """
    cells = line.split("\t")
    if len(cells) != len(names):
        raise DataError.at(path, number, f"expected {len(names)} columns separated by tabs, found {len(cells)}")
    if cells == list(names):
        problem = "the names of the columns stand here again, as in joined files; remove the line"
        raise DataError.at(path, number, problem)
    return dict(zip(names, cells, strict=True))
