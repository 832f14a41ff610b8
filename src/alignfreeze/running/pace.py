"""How much time runs still need: the steps that they have left, at the pace of those before."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignfreeze.experiment.recipe import RunSpec
    from alignfreeze.experiment.records import RunRecord
    from alignfreeze.running.claims import Claim
    from alignfreeze.running.status import RunStatus

REALIGNING, FINETUNING, AGAIN = "realigning", "fine-tuning", "fine-tuning again"
"""The trainings of a run; the titles of their stages begin with these words."""

_OF_MODEL = re.compile(rf"{FINETUNING} of model ([0-9]+) of ([0-9]+)")

Steps = Mapping[str, int]
"""Optimiser steps of a run, by training."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a complete run took.

    Attributes:
        seconds: The time of the whole run.
        per_step: Seconds per optimiser step, by training.
        besides: The time of everything but the trainings: loading, testing.
    """

    seconds: float
    per_step: Mapping[str, float] = field(default_factory=dict)
    besides: float = 0.0

    @classmethod
    def of(cls, record: RunRecord) -> Pace:
        """Return the pace of a complete run."""
        trainings = {FINETUNING: record.finetuning}
        if record.teaching is not None and record.teaching.first is not None:
            trainings = {FINETUNING: record.teaching.first}
            if record.teaching.items:
                trainings[AGAIN] = record.finetuning
        if record.realignment is not None:
            trainings[REALIGNING] = record.realignment.training
        whole = sum(record.seconds.values())
        per_step = {name: one.seconds / one.steps for name, one in trainings.items() if one.steps}
        return cls(whole, per_step, max(0.0, whole - sum(one.seconds for one in trainings.values())))


def steps_of(spec: RunSpec, *, finetuning_steps: int) -> dict[str, int]:
    """Return the optimiser steps of a run, by training. Each member of an average is realigned.

    The first model of a run whose model is trained again is a training of its own, with the realignment.
    """
    realignment, policies = spec.settings.realignment, spec.strategy.policies
    apart = 0 if realignment.schedule == "during" else len(policies) * (realignment.steps or finetuning_steps)
    first, again = spec.settings.teaching.count_steps(spec.strategy.taught, finetuning_steps)
    if spec.first is not None:
        apart, first = 0, first - finetuning_steps
    return {**({REALIGNING: apart} if apart else {}), FINETUNING: first, **({AGAIN: again} if again else {})}


def add_steps(several: Iterable[Steps]) -> dict[str, int]:
    """Return the steps of several trainings together. A run that only reads models takes none."""
    found: dict[str, int] = {}
    for steps in several:
        for name, n in steps.items():
            found[name] = found.get(name, 0) + n
    return found or {FINETUNING: 0}


def guess_seconds_left(
    runs: Sequence[RunStatus], paces: Mapping[str, Pace], planned: Mapping[str, Steps]
) -> float | None:
    """Return the time until all runs are complete; None if nothing is known about it yet.

    Args:
        runs: The runs and their progress.
        paces: How long complete runs took, by name.
        planned: The steps of each run, by name; of some runs they may not be known.
    """
    left = [run for run in runs if run.state in {"waiting", "interrupted", "running"}]
    known = list(paces.values())
    per_step = _pace_of_trainings(known, [run.claim for run in left if run.claim and run.state == "running"])
    besides = statistics.median(pace.besides for pace in known) if known else 0.0
    usual = statistics.median(pace.seconds for pace in known) if known else None
    needed = []
    for run in left:
        steps = planned.get(run.name)
        if steps and per_step:
            needed.append(_seconds_of_rest(run, steps, per_step, besides))
        elif usual is not None:
            needed.append(max(0.0, usual - (run.seconds or 0.0)) if run.state == "running" else usual)
        else:
            return None
    at_once = max(1, sum(run.state == "running" for run in runs))
    return sum(needed) / at_once


def _pace_of_trainings(known: Iterable[Pace], claims: Iterable[Claim]) -> dict[str, float]:
    """Return the usual seconds per step of each training, of runs that are complete and of those that go on."""
    found: dict[str, list[float]] = {}
    for pace in known:
        for name, seconds in pace.per_step.items():
            found.setdefault(name, []).append(seconds)
    for claim in claims:
        if (name := _training_of(claim)) and claim.done:
            found.setdefault(name, []).append((time.time() - claim.stage_began) / claim.done)
    return {name: statistics.median(several) for name, several in found.items()}


def _training_of(claim: Claim) -> str | None:
    return next((name for name in (REALIGNING, AGAIN, FINETUNING) if claim.stage.startswith(name)), None)


def _count_left_to_tune(claim: Claim, planned: int) -> int:
    """Return the steps of first fine-tunings that are left, with those of the models after this one."""
    if (model := _OF_MODEL.match(claim.stage)) is None:
        return max(0, planned - claim.done)
    total = claim.total or 0
    return (int(model[2]) - int(model[1]) + 1) * total - claim.done


def _seconds_of_rest(run: RunStatus, steps: Steps, per_step: Mapping[str, float], besides: float) -> float:
    """Return the time that a run still needs. A training of unknown pace is taken to be as fast as others."""
    otherwise = statistics.fmean(per_step.values())
    left = dict(steps)
    claim = run.claim if run.state == "running" else None
    if claim is not None:
        name = _training_of(claim)
        if name is None and claim.stage.startswith("testing"):
            left = {}
        elif name == FINETUNING:
            left = {**left, REALIGNING: 0, FINETUNING: _count_left_to_tune(claim, steps[FINETUNING])}
        elif name == AGAIN:
            left = {AGAIN: max(0, steps.get(AGAIN, 0) - claim.done)}
        elif name == REALIGNING:
            left[REALIGNING] = max(0, steps.get(REALIGNING, 0) - claim.done)
        if claim.stage.startswith("testing") and claim.total:
            besides *= 1 - claim.done / claim.total
    return besides + sum(n * per_step.get(name, otherwise) for name, n in left.items())
