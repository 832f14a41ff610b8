"""One run, as the paper's method section describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation.estimates import consensus
from alignfreeze.evaluation.keeping import TEST_ITEMS, write_items
from alignfreeze.evaluation.predictions import PREDICTIONS, write_predictions
from alignfreeze.evaluation.together import predict_together
from alignfreeze.evaluation.zero_shot import Outcome, assess
from alignfreeze.experiment.cards import FROM_FILES, CardFacts, write_card
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.finding import hub_tests_of
from alignfreeze.experiment.held_out import align_held_out, predict_held_out
from alignfreeze.experiment.identity import Identity, Part, name_folder
from alignfreeze.experiment.joining import Made, ModelMaker
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.names import ENSEMBLE, TAUGHT, plain_name_of
from alignfreeze.experiment.overlap import Overlap, is_seen
from alignfreeze.experiment.records import (
    MODEL,
    SENTENCES,
    RunRecord,
    describe_environment,
    display_name_of,
)
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.starting import EncoderMaker
from alignfreeze.experiment.stopping import make_judge
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.experiment.teaching import FIRST, teach
from alignfreeze.files import write_lines
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.history import Freezing, RealignmentHistory
from alignfreeze.realignment.preparing import prepare
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks.finetuning import Finetuned, Mixture, finetune
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.history import chain


@dataclass(frozen=True, slots=True)
class RunSpec:
    """The specification of one run.

    Attributes:
        settings: The experiment of the run, every default filled in.
        strategy: How the encoder of the run is made.
        seed: The random start.
        identity: Everything that the result depends on.
        overlaps: Test items that are also trained on.
        members: The runs of the seeds whose models are joined, the first of them with this seed; empty for a run of one
            seed.
        first: The run whose model labels target-language items for this one; None if no model does.
    """

    settings: ExperimentSettings
    strategy: Strategy
    seed: int
    identity: Identity
    overlaps: tuple[Overlap, ...] = ()
    members: tuple[RunSpec, ...] = ()
    first: RunSpec | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the result depends on."""
        return self.identity.digest

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return name_folder(str(self.strategy), self.seed, self.digest)

    @property
    def realigned_encoders(self) -> dict[str, str]:
        """Names of the realigned encoders that the run starts from, by freeze policy. An average has several.

        A run that joins seeds starts from none: its members do.
        """
        return {} if self.members else self.identity.realigned_encoders

    @property
    def trainings(self) -> tuple[RunSpec, ...]:
        """The runs of one seed whose models this one needs: the run itself or its members, and those that label."""
        runs = self.members or (self,)
        return (*(one.first for one in runs if one.first is not None), *runs)

    @property
    def model_name(self) -> str:
        """Name of the fine-tuned model of a run of one seed, after everything that its training depends on."""
        return name_folder(str(self.strategy), self.seed, self.identity.digest_of_model)

    @property
    def keeps_model(self) -> bool:
        """Whether the fine-tuned model is kept in the folder of the run. An ensemble has no model of its own."""
        return self.settings.keep_models and self.strategy.joined != ENSEMBLE


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run writes.

    Attributes:
        folder: The folder for the record, and for the model if it is kept.
        checkpoints: The folder for checkpoints of the trainings. A run that was killed continues from them.
        logs: The folder for loggers that write files.
        realigned: The folders for realigned encoders that other runs also start from, by freeze policy. Such encoders
            are realigned before fine-tuning.
        tuned: The folder for the fine-tuned model, if another run reads it.
        members: The places of the members of a run that joins several seeds.
        first: The places of the run whose model labels target-language items, if several runs read it.
    """

    folder: Path
    checkpoints: Path
    logs: Path
    realigned: Mapping[str, Path] = field(default_factory=dict)
    tuned: Path | None = None
    members: tuple[Places, ...] = ()
    first: Places | None = None

    def checkpoints_of(self, strategy: Strategy, policy: FreezePolicy) -> Path:
        """Return the folder for the checkpoints of a realignment. If encoders are merged, each has its own."""
        name = f"realignment-{plain_name_of(str(policy))}" if strategy.is_merged else "realignment"
        return self.checkpoints / name


def realign_and_finetune(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
    meter: Meter,
    first: Finetuned | None = None,
) -> Made:
    """Realign an encoder and fine-tune it in the source language, in the order of the schedule.

    If the strategy has its model taught, it also learns items of target languages, as a rule in a second training.

    Args:
        spec: The specification of a run of one seed.
        data: The data to train on.
        alignments: The word alignments of the bitext. The baseline does not use them.
        places: Where the run writes.
        tokenizer: The tokenizer of the encoder.
        meter: Receives the time and memory of the stages.
        first: The model that labels target-language items, if another run has made it.
    """
    settings, strategy = spec.settings, spec.strategy
    compute = settings.compute.set_log_folder(places.logs)
    start: dict[str, Any] = {"seed": spec.seed, "device": settings.device, "compute": compute}
    schedule = settings.realignment.schedule if strategy.realigns else None
    links = alignments
    if schedule is not None and not settings.realignment.needs_links:  # the links may be there to carry labels
        links = align(data.bitext, aligner="sentence", cache=False)
    pairs = {"bitext": data.bitext, "alignments": links, "settings": settings.realignment}

    def load(place: Path | None) -> Encoder:
        with meter.measure("loading"):
            found = load_encoder(str(place or settings.encoder), tokenizer=tokenizer)
        return replace(found, name=settings.encoder)

    def realign_in_place(encoder: Encoder, policy: FreezePolicy, meter: Meter) -> RealignmentHistory:
        saved = places.checkpoints_of(strategy, policy)
        judge = make_judge(settings, data, seed=spec.seed)
        with meter.measure("realignment"):
            return realign(encoder, **pairs, freeze=policy, checkpoints=saved, judge=judge, **start).history

    def describe(folder: Path, history: RealignmentHistory) -> None:
        write_card(folder, _describe(spec, history))

    history = alongside = None
    if schedule == "before":
        encoder, histories = EncoderMaker(load, realign_in_place, describe, meter, spec.seed).make(
            strategy, places.realigned
        )
        history = _join_histories(spec, encoder, histories)
    else:
        encoder = load(None)
    if schedule == "during" and (policy := strategy.policy) is not None:
        alongside = prepare(encoder, **pairs, freeze=policy, seed=spec.seed)

    def tune(title: str, mixture: Mixture | None, seed: int) -> Finetuned:
        with meter.measure("fine-tuning"):
            return finetune(
                encoder,
                TASKS[settings.task],
                data.train,
                settings=settings.finetuning,
                alongside=alongside,
                mixture=mixture,
                checkpoints=places.checkpoints / title.replace(" ", "-"),
                tells=False,  # it was said when the data were read
                title=title,
                **{**start, "seed": seed},
            )

    if strategy.taught is not None:
        carried = alignments if strategy.carries_labels else []
        (model, training), teaching = teach(tune, strategy.taught, settings, data, carried, seed=spec.seed, first=first)
        return Made(model, history, training, teaching)
    model, training = tune(FIRST, None, spec.seed)
    if schedule == "after" and (policy := strategy.policy) is not None:
        base: Any = model.model.base_model
        history = realign_in_place(Encoder(encoder.name, base, encoder.tokenizer), policy, meter)
    elif alongside is not None:
        history = alongside.history(training)
    return Made(model, history, training)


def _join_histories(spec: RunSpec, encoder: Encoder, histories: Sequence[RealignmentHistory]) -> RealignmentHistory:
    """Join the realignments of a merged encoder. What is as in the pretrained encoder counts as frozen."""
    if not spec.strategy.is_merged:
        return histories[0]
    fixed = spec.strategy.parts_of(encoder.model, spec.settings.realignment, seed=spec.seed)
    return replace(
        histories[0],
        training=chain([history.training for history in histories]),
        freeze=str(spec.strategy.of_first_model),
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

    The arguments are those of `realign_and_finetune`; the data include tests.
    """
    settings, task = spec.settings, TASKS[spec.settings.task]
    meter = Meter(settings.device)

    def train(one: RunSpec, where: Places, meter: Meter) -> Made:
        first = None
        if one.first is not None and where.first is not None:
            made = replace(maker, meter=meter).make(one.first, where.first)
            first = Finetuned(made.model, made.finetuning)
        return realign_and_finetune(one, data, alignments, where, tokenizer=tokenizer, meter=meter, first=first)

    maker = ModelMaker(train, partial(_load_tuned, settings, tokenizer), _describe_tuned, meter)
    made = maker.make(spec, places)
    model, realignment, finetuning, teaching, others = made

    def predict(items: Sequence[Any]) -> Sequence[Any]:
        return predict_together(made.models, task, items, device=settings.device)

    with meter.measure("evaluation"):
        outcome = assess(
            model,
            task,
            data.tests,
            source=settings.source_language,
            device=settings.device,
            predict=predict if others else None,
        )
    overlaps = tuple(one for one in spec.overlaps if is_seen(one, settings, spec.strategy))
    trained_on = [one.sentence for one in overlaps if one.is_doubtful]
    outcome = replace(outcome, doubts=(*trained_on, *outcome.doubts))
    if data.held and task.kind.pair_labeller is not None:
        with meter.measure("held-out pairs"):
            links = align_held_out(data.held, encoder=settings.encoder, device=settings.device)
            found = [predict_held_out(one, task, data, links, device=settings.device) for one in made.models]
            together = [consensus(several) for several in zip(*found, strict=True)] if others else found[0]
            write_predictions(places.folder / PREDICTIONS, together)
    if spec.keeps_model:
        model.save(places.folder / MODEL)
        taught = None if teaching is None or not teaching.items else TAUGHT[str(spec.strategy.taught)].what
        card = replace(_describe(spec, realignment, outcome), tuned=finetuning.adapter, taught=taught)
        write_card(places.folder / MODEL, card)
    record = RunRecord(
        experiment=settings.name,
        encoder=display_name_of(settings.encoder),
        strategy=str(spec.strategy),
        seed=spec.seed,
        digest=spec.digest,
        identity=spec.identity,
        settings=settings.model_dump(mode="json"),
        realignment=realignment,
        finetuning=finetuning,
        scores=outcome.scores,
        doubts=outcome.doubts,
        seconds=meter.seconds,
        memory=meter.memory,
        environment=describe_environment(settings.device, settings.compute),
        overlaps=overlaps,
        teaching=teaching,
    )
    write_lines(places.folder / SENTENCES, [json.dumps(outcome.parts)])
    if outcome.kept:
        write_items(places.folder / TEST_ITEMS, outcome.kept)
    record.write(places.folder)
    return record


def _load_tuned(settings: ExperimentSettings, tokenizer: PreTrainedTokenizerFast, folder: Path) -> TaskModel:
    """Load a fine-tuned model that a run has shared, as it was after its training."""
    tuning = settings.finetuning
    head = TASKS[settings.task].kind.head
    model = load_task_model(folder, head, max_length=tuning.max_length, stride=tuning.stride)
    return replace(model, tokenizer=tokenizer, in_bf16=settings.compute.precision == "bf16")


def _describe_tuned(folder: Path, spec: RunSpec, made: Made) -> None:
    """Write the card of a fine-tuned model that is not tested yet."""
    card = _describe(spec, made.realignment, Outcome((), (), {}))
    write_card(folder, replace(card, tuned=made.finetuning.adapter, tests={}))


def _describe(spec: RunSpec, history: RealignmentHistory | None, outcome: Outcome | None = None) -> CardFacts:
    """Return the facts for the card of a realigned encoder or, with an outcome, of a fine-tuned model."""
    settings = spec.settings
    parts = (Part.PAIRS, Part.LINKS) if settings.uses_bitext(spec.strategy) else ()
    facts = CardFacts(
        encoder=settings.encoder,
        languages=[settings.source_language, *settings.realigned_languages],
        strategy=None if history is None else history.freeze,
        freezing=None if history is None else history.frozen,
        aligner=_name_aligner(spec),
        digests=spec.identity.files_of(*parts),
    )
    if outcome is None:
        return facts
    return replace(
        facts,
        seeds=spec.identity.seeds,
        languages=settings.tested_languages,
        task=settings.task,
        schedule=settings.realignment.schedule,
        digests=spec.identity.files_of(Part.TASK, *parts, Part.TEACHING),
        scores=outcome.scores,
        doubts=outcome.doubts,
        tests=hub_tests_of(settings),
    )


def _name_aligner(spec: RunSpec) -> str | None:
    if not spec.settings.realignment.needs_links:
        return None
    return FROM_FILES if spec.settings.alignment.links else spec.identity.aligner
