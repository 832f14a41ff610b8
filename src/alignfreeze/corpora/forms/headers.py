"""First lines of tables that hold names or tags of languages, in any language that names them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import langcodes
import regex
from langcodes.language_lists import CLDR_LANGUAGES

from alignfreeze.corpora.forms.form import Sides
from alignfreeze.languages import name_of, tag_fits

NO_NAMES = {"sentence", "sent", "text", "src", "tgt", "trg", "source", "target", "lang", "language"}
"""Words beside the language in names of columns, some of which are codes of languages."""

_LONGEST_TAG = 3


class HeaderError(ValueError):
    """The first line names other languages; the message says which."""


def find_order(header: tuple[str, str], others: Sequence[Sequence[str]], sides: Sides) -> int | None:
    """Tell whether two cells of a first line name our languages: 1 if in their order, -1 if the other way round.

    None if they name no two languages.

    Args:
        header: The cells above the two columns of sentences.
        others: The cells of the other lines. Tags are also short words, so they are names only above sentences.
        sides: The two sides that are read.

    Raises:
        HeaderError: They name two languages that are not those of the sides.
    """
    first, second = map(language_named, header)
    if first is None or second is None or tag_fits(first, second) or not others:
        return None
    for order, (source, target) in ((1, sides.languages), (-1, sides.languages[::-1])):
        if tag_fits(first, source) and tag_fits(second, target):
            return order
    are_tags = all(len(cell.strip(' "')) <= _LONGEST_TAG for cell in header)
    if are_tags and not any(" " in cell.strip() for cells in others for cell in cells):
        return None
    wanted = " and ".join(map(name_of, sides.languages))
    raise HeaderError(
        f"{header[0]!r} and {header[1]!r} name the columns as {name_of(first)} and {name_of(second)}, not {wanted}; "
        "give the languages of the file, or choose with --columns 1,2 if this line is a sentence pair"
    )


@lru_cache(2**12)
def language_named(cell: str) -> str | None:
    """Return the code of the language that a cell names: `English`, `anglais`, `src_en`, `fra`; None if it names none.

    Only tags of two letters, their forms of three letters, and names of common languages count.
    """
    parts = [part for part in regex.split(r"[\s_.:\-\"]+", cell.strip().casefold()) if part not in {"", *NO_NAMES}]
    if not 1 <= len(parts) <= 2:
        return None
    if regex.fullmatch("[a-z]{2,3}", parts[0]):
        code = langcodes.Language.get(parts[0]).language or ""
        has_region = len(parts) == 1 or regex.fullmatch("[a-z]{2}|[a-z]{4}", parts[1])
        return code if len(code) == 2 and has_region and langcodes.tag_is_valid(code) else None
    if not all(regex.fullmatch(r"[\p{L}\p{M}]{2,20}", part) for part in parts):
        return None  # langcodes searches for letters alone
    try:
        found = langcodes.find(" ".join(parts)).language
    except LookupError:
        return None
    return found if found in CLDR_LANGUAGES else None
