"""Turns whatever a caller holds into sentence pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from alignfreeze.corpora.bitext import SentencePair, intern_words, read_bitext
from alignfreeze.corpora.checks import check_max_pairs, check_two_languages
from alignfreeze.corpora.cleaning import Cleaner
from alignfreeze.corpora.forms.fields import fields_of, find_names, find_sides, to_sentence
from alignfreeze.corpora.forms.form import Sides
from alignfreeze.corpora.rows import rows_of
from alignfreeze.corpora.words import find_splitter, split_on_spaces
from alignfreeze.errors import DataError, SettingsError, show_value
from alignfreeze.languages import check_language, name_of, tag_fits
from alignfreeze.progress import remark

NAME = "the bitext"
"""What an object with sentence pairs is called in messages."""

PAIRS = (
    "pairs such as ('the cat', 'die Katze'), pairs of lists of words, dicts such as {'en': 'the cat', 'de': 'die "
    "Katze'}, or SentencePair"
)
KINDS = f"a list of {PAIRS}; a data set or a data frame with two columns of sentences; or the path of a file"
"""What would do, for messages."""

_SEEN = 100
"""The number of items whose fields are looked at to find the columns of the two sides."""


def to_bitext(
    bitext: Any,
    *,
    languages: tuple[str, str] | None = None,
    columns: tuple[str, str] | None = None,
    pretokenized: bool = False,
    unescape: bool = False,
    max_pairs: int | None = None,
) -> list[SentencePair]:
    """Turn whatever holds sentence pairs into a list of `SentencePair`. Such a list is returned unchanged.

    Sentences are cleaned and split into words as by `read_bitext`. A pair with a missing sentence (None or NaN) keeps
    its place, so that links fit. It has an empty side, gets no links and is never trained on.

    Args:
        bitext: A list of sentence pairs, or anything that yields them: pairs of texts, pairs of lists of words, dicts
            whose fields are named by language codes or `source` and `target`, which may lie in `translation`. Or a
            `Dataset` or `IterableDataset` of the library `datasets`, which is streamed; a frame of pandas or polars; or
            a place as in `read_bitext`. Or a mapping of pairs of language codes to any of these.
        languages: Codes of the source and the target language. They are required if the object does not tell them.
        columns: Names of the two columns or fields. By default they are found by the languages, or by being the only
            two columns of sentences.
        pretokenized: The words of texts are already separated by spaces; split nowhere else.
        unescape: Turn escapes such as `&apos;` into the characters that they stand for.
        max_pairs: Take at most this many pairs of each language pair.

    Raises:
        DataError: Something else is given, the languages are missing, or an item is no sentence pair; the message says
            where.
        SettingsError: There is no such language.
    """
    check_max_pairs(max_pairs)
    if isinstance(bitext, list | tuple) and set(map(type, bitext)) <= {SentencePair}:
        for number, pair in enumerate(bitext, start=1):
            _check_pair(pair, number)
        pairs = bitext if isinstance(bitext, list) else list(bitext)
        return pairs if max_pairs is None else pairs[:max_pairs]
    if languages is not None:
        check_two_languages(languages, NAME)
        languages = (check_language(languages[0]), check_language(languages[1]))
    if columns is not None and (isinstance(columns, str) or len(columns) != 2):
        raise SettingsError(f"columns: expected the names of two columns, got {columns!r}")
    how: dict[str, Any] = {"columns": columns, "pretokenized": pretokenized, "unescape": unescape}
    if isinstance(bitext, str | Path):
        if languages is None:
            raise DataError(f"{bitext}: give the languages of this file, as in languages=('en', 'de')")
        return read_bitext(bitext, languages=languages, max_pairs=max_pairs, **how)
    if isinstance(bitext, tuple) and len(bitext) == 2 and all(isinstance(side, list) for side in bitext):
        raise DataError(
            "this is a list of source sentences beside a list of target sentences; give pairs, as in "
            f"list(zip(source, target, strict=True)); got {show_value(bitext)}"
        )
    if isinstance(bitext, Mapping) and (found := _split_by_languages(bitext)) is not None:
        bitext = found
        parts = (to_bitext(part, languages=key, max_pairs=max_pairs, **how) for key, part in bitext.items())
        return list(chain.from_iterable(parts))
    items = rows_of(bitext, name=NAME)
    return _read_items(islice(_items_of(bitext) if items is None else items, max_pairs), languages, **how)


def _split_by_languages(bitext: Mapping[Any, Any]) -> Mapping[tuple[str, str], Any] | None:
    """Return a mapping by language pair, whose keys may also be written `en-de`; None for a mapping of columns.

    Raises:
        DataError: The keys name one language each, but the values are not sentences of that language.
    """
    if bitext and all(isinstance(key, tuple) for key in bitext):
        return bitext
    keys = [key.split("-") if isinstance(key, str) else [] for key in bitext]
    if bitext and all(len(parts) == 2 for parts in keys) and not any(map(_is_column, bitext.values())):
        return {(parts[0], parts[1]): part for parts, part in zip(keys, bitext.values(), strict=True)}
    if (
        bitext
        and all(isinstance(key, str) and _is_code(key) for key in bitext)
        and not all(map(_is_column, bitext.values()))
    ):
        raise DataError(
            f"{NAME} is a dict with the keys {', '.join(map(repr, bitext))}; for several language pairs name both "
            "languages, as in {('en', 'de'): pairs, ('en', 'tr'): pairs}"
        )
    return None


def _is_column(values: Any) -> bool:
    """Return whether values are the sentences of one language, and not sentence pairs."""
    if not isinstance(values, list | tuple):
        return True
    return all(value is None or isinstance(value, str | float) for value in values[:_SEEN])


def _items_of(bitext: Any) -> Iterator[Any]:
    if isinstance(bitext, Mapping | bytes) or not isinstance(bitext, Iterable):
        raise DataError(f"expected {KINDS}; got {show_value(bitext)}")
    return iter(bitext)


def _check_pair(pair: SentencePair, number: int) -> None:
    """Check that a sentence pair has words and two languages.

    Raises:
        DataError: It has something else.
    """
    for side, words in (("source", pair.source), ("target", pair.target)):
        if set(map(type, words)) - {str} and (wrong := [word for word in words if not isinstance(word, str)]):
            raise DataError(f"sentence pair {number}: a word of the {side} is {show_value(wrong[0])}, not a text")
    check_two_languages(pair.languages, f"sentence pair {number}")


def _read_items(
    items: Iterator[Any],
    languages: tuple[str, str] | None,
    *,
    columns: tuple[str, str] | None,
    pretokenized: bool,
    unescape: bool,
) -> list[SentencePair]:
    """Turn items of any kinds into sentence pairs, one at a time."""
    head = list(islice(items, _SEEN))
    languages = languages or _tell_languages(head)
    sides = None if languages is None else _find_sides(head, languages, columns)
    cleaner = Cleaner(pretokenized=pretokenized, unescape=unescape)
    find = cache(lambda code: split_on_spaces if pretokenized else find_splitter(code))
    pairs: list[SentencePair] = []
    incomplete: list[int] = []
    for number, item in enumerate(chain(head, items), start=1):
        if isinstance(item, SentencePair):
            _check_pair(item, number)
            pairs.append(item)
            continue
        try:
            values = _values_of(item, sides)
            source, target = (_to_side(name, one) for name, one in zip(("source", "target"), values, strict=True))
        except ValueError as error:
            raise DataError(f"sentence pair {number}{error}") from error
        assert sides is not None
        if source is None or target is None:
            incomplete.append(number)
        texts = cleaner.clean((_text_of(source), _text_of(target)))
        words = [
            intern_words(find(code)(text) if isinstance(side, str) else side or ())
            for code, text, side in zip(sides.languages, texts, (source, target), strict=True)
        ]
        pairs.append(SentencePair(words[0], words[1], sides.languages))
    for oddity in cleaner.oddities():
        remark(f"{NAME}: {oddity}")
    _say_incomplete(incomplete, len(pairs))
    if not any(pair.source and pair.target for pair in pairs):
        raise DataError(f"{NAME}: no sentence pair found; expected {KINDS}")
    return pairs


def _say_incomplete(numbers: Sequence[int], n_pairs: int) -> None:
    if numbers:
        remark(
            f"{NAME}: a sentence is missing (None or NaN) in {len(numbers):,} of {n_pairs:,} sentence pairs, first in "
            f"sentence pair {numbers[0]:,}; they keep their places and are not trained on"
        )


def _values_of(item: Any, sides: Sides | None) -> tuple[Any, Any]:
    """Return the two sides of an item.

    Raises:
        ValueError: It has no two sides, or its languages are not known; the message continues `sentence pair 1`.
    """
    if isinstance(item, list | tuple) and len(item) != 2:
        hint = "; for two lists side by side, give list(zip(source, target))" if len(item) > 2 else ""
        raise ValueError(f" is {show_value(item)}, which has {len(item)} parts instead of two{hint}; expected {PAIRS}")
    if not isinstance(item, Mapping | list | tuple):
        raise ValueError(f" is {show_value(item)}; expected {PAIRS}")
    if sides is None:
        raise ValueError(
            f" is {show_value(item)}, which does not tell its languages; give them, as in languages=('en', 'de')"
        )
    if not isinstance(item, Mapping):
        return item[0], item[1]
    fields = fields_of(dict(item))
    if fields is None:
        return None, None
    try:
        source, target = find_sides(fields, sides)
    except ValueError as error:
        raise ValueError(f": {error}; rename the two fields, or give pairs") from None
    return fields[source], fields[target]


def _to_side(name: str, value: Any) -> str | tuple[str, ...] | None:
    """Return a side of a pair: a text, words, or None if it is missing.

    Raises:
        ValueError: It is something else; the message continues `sentence pair 1`.
    """
    if isinstance(value, list | tuple):
        for word in value:
            if not isinstance(word, str) or not word.strip():
                raise ValueError(f": a word of the {name} is {show_value(word)}, not a word")
        _check_text(name, " ".join(value))
        return tuple(value)
    return _check_text(name, value)


def _check_text(name: str, value: Any) -> str | None:
    try:
        return to_sentence(f"the {name}", value)
    except ValueError as error:
        raise ValueError(f": {error}") from None


def _text_of(side: str | tuple[str, ...] | None) -> str:
    return side if isinstance(side, str) else ""


def _tell_languages(head: Sequence[Any]) -> tuple[str, str] | None:
    """Return the languages that the two only fields of the first item are named by; None if they are not."""
    fields = fields_of(dict(head[0])) if head and isinstance(head[0], Mapping) else None
    names = list(fields or {})
    if len(names) != 2 or not all(isinstance(name, str) and _is_code(name) for name in names):
        return None
    remark(f"{NAME}: the source is {name_of(names[0])}, the target {name_of(names[1])}, by the names of the fields")
    return names[0], names[1]


def _is_code(name: str) -> bool:
    # Codes of three letters are also short words: `src` is Sardinian, `tgt` is Tagbanwa.
    try:
        return re.match(r"[a-z]{2}(-|$)", name) is not None and bool(check_language(name))
    except SettingsError:
        return False


def _find_sides(head: Sequence[Any], languages: tuple[str, str], columns: tuple[str, str] | None) -> Sides:
    """Return the two sides, with the columns that hold them if the names of the fields alone do not tell."""
    if columns is not None or not head or not isinstance(head[0], Mapping):
        return Sides(languages, columns and (columns[0], columns[1]))
    rows = [fields for item in head if isinstance(item, Mapping) and (fields := fields_of(dict(item)))]
    try:
        if rows:
            find_names(list(rows[0]), Sides(languages))
        return Sides(languages)
    except ValueError:
        texts = [name for name in rows[0] if _holds_sentences([row.get(name) for row in rows])]
    found = [[name for name in texts if _is_of_language(str(name), code)] for code in languages]
    names = found[0] + found[1]
    if not names and not any(_is_code(str(name)) for name in texts):
        names = texts
    if len(set(names)) != 2 or bool(found[0]) != bool(found[1]):
        return Sides(languages)
    shown = " and ".join(f"{name_of(code)} in {name!r}" for code, name in zip(languages, names, strict=True))
    remark(f"{NAME}: {shown}; rename the fields, or give pairs, if others are meant")
    return Sides(languages, (names[0], names[1]))


def _holds_sentences(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and kinds <= {str, list}


def _is_of_language(column: str, code: str) -> bool:
    """Tell whether a column is named after a language: `sentence_en`, `en_text`, `English`."""
    parts = re.split(r"[\W_]+", column)
    return name_of(code).casefold() in map(str.casefold, parts) or any(part and tag_fits(part, code) for part in parts)
