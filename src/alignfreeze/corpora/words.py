"""Splits running text into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version

import langcodes
import regex

from alignfreeze.languages import has_spaces, name_of
from alignfreeze.progress import remark

Splitter = Callable[[str], tuple[str, ...]]
"""Splits a sentence into words."""

# A word is a run of letters, marks and digits; an apostrophe, hyphen, point or
# comma between two of them stays inside (it's, e-mail, 3.14); marks are named
# because vowel signs of Indic scripts are no letters. All else is a word of its own.
_SPACED = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’.,\-‑\u200c\u200d][\p{L}\p{M}\p{N}]+)*|[^\s\p{C}]")
# Without spaces: a run of Latin letters or digits, else one user-perceived character.
_CHARACTERS = regex.compile(r"[\p{Latin}\p{N}]+|(?!\s)\X")
# What no word of a script with spaces consists of either.
_INVISIBLE = regex.compile(r"[\s\p{C}]*")

_announced: set[str] = set()


def split_on_spaces(text: str) -> tuple[str, ...]:
    """Split text whose words are already separated by spaces or tabs; other spaces (U+00A0, U+3000) belong to words."""
    return tuple(word for word in text.replace("\t", " ").split(" ") if word)


def split_spaced(text: str) -> tuple[str, ...]:
    """Split text of a script that puts spaces between words; punctuation marks become words."""
    return tuple(_SPACED.findall(text))


def split_characters(text: str) -> tuple[str, ...]:
    """Split text of a script without spaces into its user-perceived characters."""
    return _visible(_CHARACTERS.findall(text))


def _visible(words: Iterable[str]) -> tuple[str, ...]:
    """Leave out what is nothing but spaces, control and format characters, such as U+200B between Thai words."""
    return tuple(word for word in words if not _INVISIBLE.fullmatch(word))


def _jieba(_: str) -> Splitter:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)  # it tells on standard error that it builds its table
    return lambda text: _visible(jieba.cut(text))


def _fugashi(_: str) -> Splitter:
    from fugashi import Tagger  # type: ignore[attr-defined]
    from unidic_lite import DICDIR

    tagger = Tagger(f'-d "{DICDIR}" -r "{DICDIR}/dicrc" -Owakati')
    return lambda text: _visible(str(word) for word in tagger(text))


def _pythainlp(_: str) -> Splitter:
    from pythainlp import word_tokenize

    return lambda text: _visible(word_tokenize(text, engine="newmm"))


def _icu(language: str) -> Splitter:
    from icu4py.breakers import WordBreaker

    return lambda text: _visible(WordBreaker(text, language))


SEGMENTERS: dict[str, tuple[str, Callable[[str], Splitter], tuple[str, ...]]] = {
    "zh": ("zh", _jieba, ("jieba",)),
    "ja": ("ja", _fugashi, ("fugashi", "unidic-lite")),
    "th": ("th", _pythainlp, ("pythainlp",)),
    "km": ("icu", _icu, ("icu4py",)),
    "lo": ("icu", _icu, ("icu4py",)),
    "my": ("icu", _icu, ("icu4py",)),
}
"""Of languages without spaces between words: the extra of alignfreeze, what makes the splitter, and its libraries."""


@cache
def _segmenter(language: str) -> Splitter | None:
    """Return the splitter of a language that has one and whose libraries are there."""
    base = langcodes.Language.get(language, normalize=False).language
    if base not in SEGMENTERS:
        return None
    try:
        return SEGMENTERS[base][1](base)
    except ImportError:
        return None


def find_splitter(language: str) -> Splitter:
    """Return the function that splits a language's sentences into words.

    Where a script puts no spaces between words, a library does it; without one, text is split
    into characters, which is said once a language.
    """
    if has_spaces(language):
        return split_spaced
    if (segmenter := _segmenter(language)) is not None:
        return segmenter
    if language not in _announced:
        _announced.add(language)
        remark(_fallback(language))
    return split_characters


def _fallback(language: str) -> str:
    text = f"{name_of(language)} is written without spaces: its sentences are split into characters"
    base = langcodes.Language.get(language, normalize=False).language
    if base not in SEGMENTERS:
        return text
    extra, _, libraries = SEGMENTERS[base]
    return f"{text}; for words install {' and '.join(libraries)}: pip install 'alignfreeze[{extra}]'"


def describe_splitter(language: str) -> list[str]:
    """Return what decides how a language's sentences are split: libraries with their versions, or the fallback."""
    if has_spaces(language):
        return ["spaces"]
    if _segmenter(language) is None:
        return ["characters"]
    base = langcodes.Language.get(language, normalize=False).language
    return [f"{library} {version(library)}" for library in SEGMENTERS[str(base)][2]]
