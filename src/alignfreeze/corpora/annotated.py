"""Reads sentences whose words have tags, in CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import conllu
from conllu.exceptions import ParseException

from alignfreeze.corpora.given import check_words
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
    """

    words: tuple[str, ...]
    tags: tuple[str | None, ...]

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
    words, tags = [], []
    for number, line in block:
        token = _parse_token(path, number, line)
        if isinstance(token["id"], int):
            words.append(token["form"])
            tags.append(_find_tag(path, number, line))
    return TaggedSentence(tuple(words), tuple(tags))


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
