"""The loggers that follow trainings, as transformers knows them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from alignfreeze.settings import check_known

_TENSORBOARD, _WANDB = "tensorboard", "wandb"


def check_logger(name: str) -> str:
    """Return the name of a logger as given if it exists and is installed.

    Raises:
        ValueError: The logger does not exist, or is not installed.
    """
    callback: Any = INTEGRATION_TO_CALLBACK[check_known(name, INTEGRATION_TO_CALLBACK, "logger")]
    try:
        callback()
    except (RuntimeError, ImportError):
        raise ValueError(f"{name!r} is not installed; pip install {name}") from None
    return name


def loggers_of_trainer(names: Sequence[str], folder: Path | None) -> list[str]:
    """Return the loggers that the Trainer starts: all, except one whose files go to our folder."""
    return [name for name in names if name != _TENSORBOARD or folder is None]


def file_loggers(names: Sequence[str], folder: Path | None, title: str) -> list[TrainerCallback]:
    """Return the loggers that write files into a folder; by default they would write among the checkpoints."""
    if _TENSORBOARD not in names or folder is None:
        return []
    from torch.utils.tensorboard import SummaryWriter

    return [INTEGRATION_TO_CALLBACK[_TENSORBOARD](SummaryWriter(str(folder / title)))]  # type: ignore[call-arg]


def begin_loggers(names: Sequence[str]) -> None:
    """Name the project in W&B, unless the user has named one."""
    if _WANDB in names:
        os.environ.setdefault("WANDB_PROJECT", "alignfreeze")


def end_loggers(names: Sequence[str]) -> None:
    """End the run of W&B. The Trainer begins a run only if none exists, and never ends it."""
    if _WANDB in names:
        import wandb  # type: ignore[import-not-found]

        wandb.finish()
