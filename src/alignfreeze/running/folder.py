"""The files in the folder of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def failure_file_of(out: Path, name: str) -> Path:
    """Return the file with the failure of a run."""
    return out / "failed" / f"{name}.json"
