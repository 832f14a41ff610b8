"""The record of a run: everything that is needed to trust it and to repeat it."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment.identity import Identity, Part, name_folder
from alignfreeze.experiment.overlap import Overlap
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.files import write_json
from alignfreeze.processes import n_processes
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.trainer import RealignmentHistory
from alignfreeze.training.settings import ComputeSettings, TrainingHistory

RECORD = "record.json"

MODEL = "model"
"""The folder in a run's folder with its model, if it is kept."""

NO_LINKS, GIVEN_LINKS = "none", "given links"
"""Values for the aligner if the loss needs no links, and if links were read from files."""

SENTENCES = "sentences.json"
"""The file with what each test item adds to a score, by language and metric: pairs of numerator and denominator."""

_RECORDED_LIBRARIES = (
    *("alignfreeze", "torch", "transformers", "accelerate", "tokenizers"),
    *("sil-thot", "seqeval", "torchmetrics", "numpy"),
)


def display_name_of(encoder: str) -> str:
    """Return the name of an encoder without the path of its folder, which is private."""
    return Path(encoder).name if Path(encoder).is_dir() else encoder


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: one strategy with one seed.

    Attributes:
        experiment: Name of the experiment.
        encoder: Name of the pretrained encoder.
        strategy: Name of the strategy.
        seed: The random start.
        digest: Digest of the identity.
        identity: Everything that the result depends on.
        settings: All settings of the experiment, as plain values.
        realignment: What the realignment did, or the realignments of an average; None for the baseline.
        finetuning: What the fine-tuning did.
        scores: One per language and metric. The source language comes first, and so does the most important metric.
        doubts: What cannot be right in the scores, with the probable cause.
        seconds: Wall-clock time of each stage.
        environment: Versions, hardware, the time, and the settings of the computation.
        memory: Most bytes held in each stage, by `process` and, on a GPU, `device`.
        overlaps: Test items that were also trained on.
    """

    experiment: str
    encoder: str
    strategy: str
    seed: int
    digest: str
    identity: Identity
    settings: dict[str, Any]
    realignment: RealignmentHistory | None
    finetuning: TrainingHistory
    scores: tuple[Score, ...]
    doubts: tuple[str, ...]
    seconds: dict[str, float]
    environment: dict[str, Any]
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    overlaps: tuple[Overlap, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return name_folder(self.strategy, self.seed, self.digest)

    @property
    def is_baseline(self) -> bool:
        """Whether nothing was realigned."""
        return self.strategy == BASELINE

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.settings["task"]

    @property
    def source_language(self) -> str:
        """The language of the training data."""
        return self.settings["source_language"]

    @property
    def realigned_languages(self) -> list[str]:
        """The target languages of the realignment; none for the baseline."""
        return [] if self.is_baseline else self.identity.settings[Part.PAIRS]["bitext.languages"]

    @property
    def schedule(self) -> str | None:
        """When the encoder was realigned; None for the baseline."""
        return None if self.is_baseline else self.settings["realignment"]["schedule"]

    @property
    def aligner(self) -> str | None:
        """What linked the words: an aligner, `given links`, or `none`; None for the baseline."""
        if self.is_baseline:
            return None
        if Part.LINKS not in self.identity.settings:
            return NO_LINKS
        return GIVEN_LINKS if self.settings["alignment"]["links"] else self.settings["alignment"]["aligner"]

    @property
    def stopping(self) -> dict[str, Any] | None:
        """The settings that let the realignment end early; None if it could not."""
        return None if self.is_baseline else self.settings["realignment"]["stopping"]

    @property
    def keeps_model(self) -> bool:
        """Whether the fine-tuned model was kept."""
        return self.settings["keep_models"]

    @property
    def files(self) -> dict[str, str]:
        """Digests of the files that the result depends on, by role."""
        return self.identity.files_of(*Part)

    def tests_of(self, language: str) -> str | None:
        """Return a text that identifies the test items of a language; None if they are not known."""
        digest = self.identity.files[Part.TESTS].get(f"test {language}")
        most = self.identity.settings[Part.TESTS]["data.max_test"]
        return digest if digest is None or most is None else f"{digest} (the first {most:,} items)"

    def write(self, folder: Path) -> None:
        """Write the record into a run's folder."""
        write_json(folder / RECORD, asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunRecord:
        """Rebuild a record from what `write` wrote.

        Raises:
            KeyError, TypeError: These are not the values of a record of this version.
        """
        realignment = values["realignment"]
        changed = {
            "identity": Identity(**values["identity"]),
            "realignment": None if realignment is None else realignment_from_json(realignment),
            "finetuning": _training_from_json(values["finetuning"]),
            "scores": tuple(Score(**score) for score in values["scores"]),
            "doubts": tuple(values["doubts"]),
            "overlaps": tuple(Overlap(**overlap) for overlap in values.get("overlaps", ())),
        }
        return cls(**{**values, **changed})


def realignment_from_json(values: dict[str, Any]) -> RealignmentHistory:
    """Rebuild the history of a realignment from plain values.

    Raises:
        KeyError, TypeError: These are not the values of a realignment of this version.
    """
    frozen = Freezing(**{**values["frozen"], "parts": tuple(values["frozen"]["parts"])})
    return RealignmentHistory(**{**values, "training": _training_from_json(values["training"]), "frozen": frozen})


def _training_from_json(values: dict[str, Any]) -> TrainingHistory:
    curves = {name: tuple((step, value) for step, value in values[name]) for name in ("losses", "checks")}
    return TrainingHistory(**{**values, **curves})


def describe_environment(device: str, compute: ComputeSettings) -> dict[str, Any]:
    """Return versions, hardware, the time, and the settings of the computation."""
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
