"""Rows of objects in memory: data sets, data frames, and lists by the names of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.external.datasets import is_dataset, is_dataset_dict, rows_of_dataset
from alignfreeze.external.frames import is_frame, rows_of_frame


def rows_of(value: Any, *, name: str) -> Iterator[dict[Any, Any]] | None:
    """Return the rows of an object by the names of its columns; None if the object is of no kind that has rows.

    Args:
        value: A data set, a frame of pandas or polars, or lists of the same length by the names of columns.
        name: What the object is called in messages.

    Raises:
        DataError: The object has several splits, two columns of the same name, or lists of different lengths.
    """
    if is_dataset(value):
        return rows_of_dataset(value, name=name)
    if is_frame(value):
        return rows_of_frame(value, name=name)
    if is_dataset_dict(value):
        splits = list(value)
        raise DataError(f"{name}: got the splits {', '.join(splits)}; give one of them, such as data[{splits[0]!r}]")
    if isinstance(value, Mapping) and value and all(isinstance(column, list) for column in value.values()):
        return _rows_of_columns(value, name)
    return None


def _rows_of_columns(columns: Mapping[Any, list[Any]], name: str) -> Iterator[dict[Any, Any]]:
    lengths = {column: len(cells) for column, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{n:,} of {column!r}" for column, n in lengths.items())
        raise DataError(f"{name}: the columns have different lengths: {counts}")
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
