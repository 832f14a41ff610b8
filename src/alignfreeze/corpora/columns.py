"""Reads sentences with one word per line and a tag in another column: named entities in IOB2, and any other tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from alignfreeze.corpora.annotated import UNTAGGED, TaggedSentence
from alignfreeze.corpora.labels import parse_tag
from alignfreeze.corpora.word_lines import IOB2, WordLine, read_word_lines
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.languages import check_language
from alignfreeze.progress import remark

OUTSIDE = "O"
_PREFIX = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*|simple):")
"""A language code before each word, as in WikiANN's files."""


def read_iob2(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words and tags of named entities in IOB2.

    `B-PER` begins an entity, `I-PER` continues it, and `O` belongs to none. There is one word per line, and an empty
    line after each sentence. Tabs or spaces separate the columns. The word comes first and the tag last (CoNLL-2003,
    WikiANN). If the first column is the word's number, the word is second and the tag third (Universal NER). The whole
    file decides on this. A word with the tag -1 has none.

    Args:
        path: The file.
        max_sentences: Return no more than this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, a line is not IOB2, or lines do not agree about the columns;
            the message names the line.
    """
    path = Path(path)
    sentences = []
    for lines in _read_sentences(path, max_sentences, is_tag=lambda tag: IOB2.fullmatch(tag) is not None):
        tags = [_parse_tag(path, line) for line in lines]
        places = (f"{path}, line {line.number}" for line in lines)
        check_iob2(zip(places, (line.word for line in lines), tags, strict=True))
        sentences.append(_to_sentence(lines, tags))
    return sentences


def read_columns(path: Path | str, *, max_sentences: int | None = None) -> list[TaggedSentence]:
    """Read words with tags of any kind, in the columns of `read_iob2`; the tag `_` or -1 means that a word has no tag.

    Args:
        path: The file.
        max_sentences: Return no more than this many sentences.

    Raises:
        DataError: The file cannot be read or is empty, a line has no word or no tag, or lines do not agree about the
            columns; the message names the line.
    """
    path = Path(path)
    sentences = []
    for lines in _read_sentences(path, max_sentences):
        tags = (_parse_tag(path, line) for line in lines)
        sentences.append(_to_sentence(lines, [None if tag == UNTAGGED else tag for tag in tags]))
    return sentences


def _to_sentence(lines: Sequence[WordLine], tags: Sequence[str | None]) -> TaggedSentence:
    return TaggedSentence(tuple(line.word for line in lines), tuple(tags), tuple(line.number for line in lines))


def _read_sentences(
    path: Path, most: int | None, *, is_tag: Callable[[str], bool] | None = None
) -> list[list[WordLine]]:
    sentences = read_word_lines(path, is_tag=is_tag)
    if not sentences:
        raise DataError(f"{path}: no sentence found; expected one word and its tag per line")
    return _remove_prefix(path, sentences)[:most]


def _parse_tag(path: Path, line: WordLine) -> str | None:
    return parse_tag(line.tag, word=line.word, where=f"{path}, line {line.number}")


def check_iob2(sentence: Iterable[tuple[str, str, str | None]]) -> None:
    """Check that the tags of a sentence are IOB2.

    Args:
        sentence: Place, word and tag of each of its words; None for a word without a tag.

    Raises:
        DataError: A tag is not IOB2; the message says where.
    """
    before = OUTSIDE
    for where, word, tag in sentence:
        if tag is None:
            before = OUTSIDE
            continue
        if not IOB2.fullmatch(tag):
            raise DataError(f"{where}: the tag {tag!r} of {word!r} is not IOB2 (O, B-PER, I-PER, ...)")
        if tag.startswith("I-") and before[1:] != tag[1:]:
            problem = (
                f"the tag {tag!r} of {word!r} continues an entity, but the tag before it is {before!r}; "
                f"in IOB2 an entity begins with 'B{tag[1:]}'"
            )
            raise DataError(f"{where}: {problem}")
        before = tag


def _remove_prefix(path: Path, sentences: list[list[WordLine]]) -> list[list[WordLine]]:
    """Remove the language code before the words, if all words have the same one.

    Raises:
        DataError: At least half of the words have the code of a language, but not all have the same one.
    """
    found = Counter(match[1] if (match := _PREFIX.match(line.word)) else None for s in sentences for line in s)
    (prefix, _), *_ = Counter({code: n for code, n in found.items() if code}).most_common(1) or [(None, 0)]
    if prefix is None:
        return sentences
    odd = next((line for s in sentences for line in s if not re.match(f"{prefix}:.", line.word, re.DOTALL)), None)
    if odd is None:
        remark(f"{path}: the language code {prefix + ':'!r} before each word is removed")
        length = len(prefix) + 1
        return [[WordLine(line.number, line.word[length:], line.tag) for line in s] for s in sentences]
    if found[None] * 2 <= found.total() and _is_language(prefix):
        problem = (
            f"other words have the language code {prefix + ':'!r} before them, but this one is {odd.word!r}; "
            "put the same code before all words, or before none"
        )
        raise DataError.at(path, odd.number, problem)
    if found[prefix] * 10 >= found.total() and _is_language(prefix):
        remark(f"{path}: {found[prefix]:,} words begin with {prefix + ':'!r}, the others do not; the code stays")
    return sentences


def _is_language(code: str) -> bool:
    try:
        return code == "simple" or bool(check_language(code))
    except SettingsError:
        return False
