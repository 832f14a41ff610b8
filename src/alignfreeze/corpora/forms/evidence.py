"""Which columns of a table hold the two sentences, judged by the first lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import langcodes
import regex

from alignfreeze.corpora.forms.form import Sides
from alignfreeze.corpora.forms.headers import NO_NAMES, HeaderError, find_order
from alignfreeze.languages import tag_fits

CHOOSE = "choose with --columns SOURCE,TARGET"

_SOURCE_NAMES = {
    *("source", "src", "original", "source_text", "source_sentence", "source_segment", "src_sent", "src_text"),
    *("sentence1", "sentence_1", "text1"),
}
_TARGET_NAMES = {
    *("target", "tgt", "trg", "translation", "target_text", "target_sentence", "target_segment"),
    *("tgt_sent", "trg_sent", "tgt_text", "trg_text", "sentence2", "sentence_2", "text2"),
}

_NUMBER = regex.compile(r"[-+]?[\p{Nd}][\p{Nd}.,:eE+\-/]*%?|[-+]?\.\p{Nd}+|(?i:nan|inf)")
_ADDRESS = regex.compile(r"(?:https?|ftp)://\S+|www\.\S+|[^\s/]+(?:/[^\s/]+)+\.\w+")
_LICENCE = regex.compile(r"(?i)cc[- ]?(?:by|0)\b.*|(?:mit|apache|gpl)\b.*licen[cs]e.*")
_IDENTIFIER = regex.compile(r"(?=\S*[0-9])[A-Za-z0-9_.:#-]+")
_BARS = regex.compile(r"\|\|\|")

KINDS: dict[str, Callable[[str], object]] = {
    "numbers": _NUMBER.fullmatch,
    "addresses": _ADDRESS.fullmatch,
    "licences": _LICENCE.fullmatch,
    "separators": _BARS.fullmatch,
    "identifiers": _IDENTIFIER.fullmatch,
}
"""What the cells of a column may be instead of sentences."""

_TAGS = "tags of languages"
_OTHER_TAG = regex.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")

_NEVER_SENTENCES = {"numbers", "addresses"}
"""Kinds of columns that are no sentences even in a table of two columns."""


class UnclearError(ValueError):
    """It cannot be told which columns hold the sentences; the message says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The two columns that hold the sentences.

    Attributes:
        columns: Their places, from 0.
        has_header: Whether the first line holds names of columns.
        reason: What the user should know; an empty text if nothing was to be decided.
        tags: The columns that hold tags of languages, and the languages that each of them may name.
    """

    columns: tuple[int, int]
    has_header: bool = False
    reason: str = ""
    tags: tuple[tuple[int, tuple[str, ...]], ...] = ()


def choose_columns(lines: Sequence[str], sides: Sides) -> Choice:
    """Choose the two columns of a table.

    Args:
        lines: The first lines that are not empty.
        sides: The two sides that are read.

    Raises:
        UnclearError: Fewer or more than two columns may hold sentences, or they name other languages.
        HeaderError: The first line names other languages.
    """
    rows = [line.split("\t") for line in lines]
    width, widest = min(map(len, rows), default=0), max(map(len, rows), default=0)
    if width < 2:
        return Choice((0, 1))  # the reader names a line with too few columns
    if (choice := _choose_by_names(rows, width, sides)) is not None:
        return choice
    columns = [[row[place].strip() for row in rows] for place in range(width)]
    kinds = [_kind_of(cells, width, sides) for cells in columns]
    # A cell that is no number above a column of numbers is a name.
    below = [_kind_of(cells[1:], width, sides) if min(width, len(rows)) > 2 else None for cells in columns]
    has_header = any(kind is None and rest == "numbers" for kind, rest in zip(kinds, below, strict=True))
    kinds = below if has_header else kinds
    if width == 2 and len(rows) > 1:
        kinds = _find_identifiers(columns) or kinds
    places = [place for place, kind in enumerate(kinds) if kind is None]
    if len(places) > 2:
        same = {place for place in places if len(set(columns[place][has_header:])) == 1 < len(rows) - has_header}
        places = [place for place in places if place not in same]
        kinds = ["always the same" if place in same else kind for place, kind in enumerate(kinds)]
    if len(places) != 2:
        raise UnclearError(_explain(kinds, places))
    below_header = [cells[has_header:] for cells in columns]
    chosen = _order_by_tags(below_header, kinds, (places[0], places[1]), sides)
    chosen, names_languages = _order_by_header(rows, kinds, chosen, sides)
    has_header = has_header or names_languages
    others = [f"column {place + 1} holds {kind}" for place, kind in enumerate(kinds) if kind is not None]
    if has_header:
        others.append("the first line names the columns")
    if widest > width:
        others.append(f"some lines have {widest} columns")
    reason = "; ".join([*others, _say(chosen)]) if others else ""
    return Choice(chosen, has_header, reason, _expected_tags(kinds, chosen, sides))


def _order_by_header(
    rows: Sequence[Sequence[str]], kinds: Sequence[str | None], chosen: tuple[int, int], sides: Sides
) -> tuple[tuple[int, int], bool]:
    """Return the chosen columns in the order of the languages that the first line names, and whether it names them.

    Raises:
        HeaderError: It names other languages, or another order than two columns of tags.
    """
    others = [[row[place] for place in chosen] for row in rows[1:]]
    order = find_order((rows[0][chosen[0]], rows[0][chosen[1]]), others, sides)
    if order == -1 and kinds.count(_TAGS) == 2:
        raise HeaderError(f"this line and the tags of languages name other columns as the source; {CHOOSE}")
    return ((chosen[1], chosen[0]) if order == -1 else chosen), order is not None


def _choose_by_names(rows: Sequence[Sequence[str]], width: int, sides: Sides) -> Choice | None:
    """Choose the columns that the first line names; None if it names none.

    Raises:
        UnclearError: The tags of languages below name another order.
    """
    named = find_header(rows[0], sides)
    if named is None or (width > 2 and len(rows) == 1):
        return None
    others = [row for row in rows[1:] if row != rows[0]] or rows[1:]
    columns = [[row[place].strip() for row in others] for place in range(width)]
    kinds = [_kind_of(cells, width, sides) for cells in columns]
    if _TAGS in {kinds[place] for place in named if place < width}:  # tags in every line are no header
        return None
    if kinds.count(_TAGS) == 2 and _order_by_tags(columns, kinds, (min(named), max(named)), sides) != named:
        raise UnclearError(f"the first line and the tags of languages name other columns as the source; {CHOOSE}")
    reason = f"the first line names the columns; {_say(named)}"
    return Choice(named, True, reason, _expected_tags(kinds, named, sides))


def find_header(cells: Sequence[str], sides: Sides) -> tuple[int, int] | None:
    """Return the places of the two columns that a first line names by language or as source and target, if it does."""
    names = ["_".join(cell.strip(' "').casefold().split()) for cell in cells]
    source, target = (
        [place for place, name in enumerate(names) if name in known or _names_language(name, code)]
        for known, code in zip((_SOURCE_NAMES, _TARGET_NAMES), sides.languages, strict=True)
    )
    if len(source) == len(target) == 1 and source != target:
        return source[0], target[0]
    return None


def words_of_names(code: str, *, is_source: bool) -> set[str]:
    """Return words one of which is in most names of a column of a language. They are quickly compared."""
    language = langcodes.Language.get(code)
    words = {code, language.language or code, language.language_name(), language.autonym()}
    for variant in ("B", "T"):
        with suppress(LookupError):
            words.add(language.to_alpha3(variant))
    words |= _SOURCE_NAMES if is_source else _TARGET_NAMES
    return {word.casefold() for word in words}


@lru_cache(2**12)
def _names_language(name: str, code: str) -> bool:
    """Tell whether a name is a language: `english`, `en_GB`, or `sentence_en`."""
    bare = "_".join(part for part in regex.split(r"[\s_.:-]+", name) if part not in NO_NAMES)
    language = langcodes.Language.get(code)
    return len(bare) > 1 and (
        bare in {language.language_name().casefold(), language.autonym().casefold()} or tag_fits(bare, code)
    )


def _kind_of(cells: Iterable[str], width: int, sides: Sides) -> str | None:
    """Return what the cells of a column are if they are no sentences."""
    filled = [cell for cell in cells if cell]
    if not filled:
        return "nothing" if width > 2 else None
    for name, fits in KINDS.items():
        if (width > 2 or name in _NEVER_SENTENCES) and all(map(fits, filled)):
            return name
    if width > 2 and all(any(is_tag(cell, code) for code in sides.languages) for cell in filled):
        return _TAGS
    return None


def _find_identifiers(columns: Sequence[Sequence[str]]) -> list[str | None] | None:
    """Return the kinds of two columns one of which holds another identifier in each line, perhaps below a name."""
    below = [cells[len(cells) > 2 :] for cells in columns]
    are = [all(map(_IDENTIFIER.fullmatch, cells)) and len(set(cells)) == len(cells) for cells in below]
    return ["identifiers" if one else None for one in are] if sum(are) == 1 else None


def is_tag(cell: str, code: str) -> bool:
    """Return whether a cell is a tag of a language."""
    return 2 <= len(cell) <= 12 and " " not in cell and tag_fits(cell, code)


def _order_by_tags(
    columns: Sequence[Sequence[str]],
    kinds: Sequence[str | None],
    chosen: tuple[int, int],
    sides: Sides,
) -> tuple[int, int]:
    """Return the chosen columns in the order that two columns of tags name.

    Raises:
        UnclearError: The tags of a column are of both languages, or of another one.
    """
    tags = [columns[place] for place, kind in enumerate(kinds) if kind == _TAGS]
    if len(tags) == 1:
        if all(any(is_tag(cell, code) for cell in tags[0]) for code in sides.languages):
            raise UnclearError(
                "one column holds tags of both languages, so each line seems to hold one sentence and its language; "
                f"write the two sentences of a pair side by side, or {CHOOSE}"
            )
        _refuse_other_languages(columns, kinds, chosen)
    if len(tags) != 2:
        return chosen
    for first, second, order in ((0, 1, chosen), (1, 0, chosen[::-1])):
        wanted = sides.languages[first], sides.languages[second]
        if all(is_tag(tag, code) for cells, code in zip(tags, wanted, strict=True) for tag in cells):
            return order[0], order[1]
    raise UnclearError("lines are in different languages, by their columns of tags; keep the lines of one pair")


def _refuse_other_languages(
    columns: Sequence[Sequence[str]], kinds: Sequence[str | None], chosen: tuple[int, int]
) -> None:
    """Refuse a table with one column of tags of our languages, and one whose cells are the tag of another language."""
    for place, cells in enumerate(columns):
        tag = next(iter(set(cells)), "") if len(set(cells)) == 1 else ""
        if kinds[place] != _TAGS and place not in chosen and _OTHER_TAG.fullmatch(tag) and langcodes.tag_is_valid(tag):
            raise UnclearError(f"column {place + 1} holds {tag!r}, the tag of another language; {CHOOSE} if it is not")


def _expected_tags(
    kinds: Sequence[str | None], chosen: tuple[int, int], sides: Sides
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the columns of tags, and the languages that each may name: its own, if there is a column for each side."""
    places = [place for place, kind in enumerate(kinds) if kind == _TAGS]
    if len(places) != 2:
        return tuple((place, sides.languages) for place in places)
    codes = sides.languages if chosen[0] < chosen[1] else sides.languages[::-1]
    return tuple((place, (code,)) for place, code in zip(places, codes, strict=True))


def _explain(kinds: Sequence[str | None], places: Sequence[int]) -> str:
    found = ", ".join(f"{place + 1} holds {kind or 'text'}" for place, kind in enumerate(kinds))
    few = "fewer" if len(places) < 2 else "more"
    return f"{few} than two columns look like sentences (of the columns, {found}); {CHOOSE}"


def _say(columns: tuple[int, int]) -> str:
    return f"columns {columns[0] + 1} and {columns[1] + 1} are read as sentences; --columns chooses others"
