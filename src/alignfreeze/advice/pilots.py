"""Pilots: short runs of every strategy, whose models predict sentence pairs that are held out of realignment."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import digest_of
from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.errors import DataError, OutputError, SettingsError
from alignfreeze.evaluation.checks import LEARNT_NOTHING, find_doubts
from alignfreeze.evaluation.guessing import doubt_weakness
from alignfreeze.evaluation.predictions import PREDICTIONS, Predictions, read_predictions, write_predictions
from alignfreeze.experiment.cost import Lengths, estimate_cost
from alignfreeze.experiment.data import ExperimentData, find_links
from alignfreeze.experiment.held_out import align_held_out, hold_out, predict_held_out
from alignfreeze.experiment.identity import identify
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.recipe import Places, RunSpec, realign_and_finetune
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import new_folder, remove_folder, remove_leftovers, write_json
from alignfreeze.progress import remark, stage
from alignfreeze.running.claims import claim_run
from alignfreeze.running.folder import PILOT, PILOT_FACTS, PILOTS, PLANNED_PILOTS, PilotFacts
from alignfreeze.running.pace import steps_of
from alignfreeze.running.sharing import REALIGNED_FOLDER, places_of, remove_shared, users_of
from alignfreeze.tasks.table import TASKS

MOST_CHECKED = 200
"""Training items that are held out of fine-tuning, but at most a tenth. They show whether a pilot learns at all."""

FEWEST_STEPS = {"finetuning": 50, "realignment": 10}
"""The fewest optimiser steps of a pilot, unless the whole training has fewer. Fewer steps show nothing."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The data on which pilots are judged, besides the held-out sentence pairs.

    Attributes:
        links: The word alignments of these pairs by the pretrained encoder, the same for all strategies.
        items: Labelled items of the source language.
    """

    links: Sequence[WordAlignment]
    items: list[Any]


@dataclass(frozen=True, slots=True)
class Pilot:
    """A short run of one strategy with one seed.

    Attributes:
        strategy: `baseline`, or the freeze policy of the realignment.
        seed: The random start.
        source_score: Score on held-out items of the source language; None without such items.
        predictions: Predictions for the held-out sentence pairs, by language.
        doubts: Signs that the score cannot be right, with the probable cause.
        is_weak: Whether the score shows no more than one could have without an encoder. Nothing can be learnt from
            such a pilot.
    """

    strategy: str
    seed: int
    source_score: float | None
    predictions: Mapping[str, Predictions]
    doubts: tuple[str, ...] = ()
    is_weak: bool = False


def shorten(settings: ExperimentSettings, fraction: float, *, finetuning_steps: int) -> ExperimentSettings:
    """Return the settings of the pilots. Both trainings take a fraction of their steps, and schedules scale with them.

    Args:
        settings: The settings of the whole experiment, `realignment.steps` filled in.
        fraction: The share of the steps: more than 0, at most 1.
        finetuning_steps: Fine-tuning steps of the whole experiment.

    Raises:
        SettingsError: The fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise SettingsError(f"a fraction of {fraction:g}: expected a share of the steps, more than 0 and at most 1")
    changed = {
        name: getattr(settings, name).model_copy(
            update={"steps": max(math.ceil(fraction * steps), min(steps, FEWEST_STEPS[name]))}
        )
        for name, steps in _steps_of(settings, finetuning_steps).items()
    }
    return settings.model_copy(update=changed)


def _steps_of(settings: ExperimentSettings, finetuning_steps: int) -> dict[str, int]:
    """Return the steps of both trainings in the whole experiment."""
    return {"finetuning": finetuning_steps, "realignment": settings.realignment.steps or finetuning_steps}


def least_fraction_of(settings: ExperimentSettings, *, finetuning_steps: int) -> float:
    """Return the least useful fraction. A smaller one would not lower the number of steps."""
    steps = _steps_of(settings, finetuning_steps)
    return max(min(1.0, FEWEST_STEPS[name] / n) for name, n in steps.items())


def split_data(plan: Plan, *, most: int | None) -> tuple[ExperimentData, HeldOut]:
    """Split the data of an experiment into data on which pilots train and data on which they are judged.

    Args:
        plan: The plan of the whole experiment.
        most: Held-out sentence pairs per language; None for the number in the settings, or else a share of the pairs.

    Raises:
        SettingsError: The settings of the experiment give another number.
        DataError: A language has too few sentence pairs.
    """
    settings = plan.settings
    assert settings.bitext is not None
    data = plan.data
    if (theirs := settings.bitext.held_out) and most not in {None, theirs}:
        raise SettingsError(
            f"--held-out {most}: bitext.held_out of the experiment is {theirs}; give only one of the two"
        )
    if not theirs:
        data = hold_out(data, most=most, seed=settings.bitext.selection.seed)
    items = spread_evenly(data.train, min(MOST_CHECKED, len(data.train) // 10))
    chosen = {id(item) for item in items}
    data = replace(data, train=[item for item in data.train if id(item) not in chosen])
    links = align_held_out(data.held, encoder=settings.encoder, device=settings.device)
    return data, HeldOut(links, items)


def run_pilots(
    settings: ExperimentSettings, plan: Plan, data: ExperimentData, held: HeldOut, *, seeds: Sequence[int], out: Path
) -> list[Pilot]:
    """Do a short run of each strategy and seed. Runs that are complete in the folder are not repeated.

    Args:
        settings: The settings of the pilots, from `shorten`.
        plan: The plan of the whole experiment.
        data: The data that pilots train on.
        held: The data on which pilots are judged.
        seeds: The random starts.
        out: The folder for the predictions of the pilots.

    Raises:
        OutputError: Another process does pilots in this folder.
    """
    strategies = list(dict.fromkeys(settings.strategies))
    alignments = find_links(settings, data) if settings.realigns else []
    found = []
    specs = [_spec_of(settings, plan, data, strategy, seed) for seed in seeds for strategy in strategies]
    users = users_of({spec.folder: spec.realigned_encoders for spec in specs})
    # An average starts from encoders that other pilots start from too.
    shared = {name for name, runs in users.items() if len(runs) > 1}
    with claim_run(out, PILOTS) as is_ours, stage("pilots", total=len(specs)) as bar:
        if not is_ours:
            raise OutputError(f"{out}: another process trains these pilots; wait for its end, or choose another --out")
        remove_leftovers(out / PILOTS, is_ours=True)
        steps = settings.finetuning.steps or plan.finetuning_steps
        write_json(out / PLANNED_PILOTS, {spec.folder: steps_of(spec, finetuning_steps=steps) for spec in specs})
        for spec in specs:
            realigned = places_of(out, spec.realigned_encoders, shared)
            with claim_run(out, spec.folder):  # so that its progress can be seen
                found.append(_run_pilot(spec, data, alignments, held, realigned, tokenizer=plan.tokenizer, out=out))
            bar.advance()
    for name in shared:
        remove_shared(out / REALIGNED_FOLDER / name)
    return found


def _spec_of(settings: ExperimentSettings, plan: Plan, data: ExperimentData, strategy: Strategy, seed: int) -> RunSpec:
    """Return the specification of a pilot. It differs from a run of the experiment in steps and held-out data."""
    # The number of pairs that are left decides which aligner `auto` takes.
    identity = identify(settings, data, strategy, seed, digests=plan.digests)
    return RunSpec(settings, strategy, seed, identity.add_fact("held out", digest_of(data.held)))


def _run_pilot(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    held: HeldOut,
    realigned: Mapping[str, Path],
    *,
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
) -> Pilot:
    place = out / PILOTS / spec.folder
    if (pilot := _read_pilot(place, spec)) is None:
        remove_folder(place)
        saved = out / "checkpoints" / spec.folder
        began = time.perf_counter()
        with new_folder(place) as folder:
            places = Places(folder, saved, out / "logs" / spec.folder, realigned)
            found = _train_pilot(spec, data, alignments, held, places, tokenizer=tokenizer)
            write_predictions(folder / PREDICTIONS, list(found.predictions.values()))
            taken = time.perf_counter() - began
            facts = PilotFacts(found.strategy, found.seed, found.source_score, found.doubts, taken, found.is_weak)
            write_json(folder / PILOT, asdict(facts))
        remove_folder(saved)
        with suppress(OSError):
            saved.parent.rmdir()
        pilot = _read_pilot(place, spec)
        assert pilot is not None
    return pilot


def _read_pilot(place: Path, spec: RunSpec) -> Pilot | None:
    """Read a pilot that is complete in its folder; None if there is none, or with a remark if it is damaged."""
    if not place.exists():
        return None
    try:
        facts = PILOT_FACTS.read(place / PILOT)
        if (facts.strategy, facts.seed) != (str(spec.strategy), spec.seed):
            raise PILOT_FACTS.refuse(str(place / PILOT), "it is that of another pilot")
        predictions = read_predictions(place / PREDICTIONS)
    except DataError as error:
        remark(f"{error}; this pilot is done again")
        return None
    return Pilot(facts.strategy, facts.seed, facts.source_score, predictions, facts.doubts, facts.is_weak)


def _train_pilot(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    held: HeldOut,
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
) -> Pilot:
    """Train as a run does, but predict held-out pairs instead of testing in the target languages."""
    settings = spec.settings
    task = TASKS[settings.task]
    meter = Meter(settings.device)
    model, *_ = realign_and_finetune(spec, data, alignments, places, tokenizer=tokenizer, meter=meter)
    found = predict_held_out(model, task, data, held.links, device=settings.device)
    by_language = {one.language: one for one in found}
    if not held.items:
        return Pilot(str(spec.strategy), spec.seed, None, by_language)
    guesses = task.kind.predict(model, held.items)
    measures = task.metrics(guesses, held.items)
    language = settings.source_language
    said = [*find_doubts(language, measures, guesses, held.items, task=task, task_model=model, is_source=True)]
    if not measures[0].n:
        return Pilot(str(spec.strategy), spec.seed, None, by_language, tuple(said))
    is_weak = any(LEARNT_NOTHING in doubt for doubt in said)
    if not is_weak and (weakness := doubt_weakness(language, measures[0], held.items, data.train, task=task)):
        said.append(weakness)
        is_weak = True
    return Pilot(str(spec.strategy), spec.seed, measures[0].value, by_language, tuple(said), is_weak)


# --- how much a budget allows --------------------------------------------------------

PASSES = 3
"""A training step takes as long as this many passes over the same sentences without gradients."""


@dataclass(frozen=True, slots=True)
class PilotCost:
    """The minutes that pilots need.

    Attributes:
        whole: The time of all trainings with all steps.
        fixed: The time that does not shrink with the steps: links and predictions.
    """

    whole: float
    fixed: float

    def of(self, fraction: float) -> float:
        """Return the minutes that pilots with a fraction of the steps need."""
        return self.fixed + fraction * self.whole


def estimate_pilot_cost(plan: Plan, held: int, *, n_seeds: int) -> PilotCost | None:
    """Time a step of each training, and estimate the cost of the pilots; None if the encoder is not available locally.

    Args:
        plan: The plan of the whole experiment.
        held: Number of held-out sentence pairs in all languages.
        n_seeds: Number of seeds of the pilots.
    """
    settings = plan.settings.model_copy(update={"seeds": list(range(n_seeds))})
    lengths = Lengths.of(plan)
    timed = estimate_cost(settings, finetuning_steps=plan.finetuning_steps, lengths=lengths, tokenizer=plan.tokenizer)
    if timed is None:
        return None
    # One pass over the held-out pairs per pilot, and one for the links.
    second = timed.realignment_step / settings.realignment.batch_size / PASSES
    passes = len(set(settings.strategies)) * n_seeds + 1
    return PilotCost(timed.hours * 60, passes * held * second / 60)


def fit_budget(cost: PilotCost, *, budget: float, least: float, most: float) -> float:
    """Return the greatest fraction of the steps that a budget allows.

    Args:
        cost: The cost of the pilots.
        budget: The most minutes for the pilots.
        least: The least useful fraction.
        most: The greatest wanted fraction.

    Raises:
        SettingsError: The budget is too small for the least useful fraction.
    """
    fraction = min(most, (budget - cost.fixed) / cost.whole)
    if fraction < least:
        raise SettingsError(
            f"--budget {budget:g}: pilots need about {cost.of(least):.2g} minutes with the fewest useful steps "
            f"({least:.2g} of all), and {cost.of(1):.2g} minutes with all steps; give more minutes, or fewer "
            "strategies or seeds"
        )
    return fraction
