"""One run, as the paper's method section tells it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation.zero_shot import Outcome, assess
from alignfreeze.experiment.cards import CardFacts, write_card
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.records import PARTS, RunRecord, environment
from alignfreeze.experiment.settings import BASELINE, ExperimentSettings
from alignfreeze.files import digest_of_json, write_lines
from alignfreeze.progress import remark
from alignfreeze.realignment.trainer import RealignmentHistory, prepare, realign
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
        # Not every file system has colons in names.
        return f"{self.strategy.replace(':', '')}-{self.seed}-{self.digest[:12]}"


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
    schedule = None if spec.strategy == BASELINE else settings.realignment.schedule
    clock = _Clock()
    with clock.measured("loading"):
        encoder = load_encoder(settings.encoder, tokenizer=tokenizer)
    pairs = {"bitext": data.bitext, "alignments": alignments, "freeze": spec.strategy, "settings": settings.realignment}

    def realigned(encoder: Encoder) -> RealignmentHistory:
        with clock.measured("realignment"):
            return realign(encoder, **pairs, checkpoints=checkpoints / "realignment", **start)

    history = realigned(encoder) if schedule == "before" else None
    alongside = prepare(encoder, **pairs, seed=spec.seed) if schedule == "during" else None
    with clock.measured("fine-tuning"):
        model, training = finetune(
            encoder,
            task,
            data.train,
            settings=settings.finetuning,
            alongside=alongside,
            checkpoints=checkpoints / "fine-tuning",
            **start,
        )
    if schedule == "after":
        base: Any = model.model.base_model
        history = realigned(Encoder(encoder.name, base, encoder.tokenizer))
    elif alongside is not None:
        history = alongside.history(training)
    with clock.measured("evaluation"):
        outcome = assess(model, task, data.tests, source=settings.source_language, device=settings.device)
    for doubt in outcome.doubts:
        remark(f"{spec.strategy}, seed {spec.seed}: {doubt}")
    if settings.keep_models:
        model.save(folder / "model")
        write_card(folder / "model", _card(spec, data, history, outcome))
    record = RunRecord(
        experiment=settings.name,
        strategy=spec.strategy,
        seed=spec.seed,
        digest=spec.digest,
        determined_by=spec.determined_by,
        realignment=history,
        finetuning=training,
        scores=outcome.scores,
        doubts=outcome.doubts,
        seconds=clock.seconds,
        environment=environment(settings.device, settings.compute),
    )
    write_lines(folder / PARTS, [json.dumps(outcome.parts)])
    record.write(folder)
    return record


def _card(spec: RunSpec, data: ExperimentData, history: RealignmentHistory | None, outcome: Outcome) -> CardFacts:
    settings = spec.settings
    stages = ("train",) if history is None else ("train", "bitext", "links", "dictionary")
    return CardFacts(
        encoder=settings.encoder,
        languages=settings.tested_languages,
        task=settings.task,
        strategy=None if history is None else spec.strategy,
        freezing=None if history is None else history.frozen,
        aligner=_aligner(settings),
        schedule=settings.realignment.schedule,
        digests=data.digests(*stages),
        scores=outcome.scores,
        doubts=outcome.doubts,
    )


def _aligner(settings: ExperimentSettings) -> str | None:
    if not settings.realignment.needs_links:
        return None
    return "read from files" if settings.alignment.links else settings.alignment.aligner


class _Clock:
    """Wall-clock time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)
