"""Reads sentences whose words carry tags: CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import conllu
from conllu.exceptions import ParseException

from alignfreeze.errors import DataError, did_you_mean
from alignfreeze.files import read_lines

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The 17 universal part-of-speech tags, https://universaldependencies.org/u/pos/."""

UNTAGGED = "_"
COLUMNS = 10


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence whose words carry one tag each; None where the file gives none.

    Attributes:
        words: The syntactic words.
        tags: Their tags, as many as words.
    """

    words: tuple[str, ...]
    tags: tuple[str | None, ...]


def read_conllu(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words and UPOS tags of a CoNLL-U file, plain or gzip.

    The words are the syntactic words: of a multi-word token (`3-4 del`) its
    parts count, not its surface; empty nodes (`8.1`) are left out. The tag `_`
    means untagged: such a word is read but neither trained on nor scored.

    Raises:
        DataError: The file cannot be read, is empty, or a line is not CoNLL-U (with the line).
    """
    path = Path(path)
    sentences: list[TaggedSentence] = []
    for block in _blocks(path):
        sentence = _sentence(path, block)
        if sentence.words:
            sentences.append(sentence)
        if max_sentences is not None and len(sentences) >= max_sentences:
            break
    if not sentences:
        raise DataError(f"{path}: no sentence found; is this a CoNLL-U file?")
    return sentences


def _blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Yield the numbered word lines of each sentence."""
    block: list[tuple[int, str]] = []
    for number, line in read_lines(path):
        if line.strip():
            if not line.startswith("#"):
                block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _sentence(path: Path, block: list[tuple[int, str]]) -> TaggedSentence:
    words, tags = [], []
    for number, line in block:
        token = _token(path, number, line)
        if isinstance(token["id"], int):
            words.append(token["form"])
            tags.append(_tag(path, number, line))
    return TaggedSentence(tuple(words), tuple(tags))


def _token(path: Path, number: int, line: str) -> conllu.Token:
    columns = line.count("\t") + 1
    if columns != COLUMNS:
        problem = f"a CoNLL-U line has {COLUMNS} columns separated by tabs, this one has {columns}"
        raise DataError.at(path, number, problem)
    try:
        token = conllu.parse(line)[0][0]
    except (ParseException, IndexError) as error:
        raise DataError.at(path, number, f"not a CoNLL-U line ({error})") from error
    if token["id"] is None or not token["form"]:
        raise DataError.at(path, number, "not a CoNLL-U line (no word number or no word)")
    return token


def _tag(path: Path, number: int, line: str) -> str | None:
    tag = line.split("\t")[3]
    if tag == UNTAGGED:
        return None
    if tag not in UPOS:
        problem = f"{tag!r} is none of the 17 UPOS tags ({' '.join(UPOS)}).{did_you_mean(tag.upper(), UPOS)}"
        raise DataError.at(path, number, problem)
    return tag
