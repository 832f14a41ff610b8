"""Reads sentences whose words have tags, in CoNLL-U."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alignfreeze.corpora.checks import check_words
from alignfreeze.corpora.labels import check_word
from alignfreeze.corpora.signs import check_left_out
from alignfreeze.corpora.word_lines import CONLLU_COLUMNS, say_long_sentences, split_at_empty
from alignfreeze.errors import DataError, SettingsError, did_you_mean
from alignfreeze.files import read_lines, to_path

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The 17 universal part-of-speech tags, https://universaldependencies.org/u/pos/."""

UNTAGGED = "_"
_NUMBER = re.compile(r"([0-9]{1,9})([-.][0-9]{1,9})?")
"""The number of a word, of a token of several words (`3-4`), or of an empty node (`8.1`)."""


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

    def __post_init__(self) -> None:
        """Check that there is one tag per word.

        Raises:
            DataError: The words or the tags are a text, or their numbers differ.
        """
        check_words(self.words, "the sentence")
        check_words(self.tags, "the tags of a sentence")
        if len(self.words) != len(self.tags):
            raise DataError(
                f"the sentence {' '.join(map(str, self.words))[:60]!r} has {len(self.words)} words and "
                f"{len(self.tags)} tags; give each word one tag, None for a word without"
            )


def read_conllu(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read the words and UPOS tags of a CoNLL-U file, plain or compressed.

    The words are the syntactic words. The parts of a multi-word token (`3-4 del`) are words, but the token itself is
    not. Empty nodes (`8.1`) are left out. A word with the tag `_` is read, but neither trained on nor scored.

    Args:
        path: The file.
        max_sentences: Read at most this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, all its words are `_`, a line is not CoNLL-U, or the empty
            lines between sentences are missing; the message names the line.
    """
    path = to_path(path, "sentences")
    if max_sentences is not None and (type(max_sentences) is not int or max_sentences < 1):
        raise SettingsError(f"max_sentences: expected a number from 1 on, got {max_sentences!r}")
    sentences: list[TaggedSentence] = []
    for block in _split_blocks(path):
        sentence = _to_sentence(path, block)
        if sentence.words:
            sentences.append(sentence)
        if max_sentences is not None and len(sentences) >= max_sentences:
            break
    if not sentences:
        raise DataError(f"{path}: no sentence found; is this a CoNLL-U file?")
    check_left_out(str(path), [sentence.words for sentence in sentences])
    whole = max_sentences is None or len(sentences) < max_sentences
    say_long_sentences(path, [sentence.words for sentence in sentences], whole=whole)
    return sentences


def _split_blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Yield the numbered word lines of each sentence."""
    for block in split_at_empty(read_lines(path)):
        words: list[tuple[int, str]] = []
        for number, line in block:
            # Inside a sentence a line of columns is no comment, but a word without a number.
            if not line.startswith("#") or (words and "\t" in line):
                words.append((number, line))
        if words:
            yield words


def _to_sentence(path: Path, block: list[tuple[int, str]]) -> TaggedSentence:
    words, tags, lines = [], [], []
    before = -1
    for number, line in block:
        columns = split_columns(path, number, line)
        place = _NUMBER.fullmatch(columns[0])
        if place is None:
            raise DataError.at(path, number, "not a CoNLL-U line (no word number)")
        check_word(columns[1], where=f"{path}, line {number}")
        if place[2] is not None:
            continue
        if int(place[1]) <= before:
            problem = (
                f"word {place[1]} follows word {before} in the same sentence; "
                "an empty line must stand before the next sentence"
            )
            raise DataError.at(path, number, problem)
        before = int(place[1])
        words.append(columns[1])
        tags.append(_find_tag(path, number, columns[3]))
        lines.append(number)
    return TaggedSentence(tuple(words), tuple(tags), tuple(lines))


def split_columns(path: Path, number: int, line: str) -> list[str]:
    """Return the columns of a line in CoNLL-U.

    Raises:
        DataError: There are more or fewer than ten.
    """
    columns = line.split("\t")
    if len(columns) != CONLLU_COLUMNS:
        problem = f"a CoNLL-U line has {CONLLU_COLUMNS} columns separated by tabs, but this line has {len(columns)}"
        raise DataError.at(path, number, problem)
    return columns


def _find_tag(path: Path, number: int, tag: str) -> str | None:
    if tag == UNTAGGED:
        return None
    if tag not in UPOS:
        problem = f"{tag!r} is none of the 17 UPOS tags ({' '.join(UPOS)}).{did_you_mean(tag.upper(), UPOS)}"
        raise DataError.at(path, number, problem)
    return tag
