"""Short runs of every strategy, and what their models say of sentence pairs that nothing was realigned on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import digest_of
from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.checks import find_doubts
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
from alignfreeze.files import new_folder, read_json, write_json
from alignfreeze.progress import stage
from alignfreeze.running.sharing import REALIGNED_FOLDER, places_of, remove_realigned, users_of
from alignfreeze.tasks.table import TASKS

MOST_CHECKED = 200
"""Training items that are held out of fine-tuning, unless a tenth of them are fewer: what a pilot has learnt at all."""

FEWEST_STEPS = {"finetuning": 50, "realignment": 10}
"""Optimiser steps that a pilot takes whatever the fraction, unless the whole has fewer: it would say nothing."""

_PILOT = "pilot.json"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What pilots are judged by beside the held-out sentence pairs.

    Attributes:
        links: The word alignments of those, by the encoder as it was: the same for all strategies.
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
        source_score: On held-out items of the source language; None where there is nothing to score.
        predictions: For the held-out sentence pairs, by language.
        doubts: What cannot be right in the score, with the probable cause.
    """

    strategy: str
    seed: int
    source_score: float | None
    predictions: Mapping[str, Predictions]
    doubts: tuple[str, ...] = ()


def shorten(settings: ExperimentSettings, fraction: float, *, finetuning_steps: int) -> ExperimentSettings:
    """Return the settings of the pilots: a fraction of the steps of either training; schedules are shares of steps.

    Args:
        settings: Of the whole experiment, `realignment.steps` filled in.
        fraction: More than 0, at most 1.
        finetuning_steps: Of the whole experiment.

    Raises:
        SettingsError: There is no such fraction.
    """
    if not 0 < fraction <= 1:
        raise SettingsError(f"a fraction of {fraction:g}: it is of the steps, more than 0 and at most 1")
    changed = {
        name: getattr(settings, name).model_copy(
            update={"steps": max(math.ceil(fraction * steps), min(steps, FEWEST_STEPS[name]))}
        )
        for name, steps in _steps_of(settings, finetuning_steps).items()
    }
    return settings.model_copy(update=changed)


def _steps_of(settings: ExperimentSettings, finetuning_steps: int) -> dict[str, int]:
    """Return the steps of either training, of the whole experiment."""
    return {"finetuning": finetuning_steps, "realignment": settings.realignment.steps or finetuning_steps}


def least_fraction_of(settings: ExperimentSettings, *, finetuning_steps: int) -> float:
    """Return the greatest fraction below which nothing shrinks any more."""
    steps = _steps_of(settings, finetuning_steps)
    return max(min(1.0, FEWEST_STEPS[name] / n) for name, n in steps.items())


def split_data(plan: Plan, *, most: int | None) -> tuple[ExperimentData, HeldOut]:
    """Split the data of an experiment into what pilots train on and what they are judged by.

    Args:
        plan: Of the whole experiment.
        most: Sentence pairs of a language that are held out; None for those that the experiment says, or a share.

    Raises:
        SettingsError: The experiment says another number.
        DataError: A language has too few sentence pairs.
    """
    settings = plan.settings
    assert settings.bitext is not None
    data = plan.data
    if (theirs := settings.bitext.held_out) and most not in {None, theirs}:
        raise SettingsError(f"--held-out {most}: bitext.held_out of the experiment says {theirs}; give one of the two")
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
    """Do a short run of each strategy and seed; those that are complete in the folder are not repeated.

    Args:
        settings: Of the pilots, as `shorten` returns them.
        plan: Of the whole experiment.
        data: What they train on.
        held: What they are judged by.
        seeds: Random starts.
        out: The folder that keeps what they predict.
    """
    strategies = list(dict.fromkeys(settings.strategies))
    alignments = find_links(settings, data) if settings.realigns else []
    found = []
    specs = [_spec_of(settings, plan, data, strategy, seed) for seed in seeds for strategy in strategies]
    users = users_of({spec.folder: spec.realigned for spec in specs})
    # An average starts from what others start from too.
    shared = {name for name, runs in users.items() if len(runs) > 1}
    with stage("pilots", total=len(specs)) as bar:
        for spec in specs:
            realigned = places_of(out, spec.realigned, shared)
            found.append(_run_pilot(spec, data, alignments, held, realigned, tokenizer=plan.tokenizer, out=out))
            bar.advance()
    for name in shared:
        remove_realigned(out / REALIGNED_FOLDER / name)
    return found


def _spec_of(settings: ExperimentSettings, plan: Plan, data: ExperimentData, strategy: Strategy, seed: int) -> RunSpec:
    """Return what a pilot is to do: like a run of the experiment, but for steps and held-out data."""
    identity = identify(settings, plan.data, strategy, seed, digests=plan.digests)
    return RunSpec(settings, strategy, seed, identity.with_fact("held out", digest_of(data.held)))


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
    place = out / "pilots" / spec.folder
    if (facts := read_json(place / _PILOT)) is None:
        shutil.rmtree(place, ignore_errors=True)
        saved = out / "checkpoints" / spec.folder
        with new_folder(place) as folder:
            places = Places(folder, saved, out / "logs" / spec.folder, realigned)
            found = _train_pilot(spec, data, alignments, held, places, tokenizer=tokenizer)
            write_predictions(folder / PREDICTIONS, list(found.predictions.values()))
            facts = {name: getattr(found, name) for name in ("strategy", "seed", "source_score", "doubts")}
            write_json(folder / _PILOT, facts)
        shutil.rmtree(saved, ignore_errors=True)
        with suppress(OSError):
            saved.parent.rmdir()
    return Pilot(**{**facts, "doubts": tuple(facts["doubts"])}, predictions=read_predictions(place / PREDICTIONS))


def _train_pilot(
    spec: RunSpec,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    held: HeldOut,
    places: Places,
    *,
    tokenizer: PreTrainedTokenizerFast,
) -> Pilot:
    """Train as a run does, and predict instead of testing in the target languages."""
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
    said = find_doubts(
        settings.source_language, measures, guesses, held.items, task=task, task_model=model, is_source=True
    )
    score = measures[0].value if measures[0].n else None
    return Pilot(str(spec.strategy), spec.seed, score, by_language, tuple(said))


# --- how much a budget allows --------------------------------------------------------

PASSES = 3
"""A training step takes as long as so many passes of the same sentences without a gradient."""


@dataclass(frozen=True, slots=True)
class PilotCost:
    """What pilots take, in minutes.

    Attributes:
        whole: All trainings, if they were whole.
        fixed: What does not shrink with the steps: links and predictions.
    """

    whole: float
    fixed: float

    def of(self, fraction: float) -> float:
        """Return the minutes that pilots of a fraction of the steps take."""
        return self.fixed + fraction * self.whole


def estimate_pilot_cost(plan: Plan, held: int, *, n_seeds: int) -> PilotCost | None:
    """Time a step of either training, and say what pilots take; None if the encoder is not at hand.

    Args:
        plan: Of the whole experiment.
        held: Sentence pairs that are held out, of all languages together.
        n_seeds: Of the pilots.
    """
    settings = plan.settings.model_copy(update={"seeds": list(range(n_seeds))})
    lengths = Lengths.of(plan)
    timed = estimate_cost(settings, finetuning_steps=plan.finetuning_steps, lengths=lengths)
    if timed is None:
        return None
    # A pass over the held-out pairs, of which there is one a pilot, and one for the links.
    second = timed.realignment_step / settings.realignment.batch_size / PASSES
    passes = len(set(settings.strategies)) * n_seeds + 1
    return PilotCost(timed.hours * 60, passes * held * second / 60)


def fit_budget(cost: PilotCost, *, budget: float, least: float, most: float) -> float:
    """Return the greatest fraction of the steps that a budget allows.

    Args:
        cost: Of the pilots.
        budget: Minutes.
        least: The least fraction that says anything.
        most: More is not wanted.

    Raises:
        SettingsError: The budget does not suffice.
    """
    fraction = min(most, (budget - cost.fixed) / cost.whole)
    if fraction < least:
        raise SettingsError(
            f"--budget {budget:g}: pilots take about {cost.of(least):.2g} minutes with the fewest steps that say "
            f"anything ({least:.2g} of all), and {cost.of(1):.2g} with all steps; give more, or take fewer strategies "
            "or seeds"
        )
    return fraction
