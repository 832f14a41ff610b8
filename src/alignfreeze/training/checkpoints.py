"""The checkpoints of a training: kept while it lasts, and taken up only by the very same training."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import nn

from alignfreeze.files import digest_of_arrays, make_folder, read_json, write_json
from alignfreeze.processes import process_number

_KEY = "training.json"

WHOLE = "whole.json"
"""Written into a checkpoint when all processes have written theirs; holds what a Trainer does not keep."""


@contextmanager
def checkpoint_folder(checkpoints: Path | None, model: nn.Module, order: NDArray[Any], identity: Any) -> Iterator[Path]:
    """Yield the folder for the checkpoints of a training; those of another training are removed from it."""
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    key = {"training": identity, "order": digest_of_arrays(order), "weights": digest_of_arrays(*_arrays(model))}
    if process_number() == 0 and read_json(checkpoints / _KEY) != key:
        remove_checkpoints(checkpoints)
        make_folder(checkpoints)
        write_json(checkpoints / _KEY, key)
    yield checkpoints


def remove_checkpoints(folder: Path) -> None:
    """Remove what trainings have written to a folder for checkpoints, and the folder if nothing else is in it."""
    (folder / _KEY).unlink(missing_ok=True)
    for old in checkpoints_in(folder):
        shutil.rmtree(old)
    with suppress(OSError):
        folder.rmdir()


def _arrays(model: nn.Module) -> Iterator[NDArray[Any]]:
    """Return everything that a training starts from."""
    return (value.detach().cpu().numpy() for value in model.state_dict().values())


def last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that is whole, and remove those that are not."""
    for checkpoint in checkpoints_in(folder):
        if read_json(checkpoint / WHOLE) is not None:
            return str(checkpoint)
        shutil.rmtree(checkpoint)
    return None


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last one first."""
    found = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*")}
    numbers = {path: int(number) for path, number in found.items() if number.isdecimal()}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)
