"""How far an experiment has come, as a table and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.running.status import RunStatus, Status

_TONES = {"complete": 1, "failed": -1, "interrupted": -1}


def status_sheet(status: Status) -> Sheet:
    """Return a row a run: its state, its stage, its speed."""
    columns = ("run", "state", "stage", "steps", "steps/s", "time", "where")
    counts = {state: count for state in _STATES if (count := status.count(state))}
    note = ", ".join(f"{count} {state}" for state, count in counts.items())
    if status.seconds_left:
        note += f"; about {duration(status.seconds_left)} left"
    return Sheet("Runs", columns, 3, tuple(_row(run) for run in status.runs), note)


_STATES = ("complete", "failed", "running", "interrupted", "waiting")


def _row(run: RunStatus) -> tuple[Cell, ...]:
    claim = run.claim
    stage = run.error.splitlines()[0] if run.error else claim.stage if claim else ""
    steps = f"{claim.done:,}/{claim.total:,}" if claim and claim.total else ""
    return (
        Cell(run.name),
        Cell(run.state, _TONES.get(run.state, 0)),
        Cell(stage),
        Cell(steps),
        Cell("" if run.speed is None or run.state != "running" else f"{run.speed:.2g}"),
        Cell("" if run.seconds is None else duration(run.seconds)),
        Cell(f"{claim.host}:{claim.process}" if claim else ""),
    )


def duration(seconds: float) -> str:
    """Return a time span as people read it: `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def status_facts(status: Status) -> dict[str, Any]:
    """Return the same as plain values."""
    runs = [asdict(run) | {"steps_a_second": run.speed} for run in status.runs]
    return {"runs": runs, "seconds_left": status.seconds_left} | {state: status.count(state) for state in _STATES}
