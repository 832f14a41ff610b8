"""The progress of an experiment, as its folder shows it to any process."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from alignfreeze.errors import DataError
from alignfreeze.experiment.records import RECORD
from alignfreeze.files import read_json
from alignfreeze.running.claims import Claim, is_claimed, read_claim
from alignfreeze.running.folder import PLANNED, failure_file_of

State = Literal["complete", "failed", "running", "interrupted", "waiting"]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The progress of a run.

    Attributes:
        name: Name of its folder.
        state: Its state. An interrupted run lost its process; it continues from its last checkpoint.
        claim: The process that does the run, and its progress; None if there is none.
        seconds: How long it took, or has taken so far; None if it has not begun.
        error: Why it failed.
        doubts: What is doubtful in its scores.
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
        runs: Its runs, in the order of the plan.
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
        DataError: This is not the folder of an experiment.
    """
    names: list[str] | None = read_json(out / PLANNED)
    if names is None:
        raise DataError(f"{out}: no experiment has been run here (no {PLANNED} in it)")
    # Other commands may have done, or may be doing, other runs in the same folder.
    others = [path.parent.name for path in sorted(out.glob(f"runs/[!.]*/{RECORD}"))]
    # A run that is interrupted and no longer planned does not continue, so it is not listed.
    others += [path.stem for path in sorted(out.glob("locks/*.json")) if is_claimed(out, path.stem)]
    runs = tuple(_status_of(out, name) for name in dict.fromkeys([*names, *others]))
    return Status(runs, _guess_seconds_left(runs))


def _status_of(out: Path, name: str) -> RunStatus:
    record = out / "runs" / name / RECORD
    if record.exists():
        seconds, doubts = _facts_of(record, record.stat().st_mtime_ns)
        return RunStatus(name, "complete", seconds=seconds, doubts=doubts)
    failure: dict[str, Any] | None = read_json(failure_file_of(out, name))
    if failure is not None:
        return RunStatus(name, "failed", error=str(failure.get("error", "")))
    claim = read_claim(out, name)
    if claim is None:
        return RunStatus(name, "waiting")
    if not is_claimed(out, name):
        return RunStatus(name, "interrupted", claim)
    return RunStatus(name, "running", claim, seconds=time.time() - claim.began)


@lru_cache(maxsize=10_000)
def _facts_of(record: Path, _: int) -> tuple[float | None, tuple[str, ...]]:
    """Return how long a run took, and its doubts. A record is read only once, unless it is written again."""
    values: dict[str, Any] | None = read_json(record)
    if values is None:
        return None, ()
    return sum(values.get("seconds", {}).values()), tuple(values.get("doubts", ()))


def _guess_seconds_left(runs: tuple[RunStatus, ...]) -> float | None:
    took = [run.seconds for run in runs if run.state == "complete" and run.seconds is not None]
    if not took:
        return None
    usual = statistics.median(took)
    at_once = max(1, sum(run.state == "running" for run in runs))
    left = [usual for run in runs if run.state in {"waiting", "interrupted"}]
    left += [max(0.0, usual - (run.seconds or 0.0)) for run in runs if run.state == "running"]
    return sum(left) / at_once
