"""How long, how fast and in what way a network is trained, and the history of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from alignfreeze.settings import Settings
from alignfreeze.training.logging import check_logger

LoggerName = Annotated[str, AfterValidator(check_logger)]


class ComputeSettings(Settings):
    """How trainings are computed. This changes results only by rounding and by the values that dropout hits."""

    precision: Literal["float32", "bf16"] = "float32"
    """`bf16` computes matrix products in half precision, in training and when the trained model predicts. Weights and
    loss stay in float32."""
    micro_batch: int | None = Field(default=None, gt=0)
    """Sentences, or sentence pairs, that are computed at once; by default the whole batch. The loss is always computed
    over the whole batch, negatives included. When memory runs out, the number is halved."""
    gradient_checkpointing: bool = False
    """Keep only the input of each layer, and compute the rest again for the gradients. This needs less memory and more
    time."""
    compile: bool = False
    """Compile the model with `torch.compile`, after a test that its loss stays the same."""
    checkpoint_steps: int | None = Field(default=500, gt=0)
    """Optimiser steps between checkpoints. A killed training continues from the last one. In Python, None means no
    checkpoints."""
    log_to: list[LoggerName] = Field(default=[])
    """Loggers of losses and learning rates: `tensorboard`, `wandb`, `mlflow`, `trackio`, or another that transformers
    knows."""
    log_folder: Path | None = None
    """The folder for the files of `tensorboard`; by default `logs` in the folder of the runs, or a folder beside the
    model's."""

    def set_log_folder(self, folder: Path) -> Self:
        """Return settings with a log folder: `folder`, or a subfolder of `log_folder` with its name if that is set."""
        place = folder if self.log_folder is None else self.log_folder / folder.name
        return self.model_copy(update={"log_folder": place})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        title: The title of the progress bar.
        steps: Optimiser steps.
        batch_size: Items per step, on all processes together.
        learning_rate: The highest learning rate of Adam.
        schedule: How the learning rate changes after warm-up, by optimiser steps.
        warmup_steps: Optimiser steps in which the learning rate rises from 0.
        seed: The seed of dropout.
        device: `cpu`, `cuda` or `mps`.
        head_learning_rate: The highest learning rate for the head; None for the same as for the encoder.
        average_last: How many of the last snapshots are averaged; None to keep the last weights.
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
    average_last: int | None = None
