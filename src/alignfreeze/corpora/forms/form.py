"""The description of a form of bitext: how it is read, how it is recognised, and whether it can be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Texts = tuple[str, str]
"""A source and a target sentence, not yet split into words."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a bitext that are read.

    Attributes:
        languages: Codes of the source and the target language.
        columns: Names or numbers, from 1, of the two columns or fields, if the form has several.
    """

    languages: tuple[str, str]
    columns: tuple[str, str] | None = None


def _never(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Form:
    """A form of bitext.

    Attributes:
        read: Yields the pairs of texts in one or two files, one at a time. It counts, by reason, the entries that it
            leaves out, such as fuzzy entries.
        endings: The endings of file names in this form, in lower case.
        fits_line: Returns whether the first line of a file is of this form.
        n_files: The number of files of a bitext in this form.
        check_columns: Refuses columns that are impossible; None for a form without columns.
        to_lines: Turns pairs of texts into the lines of a file; None for a form that is not written.
    """

    read: Callable[[tuple[Path, ...], Sides, Counter[str]], Iterator[Texts]]
    endings: tuple[str, ...] = ()
    fits_line: Callable[[str], bool] = _never
    n_files: int = 1
    check_columns: Callable[[tuple[str, str]], None] | None = None
    to_lines: Callable[[Iterable[Texts], tuple[str, str]], Iterator[str]] | None = None


def begins_with(line: str, *beginnings: str) -> bool:
    """Return whether a line begins with one of several texts and contains no tab.

    A line with a tab belongs to a form with columns.
    """
    return line.lstrip().startswith(beginnings) and "\t" not in line.strip()
