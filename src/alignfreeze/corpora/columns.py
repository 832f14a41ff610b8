"""Reads sentences with one word per line and a tag in another column: named entities in IOB2, and any other tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines

OUTSIDE = "O"
_IOB2 = re.compile(r"O|[BI]-\S+")
_DOCUMENT = "-DOCSTART-"
_PREFIX = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*):.")
"""A language code before each word, as in WikiANN's files."""

Line = tuple[int, str, str]
"""The number of a line, its word and its tag."""


def read_iob2(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words and tags of named entities in IOB2.

    `B-PER` begins an entity, `I-PER` continues it, and `O` belongs to none. There is one word per line, and an empty
    line after each sentence. Tabs or spaces separate the columns. The word comes first and the tag last (CoNLL-2003,
    WikiANN). If the first column is the word's number, the word is second and the tag third (Universal NER).

    Args:
        path: The file.
        max_sentences: Read no more than this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, or a line is not IOB2; the message names the line.
    """
    path = Path(path)
    sentences = []
    for lines in islice(_read_sentences(path), max_sentences):
        check_iob2((f"{path}, line {number}", word, tag) for number, word, tag in lines)
        sentences.append(_to_sentence(lines))
    return _remove_prefix(_check_some(path, sentences))


def read_columns(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words with tags of any kind, in the columns of `read_iob2`; the tag `_` means that a word has no tag.

    Args:
        path: The file.
        max_sentences: Read no more than this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, or a line has one column; the message names the line.
    """
    path = Path(path)
    return _check_some(path, [_to_sentence(lines) for lines in islice(_read_sentences(path), max_sentences)])


def _check_some(path: Path, sentences: list[TaggedSentence]) -> list[TaggedSentence]:
    if not sentences:
        raise DataError(f"{path}: no sentence found; expected one word and its tag per line")
    return sentences


def _to_sentence(lines: Sequence[Line]) -> TaggedSentence:
    numbers, words, tags = zip(*lines, strict=True)
    return TaggedSentence(words, tuple(None if tag == "_" else tag for tag in tags), numbers)


def _read_sentences(path: Path) -> Iterator[list[Line]]:
    numbered: bool | None = None
    for rows in _read_rows(path):
        if numbered is None:
            # Words may be numbers, too; the numbers of words count from 1.
            numbered = all(len(row) > 2 and row[0] == str(place) for place, (_, row) in enumerate(rows, start=1))
        yield [
            (number, *((row[1], row[2].strip()) if numbered and len(row) > 2 else (row[0], row[-1].strip())))
            for number, row in rows
        ]


def _read_rows(path: Path) -> Iterator[list[tuple[int, list[str]]]]:
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
        DataError: A tag is not IOB2; the message says where.
    """
    before = OUTSIDE
    for where, word, tag in sentence:
        if not _IOB2.fullmatch(tag):
            raise DataError(f"{where}: the tag {tag!r} of {word!r} is not IOB2 (O, B-PER, I-PER, ...)")
        if tag.startswith("I-") and before[1:] != tag[1:]:
            problem = (
                f"the tag {tag!r} of {word!r} continues an entity, but the tag before it is {before!r}; "
                f"in IOB2 an entity begins with 'B{tag[1:]}'"
            )
            raise DataError(f"{where}: {problem}")
        before = tag


def _remove_prefix(sentences: list[TaggedSentence]) -> list[TaggedSentence]:
    """Remove the language code before the words, if all words have the same one."""
    prefixes = {
        match[1] if (match := _PREFIX.match(word)) else None for sentence in sentences for word in sentence.words
    }
    if len(prefixes) != 1 or prefixes == {None}:
        return sentences
    length = len(str(*prefixes)) + 1
    return [replace(s, words=tuple(word[length:] for word in s.words)) for s in sentences]
