"""What lies in the folder of a study, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EXPERIMENT = "experiment.json"
"""The settings of an experiment, or of several."""

PLANNED = "planned.json"
"""The names of the runs that an experiment is made of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that went wrong.

    Attributes:
        strategy: `baseline`, the freeze policy, or an average of several.
        seed: The random start.
        error: What went wrong.
        trace: Where, in the code; empty where the error says all.
        finished: When, in ISO 8601.
    """

    strategy: str
    seed: int
    error: str
    trace: str
    finished: str


def failure_file_of(out: Path, name: str) -> Path:
    """Return where it is kept how a run failed."""
    return out / "failed" / f"{name}.json"
