"""One run, as the paper's method section tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation.predictions import PREDICTIONS, write_predictions
from alignfreeze.evaluation.zero_shot import Outcome, assess
from alignfreeze.experiment.cards import CardFacts, write_card
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import align_held_out, predict_held_out
from alignfreeze.experiment.identity import Identity, Part
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.records import (
    MODEL,
    SENTENCES,
    RunRecord,
    describe_environment,
    display_name_of,
    name_folder,
    name_realigned,
)
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.starting import prepare_encoder
from alignfreeze.experiment.stopping import make_judge
from alignfreeze.experiment.strategies import Strategy, plain_name_of
from alignfreeze.files import write_lines
from alignfreeze.progress import remark
from alignfreeze.realignment.freezing import FreezePolicy, Freezing
from alignfreeze.realignment.trainer import RealignmentHistory, prepare, realign
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import TrainingHistory, chain


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What one run is to do.

    Attributes:
        settings: The experiment it belongs to, every default filled in.
        strategy: How its encoder comes about.
        seed: The random start.
        identity: Everything that its result depends on.
    """

    settings: ExperimentSettings
    strategy: Strategy
    seed: int
    identity: Identity

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the result depends on."""
        return self.identity.digest

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return name_folder(str(self.strategy), self.seed, self.digest)

    @property
    def realigned(self) -> dict[str, str]:
        """Names of the realigned encoders that the fine-tuning starts from, by freeze policy; of an average several."""
        return name_realigned(self.strategy, self.identity, schedule=self.settings.realignment.schedule)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run writes.

    Attributes:
        folder: Of the record, and the model if wanted.
        checkpoints: Of its trainings, from which it goes on if it was killed.
        logs: For the loggers that write files.
        realigned: For those encoders realigned before fine-tuning that other runs start from too, by strategy.
    """

    folder: Path
    checkpoints: Path
    logs: Path
    realigned: Mapping[str, Path] = field(default_factory=dict)

    def checkpoints_of(self, strategy: Strategy, policy: FreezePolicy) -> Path:
        """Return the place for the checkpoints of a realignment; each member of an average has one of its own."""
        return self.checkpoints / (
            f"realignment-{plain_name_of(str(policy))}" if strategy.is_average else "realignment"
        )


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What the trainings of a run have made.

    Attributes:
        model: The fine-tuned model.
        realignment: What the realignment did; None for the baseline.
        finetuning: What the fine-tuning did.
    """

    model: TaskModel
    realignment: RealignmentHistory | None
    finetuning: TrainingHistory


def realign_and_finetune(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
    meter: Meter,
) -> TrainedRun:
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
    schedule = None if spec.strategy.is_baseline else settings.realignment.schedule
    pairs = {"bitext": data.bitext, "alignments": alignments, "settings": settings.realignment}

    def load(place: Path | None) -> Encoder:
        with meter.measure("loading"):
            found = load_encoder(str(place or settings.encoder), tokenizer=tokenizer)
        return replace(found, name=settings.encoder)

    def realign_in_place(encoder: Encoder, policy: FreezePolicy, meter: Meter) -> RealignmentHistory:
        saved = places.checkpoints_of(spec.strategy, policy)
        judge = make_judge(settings, data, seed=spec.seed)
        with meter.measure("realignment"):
            return realign(encoder, **pairs, freeze=policy, checkpoints=saved, judge=judge, **start)

    history = None
    if schedule == "before":
        encoder, histories = prepare_encoder(
            spec.strategy,
            places.realigned,
            load,
            realign_in_place,
            meter=meter,
            describe=lambda place, history: write_card(place, _encoder_facts_of(spec, history)),
        )
        history = _join_histories(spec, encoder, histories)
    else:
        encoder = load(None)
    alongside = None
    if schedule == "during" and (policy := spec.strategy.policy) is not None:
        alongside = prepare(encoder, **pairs, freeze=policy, seed=spec.seed)
    with meter.measure("fine-tuning"):
        model, training = finetune(
            encoder,
            task,
            data.train,
            settings=settings.finetuning,
            alongside=alongside,
            checkpoints=places.checkpoints / "fine-tuning",
            **start,
        )
    if schedule == "after" and (policy := spec.strategy.policy) is not None:
        base: Any = model.model.base_model
        history = realign_in_place(Encoder(encoder.name, base, encoder.tokenizer), policy, meter)
    elif alongside is not None:
        history = alongside.history(training)
    return TrainedRun(model, history, training)


def _join_histories(spec: RunSpec, encoder: Encoder, histories: Sequence[RealignmentHistory]) -> RealignmentHistory:
    """Return the realignments of an average as one: frozen is what all of them held fixed."""
    fixed = spec.strategy.parts_of(encoder.model, spec.settings.realignment, seed=spec.seed)
    return replace(
        histories[0],
        training=chain([history.training for history in histories]),
        freeze=str(spec.strategy),
        frozen=Freezing.of(encoder.model, fixed),
    )


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
    trained = realign_and_finetune(spec, data, alignments, places, tokenizer=tokenizer, meter=meter)
    model, history = trained.model, trained.realignment
    task = TASKS[settings.task]
    with meter.measure("evaluation"):
        outcome = assess(model, task, data.tests, source=settings.source_language, device=settings.device)
    if data.held and task.kind.pair_labeller is not None:
        with meter.measure("held-out pairs"):
            links = align_held_out(data.held, encoder=settings.encoder, device=settings.device)
            found = predict_held_out(model, task, data, links, device=settings.device)
            write_predictions(places.folder / PREDICTIONS, found)
    for doubt in outcome.doubts:
        remark(f"{spec.strategy}, seed {spec.seed}: {doubt}")
    if settings.keep_models:
        model.save(places.folder / MODEL)
        write_card(places.folder / MODEL, _model_facts_of(spec, history, outcome))
    record = RunRecord(
        experiment=settings.name,
        encoder=display_name_of(settings.encoder),
        strategy=str(spec.strategy),
        seed=spec.seed,
        digest=spec.digest,
        identity=spec.identity,
        settings=settings.model_dump(mode="json"),
        realignment=history,
        finetuning=trained.finetuning,
        scores=outcome.scores,
        doubts=outcome.doubts,
        seconds=meter.seconds,
        memory=meter.memory,
        environment=describe_environment(settings.device, settings.compute),
    )
    write_lines(places.folder / SENTENCES, [json.dumps(outcome.parts)])
    record.write(places.folder)
    return record


def _encoder_facts_of(spec: RunSpec, history: RealignmentHistory) -> CardFacts:
    settings = spec.settings
    return CardFacts(
        encoder=settings.encoder,
        languages=[settings.source_language, *settings.realigned_languages],
        strategy=history.freeze,
        freezing=history.frozen,
        aligner=_aligner_of(settings),
        digests=spec.identity.files_of(Part.PAIRS, Part.LINKS),
    )


def _model_facts_of(spec: RunSpec, history: RealignmentHistory | None, outcome: Outcome) -> CardFacts:
    settings = spec.settings
    parts = (Part.TASK,) if history is None else (Part.TASK, Part.PAIRS, Part.LINKS)
    return CardFacts(
        encoder=settings.encoder,
        languages=settings.tested_languages,
        task=settings.task,
        strategy=None if history is None else str(spec.strategy),
        freezing=None if history is None else history.frozen,
        aligner=_aligner_of(settings),
        schedule=settings.realignment.schedule,
        digests=spec.identity.files_of(*parts),
        scores=outcome.scores,
        doubts=outcome.doubts,
    )


def _aligner_of(settings: ExperimentSettings) -> str | None:
    if not settings.realignment.needs_links:
        return None
    return "read from files" if settings.alignment.links else settings.alignment.aligner
