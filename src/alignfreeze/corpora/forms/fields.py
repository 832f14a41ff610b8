"""Sentence pairs in objects with named fields, as JSON lines and the hub have them."""

from __future__ import annotations

import re
from typing import Any

from alignfreeze.corpora.forms.form import Sides, Texts

_BREAKS = re.compile(r"[\r\n]+")


def texts_of_fields(value: Any, sides: Sides) -> Texts:
    """Return the two texts of an object.

    The two fields have the names that the user gives. By default, their names are the language codes, or `source` and
    `target`. Both fields may lie inside a field `translation`.

    Raises:
        ValueError: The value is not such an object.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected an object with two sentences, found {type(value).__name__}")
    inner = value.get("translation")  # may as well be the name of a column
    fields = inner if isinstance(inner, dict) else value
    choices = [sides.columns] if sides.columns else [sides.languages, ("source", "target")]
    for names in choices:
        if all(name in fields for name in names):
            source, target = (_to_sentence(name, fields[name]) for name in names)
            return source, target
    raise ValueError(f"expected the fields {' and '.join(choices[0])}, found {', '.join(map(repr, fields)) or 'none'}")


def _to_sentence(name: str, text: Any) -> str:
    """Return the text of a field in one line."""
    if not isinstance(text, str):
        raise ValueError(f"the field {name!r} holds {'null' if text is None else type(text).__name__}, not a sentence")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"the field {name!r} holds half a character ({text[error.start]!r}), which is not text"
        raise ValueError(problem) from None
    # A line break inside a sentence would be another line in the files that go with it.
    return _BREAKS.sub(" ", text)
