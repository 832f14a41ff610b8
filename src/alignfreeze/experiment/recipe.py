"""One run, as the paper's method section tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation.zero_shot import Outcome, assess
from alignfreeze.experiment.cards import CardFacts, write_card
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import PREDICTIONS, held_out_links, predict_held_out, write_predictions
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.records import PARTS, RunRecord, environment, folder_name
from alignfreeze.experiment.settings import BASELINE, ExperimentSettings
from alignfreeze.experiment.shared import realigned_once
from alignfreeze.experiment.stopping import judge_of
from alignfreeze.files import digest_of_json, write_lines
from alignfreeze.progress import remark
from alignfreeze.realignment.trainer import RealignmentHistory, prepare, realign
from alignfreeze.tasks import TASKS
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.models import TaskModel
from alignfreeze.training import TrainingHistory

REALIGNED_ON = ("bitext", "links", "dictionary")
"""The files that a realignment depends on, by the first word of their roles."""


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
        return folder_name(self.strategy, self.seed, self.digest)

    @property
    def realigned(self) -> str | None:
        """Name of the realigned encoder that the fine-tuning starts from, after what that depends on; None without."""
        return realigned_name(self.strategy, self.seed, self.determined_by)


def realigned_name(strategy: str, seed: int, determined_by: Mapping[str, Any]) -> str | None:
    """Return the name of the realigned encoder that a run starts from, after what that depends on; None without.

    Args:
        strategy: Of the run.
        seed: Of the run.
        determined_by: Everything that the result of the run depends on.
    """
    settings, digests = determined_by["settings"], determined_by["data"]
    if strategy == BASELINE or settings["realignment"]["schedule"] != "before":
        return None
    without = {"languages", "settings", "data"}
    facts = {name: value for name, value in determined_by.items() if name not in without}
    names = ("device", "source_language", "bitext", "alignment", "realignment")
    roles = REALIGNED_ON
    if (stopping := settings["realignment"].get("stopping")) is not None and stopping["by"] == "agreement":
        names, roles = (*names, "task", "finetuning"), (*roles, "train")
    facts["settings"] = {name: settings[name] for name in names}
    facts["data"] = {role: digest for role, digest in digests.items() if role.split()[0] in roles}
    return folder_name(strategy, seed, digest_of_json(facts))


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run writes.

    Attributes:
        folder: Of the record, and the model if wanted.
        checkpoints: Of its trainings, from which it goes on if it was killed.
        logs: For the loggers that write files.
        realigned: For the encoder realigned before fine-tuning, if other runs start from it too.
    """

    folder: Path
    checkpoints: Path
    logs: Path
    realigned: Path | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What the trainings of a run have made.

    Attributes:
        model: The fine-tuned model.
        realignment: What the realignment did; None for the baseline.
        finetuning: What the fine-tuning did.
    """

    model: TaskModel
    realignment: RealignmentHistory | None
    finetuning: TrainingHistory


def train(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
    meter: Meter,
) -> Trained:
    """Realign an encoder and fine-tune it in the source language, in the order of the schedule.

    Args:
        spec: What to do.
        data: What is trained on.
        alignments: The word alignments of its bitext; not used by the baseline.
        places: Where it writes.
        tokenizer: The encoder's.
        meter: Is told what the stages take.
    """
    settings = spec.settings
    start: dict[str, Any] = {
        "seed": spec.seed,
        "device": settings.device,
        "compute": settings.compute.logging_in(places.logs),
    }
    task = TASKS[settings.task]
    schedule = None if spec.strategy == BASELINE else settings.realignment.schedule
    with meter.measured("loading"):
        encoder = load_encoder(settings.encoder, tokenizer=tokenizer)
    judge = None
    if schedule is not None and settings.realignment.stopping is not None:
        judge = judge_of(settings, data, held_out_links(settings, data), seed=spec.seed)
    pairs = {"bitext": data.bitext, "alignments": alignments, "freeze": spec.strategy, "settings": settings.realignment}

    def realigned(encoder: Encoder) -> RealignmentHistory:
        with meter.measured("realignment"):
            return realign(encoder, **pairs, checkpoints=places.checkpoints / "realignment", judge=judge, **start)

    history = None
    if schedule == "before" and places.realigned is not None:
        encoder, history = realigned_once(
            places.realigned,
            encoder,
            realigned,
            meter=meter,
            describe=lambda place, history: write_card(place, _encoder_card(spec, data, history)),
        )
    elif schedule == "before":
        history = realigned(encoder)
    alongside = prepare(encoder, **pairs, seed=spec.seed) if schedule == "during" else None
    with meter.measured("fine-tuning"):
        model, training = finetune(
            encoder,
            task,
            data.train,
            settings=settings.finetuning,
            alongside=alongside,
            checkpoints=places.checkpoints / "fine-tuning",
            **start,
        )
    if schedule == "after":
        base: Any = model.model.base_model
        history = realigned(Encoder(encoder.name, base, encoder.tokenizer))
    elif alongside is not None:
        history = alongside.history(training)
    return Trained(model, history, training)


def run(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
) -> RunRecord:
    """Realign an encoder, fine-tune it in the source language, and test it in every language.

    Args:
        spec: What to do.
        data: What the experiment reads.
        alignments: The word alignments of its bitext; not used by the baseline.
        places: Where it writes.
        tokenizer: The encoder's.
    """
    settings = spec.settings
    meter = Meter(settings.device)
    trained = train(spec, data, alignments, places, tokenizer=tokenizer, meter=meter)
    model, history = trained.model, trained.realignment
    task = TASKS[settings.task]
    with meter.measured("evaluation"):
        outcome = assess(model, task, data.tests, source=settings.source_language, device=settings.device)
    if data.held and task.kind.probabilities is not None:
        with meter.measured("held-out pairs"):
            links = held_out_links(settings, data)
            found = predict_held_out(model, task, data, links, device=settings.device)
            write_predictions(places.folder / PREDICTIONS, found)
    for doubt in outcome.doubts:
        remark(f"{spec.strategy}, seed {spec.seed}: {doubt}")
    if settings.keep_models:
        model.save(places.folder / "model")
        write_card(places.folder / "model", _card(spec, data, history, outcome))
    record = RunRecord(
        experiment=settings.name,
        strategy=spec.strategy,
        seed=spec.seed,
        digest=spec.digest,
        determined_by=spec.determined_by,
        realignment=history,
        finetuning=trained.finetuning,
        scores=outcome.scores,
        doubts=outcome.doubts,
        seconds=meter.seconds,
        memory=meter.memory,
        environment=environment(settings.device, settings.compute),
    )
    write_lines(places.folder / PARTS, [json.dumps(outcome.parts)])
    record.write(places.folder)
    return record


def _encoder_card(spec: RunSpec, data: ExperimentData, history: RealignmentHistory) -> CardFacts:
    settings = spec.settings
    return CardFacts(
        encoder=settings.encoder,
        languages=[settings.source_language, *settings.realigned_languages],
        strategy=spec.strategy,
        freezing=history.frozen,
        aligner=_aligner(settings),
        digests=data.digests(*REALIGNED_ON),
    )


def _card(spec: RunSpec, data: ExperimentData, history: RealignmentHistory | None, outcome: Outcome) -> CardFacts:
    settings = spec.settings
    stages = ("train",) if history is None else ("train", *REALIGNED_ON)
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
