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

# A word is a run of letters, marks and digits. An apostrophe, hyphen, point or comma between two of them stays inside
# (it's, e-mail, 3.14). Marks are named because vowel signs of Indic scripts are no letters. Any other sign is a word.
_SPACED = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’.,\-‑\u200c\u200d][\p{L}\p{M}\p{N}]+)*|[^\s\p{C}]")
# Without spaces, a word is a run of Latin letters or digits, or else one user-perceived character.
_CHARACTERS = regex.compile(r"[\p{Latin}\p{N}]+|(?!\s)\X")
# No word consists of these alone, whatever the script.
_INVISIBLE = regex.compile(r"[\s\p{C}]*")

_announced: set[str] = set()


def split_on_spaces(text: str) -> tuple[str, ...]:
    """Split text whose words are separated by spaces or tabs; other spaces (U+00A0, U+3000) belong to words."""
    return tuple(word for word in text.replace("\t", " ").split(" ") if word)


def split_spaced(text: str) -> tuple[str, ...]:
    """Split text of a script that puts spaces between words; punctuation marks become words."""
    return tuple(_SPACED.findall(text))


def split_characters(text: str) -> tuple[str, ...]:
    """Split text of a script without spaces into its user-perceived characters."""
    return _drop_invisible(_CHARACTERS.findall(text))


def _drop_invisible(words: Iterable[str]) -> tuple[str, ...]:
    """Leave out words of spaces, control and format characters alone, such as U+200B between Thai words."""
    return tuple(word for word in words if not _INVISIBLE.fullmatch(word))


def _split_by_jieba(_: str) -> Splitter:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)  # otherwise jieba prints to standard error that it builds its table
    return lambda text: _drop_invisible(jieba.cut(text))


def _split_by_fugashi(_: str) -> Splitter:
    from fugashi import Tagger  # type: ignore[attr-defined]
    from unidic_lite import DICDIR

    tagger = Tagger(f'-d "{DICDIR}" -r "{DICDIR}/dicrc" -Owakati')
    return lambda text: _drop_invisible(str(word) for word in tagger(text))


def _split_by_pythainlp(_: str) -> Splitter:
    from pythainlp import word_tokenize

    return lambda text: _drop_invisible(word_tokenize(text, engine="newmm"))


def _split_by_icu(language: str) -> Splitter:
    from icu4py.breakers import WordBreaker

    return lambda text: _drop_invisible(WordBreaker(text, language))


SEGMENTERS: dict[str, tuple[str, Callable[[str], Splitter], tuple[str, ...]]] = {
    "zh": ("zh", _split_by_jieba, ("jieba",)),
    "ja": ("ja", _split_by_fugashi, ("fugashi", "unidic-lite")),
    "th": ("th", _split_by_pythainlp, ("pythainlp",)),
    "km": ("icu", _split_by_icu, ("icu4py",)),
    "lo": ("icu", _split_by_icu, ("icu4py",)),
    "my": ("icu", _split_by_icu, ("icu4py",)),
}
"""For languages without spaces between words: the extra of alignfreeze, the maker of the splitter, its libraries."""


@cache
def _find_segmenter(language: str) -> Splitter | None:
    """Return the splitter of a language without spaces; None if it has none, or if a library is not installed."""
    base = langcodes.Language.get(language, normalize=False).language
    if base not in SEGMENTERS:
        return None
    try:
        return SEGMENTERS[base][1](base)
    except ImportError:
        return None


def find_splitter(language: str) -> Splitter:
    """Return the function that splits sentences of a language into words.

    If a script puts no spaces between words, a library splits the text. Without the library, the text is split into
    characters, and a remark says so once per language.
    """
    if has_spaces(language):
        return split_spaced
    if (segmenter := _find_segmenter(language)) is not None:
        return segmenter
    if language not in _announced:
        _announced.add(language)
        remark(_explain_fallback(language))
    return split_characters


def _explain_fallback(language: str) -> str:
    text = f"{name_of(language)} is written without spaces: its sentences are split into characters"
    base = langcodes.Language.get(language, normalize=False).language
    if base not in SEGMENTERS:
        return text
    extra, _, libraries = SEGMENTERS[base]
    return f"{text}; for words install {' and '.join(libraries)}: pip install 'alignfreeze[{extra}]'"


def describe_splitter(language: str) -> list[str]:
    """Return how sentences of a language are split: by which versions of libraries, by spaces, or into characters."""
    if has_spaces(language):
        return ["spaces"]
    if _find_segmenter(language) is None:
        return ["characters"]
    base = langcodes.Language.get(language, normalize=False).language
    return [f"{library} {version(library)}" for library in SEGMENTERS[str(base)][2]]
