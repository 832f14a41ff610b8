"""Reads items of tasks from files and from the hub, in forms that several tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignfreeze.corpora.annotated import UNTAGGED, TaggedSentence
from alignfreeze.corpora.hub import find_field
from alignfreeze.corpora.labelled import LabelledText, parse_labelled, read_labelled
from alignfreeze.corpora.labels import check_characters, check_word, parse_tag
from alignfreeze.corpora.signs import check_left_out
from alignfreeze.errors import DataError
from alignfreeze.tasks.task import Source


def read_row_sentences(source: Source, fields: tuple[str, ...]) -> list[TaggedSentence]:
    """Read tagged sentences of the hub or of rows in memory; a word with an unknown tag counts as untagged.

    Args:
        source: The rows.
        fields: Possible names of the field that holds the tags. The first name that occurs in a row is used.

    Raises:
        DataError: A row is not a list of words with one tag each, or all words are `_`.
    """
    sentences: list[TaggedSentence] = []
    for where, row in source.rows():
        words, tags = find_field(row, ("tokens", "words"), where=where), find_field(row, fields, where=where)
        words = _to_words(words, where=where)
        if not isinstance(tags, list | tuple):
            raise DataError(f"{where}: expected a list of words and a list of tags")
        if len(words) != len(tags):
            raise DataError(f"{where}: {len(words)} words and {len(tags)} tags; expected one tag per word")
        tags = (parse_tag(tag, word=word, where=where) for word, tag in zip(words, tags, strict=True))
        sentences.append(TaggedSentence(words, tuple(None if tag == UNTAGGED else tag for tag in tags)))
        if len(sentences) == source.most:
            break
    check_left_out(str(source.place), [sentence.words for sentence in sentences])
    return sentences


def _to_words(words: Any, *, where: str) -> tuple[str, ...]:
    """Return the words of a row.

    Raises:
        DataError: They are something else, or one is empty or has half a character.
    """
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{where}: expected a list of words and a list of tags")
    check_characters(" ".join(words), where=where)
    for number, word in enumerate(words, start=1):
        check_word(word, where=f"{where}, word {number}")
    return tuple(words)


def read_texts(source: Source, labels: Sequence[str] | None = None, *, pairs: bool = False) -> list[LabelledText]:
    """Read texts, or pairs of texts, with one label each.

    Args:
        source: A file, a data set of the hub, or rows in memory.
        labels: The labels that are allowed; None for any.
        pairs: Whether every item must be a pair of texts.

    Raises:
        DataError: The data cannot be read, or a row is wrong.
    """
    how: dict[str, Any] = {"labels": labels, "pairs": pairs, "language": source.language, "several": source.several}
    if not source.has_rows:
        return read_labelled(source.place, **how, max_texts=source.most)
    return parse_labelled(source.rows(), name=str(source.place), **how, most=source.most)
