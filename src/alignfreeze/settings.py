"""Settings: explained in place, checked all at once before anything runs, and unchangeable afterwards."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, to_jsonable_python

from alignfreeze.errors import SettingsError, did_you_mean, show_value
from alignfreeze.files import read_lines

LearningRate = Annotated[float, Field(gt=0, le=1)]
"""A learning rate. Adam moves each weight by about as much in a step, so a greater one learns nothing."""

_LARGEST = 2**63
"""Whole numbers are smaller: libraries hold them in 64 bits."""


S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Parent of every settings class: unknown names are refused, and values cannot be changed afterwards.

    A truth value is no number, and a whole number has at most 64 bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_plain(cls, value: Any, field: ValidationInfo) -> Any:
        """Refuse what pydantic would turn into another value, or what a library cannot hold."""
        kinds = _kinds_in(cls.model_fields[str(field.field_name)].annotation)
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, bool) and bool not in kinds and kinds & {int, float}:
                raise ValueError(f"a number is expected (got {str(one).lower()}, a truth value)")
            if isinstance(one, int) and not -_LARGEST <= one < _LARGEST:
                raise ValueError(f"a number of {len(str(abs(one)))} digits is too large; at most 64 bits are kept")
            if isinstance(one, str) and any("\ud800" <= sign <= "\udfff" for sign in one):
                raise ValueError(f"{one!r} is not UTF-8; rename the file or folder, or write another text")
        return value

    @classmethod
    def from_values(cls, values: Mapping[str, Any], *, origin: str) -> Self:
        """Build the settings from plain values.

        Args:
            values: Names and values, nested as in a TOML file.
            origin: Where the values come from, for the message.

        Raises:
            SettingsError: Some values are wrong; the message names all of them.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(_describe_errors(error, cls, origin)) from None


def to_settings(kind: type[S], given: S | Mapping[str, Any] | None, origin: str, **options: Any) -> S:
    """Return settings of a kind.

    Args:
        kind: The class of the settings.
        given: The settings, or their names and values; None for the defaults.
        origin: What the settings are called in a message.
        options: Names and values that replace those given.

    Raises:
        SettingsError: Some values are wrong, or `given` is something else; the message names all that is wrong.
    """
    if given is None:
        values: Mapping[str, Any] = {}
    elif isinstance(given, kind):
        if not options:
            return given
        values = {name: getattr(given, name) for name in given.model_fields_set}
    elif isinstance(given, Mapping):
        values = given
    else:
        raise SettingsError(f"{origin}: expected {kind.__name__} or a dict of its settings, got {show_value(given)}")
    return kind.from_values({**values, **options}, origin=origin)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain values.

    Raises:
        DataError: The file cannot be read.
        SettingsError: The file is not valid TOML.
    """
    text = "\n".join(line for _, line in read_lines(path))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def parse_toml_value(text: str) -> Any:
    """Return the value of a text in TOML (`3`, `true`, `["de", "tr"]`), or the text itself if it is not TOML."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_changes(changes: Sequence[tuple[str, str]]) -> list[tuple[str, Any]]:
    """Return names with the values that `parse_toml_value` reads from texts."""
    return [(name, parse_toml_value(text)) for name, text in changes]


def replace_by_name(values: Mapping[str, Any], changes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return nested values in which some are replaced, by their names with dots."""
    replaced = deepcopy(dict(values))
    for name, value in changes:
        *tables, last = name.split(".")
        place = replaced
        for table in tables:
            inner = place.setdefault(table, {})
            if not isinstance(inner, dict):
                inner = place[table] = {}
            place = inner
        place[last] = value
    return replaced


def to_toml(values: Mapping[str, Any], *, table: str = "") -> Iterator[str]:
    """Yield the lines of a TOML file for some values: plain ones first, then tables.

    Args:
        values: Texts, numbers, truth values, lists of them, and mappings of the same kind.
        table: The name of the table that the values are in.
    """
    inner = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in values.items() if name not in inner}
    if table and (plain or not inner):
        yield f"[{table}]"
    yield from (f"{_quote_key(name)} = {write_value(value)}" for name, value in plain.items())
    for name, more in inner.items():
        yield ""
        yield from to_toml(more, table=f"{table}.{_quote_key(name)}" if table else _quote_key(name))


def _quote_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else write_value(name)


def write_value(value: Any) -> str:
    """Return a text, a number, a truth value, a list of them, or a table of these, as TOML writes it in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_quote_key(name)} = {write_value(inner)}' for name, inner in value.items())}}}"
    # JSON and TOML write texts, numbers, truth values and lists of them in the same way, except for the sign DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")


def check_known(value: str, choices: Mapping[str, Any] | list[str], what: str) -> str:
    """Return a value that is one of the choices; fields of settings may use it as a validator.

    Raises:
        SettingsError: The value is not a choice; the message lists the choices and proposes the nearest.
    """
    if value in choices:
        return value
    raise SettingsError(f"unknown {what} {value!r}; choose one of {', '.join(choices)}.{did_you_mean(value, choices)}")


def _describe_errors(error: ValidationError, settings: type[BaseModel], origin: str) -> str:
    details = error.errors(include_url=False)
    count = f"{len(details)} wrong setting{'s' if len(details) > 1 else ''}"
    return "\n".join([f"{origin} has {count}:", *(f"  {_describe_error(detail, settings)}" for detail in details)])


def _describe_error(detail: ErrorDetails, settings: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "settings"
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, ValueError):
        return f"{place}: {cause}"
    if detail["type"] == "extra_forbidden":
        siblings = _list_siblings(settings, detail["loc"][:-1])
        return f"{place}: there is no such setting.{did_you_mean(str(detail['loc'][-1]), siblings)}"
    if detail["type"] == "missing":
        return f"{place}: this setting is required"
    return f"{place}: {detail['msg']} (got {_shorten(detail['input'])})"


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({type(value).__name__})"


_MOST_SHOWN = 200
"""The most characters of a wrong value in a message."""


def _kinds_in(annotation: Any) -> set[type]:
    """Return all types in an annotation, such as `int` and `NoneType` for an optional list of whole numbers."""
    if isinstance(annotation, type):
        return {annotation}
    inner = () if get_origin(annotation) is Literal else get_args(annotation)
    return {kind for part in inner for kind in _kinds_in(part)}


def _list_siblings(settings: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the settings at a place."""
    for part in path:
        field = settings.model_fields.get(str(part))
        nested = _find_nested(field) if field else None
        if nested is None:
            return []
        settings = nested
    return list(settings.model_fields)


def describe_settings(settings: type[BaseModel], *, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return the name, the default and the meaning of every setting; names of nested settings have dots."""
    return [
        (
            path,
            "required" if field.is_required() else _default_text(field.default),
            (field.description or "").replace("\n", " "),
        )
        for path, field in _walk(settings, prefix)
    ]


def defaults_of(settings: type[BaseModel]) -> dict[str, Any]:
    """Return the default of every setting as a plain value; names of nested settings have dots.

    Settings without a default are left out. Settings of a table that may be left out have the defaults that they have
    in the table.
    """
    return {
        path: to_jsonable_python(field.get_default(call_default_factory=True), fallback=str)
        for path, field in _walk(settings)
        if not field.is_required()
    }


def _walk(settings: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting with its name; names of nested settings have dots."""
    for name, field in settings.model_fields.items():
        if (nested := _find_nested(field)) is not None:
            yield from _walk(nested, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _default_text(default: Any) -> str:
    return json.dumps(default, default=str).replace("null", "left out")


def _find_nested(field: FieldInfo) -> type[BaseModel] | None:
    """Return the settings class that a field holds, or may hold; None if it holds another kind of value."""
    kinds: tuple[Any, ...] = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
