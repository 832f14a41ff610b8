"""The progress of an experiment, as a table and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from alignfreeze.columns import Column, make_sheet, plain_values
from alignfreeze.experiment.identity import is_name_of_run
from alignfreeze.progress import duration
from alignfreeze.running.claims import Claim
from alignfreeze.running.doubts import gather_doubts
from alignfreeze.running.status import RunStatus, Status
from alignfreeze.sheets import DETAIL, SPARE, Cell, Sheet

_TONES = {"complete": 1, "failed": -1, "interrupted": -1}

_STATES = ("complete", "failed", "running", "interrupted", "waiting")


def _stage(run: RunStatus) -> str | None:
    """Return why a run failed, or the stage that it has reached."""
    return run.error.splitlines()[0] if run.error else run.claim and run.claim.stage


def _steps_text(claim: Claim) -> str:
    return f"{claim.done:,}/{claim.total:,}" if claim.total else ""


_SPEED: Column[RunStatus] = Column(
    "steps/s", lambda run: run.speed if run.state == "running" else None, "{:.2g}".format, missing="", need=DETAIL
)

RUN_COLUMNS: tuple[Column[RunStatus], ...] = (
    Column("run", lambda run: run.name, is_name=True),
    Column("state", lambda run: Cell(run.state, _TONES.get(run.state, 0)), is_name=True),
    Column("stage", _stage, is_name=True, missing=""),
    Column("steps", lambda run: run.claim, _steps_text, missing=""),
    Column("loss", lambda run: run.loss, "{:.3g}".format, missing="", need=DETAIL),
    _SPEED,
    Column("score", lambda run: run.score, lambda score: f"{100 * score:.1f}", missing=""),
    Column(None, lambda run: run.speed, key="steps_per_second"),
    Column("time", lambda run: run.seconds, duration, missing="", need=DETAIL),
    Column("where", lambda run: run.claim, lambda claim: f"{claim.host}:{claim.process}", missing="", need=SPARE),
)
"""The columns for each run."""


def _state_text(run: RunStatus) -> str:
    """Return the stage of a run, or its state, with the number of doubts about its scores."""
    if run.state == "running" and run.claim is not None:
        return run.claim.stage or run.state
    n = len(run.doubts)
    return f"{run.state}, {n} doubt{'s' if n > 1 else ''}" if n else run.state


def _short_name(run: RunStatus) -> str:
    """Return the name of a run without the digest that ends it."""
    return run.name.rpartition("-")[0] if is_name_of_run(run.name) else run.name


LIVE_COLUMNS: tuple[Column[RunStatus], ...] = (
    Column("run", _short_name, is_name=True),
    Column("stage", lambda run: Cell(_state_text(run), _TONES.get(run.state, 0)), is_name=True),
    Column("steps", lambda run: run.claim if run.state == "running" else None, _steps_text, missing=""),
    Column("loss", lambda run: run.loss, "{:.3g}".format, missing="", need=DETAIL),
    _SPEED,
    Column("score", lambda run: run.score, lambda score: f"{100 * score:.1f}", missing=""),
    Column("time", lambda run: run.seconds, duration, missing="", need=DETAIL),
)
"""The columns for each run while the runs are done."""


def live_sheet(status: Status, *, most: int) -> Sheet:
    """Return the runs while they are done: those that go on, and at most this many rows around them."""
    runs = status.runs
    first = next((place for place, run in enumerate(runs) if run.state != "complete"), len(runs))
    start = max(0, min(first - most // 2, len(runs) - most))
    return make_sheet("Runs", LIVE_COLUMNS, runs[start : start + most], _count_runs(status))


def _count_runs(status: Status) -> str:
    """Return how many runs are in which state, and the time that is left for all of them."""
    counts = {state: count for state in _STATES if (count := status.count(state))}
    note = ", ".join(f"{count} {state}" for state, count in counts.items())
    return note + (f"; about {duration(status.seconds_left)} left" if status.seconds_left else "")


def status_sheet(status: Status) -> Sheet:
    """Return the state, stage and speed of the runs, one row per run."""
    return make_sheet("Runs", RUN_COLUMNS, status.runs, _count_runs(status))


def status_doubts(status: Status) -> list[str]:
    """Return what is doubtful in the scores of the complete runs, each doubt once."""
    complete = [(run.name, run.doubts) for run in status.runs if run.state == "complete"]
    return [doubt.sentence for doubt in gather_doubts(complete)]


def status_facts(status: Status) -> dict[str, Any]:
    """Return the progress of the runs as plain values."""
    runs = [asdict(run) | plain_values(RUN_COLUMNS, run) for run in status.runs]
    return {"doubts": status_doubts(status), "runs": runs, "seconds_left": status.seconds_left} | {
        state: status.count(state) for state in _STATES
    }
