"""Rows of data sets on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.external.datasets import import_datasets, label_namers, name_labels

HUB = "hub:"


def read_hub_rows(name: str, *, split: str = "train", streaming: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set, with names instead of numbers for labels.

    Args:
        name: `hub:OWNER/NAME/CONFIG` or `hub:OWNER/NAME/CONFIG/SPLIT`.
        split: The split, if the name has none.
        streaming: Fetch each row when it is needed, instead of downloading the whole data set first.

    Raises:
        SettingsError: The name is not of this form, or the library is not installed.
        DataError: The data set does not exist, neither a connection nor an earlier download is available, or a label
            is a number without a name.
    """
    parts = name.removeprefix(HUB).split("/")
    if not 2 <= len(parts) <= 4:
        raise SettingsError(f"{name}: expected hub:OWNER/NAME/CONFIGURATION, such as hub:facebook/xnli/en")
    datasets = import_datasets(name)
    options: dict[str, Any] = {"name": parts[2]} if len(parts) > 2 else {}
    options |= {"split": parts[3] if len(parts) > 3 else split, "streaming": streaming}
    try:
        loaded = datasets.load_dataset("/".join(parts[:2]), **options)
        namers = label_namers(loaded)
        rows = iter(loaded)
        first = next(rows, None)
    except Exception as error:  # the hub's client may raise anything
        raise _reading_error(name, error, datasets.config.HF_DATASETS_CACHE) from error
    for number in count(1):
        if first is None:
            return
        yield name_labels(first, namers, where=f"{name}, row {number}")
        try:
            first = next(rows, None)
        except Exception as error:  # the connection may be lost on the way
            raise _reading_error(name, error, datasets.config.HF_DATASETS_CACHE) from error


def _reading_error(name: str, error: Exception, cache: object) -> DataError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return DataError(
        f"{name}: cannot be read from the hub ({reason}). Connect to the network, use an earlier download in {cache}, "
        "or give the path of your own files"
    )


def find_field(row: dict[str, Any], names: tuple[str, ...], *, where: str) -> Any:
    """Return the value of the first of several fields that occurs in a row.

    Args:
        row: The row.
        names: Names of the fields, the preferred one first.
        where: The place of the row, for the message.

    Raises:
        DataError: The row has none of the fields.
    """
    for name in names:
        if name in row:
            return row[name]
    raise DataError(f"{where}: expected a field {' or '.join(names)}, found {', '.join(row)}")
