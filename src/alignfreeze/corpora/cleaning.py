"""Characters that are no text: control characters, invisible characters, and escapes such as `&apos;`.

All sentences of a bitext pass through `clean`, whatever their form, and all that is split into words through
`show_alone`.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from html.entities import html5

import regex

# Tabs are spaces already.
_CONTROL = regex.compile(r"[\p{Cc}--\t]+", regex.V1)
_ODD = regex.compile(r"[\p{Cc}--[\t\r\n]]|\r(?!\n)", regex.V1)
_LINE_ENDS = regex.compile(r"[\r\n]+")
# Soft hyphens, zero-width spaces, joiners of words, marks of direction. Joiners of letters (U+200C, U+200D) and the
# signs of Mongolian and Khmer change how a word is read.
_INVISIBLE = regex.compile(r"[\p{DI}--\p{Lo}--[\u200c\u200d\u17b4\u17b5\u180b-\u180d\u180f]]+", regex.V1)
_ESCAPE = regex.compile(r"&(?:(?P<name>[A-Za-z][A-Za-z0-9]{1,31};)|#[0-9]{2,6};|#[xX][0-9a-fA-F]{2,5};)")
_OLD_MOSES = {"&bar;": "|", "&bra;": "[", "&ket;": "]"}


def clean(text: str, *, pretokenized: bool = False) -> str:
    """Return a sentence without control characters: those at its ends are left out, and others become spaces.

    Between words that are separated already, a space would be another word. There, only line ends become spaces.
    """
    if text.isprintable():
        return text
    stripped = text.strip("\r\n")
    if pretokenized:
        return _LINE_ENDS.sub(" ", stripped)
    return _CONTROL.sub(" ", stripped)


def has_control(text: str) -> bool:
    """Tell whether a text holds control characters other than tabs and line ends."""
    return not text.isprintable() and _ODD.search(text.strip("\r\n")) is not None


def show_alone(text: str) -> str:
    """Return a text with spaces for control characters and without invisible characters."""
    return _INVISIBLE.sub("", text if text.isprintable() else _CONTROL.sub(" ", text))


def show_word(word: str) -> str:
    """Return a word without invisible characters; a word of these alone stays, so that words keep their numbers."""
    return word if word.isascii() else _INVISIBLE.sub("", word) or word


def has_escape(text: str) -> bool:
    """Tell whether a text holds an escape of HTML or Moses, such as `&apos;` or `&#124;`."""
    return "&" in text and any(map(_is_known, _ESCAPE.finditer(text)))


def _is_known(escape: regex.Match[str]) -> bool:
    """Tell whether HTML or Moses has an escape: `&eacute;`, but not `&co;`."""
    return escape["name"] is None or escape["name"] in html5 or escape[0] in _OLD_MOSES


def to_characters(text: str) -> str:
    """Return a text with the characters that its escapes stand for."""
    return _ESCAPE.sub(_to_character, text) if "&" in text else text


def _to_character(escape: regex.Match[str]) -> str:
    if not _is_known(escape):
        return escape[0]
    character = _OLD_MOSES.get(escape[0]) or html.unescape(escape[0])
    # A space or a control character would be the end of a word, or of a line.
    return "\xa0" if character.isspace() or _CONTROL.fullmatch(character) else character


class Cleaner:
    """Cleans the two texts of sentence pairs, and counts what is odd in them.

    Attributes:
        pretokenized: The words are already separated by spaces; no character becomes another space.
        unescape: Turn escapes such as `&apos;` into the characters that they stand for.
        seen: How many sentence pairs there were, and how many with control characters or escapes.
    """

    def __init__(self, *, pretokenized: bool, unescape: bool) -> None:
        self.pretokenized = pretokenized
        self.unescape = unescape
        self.seen: Counter[str] = Counter()

    @property
    def options(self) -> list[bool]:
        """What decides how texts are cleaned."""
        return [self.pretokenized, self.unescape]

    def clean(self, raw: tuple[str, str]) -> tuple[str, str]:
        """Return the two texts of a sentence pair as they are used."""
        self.seen["pairs"] += 1
        source, target = raw
        if source.isprintable() and target.isprintable() and "&" not in source and "&" not in target:
            return raw  # as most are
        self.seen["escapes"] += any(map(has_escape, raw))
        texts = (to_characters(raw[0]), to_characters(raw[1])) if self.unescape else raw
        self.seen["controls"] += any(map(has_control, texts))
        return clean(texts[0], pretokenized=self.pretokenized), clean(texts[1], pretokenized=self.pretokenized)

    def oddities(self) -> Iterator[str]:
        """Yield what the user should know about the characters of the texts so far."""
        if controls := self.seen["controls"]:
            what = "are left as they are" if self.pretokenized else "are read as spaces"
            yield f"control characters in {controls:,} sentence pairs {what}"
        if not self.unescape and (escapes := self.seen["escapes"]) > _FULL_OF_ESCAPES * self.seen["pairs"]:
            yield (
                f"{escapes:,} of {self.seen['pairs']:,} sentence pairs hold escapes such as &apos;; "
                "--unescape (in an experiment file: bitext.unescape = true) turns them into characters"
            )


_FULL_OF_ESCAPES = 0.01
"""The share of pairs with escapes above which they are worth a note."""
