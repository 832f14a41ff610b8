"""The paper: its twelve experiments as files, and the scores that it published.

The tables (CSV) hold the scores of single runs from the paper's repository, posos-tech/multilingual-alignment-and-
transfer, scripts/2025_naacl/results, rounded to five digits (benchmarks/published.py). Bakos et al., AlignFreeze,
NAACL 2025.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from alignfreeze.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from alignfreeze.experiment.settings import ExperimentSettings

PUBLISHED = frozenset({"full", "front", "back"})
"""The strategies whose scores were published, beside the baseline."""

PREFIX = "paper:"
"""Begins the name of a published table where results are named: `paper:pos-xlmr`."""

FOLDER = Path(__file__).parent


def list_experiments() -> list[str]:
    """Return the names of the paper's experiments: the task, and the encoder."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def experiment_path(name: str) -> Path:
    """Return the file of an experiment of the paper.

    Raises:
        SettingsError: There is no such experiment.
    """
    return _find(name, ".toml")


def table_path(name: str) -> Path:
    """Return the table of the scores that the paper published for an experiment.

    Raises:
        SettingsError: There is no such experiment.
    """
    return _find(name, ".csv")


def check_repeatable(settings: ExperimentSettings, name: str) -> None:
    """Check, before anything runs, that an experiment can be compared with what the paper published for another.

    Raises:
        SettingsError: They have no target language in common, no strategy but the baseline, or different schedules.
    """
    with table_path(name).open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    published = {part for column in columns for part in column.split("_")[-2:-1]}
    if not published & set(settings.languages):
        raise SettingsError(f"the paper has no scores of {name} in {', '.join(settings.languages)}")
    if not PUBLISHED & {str(strategy) for strategy in settings.strategies}:
        raise SettingsError(f"the paper has scores of {', '.join(sorted(PUBLISHED))}; strategies names none of them")
    if settings.realignment.schedule != "before":
        raise SettingsError(
            f"realignment.schedule: the paper's scores here are of 'before', not of {settings.realignment.schedule!r}"
        )


def _find(name: str, ending: str) -> Path:
    known = list_experiments()
    if name not in known:
        raise SettingsError(
            f"the paper has no experiment {name!r}; it has {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return FOLDER / f"{name}{ending}"
