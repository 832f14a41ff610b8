"""Experiment files that give several values for settings: one experiment per combination of values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.settings import GRID, ExperimentSettings
from alignfreeze.settings import parse_changes, read_toml, replace_by_name


def read_grid(path: Path | str, *, changes: Sequence[tuple[str, str]] = ()) -> list[ExperimentSettings]:
    """Read an experiment file. Return one experiment per combination of the values in its table `[grid]`.

    The table gives a list of values for each setting, by its name with dots, such as
    `"realignment.temperature" = [0.05, 0.1]`. The name of each experiment contains its values.

    Args:
        path: The file. A file without a table `[grid]` is one experiment.
        changes: As for `ExperimentSettings.from_toml`.

    Raises:
        DataError: The file cannot be read.
        SettingsError: Some settings are wrong; all wrong settings of a combination are named.
    """
    values = replace_by_name(read_toml(Path(path)), parse_changes(changes))
    grid = values.pop(GRID, {})
    if not isinstance(grid, dict) or not all(isinstance(choices, list) and choices for choices in grid.values()):
        example = '"realignment.temperature" = [0.05, 0.1]'
        raise SettingsError(f"{path}: [{GRID}] must give a list of values for each setting, such as {example}")
    if twice := [name for name, _ in changes if name in grid]:
        raise SettingsError(
            f"--set {twice[0]}: the table [{GRID}] of {path} also gives values for this setting; change them there"
        )
    found = []
    for chosen in product(*grid.values()):
        combination = replace_by_name(values, list(zip(grid, chosen, strict=True)))
        settings = ExperimentSettings.from_values(combination, origin=str(path))
        suffix = ", ".join(map(_name_value, grid, chosen))
        found.append(settings.model_copy(update={"name": f"{settings.name}: {suffix}"}) if grid else settings)
    return found


def _name_value(name: str, value: Any) -> str:
    """Return a setting and its value as a part of an experiment's name. A table is written with all its settings."""
    text = " ".join(f"{inner} {part}" for inner, part in value.items()) if isinstance(value, dict) else value
    return f"{name.rsplit('.', 1)[-1]} {text}"
