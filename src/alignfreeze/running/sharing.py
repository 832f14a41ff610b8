"""The realigned encoders that several runs start from: which runs need them, their folders, and their removal."""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

from alignfreeze.errors import OutputError
from alignfreeze.experiment.starting import lock_of
from alignfreeze.locks import HeldElsewhereError
from alignfreeze.processes import n_processes

REALIGNED_FOLDER = "realigned"
"""The folder of a study with its realigned encoders."""


def users_of(runs: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the runs that start from each realigned encoder, by the name of the encoder.

    Args:
        runs: The names of the realigned encoders that each run starts from, by run and freeze policy.
    """
    users: dict[str, list[str]] = {}
    for run, realigned in runs.items():
        for name in realigned.values():
            users.setdefault(name, []).append(run)
    return users


def places_of(out: Path, realigned: Mapping[str, str], shared: Container[str]) -> dict[str, Path]:
    """Return the folders of the realigned encoders that a run shares with others, by freeze policy.

    Args:
        out: The folder of the study.
        realigned: The names of the encoders that the run starts from, by freeze policy.
        shared: The names of the shared encoders.
    """
    if n_processes() > 1:  # processes that train together would wait for each other's locks
        return {}
    return {strategy: out / REALIGNED_FOLDER / name for strategy, name in realigned.items() if name in shared}


def remove_realigned(place: Path) -> None:
    """Remove a realigned encoder, unless another process holds it.

    The lock of the encoder stays. Other processes may wait for this lock; without it, two of them could start at once.
    """
    if not place.exists():
        return
    with suppress(HeldElsewhereError, OutputError), lock_of(place, seconds=0):
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            place.parent.rmdir()
