"""The settings of a run: those that somebody changed, and those that were left at their defaults."""

from __future__ import annotations

from typing import Any

from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.settings import defaults_of

SHOWN_ELSEWHERE = ("task", "device", "languages", "bitext.source_language")
"""Settings that say what a run is about, or that a run chooses on its machine."""


def changed_settings(record: RunRecord) -> dict[str, str]:
    """Return the settings of a run that differ from the defaults, with the defaults in brackets."""
    defaults = defaults_of(ExperimentSettings)
    found = {}
    for name, value in record.identity.all_settings.items():
        if _differs(record, name, value, defaults):
            usual = defaults.get(name)
            default = "not set by default" if usual is None else f"default {show_setting(usual)}"
            found[name] = f"{show_setting(value)} ({default})"
    return found


def other_settings(record: RunRecord) -> dict[str, str]:
    """Return the other settings of a run."""
    changed = changed_settings(record)
    return {name: show_setting(value) for name, value in record.identity.all_settings.items() if name not in changed}


def _differs(record: RunRecord, name: str, value: Any, defaults: dict[str, Any]) -> bool:
    if name in SHOWN_ELSEWHERE:
        return False
    if name == "bitext.languages":  # a run has its languages filled in
        tested = record.identity.all_settings.get("languages", [])
        return sorted(value) != sorted(set(tested) - {record.source_language})
    # A table that is left out has no default of its own.
    return value != defaults.get(name)


def show_setting(value: Any) -> str:
    """Return the value of a setting for readers, as in an experiment file."""
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(show_setting, value)) or "none"
    return str(value)
