"""The progress of an experiment, which any process can read from its folder."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alignfreeze.errors import DataError
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.running.claims import Claim, is_claimed, read_claim
from alignfreeze.running.folder import read_failure, read_planned

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
    """

    name: str
    state: State
    claim: Claim | None = None
    seconds: float | None = None
    error: str | None = None
    doubts: tuple[str, ...] = ()

    @property
    def speed(self) -> float | None:
        """Steps per second of the current stage; None if they are not known."""
        if self.claim is None or not self.claim.done:
            return None
        return self.claim.done / max(1e-9, time.time() - self.claim.stage_began)


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of an experiment.

    Attributes:
        runs: The runs, in the order of the plan.
        seconds_left: The estimated time until all runs are complete; None before the first complete run.
    """

    runs: tuple[RunStatus, ...]
    seconds_left: float | None

    def count(self, state: State) -> int:
        """Return how many runs are in a state."""
        return sum(run.state == state for run in self.runs)


def read_status(out: Path) -> Status:
    """Read the progress of an experiment.

    Args:
        out: The folder of its runs.

    Raises:
        DataError: This is not the folder of an experiment, or its plan is damaged.
    """
    names = read_planned(out)
    # Other commands may have done, or may be doing, other runs in the same folder.
    others = [path.parent.name for path in sorted(out.glob(f"runs/[!.]*/{RECORD}"))]
    # A run that is interrupted and no longer planned does not continue, so it is not listed.
    others += [path.stem for path in sorted(out.glob("locks/*.json")) if is_claimed(out, path.stem)]
    runs = tuple(_status_of(out, name) for name in dict.fromkeys([*names, *others]))
    return Status(runs, _guess_seconds_left(runs))


def _status_of(out: Path, name: str) -> RunStatus:
    record = out / "runs" / name / RECORD
    if record.exists() and (facts := _facts_of(record, record.stat().st_mtime_ns)) is not None:
        seconds, doubts = facts
        return RunStatus(name, "complete", seconds=seconds, doubts=doubts)
    if (failure := read_failure(out, name)) is not None:
        return RunStatus(name, "failed", error=failure.error)
    claim = read_claim(out, name)
    if claim is None:
        return RunStatus(name, "waiting")
    if not is_claimed(out, name):
        return RunStatus(name, "interrupted", claim)
    return RunStatus(name, "running", claim, seconds=time.time() - claim.began)


@lru_cache(maxsize=10_000)
def _facts_of(record: Path, _: int) -> tuple[float, tuple[str, ...]] | None:
    """Return the seconds and the doubts of a run; None for a damaged record. A record is read once for each change."""
    try:
        found = RunRecord.read(record)
    except DataError:
        return None
    return sum(found.seconds.values()), tuple(found.doubts)


def _guess_seconds_left(runs: tuple[RunStatus, ...]) -> float | None:
    took = [run.seconds for run in runs if run.state == "complete" and run.seconds is not None]
    if not took:
        return None
    usual = statistics.median(took)
    at_once = max(1, sum(run.state == "running" for run in runs))
    left = [usual for run in runs if run.state in {"waiting", "interrupted"}]
    left += [max(0.0, usual - (run.seconds or 0.0)) for run in runs if run.state == "running"]
    return sum(left) / at_once
