"""Reads JSON and one JSON object per line, and tells from it what is often taken for it: JSON arrays and CSV."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError

ARRAY = "this is a JSON array, which is not read; write one object per line: jq -c '.[]' FILE > NEW"


def parse_json(text: str) -> Any:
    """Return a value of JSON.

    Raises:
        ValueError: The text is not JSON, is nested too deeply, or has an object with two fields of the same name.
    """
    try:
        return json.loads(text, object_pairs_hook=_to_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _to_object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        names = Counter(name for name, _ in fields)
        twice = next(name for name, n in names.items() if n > 1)
        last = f"{found[twice]!r:.40}"
        raise ValueError(f"an object has {names[twice]} fields {twice!r:.60}, the last with {last}; keep one of them")
    return found


def is_array(line: str) -> bool:
    """Tell whether a JSON array of objects begins in a line."""
    return line.strip() == "[" or re.match(r"\s*\[\s*\{", line) is not None


def parse_object(path: Path, number: int, line: str) -> dict[str, Any] | None:
    """Return the JSON object in a line; None if it is null.

    Raises:
        DataError: The line holds something else; the message names the line, and a remedy if the form is known.
    """
    if is_array(line):
        raise DataError.at(path, number, ARRAY)
    try:
        row = parse_json(line)
    except ValueError as error:
        hint = "; each object must be in one line: jq -c . FILE > NEW" if line.strip() == "{" else ""
        raise DataError.at(path, number, f"not JSON ({error}){hint}") from error
    if not isinstance(row, dict | None):
        raise DataError.at(path, number, f"expected a JSON object, found {type(row).__name__}")
    return row


def check_no_csv(path: Path, number: int, header: str, names: Iterable[str]) -> None:
    """Check that the first line of a file does not have its columns separated by commas or semicolons.

    Args:
        path: The file.
        number: The number of the line.
        header: The line.
        names: Names of columns, of which one at least is in the line if it is CSV.

    Raises:
        DataError: It does.
    """
    for sign, separator in {"commas": ",", "semicolons": ";"}.items():
        columns = [column.strip().strip('"') for column in header.split(separator)]
        if "\t" not in header and len(columns) > 1 and not set(names).isdisjoint(columns):
            problem = f"the columns are separated by {sign} (CSV); save the file with tabs (TSV), or as JSON lines"
            raise DataError.at(path, number, problem)
