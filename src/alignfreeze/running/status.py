"""The progress of an experiment, which any process can read from its folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alignfreeze.errors import DataError
from alignfreeze.experiment.records import RECORD, RUNS, RunRecord
from alignfreeze.running.claims import Claim, is_claimed, read_claim
from alignfreeze.running.folder import (
    PILOT,
    PILOT_FACTS,
    PILOTS,
    PLANNED,
    read_failure,
    read_planned,
    read_planned_pilots,
)
from alignfreeze.running.pace import Pace, guess_seconds_left

State = Literal["complete", "failed", "running", "interrupted", "waiting"]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The progress of a run.

    Attributes:
        name: The name of the run's folder.
        state: The state of the run. An interrupted run lost its process; it continues from its last checkpoint.
        claim: The process that does the run, and its progress; None if no process does.
        seconds: How long the run took, or has taken so far; None if it has not begun.
        error: Why the run failed.
        doubts: The doubts about the scores of the run.
        score: The mean score over target languages; None before the run is complete. Of a pilot, the score on held-out
            items of the source language.
    """

    name: str
    state: State
    claim: Claim | None = None
    seconds: float | None = None
    error: str | None = None
    doubts: tuple[str, ...] = ()
    score: float | None = None

    @property
    def loss(self) -> float | None:
        """The latest training loss of the current stage; None if there is none."""
        return None if self.claim is None else self.claim.values.get("loss")

    @property
    def speed(self) -> float | None:
        """Steps per second of the current stage; None if they are not known."""
        if self.claim is None or not self.claim.done or self.state != "running":
            return None
        return self.claim.done / max(1e-9, time.time() - self.claim.stage_began)


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of an experiment.

    Attributes:
        runs: The runs, in the order of the plan.
        seconds_left: The estimated time until all runs are complete; None if nothing is known about it yet.
    """

    runs: tuple[RunStatus, ...]
    seconds_left: float | None

    def count(self, state: State) -> int:
        """Return how many runs are in a state."""
        return sum(run.state == state for run in self.runs)


def read_status(out: Path, *, only: Sequence[str] | None = None) -> Status:
    """Read the progress of an experiment, or of the pilots of an advice.

    Args:
        out: The folder of its runs.
        only: Patterns of the names of runs, such as `front-*`. By default all runs.

    Raises:
        DataError: This is not the folder of an experiment, or its plan is damaged.
    """
    planned = read_planned_pilots(out)
    if not planned or (out / PLANNED).exists():
        planned = read_planned(out) | planned
    # Other commands may have done, or may be doing, other runs in the same folder.
    others = [path.parent.name for path in sorted(out.glob(f"runs/[!.]*/{RECORD}"))]
    # A run that is interrupted and no longer planned does not continue, so it is not listed.
    claims = [path.stem for path in sorted(out.glob("locks/*.json")) if path.stem != PILOTS]
    others += [name for name in claims if is_claimed(out, name)]
    names = [name for name in dict.fromkeys([*planned, *others]) if not only or any(fnmatch(name, one) for one in only)]
    facts = {name: _look_up(out, name) for name in names}
    runs = tuple(_status_of(out, name, found) for name, found in facts.items())
    paces = {name: found.pace for name, found in facts.items() if found is not None}
    return Status(runs, guess_seconds_left(runs, paces, planned))


def _status_of(out: Path, name: str, facts: _Facts | None) -> RunStatus:
    if facts is not None:
        return RunStatus(name, "complete", seconds=facts.pace.seconds, doubts=facts.doubts, score=facts.score)
    if (failure := read_failure(out, name)) is not None:
        return RunStatus(name, "failed", error=failure.error)
    claim = read_claim(out, name)
    if claim is None:
        return RunStatus(name, "waiting")
    if not is_claimed(out, name):
        return RunStatus(name, "interrupted", claim)
    return RunStatus(name, "running", claim, seconds=time.time() - claim.began)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is told about a complete run."""

    pace: Pace
    doubts: tuple[str, ...]
    score: float | None


def _look_up(out: Path, name: str) -> _Facts | None:
    """Return the facts of a complete run or pilot; None if it is not complete. A file is read once for each change."""
    for read, path in ((_facts_of, out / RUNS / name / RECORD), (_facts_of_pilot, out / PILOTS / name / PILOT)):
        if path.exists() and (facts := read(path, path.stat().st_mtime_ns)) is not None:
            return facts
    return None


@lru_cache(maxsize=10_000)
def _facts_of(record: Path, _: int) -> _Facts | None:
    try:
        found = RunRecord.read(record)
    except DataError:
        return None
    return _Facts(Pace.of(found), tuple(found.doubts), found.mean_score)


@lru_cache(maxsize=10_000)
def _facts_of_pilot(path: Path, _: int) -> _Facts | None:
    found = PILOT_FACTS.find(path)
    return None if found is None else _Facts(Pace(found.seconds), found.doubts, found.source_score)
