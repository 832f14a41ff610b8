"""How long, how fast and in what manner a network is trained, and what is told of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from alignfreeze.settings import Settings
from alignfreeze.training.logging import check_logger

LoggerName = Annotated[str, AfterValidator(check_logger)]


class ComputeSettings(Settings):
    """How trainings are computed; none of it changes a result but for rounding and what dropout happens to hit."""

    precision: Literal["float32", "bf16"] = "float32"
    """`bf16`: matrix products in half precision, weights and loss in float32."""
    micro_batch: int | None = Field(default=None, gt=0)
    """Sentences, or sentence pairs, at once; left out, the whole batch. The loss is that of the whole batch in
    any case, negatives included. Where memory runs out it is halved."""
    gradient_checkpointing: bool = False
    """Keep only what goes into each layer, and compute the rest again for the gradients: memory for time."""
    compile: bool = False
    """Run the model through `torch.compile`, after checking that its loss is the same."""
    checkpoint_steps: int | None = Field(default=500, gt=0)
    """Optimiser steps between checkpoints, from which a training that was killed goes on; left out: never."""
    log_to: list[LoggerName] = Field(default=[])
    """Loggers that follow losses and learning rates: `tensorboard`, `wandb`, `mlflow`, `trackio`, or another that
    transformers knows."""
    log_folder: Path | None = None
    """Where `tensorboard` finds its files; left out: `logs` in the folder of the runs, or beside the model's."""

    def logging_in(self, folder: Path) -> Self:
        """Return the same settings with a place of their own for the files of loggers, in the folder they may name."""
        place = folder if self.log_folder is None else self.log_folder / folder.name
        return self.model_copy(update={"log_folder": place})


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """What a training did.

    Attributes:
        steps: Optimiser steps.
        seconds: Wall-clock time, without loading data; of a resumed training, since then.
        losses: Pairs of (step, mean training loss since the point before).
        checks: Pairs of (step, what a judge said of the network then), more being better; empty without a judge.
        kept: The step whose weights were kept as the best; None without a judge: those of the last.
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    checks: tuple[tuple[int, float], ...] = ()
    kept: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        title: What the progress bar is called.
        steps: Optimiser steps.
        batch_size: Items a step, on all processes together.
        learning_rate: Of Adam, at its highest.
        schedule: Of the learning rate after warm-up; it follows optimiser steps.
        warmup_steps: Optimiser steps in which the learning rate rises from 0.
        seed: For dropout.
        device: `cpu`, `cuda` or `mps`.
        head_learning_rate: Of Adam, at its highest, for what the network has on top of its encoder; None for the same.
    """

    title: str
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "linear"]
    warmup_steps: int
    seed: int
    device: str
    head_learning_rate: float | None = None


def chain(trainings: Sequence[TrainingHistory]) -> TrainingHistory:
    """Return several trainings as one, as if each went on where the one before ended.

    Of several trainings with a judge no single step was kept.
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
