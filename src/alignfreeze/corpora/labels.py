"""Tells labels and tags from what is none: numbers for 'no label', NaN, lists, and halves of characters."""

from __future__ import annotations

import re
from numbers import Real
from typing import Any

from alignfreeze.errors import DataError

_UNLABELLED = ("-1", "-100")
"""Numbers that mean 'no label': in data sets of the hub, and in what torch's cross-entropy passes over."""

_WHOLE = re.compile(r"([+-]?[0-9]+)\.0+")
"""A whole number that pandas or JSON wrote with a point."""

_NO_NUMBERS = ("nan", "inf", "-inf", "infinity", "-infinity", "null", "<na>", "#n/a")


def parse_label(value: Any, *, where: str) -> str | None:
    """Return a label or tag as text; None if the value says that there is none (null, -1 or -100).

    A whole number is the same label in all spellings: `1.0` is `1`. An empty text is returned as it is.

    Args:
        value: The value in a row.
        where: Its place, for messages.

    Raises:
        DataError: The value is a list, an object or no number (NaN), or has half a character.
    """
    if value is None:
        return None
    if not isinstance(value, str | Real):
        raise DataError(f"{where}: a label is a word or a number, but this one is a {type(value).__name__}")
    label = check_characters(str(value).strip(), where=where)
    if label.casefold() in _NO_NUMBERS:
        raise DataError(
            f"{where}: the label {label!r} is what programs write for a missing number; "
            "leave the label empty if there is none, or give it another name"
        )
    label = whole[1] if (whole := _WHOLE.fullmatch(label)) else label
    return None if label in _UNLABELLED else label


def parse_tag(value: Any, *, word: str, where: str) -> str | None:
    """Return the tag of a word as text; None if the value says that there is none, as in `parse_label`.

    Raises:
        DataError: The value is empty or no tag.
    """
    tag = parse_label(value, where=where)
    if tag == "":
        raise DataError(f"{where}: the tag of {word!r} is empty; a word without a tag has '_'")
    return tag


def check_characters(text: str, *, where: str) -> str:
    """Return a text of a JSON file, if all its characters are whole.

    Raises:
        DataError: The text has half of a character, which no tokenizer can read.
    """
    if problem := find_half(text):
        raise DataError(f"{where}: {problem}")
    return text


def find_half(text: str) -> str:
    """Say that a text has half of a character, and where; return an empty text if it has none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"\\u{ord(text[error.start]):04x} is half a character (a lone surrogate), after "
            f"{text[: error.start][-20:]!r}; the text was probably cut inside an emoji: remove this half"
        )
    return ""


def check_word(word: str, *, where: str) -> None:
    """Check that a word of a tagged sentence is not empty, and that no carriage return or NUL is in it.

    Raises:
        DataError: It is empty, or one of them is in it.
    """
    if any(character in word for character in "\r\0"):
        what = "carriage return" if "\r" in word else "NUL character"
        raise DataError(f"{where}: the word {word!r:.100} has a {what} in it; remove it from the data")
    if not word.strip(" \t\r\n"):
        raise DataError(f"{where}: the word is empty; give every tag a word")
