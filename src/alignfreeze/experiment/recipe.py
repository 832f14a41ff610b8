"""One run, as the paper's method section tells it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation.zero_shot import evaluate
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.records import RunRecord, environment
from alignfreeze.experiment.settings import BASELINE, ExperimentSettings
from alignfreeze.files import digest_of_json
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks import TASKS
from alignfreeze.tasks.finetuning import finetune


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What one run is to do.

    Attributes:
        settings: The experiment it belongs to, every default filled in.
        strategy: `baseline` or a freeze policy.
        seed: The random start.
        determined_by: Everything that its result depends on.
    """

    settings: ExperimentSettings
    strategy: str
    seed: int
    determined_by: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the result depends on."""
        return digest_of_json(self.determined_by)

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return f"{self.strategy}-{self.seed}-{self.digest[:12]}"


def run(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    folder: Path,
    *,
    tokenizer: PreTrainedTokenizerFast,
    checkpoints: Path,
) -> RunRecord:
    """Realign an encoder, fine-tune it in the source language, and test it in every language.

    Args:
        spec: What to do.
        data: What the experiment reads.
        alignments: The word alignments of its bitext; not used by the baseline.
        folder: Where the record, and the models if wanted, are written.
        tokenizer: The encoder's.
        checkpoints: A folder for the checkpoints of its trainings, from which it goes on if it was killed.
    """
    settings = spec.settings
    start: dict[str, Any] = {"seed": spec.seed, "device": settings.device, "compute": settings.compute}
    task = TASKS[settings.task]
    clock = _Clock()
    with clock.measured("loading"):
        encoder = load_encoder(settings.encoder, tokenizer=tokenizer)
    history = None
    if spec.strategy != BASELINE:
        with clock.measured("realignment"):
            history = realign(
                encoder,
                data.bitext,
                alignments,
                freeze=spec.strategy,
                settings=settings.realignment,
                checkpoints=checkpoints / "realignment",
                **start,
            )
    with clock.measured("fine-tuning"):
        model, training = finetune(
            encoder,
            task,
            data.train,
            settings=settings.finetuning,
            checkpoints=checkpoints / "fine-tuning",
            **start,
        )
    with clock.measured("evaluation"):
        scores = evaluate(model, task, data.tests, device=settings.device)
    if settings.keep_models:
        model.save(folder / "model")
    record = RunRecord(
        experiment=settings.name,
        strategy=spec.strategy,
        seed=spec.seed,
        digest=spec.digest,
        determined_by=spec.determined_by,
        realignment=history,
        finetuning=training,
        scores=tuple(scores),
        seconds=clock.seconds,
        environment=environment(settings.device, settings.compute),
    )
    record.write(folder)
    return record


class _Clock:
    """Wall-clock time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)
