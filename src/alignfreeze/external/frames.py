"""Data frames of pandas and polars, which are recognised without importing either."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.extras import packages_of

_PACKAGES = {"pandas", "polars"}
_NAMES = {"DataFrame", "LazyFrame"}


def is_frame(value: object) -> bool:
    """Tell whether a value is a data frame of pandas or polars, or a lazy frame of polars."""
    return bool(_PACKAGES & packages_of(value)) and any(kind.__name__ in _NAMES for kind in type(value).__mro__)


def rows_of_frame(frame: Any, *, name: str) -> Iterator[dict[Any, Any]]:
    """Yield the rows of a data frame as plain values by the names of its columns; a missing value is None.

    A lazy frame is collected. The frame stays unchanged.

    Args:
        frame: The frame.
        name: What the frame is called in messages.

    Raises:
        DataError: Two columns have the same name.
    """
    if hasattr(frame, "collect"):
        frame = frame.collect()
    names = list(frame.columns)
    if twice := [column for column in names if names.count(column) > 1]:
        raise DataError(f"{name}: two columns are named {twice[0]!r}; rename one of them")
    rows = frame.iter_rows() if "polars" in packages_of(frame) else _rows_of_pandas(frame)
    return (dict(zip(names, map(_to_plain, row), strict=True)) for row in rows)


def _rows_of_pandas(frame: Any) -> Iterator[tuple[Any, ...]]:
    columns = [frame.iloc[:, number] for number in range(frame.shape[1])]
    cells = [zip(column.tolist(), column.isna().tolist(), strict=True) for column in columns]
    for row in zip(*cells, strict=True):
        yield tuple(None if is_missing else value for value, is_missing in row)


def _to_plain(value: Any) -> Any:
    """Return a cell as a plain value: None for NaN, lists for arrays, also inside of lists and dicts."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, list):
        return [_to_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _to_plain(part) for name, part in value.items()}
    cell: Any = value
    return _to_plain(cell.tolist()) if "numpy" in packages_of(value) else value
