"""Sentence pairs in objects with named fields, as JSON lines and the hub have them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from alignfreeze.corpora.forms.form import Sides, Texts
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
    source, target = (to_sentence(f"the field {name!r}", fields[name]) for name in find_names(list(fields), sides))
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


def find_names(fields: list[Any], sides: Sides) -> tuple[str, str]:
    """Return the names of the two fields.

    Raises:
        ValueError: There are no such fields, or several for a language.
    """
    choices = [sides.columns] if sides.columns else [sides.languages, ("source", "target")]
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
