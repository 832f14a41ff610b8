"""The history of a training, as it stands in records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from alignfreeze.external.lora import Lora


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """The history of a training.

    Attributes:
        steps: Optimiser steps.
        seconds: Wall-clock time, without loading data; for a resumed training, since it was resumed.
        losses: Pairs of (step, mean training loss since the previous pair).
        checks: Pairs of (step, value of the judge); a higher value is better. Empty without a judge.
        kept: The step whose weights were kept as the best. None without a judge: the last weights are kept.
        adapter: The adapters that a fine-tuning trained in the place of the encoder's weights; None without.
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    checks: tuple[tuple[int, float], ...] = ()
    kept: int | None = None
    adapter: Lora | None = None


def chain(trainings: Sequence[TrainingHistory]) -> TrainingHistory:
    """Return several trainings as one, as if each continued where the previous one ended.

    If several trainings have a judge, no single step is named as kept.
    """
    starts = [0, *accumulate(training.steps for training in trainings)]

    def line_up(curves: Iterable[Sequence[tuple[int, float]]]) -> tuple[tuple[int, float], ...]:
        return tuple(
            (start + step, value) for start, curve in zip(starts, curves, strict=False) for step, value in curve
        )

    return TrainingHistory(
        steps=starts[-1],
        seconds=sum(training.seconds for training in trainings),
        losses=line_up(training.losses for training in trainings),
        checks=line_up(training.checks for training in trainings),
        kept=trainings[0].kept if len(trainings) == 1 else None,
    )
