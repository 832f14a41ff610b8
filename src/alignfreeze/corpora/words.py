"""Splits running text into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.metadata import version
from unicodedata import normalize

import regex

from alignfreeze.corpora.cleaning import show_alone, show_word
from alignfreeze.languages import has_spaces, name_of, usual_code_of
from alignfreeze.progress import remark

Splitter = Callable[[str], tuple[str, ...]]
"""Splits a sentence into words."""

# A word is a run of letters, marks and digits. Marks are named because vowel signs of Indic scripts are no letters; the
# signs of Armenian and Hebrew at the end stand inside words. Between two of them stay: an apostrophe, hyphen, point or
# comma (it's, e-mail, 3.14). Between two letters stay, by UAX 29: MidLetter and U+2018 (col·legi, EU:n, צה״ל, o‘zbek);
# between two Hebrew letters, a quotation mark. Any other sign is a word.
_LETTER = r"[\p{L}\p{M}\p{N}\u055a-\u055c\u055e\u05f3]"
_WITHIN = (
    r"(?:['’.,\-‑\u200c\u200d]"
    r"|(?<=[\p{L}\p{M}])[\p{WB=MidLetter}\u2018](?=\p{L})"
    r"|(?<=\p{Hebrew})\"(?=\p{Hebrew}))"
)
_SPACED = regex.compile(rf"{_LETTER}+(?:{_WITHIN}{_LETTER}+)*|[^\s\p{{C}}]")
# Without spaces, a word is a run of Latin letters or digits, or else one user-perceived character.
_CHARACTERS = regex.compile(r"[\p{Latin}\p{N}]+|(?!\s)\X")
# No word consists of these alone, whatever the script.
_INVISIBLE = regex.compile(r"[\s\p{C}]*")

_announced: set[str] = set()


def split_on_spaces(text: str) -> tuple[str, ...]:
    """Split text whose words are separated by spaces or tabs; other spaces (U+00A0, U+3000) belong to words."""
    return tuple(show_word(word) for word in text.replace("\t", " ").split(" ") if word)


def split_spaced(text: str) -> tuple[str, ...]:
    """Split text of a script that puts spaces between words; punctuation marks become words."""
    return tuple(_SPACED.findall(show_alone(text)))


def split_characters(text: str) -> tuple[str, ...]:
    """Split text of a script without spaces into its user-perceived characters."""
    return _drop_invisible(_CHARACTERS.findall(show_alone(text)))


def _drop_invisible(words: Iterable[str]) -> tuple[str, ...]:
    """Leave out words of spaces, control and format characters alone, such as U+200B between Thai words."""
    return tuple(word for word in words if not _INVISIBLE.fullmatch(word))


def _split_visible(split: Callable[[str], Iterable[str]], *, marks_words: bool = False) -> Splitter:
    """Return a function that splits what can be seen of a sentence.

    Args:
        split: Splits a text.
        marks_words: U+200B separates words, as in scripts of South-East Asia. In other scripts it means nothing.
    """

    def split_what_is_seen(text: str) -> tuple[str, ...]:
        # The libraries know words as they are composed; NFC does not compose the vowel sign AM.
        text = normalize("NFC", text).replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")
        parts = text.split("\u200b") if marks_words else [text]
        return _drop_invisible(word for part in parts for word in split(show_alone(part)))

    return split_what_is_seen


def _split_by_jieba(_: str) -> Splitter:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)  # otherwise jieba prints to standard error that it builds its table
    return _split_visible(jieba.cut)


def _split_by_fugashi(_: str) -> Splitter:
    from fugashi import Tagger  # type: ignore[attr-defined]
    from unidic_lite import DICDIR

    tagger = Tagger(f'-d "{DICDIR}" -r "{DICDIR}/dicrc" -Owakati')
    return _split_visible(lambda text: map(str, tagger(text)))


def _split_by_pythainlp(_: str) -> Splitter:
    from pythainlp import word_tokenize

    return _split_visible(partial(word_tokenize, engine="newmm"), marks_words=True)


def _split_by_icu(language: str) -> Splitter:
    from icu4py.breakers import WordBreaker

    return _split_visible(lambda text: WordBreaker(text, language), marks_words=True)


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
    base = usual_code_of(language)
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
    base = usual_code_of(language)
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
    return [f"{library} {version(library)}" for library in SEGMENTERS[usual_code_of(language)][2]]
