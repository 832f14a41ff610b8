"""What is kept of a run: all that is needed to trust it and to repeat it."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.files import write_json
from alignfreeze.processes import n_processes
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.trainer import RealignmentHistory
from alignfreeze.training.settings import ComputeSettings, TrainingHistory

RECORD = "record.json"

PARTS = "sentences.json"
"""What each test item adds to a score, by language and metric: pairs of numbers, above and below the line."""

_RECORDED_LIBRARIES = (
    *("alignfreeze", "torch", "transformers", "accelerate", "tokenizers"),
    *("sil-thot", "seqeval", "torchmetrics", "numpy"),
)


_FOR_FOLDERS = str.maketrans({":": None, "(": "-", ")": None, ",": "-", "*": "x"})
"""Signs in the names of strategies that not every file system, or shell, has in names without ado."""


def plain_name(strategy: str) -> str:
    """Return the name of a strategy as a part of a file's: `average-0.25xbaseline-0.75xfull`."""
    return strategy.translate(_FOR_FOLDERS)


def folder_name(strategy: str, seed: int, digest: str) -> str:
    """Return the name of the folder of a run, or of a realigned encoder."""
    return f"{plain_name(strategy)}-{seed}-{digest[:12]}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: one strategy with one seed.

    Attributes:
        experiment: Name of the experiment.
        strategy: `baseline`, the freeze policy of the realignment, or an average of several.
        seed: The random start.
        digest: Of everything that determines the run.
        determined_by: What the digest is of: settings, data digests, version.
        realignment: What the realignment did, of an average those of all its members; None for the baseline.
        finetuning: What the fine-tuning did.
        scores: One a language and metric, the source language first; of a language the one that matters first.
        doubts: What cannot be right in them, with the probable cause.
        seconds: Wall-clock time of each stage.
        environment: Versions, hardware, time, and how it was computed.
        memory: Most bytes held in each stage, by `process` and, on a GPU, `device`.
    """

    experiment: str
    strategy: str
    seed: int
    digest: str
    determined_by: dict[str, Any]
    realignment: RealignmentHistory | None
    finetuning: TrainingHistory
    scores: tuple[Score, ...]
    doubts: tuple[str, ...]
    seconds: dict[str, float]
    environment: dict[str, Any]
    memory: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return folder_name(self.strategy, self.seed, self.digest)

    def write(self, folder: Path) -> None:
        """Write the record into a run's folder."""
        write_json(folder / RECORD, asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunRecord:
        """Rebuild a record from what `write` wrote.

        Raises:
            KeyError, TypeError: The values are not those of a record of this version.
        """
        realignment = values["realignment"]
        changed = {
            "realignment": None if realignment is None else realignment_from_json(realignment),
            "finetuning": _training(values["finetuning"]),
            "scores": tuple(Score(**score) for score in values["scores"]),
            "doubts": tuple(values["doubts"]),
        }
        return cls(**{**values, **changed})


def realignment_from_json(values: dict[str, Any]) -> RealignmentHistory:
    """Rebuild what a realignment did from plain values.

    Raises:
        KeyError, TypeError: The values are not those of this version.
    """
    frozen = Freezing(**{**values["frozen"], "parts": tuple(values["frozen"]["parts"])})
    return RealignmentHistory(**{**values, "training": _training(values["training"]), "frozen": frozen})


def _training(values: dict[str, Any]) -> TrainingHistory:
    curves = {name: tuple((step, value) for step, value in values.get(name, ())) for name in ("losses", "checks")}
    return TrainingHistory(**{**values, **curves})


def environment(device: str, compute: ComputeSettings) -> dict[str, Any]:
    """Return versions, hardware, the time, and how it was computed."""
    import torch

    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {library: version(library) for library in _RECORDED_LIBRARIES},
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "device": torch.cuda.get_device_name() if device == "cuda" else device,
            "threads": torch.get_num_threads(),
            "processes": n_processes(),
        },
        "compute": compute.model_dump(mode="json"),
    }
