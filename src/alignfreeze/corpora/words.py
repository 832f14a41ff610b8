"""Splits running text into words."""

from __future__ import annotations

from collections.abc import Callable

import regex

from alignfreeze.languages import has_spaces, name_of
from alignfreeze.progress import remark

# A word is a run of letters, marks and digits; an apostrophe, hyphen, point or
# comma between two of them stays inside (it's, e-mail, 3.14); marks are named
# because vowel signs of Indic scripts are no letters. All else is a word of its own.
_SPACED = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’.,\-‑\u200c\u200d][\p{L}\p{M}\p{N}]+)*|[^\s\p{C}]")
# Without spaces: a run of Latin letters or digits, else one user-perceived character.
_CHARACTERS = regex.compile(r"[\p{Latin}\p{N}]+|(?!\s)\X")

_announced: set[str] = set()


def split_on_spaces(text: str) -> tuple[str, ...]:
    """Split text whose words are already separated by spaces."""
    return tuple(text.split())


def split_spaced(text: str) -> tuple[str, ...]:
    """Split text of a script that puts spaces between words; punctuation marks become words."""
    return tuple(_SPACED.findall(text))


def split_characters(text: str) -> tuple[str, ...]:
    """Split text of a script without spaces into its user-perceived characters."""
    return tuple(_CHARACTERS.findall(text))


def word_splitter(language: str) -> Callable[[str], tuple[str, ...]]:
    """Return the function that splits a language's sentences into words.

    For scripts without spaces that is the character fallback; it is said once a language.
    """
    if has_spaces(language):
        return split_spaced
    if language not in _announced:
        _announced.add(language)
        remark(f"{name_of(language)} is written without spaces: its sentences are split into characters")
    return split_characters
