"""The checkpoints of a training: kept while it runs, and used only by the very same training."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import nn
from transformers import TrainerState, TrainingArguments

from alignfreeze.disk import sync, writing
from alignfreeze.errors import OutputError
from alignfreeze.files import digest_of_arrays, make_folder, read_json, remove_folder, write_json
from alignfreeze.processes import process_number
from alignfreeze.progress import remark
from alignfreeze.seals import is_intact, is_sealed, seal
from alignfreeze.stored import Stored

_KEY = "training.json"
"""Says which training the checkpoints of a folder belong to."""

_FACTS = "training_facts.json"
"""Holds facts that a Trainer does not keep."""


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """What a Trainer does not keep of a training.

    Attributes:
        at_once: The most sentences that fitted into memory at once; None for the whole batch.
    """

    at_once: int | None


_STORED_FACTS = Stored[CheckpointFacts](CheckpointFacts, "the facts of a checkpoint of this version")


@contextmanager
def checkpoint_folder(checkpoints: Path | None, model: nn.Module, order: NDArray[Any], identity: Any) -> Iterator[Path]:
    """Yield the folder for the checkpoints of a training, after removing those of another training from it.

    Args:
        checkpoints: The folder; None for a temporary one.
        model: The model before the training.
        order: The numbers of the items that are visited.
        identity: What else distinguishes the training from others, as plain values.

    Raises:
        OutputError: The folder cannot be written, or there is no room on the disk.
    """
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    weights = (value.detach().cpu().numpy() for value in model.state_dict().values())
    key = {"training": identity, "order": digest_of_arrays(order), "weights": digest_of_arrays(*weights)}
    try:
        with writing(checkpoints):
            if process_number() == 0 and read_json(checkpoints / _KEY) != key:
                remove_checkpoints(checkpoints)
                make_folder(checkpoints)
                write_json(checkpoints / _KEY, key)
            yield checkpoints
    except OutputError:
        for checkpoint in _checkpoints_in(checkpoints):
            if not is_sealed(checkpoint):  # it takes room, and nobody goes on from it
                remove_folder(checkpoint)
        raise


def remove_checkpoints(folder: Path) -> None:
    """Remove all files of trainings from a folder for checkpoints, and the folder if nothing else is in it.

    Raises:
        OutputError: They cannot be removed.
    """
    with writing(folder):
        (folder / _KEY).unlink(missing_ok=True)
    for old in _checkpoints_in(folder):
        remove_folder(old)
    with suppress(OSError):
        folder.rmdir()


def checkpoint_of(args: TrainingArguments, state: TrainerState) -> Path:
    """Return the folder of the checkpoint that a Trainer has just written, or continues from."""
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"


def complete_checkpoint(checkpoint: Path, facts: CheckpointFacts) -> None:
    """Seal a checkpoint to which all processes have written their parts, and remove the others.

    The others are removed last, when this one is on the disk: a process that is killed before still has the one before.
    """
    write_json(checkpoint / _FACTS, asdict(facts))
    seal(checkpoint)
    sync(checkpoint)
    for other in _checkpoints_in(checkpoint.parent):
        if other != checkpoint:
            remove_folder(other)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint, and remove incomplete and damaged ones.

    Raises:
        OutputError: They cannot be removed.
    """
    is_damaged = False
    for checkpoint in _checkpoints_in(folder):
        if is_intact(checkpoint):
            return str(checkpoint)
        if is_sealed(checkpoint):
            is_damaged = True
            remark(f"{checkpoint}: this checkpoint is damaged; going on from the one before, or from the beginning")
        remove_folder(checkpoint)
    if is_damaged:
        remark(f"{folder}: no checkpoint is left; this training begins anew")
    return None


def read_facts(checkpoint: str) -> CheckpointFacts:
    """Return the facts that `complete_checkpoint` has written.

    Raises:
        DataError: They cannot be read.
    """
    return _STORED_FACTS.read(Path(checkpoint) / _FACTS)


def _checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last one first."""
    texts = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*")}
    numbers = {path: int(text) for path, text in texts.items() if text.isdecimal()}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)
