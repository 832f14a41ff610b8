"""What is kept of a run: all that is needed to trust it and to repeat it."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment.identity import Identity, Part
from alignfreeze.experiment.strategies import BASELINE, Strategy, plain_name_of
from alignfreeze.files import write_json
from alignfreeze.processes import n_processes
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.trainer import RealignmentHistory
from alignfreeze.training.settings import ComputeSettings, TrainingHistory

RECORD = "record.json"

MODEL = "model"
"""The folder of a run in which its model is kept, if the user wants that."""

NO_LINKS, GIVEN_LINKS = "none", "given links"
"""What stands for the aligner where the loss needs no links, or where they were read from files."""

SENTENCES = "sentences.json"
"""What each test item adds to a score, by language and metric: pairs of numbers, above and below the line."""

_RECORDED_LIBRARIES = (
    *("alignfreeze", "torch", "transformers", "accelerate", "tokenizers"),
    *("sil-thot", "seqeval", "torchmetrics", "numpy"),
)


def name_folder(strategy: str, seed: int, digest: str) -> str:
    """Return the name of the folder of a run, or of a realigned encoder."""
    return f"{plain_name_of(strategy)}-{seed}-{digest[:12]}"


def name_realigned(strategy: Strategy, identity: Identity, *, schedule: str) -> dict[str, str]:
    """Return the names of the realigned encoders that a run's fine-tuning starts from, by freeze policy.

    Args:
        strategy: Of the run.
        identity: Of the run.
        schedule: When encoders are realigned: only those realigned `before` are shared with other runs.
    """
    names = map(str, strategy.policies) if schedule == "before" else ()
    return {name: name_folder(name, identity.seed, identity.digest_of_encoder(name)) for name in names}


def display_name_of(encoder: str) -> str:
    """Return the name of an encoder without the place of its folder, which is nobody else's business."""
    return Path(encoder).name if Path(encoder).is_dir() else encoder


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: one strategy with one seed.

    Attributes:
        experiment: Name of the experiment.
        encoder: Name of the pretrained encoder.
        strategy: Name of the strategy.
        seed: The random start.
        digest: Of the identity.
        identity: Everything that the result depends on.
        settings: All settings of the experiment, as plain values.
        realignment: What the realignment did, of an average those of all its members; None for the baseline.
        finetuning: What the fine-tuning did.
        scores: One per language and metric: the source language first, and the metric that matters first.
        doubts: What cannot be right in them, with the probable cause.
        seconds: Wall-clock time of each stage.
        environment: Versions, hardware, time, and how it was computed.
        memory: Most bytes held in each stage, by `process` and, on a GPU, `device`.
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
        """The target languages that were realigned on; none for the baseline."""
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
    def realigned(self) -> dict[str, str]:
        """Names of the realigned encoders that the fine-tuning started from, by freeze policy."""
        return name_realigned(Strategy.parse(self.strategy), self.identity, schedule=self.schedule or "")

    @property
    def stopping(self) -> dict[str, Any] | None:
        """The settings by which the realignment could end early; None where it could not."""
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
        """Return what tells the test items of a language from others; None where they are not known."""
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
            KeyError, TypeError: The values are not those of a record of this version.
        """
        realignment = values["realignment"]
        changed = {
            "identity": Identity(**values["identity"]),
            "realignment": None if realignment is None else realignment_from_json(realignment),
            "finetuning": _training_from_json(values["finetuning"]),
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
    return RealignmentHistory(**{**values, "training": _training_from_json(values["training"]), "frozen": frozen})


def _training_from_json(values: dict[str, Any]) -> TrainingHistory:
    curves = {name: tuple((step, value) for step, value in values[name]) for name in ("losses", "checks")}
    return TrainingHistory(**{**values, **curves})


def describe_environment(device: str, compute: ComputeSettings) -> dict[str, Any]:
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
