"""Marks entities in lines of plain text, such as `<a>Ada</a> lives in <b>Bern</b>`, and reads translated lines back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.words import Splitter
from alignfreeze.errors import DataError

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Translators write a mark in capitals now and then, or with spaces in it.
_MARK = re.compile(r"<\s*(/?)\s*([a-z]{1,2})\s*>", re.IGNORECASE)


class UnusableLineError(DataError):
    """A translated line cannot be used; the message says why, without its place."""


def name_mark(number: int) -> str:
    """Return the letters that mark an entity, counted from 0: a, b, ..., z, aa, ab, ..."""
    first, last = divmod(number, len(_LETTERS))
    return (_LETTERS[first - 1] if first else "") + _LETTERS[last]


def find_entities(tags: Sequence[str | None]) -> list[tuple[str, range]]:
    """Return the kind and the words of each entity in tags of IOB2, in their order."""
    found: list[tuple[str, range]] = []
    for word, tag in enumerate(tags):
        if tag is not None and tag.startswith("B-"):
            found.append((tag[2:], range(word, word + 1)))
        elif tag is not None and tag.startswith("I-"):
            kind, words = found[-1]
            found[-1] = (kind, range(words.start, word + 1))
    return found


def mark_entities(sentence: TaggedSentence, *, space: str = " ") -> str:
    """Return a sentence as a line in which each entity is marked: the first by `<a>` and `</a>`, the next by `<b>`...

    Args:
        sentence: The words and their tags, in IOB2.
        space: What stands between words; empty in scripts without spaces.
    """
    words = list(sentence.words)
    for number, (_, places) in enumerate(find_entities(sentence.tags)):
        mark = name_mark(number)
        words[places.start] = f"<{mark}>{words[places.start]}"
        words[places.stop - 1] += f"</{mark}>"
    return space.join(words)


def read_marked(line: str, kinds: Sequence[str], split: Splitter) -> TaggedSentence:
    """Read a translated line. The words between `<b>` and `</b>` get the label of the second entity, the rest `O`.

    Args:
        line: The line. Its entities may stand in another order.
        kinds: The kind of each entity of the sentence that was translated.
        split: Splits a text into words. The text before, in and after an entity is split by itself.

    Raises:
        UnusableLineError: A mark is missing, doubled, crossed or around nothing, or the line has no words.
    """
    kind_of = {name_mark(number): kind for number, kind in enumerate(kinds)}
    words: list[str] = []
    tags: list[str] = []
    seen: set[str] = set()
    for text, mark in _split_at_marks(line, kind_of):
        found = split(text)
        if mark is not None:
            if not found:
                raise UnusableLineError(f"nothing stands between <{mark}> and </{mark}>")
            if mark in seen:
                raise UnusableLineError(f"<{mark}> stands there twice")
            seen.add(mark)
        words += found
        tags += [OUTSIDE] * len(found) if mark is None else _tag(kind_of[mark], len(found))
    if missing := [mark for mark in kind_of if mark not in seen]:
        raise UnusableLineError(f"<{missing[0]}> is missing")
    if not words:
        raise UnusableLineError("it has no words")
    return TaggedSentence(tuple(words), tuple(tags))


def _tag(kind: str, n: int) -> list[str]:
    return [f"B-{kind}", *[f"I-{kind}"] * (n - 1)]


def _split_at_marks(line: str, known: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield the pieces of a line in their order, each with its mark; None for what is outside entities.

    Raises:
        UnusableLineError: A mark is not known, or marks do not begin and end in turn.
    """
    inside, place = None, 0
    for match in _MARK.finditer(line):
        ends, mark = bool(match[1]), match[2].lower()
        if mark not in known:
            raise UnusableLineError(f"<{match[1]}{mark}> marks no entity of this sentence")
        if ends and inside is None:
            raise UnusableLineError(f"</{mark}> stands there without <{mark}> before it")
        if ends and inside != mark:
            raise UnusableLineError(f"</{mark}> stands between <{inside}> and </{inside}>")
        if not ends and inside is not None:
            raise UnusableLineError(f"<{mark}> stands between <{inside}> and </{inside}>")
        yield line[place : match.start()], inside
        inside, place = (None if ends else mark), match.end()
    if inside is not None:
        raise UnusableLineError(f"</{inside}> is missing")
    yield line[place:], None
