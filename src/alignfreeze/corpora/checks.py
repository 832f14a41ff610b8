"""Checks of values that a caller gives: words, pairs of languages, numbers of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignfreeze.errors import DataError, SettingsError, show_value


def check_words(words: Any, what: str) -> None:
    """Check that a value is a sequence of words. A text would be read letter by letter.

    Raises:
        DataError: It is something else.
    """
    if isinstance(words, str):
        raise DataError(f"{what} is the text {words[:60]!r}; give its words, as in {tuple(words.split()[:5])}")
    if not isinstance(words, Sequence):
        raise DataError(f"{what} is {show_value(words)}; expected its words, as in ('the', 'dog')")


def check_two_languages(languages: Any, where: str) -> None:
    """Check that a value is a pair of language codes.

    Raises:
        DataError: It is something else.
    """
    is_pair = isinstance(languages, Sequence) and not isinstance(languages, str) and len(languages) == 2
    if not is_pair or not all(isinstance(code, str) for code in languages):
        raise DataError(f"{where}: the languages are {show_value(languages)}; expected two codes, as in ('en', 'de')")


def check_max_pairs(value: Any) -> None:
    """Check that a value is a number of sentence pairs, or None for all.

    Raises:
        SettingsError: It is something else.
    """
    if value is not None and (not isinstance(value, int) or value < 1):
        raise SettingsError(f"max_pairs: expected a number from 1 on, got {value!r}")
