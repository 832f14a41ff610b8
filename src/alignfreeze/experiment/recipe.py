"""One run, as the paper's method section tells it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
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
from alignfreeze.experiment.records import PARTS, RunRecord, environment, folder_name, plain_name
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.starting import starting_encoder
from alignfreeze.experiment.stopping import judge_of
from alignfreeze.experiment.strategies import BASELINE, fixed_by, realigned_members
from alignfreeze.files import digest_of_json, write_lines
from alignfreeze.progress import remark
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.realignment.trainer import RealignmentHistory, prepare, realign
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import TrainingHistory

REALIGNED_ON = ("bitext", "links", "dictionary")
"""The files that a realignment depends on, by the first word of their roles."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What one run is to do.

    Attributes:
        settings: The experiment it belongs to, every default filled in.
        strategy: `baseline`, a freeze policy, or an average of several.
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
    def realigned(self) -> dict[str, str]:
        """Names of the realigned encoders that the fine-tuning starts from, by strategy; of an average several."""
        return realigned_names(self.strategy, self.seed, self.determined_by)


def realigned_names(strategy: str, seed: int, determined_by: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the realigned encoders that a run starts from, after what each depends on, by strategy.

    Args:
        strategy: Of the run; an average starts from several, and shares them with runs of theirs.
        seed: Of the run.
        determined_by: Everything that the result of the run depends on.
    """
    settings, digests = determined_by["settings"], determined_by["data"]
    if strategy == BASELINE or settings["realignment"]["schedule"] != "before":
        return {}
    without = {"languages", "settings", "data"}
    facts = {name: value for name, value in determined_by.items() if name not in without}
    names = ("device", "source_language", "bitext", "alignment", "realignment")
    roles = REALIGNED_ON
    if (stopping := settings["realignment"].get("stopping")) is not None and stopping["by"] == "agreement":
        names, roles = (*names, "task", "finetuning"), (*roles, "train")
        facts["training items"] = [settings["data"][name] for name in ("max_train", "train_split")]
    facts["settings"] = {name: settings[name] for name in names}
    facts["data"] = {role: digest for role, digest in digests.items() if role.split()[0] in roles}
    return {
        member: folder_name(member, seed, digest_of_json(facts | {"strategy": member}))
        for member in realigned_members([strategy])
    }


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

    def checkpoints_of(self, strategy: str, freeze: str) -> Path:
        """Return the place for the checkpoints of a realignment; each member of an average has one of its own."""
        return self.checkpoints / ("realignment" if freeze == strategy else f"realignment-{plain_name(freeze)}")


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
    pairs = {"bitext": data.bitext, "alignments": alignments, "settings": settings.realignment}

    def load(place: Path | None) -> Encoder:
        with meter.measured("loading"):
            found = load_encoder(str(place or settings.encoder), tokenizer=tokenizer)
        return replace(found, name=settings.encoder)

    def realigned(encoder: Encoder, freeze: str, meter: Meter) -> RealignmentHistory:
        saved = places.checkpoints_of(spec.strategy, freeze)
        judge = judge_of(settings, data, seed=spec.seed)
        with meter.measured("realignment"):
            return realign(encoder, **pairs, freeze=freeze, checkpoints=saved, judge=judge, **start)

    history = None
    if schedule == "before":
        encoder, histories = starting_encoder(
            spec.strategy,
            places.realigned,
            load,
            realigned,
            meter=meter,
            describe=lambda place, history: write_card(place, _encoder_card(spec, data, history)),
        )
        history = _together(spec, encoder, histories)
    else:
        encoder = load(None)
    alongside = prepare(encoder, **pairs, freeze=spec.strategy, seed=spec.seed) if schedule == "during" else None
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
        history = realigned(Encoder(encoder.name, base, encoder.tokenizer), spec.strategy, meter)
    elif alongside is not None:
        history = alongside.history(training)
    return Trained(model, history, training)


def _together(spec: RunSpec, encoder: Encoder, histories: Sequence[RealignmentHistory]) -> RealignmentHistory:
    """Return the realignments that an encoder came of as one: their trainings, of the same pairs, one after the other.

    What it says is frozen is what all of them held fixed. Of several that a judge looked at no step alone was kept: of
    each it is that of its best check.
    """
    trainings = [history.training for history in histories]
    begun = [0, *accumulate(training.steps for training in trainings)]  # steps before each

    def in_line(curves: Iterable[Sequence[tuple[int, float]]]) -> tuple[tuple[int, float], ...]:
        return tuple(
            (before + step, value) for before, curve in zip(begun, curves, strict=False) for step, value in curve
        )

    training = TrainingHistory(
        steps=begun[-1],
        seconds=sum(training.seconds for training in trainings),
        losses=in_line(training.losses for training in trainings),
        checks=in_line(training.checks for training in trainings),
        kept=trainings[0].kept if len(trainings) == 1 else None,
    )
    fixed = fixed_by(encoder.model, spec.strategy, spec.settings.realignment, seed=spec.seed)
    return replace(histories[0], training=training, freeze=spec.strategy, frozen=Freezing.of(encoder.model, fixed))


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
    if data.held and task.kind.pair_labeller is not None:
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
        strategy=history.freeze,
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
