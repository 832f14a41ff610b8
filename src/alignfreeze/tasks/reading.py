"""Reads items of tasks from files and from the hub, in forms that several tasks share."""

from __future__ import annotations

from collections.abc import Sequence

from alignfreeze.corpora.annotated import UNTAGGED, TaggedSentence
from alignfreeze.corpora.hub import find_field
from alignfreeze.corpora.labelled import LabelledText, parse_labelled, read_labelled
from alignfreeze.corpora.labels import check_characters, check_word, parse_tag
from alignfreeze.errors import DataError
from alignfreeze.tasks.task import Source


def read_hub_sentences(source: Source, fields: tuple[str, ...]) -> list[TaggedSentence]:
    """Read tagged sentences of the hub; a word with an unknown tag counts as untagged.

    Args:
        source: The data set.
        fields: Possible names of the field that holds the tags. The first name that occurs in a row is used.

    Raises:
        DataError: A row is not a list of words with one tag each.
    """
    sentences: list[TaggedSentence] = []
    for where, row in source.rows():
        words, tags = find_field(row, ("tokens", "words"), where=where), find_field(row, fields, where=where)
        if not isinstance(words, list) or not isinstance(tags, list) or not all(isinstance(w, str) for w in words):
            raise DataError(f"{where}: expected a list of words and a list of tags")
        if len(words) != len(tags):
            raise DataError(f"{where}: {len(words)} words and {len(tags)} tags; expected one tag per word")
        check_characters(" ".join(words), where=where)
        for number, word in enumerate(words, start=1):
            check_word(word, where=f"{where}, word {number}")
        tags = (parse_tag(tag, word=word, where=where) for word, tag in zip(words, tags, strict=True))
        sentences.append(TaggedSentence(tuple(words), tuple(None if tag == UNTAGGED else tag for tag in tags)))
        if len(sentences) == source.most:
            break
    return sentences


def read_texts(source: Source, labels: Sequence[str] | None = None, *, pairs: bool = False) -> list[LabelledText]:
    """Read texts, or pairs of texts, with one label each.

    Args:
        source: A file or a data set of the hub.
        labels: The labels that are allowed; None for any.
        pairs: Whether every item must be a pair of texts.

    Raises:
        DataError: The data cannot be read, or a row is wrong.
    """
    if not source.on_hub:
        return read_labelled(source.place, labels=labels, pairs=pairs, language=source.language, max_texts=source.most)
    name, language = str(source.place), source.language
    return parse_labelled(source.rows(), name=name, labels=labels, pairs=pairs, language=language, most=source.most)
