"""Reads one JSON object per line, and tells from them what is often taken for it: JSON arrays and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError


def parse_object(path: Path, number: int, line: str) -> dict[str, Any]:
    """Return the JSON object in a line.

    Raises:
        DataError: The line holds something else; the message names the line, and a remedy if the form is known.
    """
    if line.lstrip().startswith("["):
        problem = "a JSON array begins here, but one object per line is expected; convert it: jq -c '.[]' FILE > NEW"
        raise DataError.at(path, number, problem)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        hint = "; each object must be in one line: jq -c . FILE > NEW" if line.strip() == "{" else ""
        raise DataError.at(path, number, f"not JSON ({error}){hint}") from error
    if not isinstance(row, dict):
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
