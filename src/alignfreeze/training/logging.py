"""The loggers that follow trainings, as transformers knows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from alignfreeze.settings import check_known

TENSORBOARD, WANDB = "tensorboard", "wandb"


def check_logger(name: str) -> str:
    """Return the name of a logger as given when there is such a one, and it is installed."""
    callback: Any = INTEGRATION_TO_CALLBACK[check_known(name, INTEGRATION_TO_CALLBACK, "logger")]
    try:
        callback()
    except (RuntimeError, ImportError):
        raise ValueError(f"{name!r} is not installed; pip install {name}") from None
    return name


def file_loggers(names: Sequence[str], folder: Path | None, title: str) -> list[TrainerCallback]:
    """Return the logger that writes files; by itself it would write among the checkpoints, which are removed."""
    if TENSORBOARD not in names or folder is None:
        return []
    from torch.utils.tensorboard import SummaryWriter

    return [INTEGRATION_TO_CALLBACK[TENSORBOARD](SummaryWriter(str(folder / title)))]  # type: ignore[call-arg]


def end_wandb() -> None:
    """End the run of W&B: the Trainer begins one only where there is none, and never ends it."""
    import wandb  # type: ignore[import-not-found]

    wandb.finish()
