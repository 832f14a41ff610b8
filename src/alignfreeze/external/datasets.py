"""Data sets of the library `datasets`, which are recognised without importing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.extras import import_extra, packages_of

LabelNamer = Callable[[Any, str], Any]
"""Returns names for the numbers of labels; its second argument is the place of the row, for messages."""


def import_datasets(name: str) -> Any:
    """Import the library.

    Args:
        name: The data set of the hub that needs it, for the message.

    Raises:
        SettingsError: It is not installed.
    """
    return import_extra("datasets", extra="hub", what=f"{name}: data sets of the hub")


def is_dataset(value: object) -> bool:
    """Tell whether a value is a `Dataset` or an `IterableDataset`."""
    return _is_one_of(value, {"Dataset", "IterableDataset"})


def is_dataset_dict(value: object) -> bool:
    """Tell whether a value is a `DatasetDict` or an `IterableDatasetDict`: data sets by the names of their splits."""
    return _is_one_of(value, {"DatasetDict", "IterableDatasetDict"})


def _is_one_of(value: object, names: set[str]) -> bool:
    if "datasets" not in packages_of(value):
        return False
    return any(kind.__name__ in names for kind in type(value).__mro__ if kind.__module__.startswith("datasets."))


def rows_of_dataset(dataset: Any, *, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set as plain values, with names instead of numbers for labels.

    The rows of an `IterableDataset` are streamed. The data set stays unchanged, and its format does not count.

    Args:
        dataset: The data set.
        name: What the data set is called in messages.

    Raises:
        DataError: A row cannot be read, or a label is a number without a name.
    """
    namers = label_namers(dataset)
    # A transform makes the rows that the user wants; other formats are tensors and arrays.
    has_transform = getattr(dataset, "format", {}).get("type") == "custom"
    rows = iter(dataset if has_transform else dataset.with_format(None))
    for number in count(1):
        where = f"{name}, row {number}"
        try:
            row = next(rows, None)
        except Exception as error:  # rows may come from anybody's code, or over a network
            raise DataError(f"{where}: cannot be read ({type(error).__name__}: {error})") from error
        if row is None:
            return
        yield name_labels(row, namers, where=where)


def label_namers(dataset: Any) -> dict[str, LabelNamer]:
    """Return the functions that name the labels of a data set, by the column of the labels."""
    features = getattr(dataset, "features", None) or {}
    return {column: namer for column, feature in features.items() if (namer := _find_namer(column, feature))}


def name_labels(row: Mapping[str, Any], namers: Mapping[str, LabelNamer], *, where: str) -> dict[str, Any]:
    """Return a row with names instead of numbers for labels. A number below 0 means that there is no label; it stays.

    Raises:
        DataError: A number has no name.
    """
    return {column: namers[column](value, where) if column in namers else value for column, value in row.items()}


def _find_namer(column: str, feature: Any) -> LabelNamer | None:
    """Return a function that turns numbers of labels into their names; None for columns without labels."""
    inner = getattr(feature, "feature", feature)
    labels = getattr(inner, "names", None)
    if labels is None:
        return None

    def to_name(value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [to_name(item, where) for item in value]
        if not isinstance(value, int) or value < 0:
            return value
        if value >= len(labels):
            raise DataError(
                f"{where}: the label {value} of {column!r} has no name; the data set names {', '.join(labels[:20])}"
            )
        return labels[value]

    return to_name
