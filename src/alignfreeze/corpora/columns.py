"""Reads sentences a word a line, with a tag in another column: IOB2 of named entities, and any other tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines

OUTSIDE = "O"
_IOB2 = re.compile(r"O|[BI]-\S+")
_DOCUMENT = "-DOCSTART-"
_PREFIX = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*):.")
"""The code of a language before each word, as WikiANN's files have it."""

Line = tuple[int, str, str]
"""Number of a line, its word, its tag."""


def read_iob2(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words and tags of named entities in IOB2: `B-PER` begins an entity, `I-PER` goes on with it, `O` is none.

    A word a line, an empty line after each sentence; the columns are separated by tabs or spaces: word first and
    tag last (CoNLL-2003, WikiANN), or word second and tag third if the first is the word's number (Universal NER).

    Raises:
        DataError: The file cannot be read, is empty, or a line is not IOB2 (with the line).
    """
    path = Path(path)
    sentences = []
    for lines in _first(_sentences(path), max_sentences):
        check_iob2((f"{path}, line {number}", word, tag) for number, word, tag in lines)
        sentences.append(_tagged(lines))
    return _prefix_removed(_some(path, sentences))


def read_columns(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words with tags of any kind, in the columns of `read_iob2`; the tag `_` means untagged.

    Raises:
        DataError: The file cannot be read, is empty, or a line has one column (with the line).
    """
    path = Path(path)
    return _some(path, [_tagged(lines) for lines in _first(_sentences(path), max_sentences)])


def _first(sentences: Iterator[list[Line]], most: int | None) -> Iterator[list[Line]]:
    for number, lines in enumerate(sentences):
        if number == most:
            return
        yield lines


def _some(path: Path, sentences: list[TaggedSentence]) -> list[TaggedSentence]:
    if not sentences:
        raise DataError(f"{path}: no sentence found; expected a word and its tag a line")
    return sentences


def _tagged(lines: Sequence[Line]) -> TaggedSentence:
    return TaggedSentence(tuple(word for _, word, _ in lines), tuple(None if tag == "_" else tag for *_, tag in lines))


def _sentences(path: Path) -> Iterator[list[Line]]:
    numbered: bool | None = None
    for rows in _rows(path):
        if numbered is None:
            # Words may be numbers too; those of words count from 1.
            numbered = all(len(row) > 2 and row[0] == str(place) for place, (_, row) in enumerate(rows, start=1))
        yield [
            (number, *((row[1], row[2].strip()) if numbered and len(row) > 2 else (row[0], row[-1].strip())))
            for number, row in rows
        ]


def _rows(path: Path) -> Iterator[list[tuple[int, list[str]]]]:
    """Yield the lines of each sentence, in columns."""
    sentence: list[tuple[int, list[str]]] = []
    for number, line in read_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or columns[0] == _DOCUMENT:
            if sentence:
                yield sentence
            sentence = []
            continue
        if line.startswith("#") and not _is_word(columns):
            continue
        if len(columns) < 2:
            problem = f"expected a word and its tag, separated by a tab or a space; found {line.strip()!r}"
            raise DataError.at(path, number, problem)
        sentence.append((number, columns))
    if sentence:
        yield sentence


def _is_word(columns: Sequence[str]) -> bool:
    """Tell whether a line that begins with `#` is a word and not a comment."""
    return (
        len(columns) > 1
        and columns[0] == "#"
        and all(" " not in column for column in columns)
        and (_IOB2.fullmatch(columns[-1]) is not None)
    )


def check_iob2(sentence: Iterable[tuple[str, str, str]]) -> None:
    """Check that the tags of a sentence are IOB2.

    Args:
        sentence: Place, word and tag of each of its words.

    Raises:
        DataError: They are not; the message says where.
    """
    before = OUTSIDE
    for where, word, tag in sentence:
        if not _IOB2.fullmatch(tag):
            raise DataError(f"{where}: the tag {tag!r} of {word!r} is not IOB2 (O, B-PER, I-PER, ...)")
        if tag.startswith("I-") and before[1:] != tag[1:]:
            problem = (
                f"the tag {tag!r} of {word!r} goes on with an entity, but {before!r} stands before it; "
                f"in IOB2 an entity begins with 'B{tag[1:]}'"
            )
            raise DataError(f"{where}: {problem}")
        before = tag


def _prefix_removed(sentences: list[TaggedSentence]) -> list[TaggedSentence]:
    """Remove the code of a language from the words, if all have the same before them."""
    prefixes = {
        match[1] if (match := _PREFIX.match(word)) else None for sentence in sentences for word in sentence.words
    }
    if len(prefixes) != 1 or prefixes == {None}:
        return sentences
    length = len(str(*prefixes)) + 1
    return [TaggedSentence(tuple(word[length:] for word in s.words), s.tags) for s in sentences]
