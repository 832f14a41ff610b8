"""The checkpoints of a training: kept while it runs, and used only by the very same training."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import nn
from transformers import TrainerState, TrainingArguments

from alignfreeze.files import digest_of_arrays, make_folder, read_json, write_json
from alignfreeze.processes import process_number

_KEY = "training.json"
"""Says which training the checkpoints of a folder belong to."""

_COMPLETE = "whole.json"
"""Marks a checkpoint whose parts all processes have written. The file holds facts that a Trainer does not keep."""


@contextmanager
def checkpoint_folder(checkpoints: Path | None, model: nn.Module, order: NDArray[Any], identity: Any) -> Iterator[Path]:
    """Yield the folder for the checkpoints of a training, after removing those of another training from it.

    Args:
        checkpoints: The folder; None for a temporary one.
        model: The model before the training.
        order: The numbers of the items that are visited.
        identity: What else distinguishes the training from others, as plain values.
    """
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    weights = (value.detach().cpu().numpy() for value in model.state_dict().values())
    key = {"training": identity, "order": digest_of_arrays(order), "weights": digest_of_arrays(*weights)}
    if process_number() == 0 and read_json(checkpoints / _KEY) != key:
        remove_checkpoints(checkpoints)
        make_folder(checkpoints)
        write_json(checkpoints / _KEY, key)
    yield checkpoints


def remove_checkpoints(folder: Path) -> None:
    """Remove all files of trainings from a folder for checkpoints, and the folder if nothing else is in it."""
    (folder / _KEY).unlink(missing_ok=True)
    for old in _checkpoints_in(folder):
        shutil.rmtree(old)
    with suppress(OSError):
        folder.rmdir()


def checkpoint_of(args: TrainingArguments, state: TrainerState) -> Path:
    """Return the folder of the checkpoint that a Trainer has just written, or continues from."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def complete_checkpoint(checkpoint: Path, facts: dict[str, Any]) -> None:
    """Mark a checkpoint as complete, with facts that a Trainer does not keep, and remove the other checkpoints.

    The other checkpoints are removed last. A process that is killed before still has the previous one.
    """
    write_json(checkpoint / _COMPLETE, facts)
    for other in _checkpoints_in(checkpoint.parent):
        if other != checkpoint:
            shutil.rmtree(other)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint, and remove incomplete ones."""
    for checkpoint in _checkpoints_in(folder):
        if read_json(checkpoint / _COMPLETE) is not None:
            return str(checkpoint)
        shutil.rmtree(checkpoint)
    return None


def read_facts(checkpoint: str) -> dict[str, Any]:
    """Return the facts that `complete_checkpoint` has written."""
    return read_json(Path(checkpoint) / _COMPLETE)


def _checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last one first."""
    texts = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*")}
    numbers = {path: int(text) for path, text in texts.items() if text.isdecimal()}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)
