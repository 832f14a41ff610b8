"""Sentence pairs in objects with named fields, as JSON lines and the hub have them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from alignfreeze.corpora.forms.form import Sides, Texts
from alignfreeze.corpora.forms.headers import language_named
from alignfreeze.corpora.labels import find_half
from alignfreeze.languages import tag_fits

NULL = "with null instead of a sentence"


def texts_of_fields(value: Any, sides: Sides, left_out: Counter[str]) -> Texts:
    """Return the two texts of an object.

    A text that is null is empty, so that lines keep their numbers, and is counted as left out.

    The two fields have the names that the user gives. By default, their names are tags of the languages, such as `en`
    or `pt_BR`, or `source` and `target`. Both fields may lie inside a field `translation`.

    Raises:
        ValueError: The value is not such an object.
    """
    fields = fields_of(value)
    if fields is None:
        left_out[NULL] += 1
        return "", ""
    source, target = (to_sentence(f"the field {name!r}", fields[name]) for name in find_sides(fields, sides))
    if source is None or target is None:
        left_out[NULL] += 1
    return source or "", target or ""


def fields_of(value: Any) -> dict[Any, Any] | None:
    """Return the fields of an object, which may lie inside a field `translation`; None for an object that is null.

    Raises:
        ValueError: The value is no object.
    """
    if isinstance(value, dict) and len(value) == 1 and value.get("translation", "") is None:
        value = None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object with two sentences, found {type(value).__name__}")
    inner = value.get("translation")  # may as well be the name of a column
    return inner if isinstance(inner, dict) else value


def find_sides(fields: Mapping[Any, Any], sides: Sides) -> tuple[str, str]:
    """Return the names of the two fields, in the order of the languages that other fields name, such as `src_lang`.

    Names that the user gives, and names that are tags of languages, stay as they are.

    Raises:
        ValueError: There are no such fields, several for a language, or other fields name other languages.
    """
    names = find_names(list(fields), sides)
    if sides.columns or names != _ROLES:
        return names
    given = {_LANGUAGE_FIELDS.get(_SIGNS.sub("", str(name)).casefold()): name for name in fields}
    keys = [given.get(role) for role in _ROLES]
    found = [fields[key] if key is not None else None for key in keys]
    if not any(isinstance(tag, str) and tag.strip() for tag in found):
        return names
    for order in (1, -1):
        if all(_is_language(tag, code) for tag, code in zip(found[::order], sides.languages, strict=True)):
            return names if order == 1 else (names[1], names[0])
    shown = " and ".join(f"{fields[key]!r} in {key!r}" for key in keys if key is not None)
    raise ValueError(
        f"the languages are {shown}, not {' and '.join(sides.languages)}; keep the pairs of these languages, or choose "
        f"with --columns {','.join(names)} if they are"
    )


def _is_language(tag: Any, code: str) -> bool:
    """Tell whether a tag or a name is that of a language; one that is missing may be any."""
    if not isinstance(tag, str) or not tag.strip():
        return True
    return tag_fits(tag.strip(), code) or ((named := language_named(tag)) is not None and tag_fits(named, code))


_ROLES = ("source", "target")
_SIGNS = re.compile(r"[\W_]+")
_LANGUAGE_FIELDS = {
    **dict.fromkeys(("srclang", "srclanguage", "sourcelang", "sourcelanguage", "lang1"), "source"),
    **dict.fromkeys(
        ("tgtlang", "tgtlanguage", "trglang", "targetlang", "targetlanguage", "langtgt", "lang2"), "target"
    ),
    **{"language1": "source", "language2": "target"},
}
"""Names of fields that hold the language of a side, without other signs than letters and digits."""


def find_names(fields: list[Any], sides: Sides) -> tuple[str, str]:
    """Return the names of the two fields.

    Raises:
        ValueError: There are no such fields, or several for a language.
    """
    choices = [sides.columns] if sides.columns else [sides.languages, _ROLES]
    for names in choices:
        if all(name in fields for name in names):
            return names
    if not sides.columns:
        source, target = (find_tag(fields, code) for code in sides.languages)
        if source is not None and target is not None and source != target:
            return source, target
    raise ValueError(f"expected the fields {' and '.join(choices[0])}, found {', '.join(map(repr, fields)) or 'none'}")


def find_tag(names: Iterable[Any], code: str) -> str | None:
    """Return the one of several names that is a tag of a language, such as `pt_BR` for `pt`; None if there is none.

    Raises:
        ValueError: Several names are.
    """
    fitting = [name for name in names if isinstance(name, str) and tag_fits(name, code)]
    if code in fitting:
        return code
    if len(fitting) > 1:
        raise ValueError(f"{' and '.join(map(repr, fitting))} are both {code!r}; choose one with --columns")
    return fitting[0] if fitting else None


def to_sentence(what: str, text: Any) -> str | None:
    """Return a text; None if there is none.

    Args:
        what: What holds the text, for the message.
        text: The text; None or NaN if there is none.

    Raises:
        ValueError: It is something else, or half a character is in it.
    """
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return None
    if not isinstance(text, str):
        raise ValueError(f"{what} holds {type(text).__name__}, not a sentence")
    if problem := find_half(text):
        raise ValueError(f"{what}: {problem}")
    return text
