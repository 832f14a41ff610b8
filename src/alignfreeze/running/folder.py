"""The files in the folder of a study."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.stored import Excerpt, Stored

EXPERIMENT = "experiment.json"
"""The settings of an experiment, or of several."""

PLANNED = "planned.json"
"""The names of the runs of an experiment, and the optimiser steps of each, by training."""

PILOTS = "pilots"
"""The subfolder with the folders of pilots, and the name under which a process claims all of them."""

PLANNED_PILOTS = "pilots.json"
"""The same as `planned.json`, for pilots."""

PILOT = "pilot.json"
"""The file of a pilot."""


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


@dataclass(frozen=True, slots=True)
class PilotFacts:
    """What the file of a pilot holds beside its predictions.

    Attributes:
        strategy: `baseline`, or the freeze policy.
        seed: The random start.
        source_score: Score on held-out items of the source language; None without such items.
        doubts: Signs that the score cannot be right.
        seconds: How long the pilot took.
        is_weak: Whether the score is too low to believe the pilot.
    """

    strategy: str
    seed: int
    source_score: float | None
    doubts: tuple[str, ...]
    seconds: float
    is_weak: bool


class _Languages(Excerpt):
    """The settings of an experiment that are read again."""

    source_language: str
    languages: list[str]


_PLANNED = Stored[Any](list[str] | dict[str, dict[str, int]], "the plan of an experiment of this version")
PILOT_FACTS = Stored[PilotFacts](PilotFacts, "the file of a pilot of this version")
_EXPERIMENT = Stored[Any](_Languages | list[_Languages], "the settings of an experiment of this version")
_FAILURE = Stored[Failure](Failure, "the error of a run of this version")


def read_planned(out: Path) -> dict[str, dict[str, int]]:
    """Read the names of the planned runs of a folder, and the optimiser steps of each run by training, if known.

    Raises:
        DataError: The folder has no plan, or the file is damaged.
    """
    path = out / PLANNED
    if not path.exists():
        raise DataError(f"{out}: no experiment has been run here (no {PLANNED} in it)")
    return _read_plan(path)


def read_planned_pilots(out: Path) -> dict[str, dict[str, int]]:
    """Read the names of the planned pilots of a folder, and their steps; empty if it has no pilots.

    Raises:
        DataError: The file is damaged.
    """
    path = out / PLANNED_PILOTS
    return _read_plan(path) if path.exists() else {}


def _read_plan(path: Path) -> dict[str, dict[str, int]]:
    names = _PLANNED.read(path)
    for name in names:
        if Path(name).name != name or name.startswith("."):
            raise _PLANNED.refuse(str(path), f"{name!r} is no name of a run")
    return names if isinstance(names, dict) else {name: {} for name in names}


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


def say_untried(planned: Iterable[str], missing: Collection[str]) -> str:
    """Return a sentence about strategies of which no planned run is complete; empty if there is none.

    Args:
        planned: The names of the planned runs.
        missing: Those of them that are not complete.
    """
    strategies: dict[str, bool] = {}
    for name in planned:
        strategy = name.rsplit("-", 2)[0]
        strategies[strategy] = strategies.get(strategy, False) or name not in missing
    untried = [strategy for strategy, is_tried in strategies.items() if not is_tried]
    if not untried:
        return ""
    return f"Of {' and '.join(untried)} no run is complete yet, so nothing can be said about {_it(untried)}."


def _it(several: Sequence[str]) -> str:
    return "it" if len(several) == 1 else "them"
