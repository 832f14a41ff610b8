"""Experiments as callers give them: files, plain values, settings, with some settings replaced by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignfreeze.errors import SettingsError, show_value
from alignfreeze.experiment.settings import GRID, ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import to_path
from alignfreeze.settings import Settings, read_toml, replace_by_name

ExperimentLike = str | os.PathLike[str] | Mapping[str, Any] | ExperimentSettings
"""An experiment file, settings as plain values with the names of such a file, or settings."""

EXPECTED = "expected an experiment file, a dict with the names of such a file, or ExperimentSettings"


def to_experiment(
    settings: ExperimentLike, *, base: str | os.PathLike[str] | None = None, changes: Mapping[str, Any] | None = None
) -> tuple[ExperimentSettings, Path]:
    """Return the settings of an experiment, and the folder at which their relative paths start.

    Args:
        settings: The experiment.
        base: The folder; by default that of the file, or the current one.
        changes: Values that replace those of the experiment, by names with dots or as nested dicts.

    Raises:
        DataError: The file cannot be read.
        SettingsError: Some settings are wrong; the message names all of them. Or it is no experiment at all.
    """
    folder, origin = Path(), "the experiment"
    if isinstance(settings, ExperimentSettings):
        if not changes:
            return settings, folder if base is None else to_path(base, "base")
        values: Mapping[str, Any] = _to_plain(settings)
    elif isinstance(settings, Mapping):
        values = _to_plain(settings)
    elif isinstance(settings, str | os.PathLike):
        path = to_path(settings, "settings")
        folder, origin = path.parent, str(path)
        values = read_toml(path)
    else:
        raise SettingsError(f"settings: {EXPECTED}; got {show_value(settings)}")
    if GRID in values:
        raise SettingsError(
            f"{origin}: expected one value per setting, but there is a table [{GRID}]; remove this table, or read the "
            "file with `alignfreeze.running.grid.read_grid` and run each experiment"
        )
    values = replace_by_name(values, list(_name_all(_to_plain(changes or {}))))
    return ExperimentSettings.from_values(values, origin=origin), folder if base is None else to_path(base, "base")


def _to_plain(value: Any) -> Any:
    """Return settings, paths, strategies and devices as an experiment file would have them."""
    if isinstance(value, Settings):
        return value.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {str(name): _to_plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | range):
        return list(map(_to_plain, value))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return str(value) if isinstance(value, Strategy) or type(value).__module__ == "torch" else value


def _name_all(changes: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return values with their names with dots, so that a nested dict replaces only what it names."""
    found: list[tuple[str, Any]] = []
    for name, value in changes.items():
        is_table = isinstance(value, Mapping) and value
        found += _name_all(value, f"{prefix}{name}.") if is_table else [(f"{prefix}{name}", value)]
    return found
