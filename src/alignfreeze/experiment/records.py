"""The record of a run: everything that is needed to trust the run and to repeat it."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.errors import DataError
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.identity import Identity, Part, is_name_of_run, name_folder
from alignfreeze.experiment.names import BASELINE, ENSEMBLE, sees_bitext, split_joined
from alignfreeze.experiment.overlap import Overlap
from alignfreeze.experiment.taught import Teaching
from alignfreeze.files import write_json
from alignfreeze.processes import n_processes
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.stored import Excerpt, Stored
from alignfreeze.training.history import TrainingHistory

if TYPE_CHECKING:
    from alignfreeze.training.settings import ComputeSettings

RECORD = "record.json"

RUNS = "runs"
"""The folder of a study with the folders of its runs."""

MODEL = "model"
"""The subfolder of a run's folder for the fine-tuned model, if the model is kept."""

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
        seed: The random start; the first one, if the models of several seeds are joined.
        digest: Digest of the identity.
        identity: Everything that the result depends on.
        settings: All settings of the experiment, as plain values.
        realignment: The history of the realignment, or of the realignments of an average; None for the baseline.
        finetuning: The history of the fine-tuning; of the last one, if there are two.
        scores: One score per language and metric. The source language and the most important metric come first.
        doubts: Signs that the scores cannot be right, with the probable cause.
        seconds: Wall-clock time of each stage.
        environment: Versions, hardware, the time, and the settings of the computation.
        memory: Most bytes held in each stage, by `process` and, on a GPU, `device`.
        overlaps: Test items that were also trained on.
        teaching: What the model was taught in target languages, if it was trained a second time.
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
    teaching: Teaching | None = None

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return name_folder(self.strategy, self.seed, self.digest)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the run: one, or all those whose models are joined."""
        return self.identity.seeds

    @property
    def named_seeds(self) -> str:
        """The seeds in words: `seed 31`, or `seeds 31, 42, 66`."""
        return f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}"

    @property
    def is_baseline(self) -> bool:
        """Whether this is a run of the strategy that all others are compared with."""
        return self.strategy == BASELINE

    @property
    def sees_bitext(self) -> bool:
        """Whether bitext was used: to realign, or for labels in target languages."""
        return sees_bitext(self.strategy) and Part.REALIGNMENT in self.identity.settings

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.settings["task"]

    @property
    def mean_score(self) -> float | None:
        """The mean over target languages of the most important metric; None if no target language was tested."""
        metric = self.scores[0].metric if self.scores else None
        of_targets = [one.value for one in self.scores if one.metric == metric and one.language != self.source_language]
        return sum(of_targets) / len(of_targets) if of_targets else None

    @property
    def source_language(self) -> str:
        """The language of the training data."""
        return self.settings["source_language"]

    @property
    def realigned_languages(self) -> list[str]:
        """The target languages of the bitext; none for models that do not see it."""
        return self.identity.settings[Part.PAIRS]["bitext.languages"] if self.sees_bitext else []

    @property
    def schedule(self) -> str | None:
        """When an encoder is realigned; None for models that do not see the bitext."""
        return self.settings["realignment"]["schedule"] if self.sees_bitext else None

    @property
    def aligner(self) -> str | None:
        """The source of the word links: an aligner, `given links`, or `none`; None without bitext."""
        if not self.sees_bitext:
            return None
        if Part.LINKS not in self.identity.settings:
            return NO_LINKS
        return GIVEN_LINKS if self.settings["alignment"]["links"] else self.identity.aligner

    @property
    def stopping(self) -> dict[str, Any] | None:
        """The settings that let the realignment end early; None if it could not."""
        return self.settings["realignment"]["stopping"] if self.sees_bitext else None

    @property
    def keeps_model(self) -> bool:
        """Whether the fine-tuned model was kept. An ensemble has several, and no model of its own."""
        return self.settings["keep_models"] and split_joined(self.strategy)[1] != ENSEMBLE

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
    def from_json(cls, values: dict[str, Any], place: str = "a record") -> RunRecord:
        """Rebuild a record from what `write` wrote.

        Raises:
            DataError: These are not the values of a record of this version.
        """
        return _check_record(_RECORD.parse(json.dumps(values), place), place)

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """Read a record that `write` wrote.

        Raises:
            DataError: The file is missing or damaged, is not a record of this version, or is the record of another run
                than its folder.
        """
        record = _check_record(_RECORD.read(path), str(path))
        named = path.absolute().parent.name
        if named != record.folder and is_name_of_run(named):
            raise DataError(
                f"{path}: the record of another run, {record.folder}; remove the folder, and do the run again"
            )
        return record


class _Realignment(Excerpt):
    schedule: str
    stopping: dict[str, Any] | None


class _Alignment(Excerpt):
    aligner: str
    links: str | None


class _RecordedSettings(Excerpt):
    """The settings of a record that are read again."""

    task: str
    source_language: str
    realignment: _Realignment
    alignment: _Alignment
    keep_models: bool


class _Hardware(Excerpt):
    device: str


class _Environment(Excerpt):
    """What is read again of the environment of a record."""

    finished: str
    versions: dict[str, str]
    hardware: _Hardware


_RECORD = Stored[RunRecord](RunRecord, "the record of a run of this version")
_SETTINGS = Stored[_RecordedSettings](_RecordedSettings, "the record of a run of this version")
_ENVIRONMENT = Stored[_Environment](_Environment, "the record of a run of this version")


def _check_record(record: RunRecord, place: str) -> RunRecord:
    """Return a record whose parts fit together.

    Raises:
        DataError: They do not.
    """
    _SETTINGS.parse(json.dumps(record.settings), f"{place}, settings")
    _ENVIRONMENT.parse(json.dumps(record.environment), f"{place}, environment")
    identity = record.identity
    if not all(0 <= score.value <= 1 for score in record.scores):
        raise _RECORD.refuse(place, "a score is no share between 0 and 1")
    try:
        most, _ = identity.settings[Part.TESTS]["data.max_test"], identity.files[Part.TESTS]
        fits = isinstance(most, int | None) and all(isinstance(code, str) for code in record.realigned_languages)
    except (KeyError, TypeError):
        fits = False
    if not fits:
        raise _RECORD.refuse(place, "its identity lacks tests or languages")
    return record


def describe_environment(device: str, compute: ComputeSettings) -> dict[str, Any]:
    """Return versions, hardware, the time, and the settings of the computation."""
    import torch

    from alignfreeze.encoding.devices import is_gpu

    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {library: version(library) for library in (*_RECORDED_LIBRARIES, *({"peft"} & sys.modules.keys()))},
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "device": torch.cuda.get_device_name(device) if is_gpu(device) else device,
            "threads": torch.get_num_threads(),
            "processes": n_processes(),
        },
        "compute": compute.model_dump(mode="json"),
    }
