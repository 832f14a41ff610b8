"""Reads sentences whose words have tags, in CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
    """A sentence whose words have one tag each.

    Attributes:
        words: The syntactic words.
        tags: The tag of each word; None for a word without one.
        lines: The line of each word in its file, for messages; empty if there is no file.
    """

    words: tuple[str, ...]
    tags: tuple[str | None, ...]
    lines: Sequence[int] = field(default=(), compare=False, repr=False)


def read_conllu(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read the words and UPOS tags of a CoNLL-U file, plain or compressed.

    The words are the syntactic words. The parts of a multi-word token (`3-4 del`) are words, but the token itself is
    not. Empty nodes (`8.1`) are left out. A word with the tag `_` is read, but neither trained on nor scored.

    Args:
        path: The file.
        max_sentences: Read at most this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, or a line is not CoNLL-U; the message names the line.
    """
    path = Path(path)
    sentences: list[TaggedSentence] = []
    for block in _split_blocks(path):
        sentence = _to_sentence(path, block)
        if sentence.words:
            sentences.append(sentence)
        if max_sentences is not None and len(sentences) >= max_sentences:
            break
    if not sentences:
        raise DataError(f"{path}: no sentence found; is this a CoNLL-U file?")
    return sentences


def _split_blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
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


def _to_sentence(path: Path, block: list[tuple[int, str]]) -> TaggedSentence:
    words, tags, lines = [], [], []
    for number, line in block:
        token = _parse_token(path, number, line)
        if isinstance(token["id"], int):
            words.append(token["form"])
            tags.append(_find_tag(path, number, line))
            lines.append(number)
    return TaggedSentence(tuple(words), tuple(tags), tuple(lines))


def _parse_token(path: Path, number: int, line: str) -> conllu.Token:
    columns = line.count("\t") + 1
    if columns != COLUMNS:
        problem = f"a CoNLL-U line has {COLUMNS} columns separated by tabs, but this line has {columns}"
        raise DataError.at(path, number, problem)
    try:
        token = conllu.parse(line)[0][0]
    except (ParseException, IndexError) as error:
        raise DataError.at(path, number, f"not a CoNLL-U line ({error})") from error
    if token["id"] is None or not token["form"]:
        raise DataError.at(path, number, "not a CoNLL-U line (no word number or no word)")
    return token


def _find_tag(path: Path, number: int, line: str) -> str | None:
    tag = line.split("\t")[3]
    if tag == UNTAGGED:
        return None
    if tag not in UPOS:
        problem = f"{tag!r} is none of the 17 UPOS tags ({' '.join(UPOS)}).{did_you_mean(tag.upper(), UPOS)}"
        raise DataError.at(path, number, problem)
    return tag
