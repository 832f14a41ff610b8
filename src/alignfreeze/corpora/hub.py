"""Rows of data sets on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from alignfreeze.errors import DataError, HubError, OutputError, SettingsError, did_you_mean
from alignfreeze.external.datasets import LabelNamer, import_datasets, label_namers, name_labels
from alignfreeze.hub import Repo, call_hub, check_room, explain_hub_error, first_line, other_values

HUB = "hub:"

_TRIES = 4
"""How often `datasets` reads on after a stream broke: two minutes, instead of nine, with the pauses of all clients."""

_MOST_NAMES = 20
"""How many configurations a message lists; some data sets have hundreds."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What the name of a data set says.

    Attributes:
        name: The whole name, for messages.
        repo: The repository.
        config: The configuration; None if the name has none.
        split: The split.
    """

    name: str
    repo: Repo
    config: str | None
    split: str

    @classmethod
    def parse(cls, name: str, *, split: str) -> Self:
        """Read `hub:OWNER/NAME/CONFIG/SPLIT`; the split given apart counts if the name has none."""
        parts = name.removeprefix(HUB).split("/")
        if not 2 <= len(parts) <= 4:
            raise SettingsError(f"{name}: expected hub:OWNER/NAME/CONFIGURATION, such as hub:facebook/xnli/en")
        repo = Repo("/".join(parts[:2]), is_dataset=True)
        return cls(name, repo, parts[2] if len(parts) > 2 else None, parts[3] if len(parts) > 3 else split)


def read_hub_rows(name: str, *, split: str = "train", streaming: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set, with names instead of numbers for labels.

    Args:
        name: `hub:OWNER/NAME/CONFIG` or `hub:OWNER/NAME/CONFIG/SPLIT`.
        split: The split, if the name has none.
        streaming: Fetch each row when it is needed, instead of downloading the whole data set first.

    Raises:
        SettingsError: The name is not of this form, or the library is not installed.
        DataError: The data set does not exist or is not open to the user, it has no such configuration or split, the
            hub cannot be reached and there is no earlier download, or a label is a number without a name.
        OutputError: There is no room for the download.
    """
    place = _Place.parse(name, split=split)
    datasets = import_datasets(name)
    cache = datasets.config.HF_DATASETS_CACHE
    try:
        first, rows, namers = call_hub(lambda: _open(datasets, place, streaming), repo=place.repo, cache=cache)
    except HubError as error:
        raise DataError(
            f"{name}: cannot be read from the hub: {error}. You can also give the path of your own files"
        ) from error
    except OutputError:
        raise
    except Exception as error:  # the hub's client may raise anything
        raise _reading_error(datasets, place, error) from error
    for number in count(1):
        if first is None:
            return
        yield name_labels(first, namers, where=f"{name}, row {number}")
        try:
            first = next(rows, None)
        except Exception as error:  # the connection may be lost on the way
            check_room(error, cache)
            reason = explain_hub_error(error, repo=place.repo, cache=cache) or first_line(error)
            raise DataError(f"{name}, row {number + 1}: cannot be read from the hub: {reason}") from error


def _open(datasets: Any, place: _Place, streaming: bool) -> tuple[Any, Iterator[Any], dict[str, LabelNamer]]:
    """Return the first row of a data set, the other rows, and what names its labels."""
    options = {} if place.config is None else {"name": place.config}
    with other_values((datasets.config, "STREAMING_READ_MAX_RETRIES", _TRIES)):
        loaded = datasets.load_dataset(place.repo.name, **options, split=place.split, streaming=streaming)
        namers = label_namers(loaded)
        rows = iter(loaded)
        return next(rows, None), rows, namers


def _reading_error(datasets: Any, place: _Place, error: Exception) -> DataError:
    reason = _find_mistake(datasets, place) if isinstance(error, ValueError) else None
    if reason is not None:
        return DataError(f"{place.name}: {reason}")
    return DataError(
        f"{place.name}: cannot be read from the hub ({first_line(error)}). Connect to the network, use an earlier "
        f"download in {datasets.config.HF_DATASETS_CACHE}, or give the path of your own files"
    )


def _find_mistake(datasets: Any, place: _Place) -> str | None:
    """Say which name the data set does not have; None if it has both the configuration and the split."""
    repo = place.repo.name
    try:
        configs = datasets.get_dataset_config_names(repo)
        if place.config is None and len(configs) > 1:
            return f"name a configuration, as in {HUB}{repo}/{configs[0]}; there are {_list(configs)}"
        if place.config is not None and place.config not in configs:
            swapped = "-".join(reversed(place.config.split("-")))  # `en-de` where pairs are named `de-en`
            proposal = did_you_mean(swapped if swapped in configs else place.config, configs)
            return f"there is no configuration {place.config!r}; there are {_list(configs)}.{proposal}"
        splits = datasets.get_dataset_split_names(repo, place.config)
    except Exception:  # then the first error says more
        return None
    if place.split in splits:
        return None
    return f"there is no split {place.split!r}; there are {_list(splits)}.{did_you_mean(place.split, splits)}"


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


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
