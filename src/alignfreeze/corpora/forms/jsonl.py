"""JSON lines: one object per sentence pair."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alignfreeze.corpora.forms.fields import texts_of_fields
from alignfreeze.corpora.forms.form import Form, Sides, Texts
from alignfreeze.corpora.json_lines import ARRAY, is_array, parse_json
from alignfreeze.decoding import RETURN_INSIDE
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines


def read_jsonl(paths: tuple[Path, ...], sides: Sides, left_out: Counter[str]) -> Iterator[Texts]:
    """Yield the two texts of the object in each line; an empty line has two empty texts.

    Raises:
        DataError: A line is not an object with two texts.
    """
    for number, line in read_lines(paths[0]):
        try:
            texts = texts_of_fields(_parse(line), sides, left_out) if line.strip() else ("", "")
        except ValueError as error:
            raise DataError.at(paths[0], number, str(error)) from error
        yield texts


def _parse(line: str) -> Any:
    """Return the value of a line of JSON.

    Raises:
        ValueError: The line is not JSON.
    """
    if is_array(line):
        raise ValueError(ARRAY)
    try:
        return parse_json(line)
    except ValueError as error:
        if "}\r" in line:
            raise ValueError(RETURN_INSIDE) from error
        raise ValueError(f"not a JSON object of sentences ({error})") from error


def _is_object(line: str) -> bool:
    """Return whether a line is a JSON object; `{0} files` may begin a sentence."""
    try:
        return line.lstrip().startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _check_columns(_: tuple[str, str]) -> None:
    """Accept any names: a field may have any name."""


def _to_lines(texts: Iterable[Texts], languages: tuple[str, str]) -> Iterator[str]:
    return (json.dumps(dict(zip(languages, pair, strict=True)), ensure_ascii=False) for pair in texts)


JSONL = Form(
    read_jsonl,
    endings=(".jsonl", ".ndjson", ".json"),
    fits_line=_is_object,
    check_columns=_check_columns,
    to_lines=_to_lines,
)
