"""Reads bitext: sentences of a source language with their translations.

Three forms, plain or gzip: two parallel files (Moses), one file with a tab
between the sides (TSV), one file with ` ||| ` between them (fast_align).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Protocol

from alignfreeze.corpora.words import split_on_spaces, word_splitter
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines
from alignfreeze.languages import check_language

BARS = " ||| "


@dataclass(frozen=True, slots=True)
class SentencePair:
    """A sentence and its translation, split into words.

    Attributes:
        source: The words of the source sentence.
        target: The words of the target sentence.
        languages: Codes of the source and the target language.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    languages: tuple[str, str]


def read_bitext(
    source: Path | str,
    target: Path | str | None = None,
    *,
    languages: tuple[str, str],
    pretokenized: bool = False,
    max_pairs: int | None = None,
) -> list[SentencePair]:
    """Read the sentence pairs of one language pair.

    Args:
        source: The source side of two parallel files, or the one file that holds both sides.
        target: The target side; None when `source` holds both.
        languages: Codes of the source and the target language.
        pretokenized: The words are already separated by spaces; split nowhere else.
        max_pairs: Keep no more than the first so many pairs.

    Returns:
        One pair a line, in the order of the file, so that files of links fit. An empty line gives
        an empty side, which gets no links and so is never trained on.

    Raises:
        DataError: A file cannot be read, is empty, or is not what its form demands.
        SettingsError: There is no such language.
    """
    splitters = [split_on_spaces if pretokenized else word_splitter(check_language(code)) for code in languages]
    files = [Path(source)] if target is None else [Path(source), Path(target)]
    sides = _one_file(files[0]) if target is None else _two_files(*files)
    # Each word is kept once, however often it occurs.
    bitext = [
        SentencePair(
            tuple(map(sys.intern, splitters[0](first))), tuple(map(sys.intern, splitters[1](second))), languages
        )
        for first, second in islice(sides, max_pairs)
    ]
    for _ in sides:
        pass  # a slip further down would mean that the sides do not belong together from some line on
    if not any(pair.source and pair.target for pair in bitext):
        names = " and ".join(map(str, files))
        raise DataError(f"{names}: no sentence pair found; is this the right file?")
    return bitext


def _two_files(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    for first, second in zip_longest(read_lines(source), read_lines(target)):
        if first is None or second is None:
            raise _unequal(source, target)
        yield first[1], second[1]


def _unequal(source: Path, target: Path) -> DataError:
    """Say how far two files differ in length, and where the first likely slip is."""
    counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
    message = (
        f"{source} has {counts[0]:,} lines and {target} {counts[1]:,}; "
        "line N of one must be the translation of line N of the other"
    )
    gap = _first_gap(source, target)
    return DataError(f"{message}. First line that is empty on one side only: {gap}" if gap else message)


def _first_gap(source: Path, target: Path) -> int | None:
    both = zip(read_lines(source), read_lines(target), strict=False)
    return next((number for (number, first), (_, second) in both if bool(first) != bool(second)), None)


def _one_file(path: Path) -> Iterator[tuple[str, str]]:
    separator = None
    for number, line in read_lines(path):
        if not line.strip():
            yield "", ""
            continue
        separator = separator or _separator(path, number, line)
        parts = line.split(separator)
        if len(parts) < 2 or (separator == BARS and len(parts) > 2):
            expected = "two columns separated by a tab" if separator == "\t" else "'source ||| target'"
            raise DataError.at(path, number, f"expected {expected}, found {len(parts)} part(s)")
        yield parts[0], parts[1]


def _separator(path: Path, number: int, line: str) -> str:
    """Tell from the first line which of the two one-file forms this is."""
    for separator in (BARS, "\t"):
        if separator in line:
            return separator
    raise DataError.at(path, number, "neither a tab nor ' ||| ' separates two sides; for two files give both")


class HasLanguages(Protocol):
    """A sentence pair in whatever form, as long as it names its languages."""

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and the target language."""
        ...


def language_pairs(bitext: Sequence[HasLanguages]) -> dict[tuple[str, str], list[int]]:
    """Return the positions of the pairs of each language pair, in the order of first appearance."""
    positions: dict[tuple[str, str], list[int]] = {}
    for position, pair in enumerate(bitext):
        positions.setdefault(pair.languages, []).append(position)
    return positions


def digest_of(bitext: Sequence[SentencePair]) -> str:
    """Return a digest of the words and languages of a bitext, in their order."""
    digest = hashlib.blake2b(digest_size=32)
    for pair in bitext:
        # No word holds a control character that separates words or sides here.
        sides = ("\x1f".join(pair.source), "\x1f".join(pair.target), *pair.languages)
        digest.update(("\x1e".join(sides) + "\x1d").encode())
    return digest.hexdigest()
