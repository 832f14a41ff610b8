"""The files in the folder of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.stored import Excerpt, Stored

EXPERIMENT = "experiment.json"
"""The settings of an experiment, or of several."""

PLANNED = "planned.json"
"""The names of the runs of an experiment."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed run.

    Attributes:
        strategy: `baseline`, the freeze policy, or an average of several.
        seed: The random start.
        error: What went wrong.
        trace: The place in the code; empty if the message of the error is enough.
        finished: The time of the failure, in ISO 8601.
    """

    strategy: str
    seed: int
    error: str
    trace: str
    finished: str


class _Languages(Excerpt):
    """The settings of an experiment that are read again."""

    source_language: str
    languages: list[str]


_PLANNED = Stored[list[str]](list[str], "the plan of an experiment of this version")
_EXPERIMENT = Stored[Any](_Languages | list[_Languages], "the settings of an experiment of this version")
_FAILURE = Stored[Failure](Failure, "the error of a run of this version")


def read_planned(out: Path) -> list[str]:
    """Read the names of the planned runs of a folder.

    Raises:
        DataError: The folder has no plan, or the file is damaged.
    """
    path = out / PLANNED
    if not path.exists():
        raise DataError(f"{out}: no experiment has been run here (no {PLANNED} in it)")
    names = _PLANNED.read(path)
    for name in names:
        if Path(name).name != name or name.startswith("."):
            raise _PLANNED.refuse(str(path), f"{name!r} is no name of a run")
    return names


def read_planned_languages(out: Path) -> list[str]:
    """Return the languages of the planned experiments of a folder; none if it has no plan.

    Raises:
        DataError: The file is damaged.
    """
    if not (out / EXPERIMENT).exists():
        return []
    found = _EXPERIMENT.read(out / EXPERIMENT)
    several = found if isinstance(found, list) else [found]
    return [code for settings in several for code in (settings.source_language, *settings.languages)]


def read_failure(out: Path, name: str) -> Failure | None:
    """Return how a run failed; None if it did not, or the file is damaged."""
    return _FAILURE.find(failure_file_of(out, name))


def failure_file_of(out: Path, name: str) -> Path:
    """Return the file with the failure of a run."""
    return out / "failed" / f"{name}.json"
