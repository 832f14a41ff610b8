"""The JSON files that alignfreeze writes for itself: read with a check of everything in them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from alignfreeze.errors import DataError

T = TypeVar("T")

_LARGEST = 2**63 - 1
"""No whole number in a file is larger: others than Python could not hold it."""


class Excerpt(BaseModel):
    """Parent of values of which a file may hold more than is read again."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Stored(Generic[T]):
    """A kind of file: its values, and who writes it.

    Args:
        kind: The type of the values, of dataclasses, typed dictionaries, lists and plain values. Unknown names, and
            values of another type, are refused.
        what: What the file is, for messages, such as `the record of a run of this version`.
    """

    def __init__(self, kind: Any, what: str) -> None:
        # A union, as the options of an adapter do not reach a dataclass that stands alone.
        either: Any = kind | None
        self._adapter: TypeAdapter[Any] = TypeAdapter(either, config=ConfigDict(extra="forbid", strict=True))
        self._what = what

    def read(self, path: Path) -> T:
        """Read a file.

        Raises:
            DataError: There is no such file, it cannot be read, or its content is something else.
        """
        try:
            return self.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error

    def parse(self, text: bytes | str, place: str) -> T:
        """Return the values in the text of a file.

        Raises:
            DataError: It is something else.
        """
        try:
            found = self._adapter.validate_json(text)
        except ValidationError as error:
            raise self.refuse(place, _describe(error)) from error
        if found is None:
            raise self.refuse(place, "it is null")
        if (large := _find_large(found)) is not None:
            raise self.refuse(place, f"a number of {len(str(abs(large)))} digits is in it")
        return found

    def find(self, path: Path) -> T | None:
        """Return what `read` returns; None if there is no such file, or its content is something else."""
        try:
            return self.read(path)
        except DataError:
            return None

    def refuse(self, place: str, reason: str) -> DataError:
        """Return the error about a file that is something else."""
        return DataError(f"{place}: not {self._what} ({reason})")


def _describe(error: ValidationError) -> str:
    """Return the first mistake, with its place in the file."""
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(map(str, first["loc"]))
    more = f", and {len(others)} more" if others else ""
    return f"{place + ': ' if place else ''}{first['msg']}{more}"


def _find_large(value: Any) -> int | None:
    """Return a whole number of more than 64 bits in plain values; None if there is none."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if one is None or isinstance(one, str | float):  # almost all values
            continue
        if isinstance(one, int) and abs(one) > _LARGEST:
            return one
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif is_dataclass(one):
            waiting += [getattr(one, field.name) for field in fields(one)]
    return None
