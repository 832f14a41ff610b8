"""The models that several runs need: which runs need them, their folders, and their removal.

They are realigned encoders that several runs start from, and fine-tuned models that runs of several seeds join, or that
label target-language items for several runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from alignfreeze.errors import OutputError
from alignfreeze.experiment.starting import lock_of
from alignfreeze.locks import HeldElsewhereError
from alignfreeze.processes import n_processes

if TYPE_CHECKING:
    from alignfreeze.experiment.recipe import RunSpec

REALIGNED_FOLDER = "realigned"
"""The folder of a study with its realigned encoders."""

TUNED_FOLDER = "tuned"
"""The folder of a study with the fine-tuned models that several runs need."""


def trainings_of(jobs: Mapping[str, RunSpec]) -> dict[str, list[RunSpec]]:
    """Return the trainings that fall to each run, by the name of the run.

    A run of one seed has its own. The other trainings that a run needs fall to it if they fall to no run before.
    """
    taken = {spec.model_name for spec in jobs.values() if not spec.members}
    found: dict[str, list[RunSpec]] = {}
    for run, spec in jobs.items():
        found[run] = [one for one in spec.trainings if one is spec or one.model_name not in taken]
        taken |= {one.model_name for one in found[run]}
    return found


def shared_models_of(jobs: Mapping[str, RunSpec]) -> dict[str, list[str]]:
    """Return the runs that need each fine-tuned model that is shared, by the name of the model.

    They are the runs that join it, those for which it labels target-language items, and the run that trains the same
    model for itself. A model that labels for only one run is not shared.
    """
    joined = {one.model_name for spec in jobs.values() for one in spec.members}
    labelling = {one.first.model_name for spec in jobs.values() for one in spec.trainings if one.first is not None}
    users: dict[str, list[str]] = {}
    for run, spec in jobs.items():
        for name in dict.fromkeys(one.model_name for one in spec.trainings):
            if name in joined | labelling:
                users.setdefault(name, []).append(run)
    return {name: runs for name, runs in users.items() if name in joined or len(runs) > 1}


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


def remove_shared(place: Path) -> None:
    """Remove a shared model, unless another process holds it.

    The lock of the model stays. Other processes may wait for this lock; without it, two of them could start at once.
    """
    if not place.exists():
        return
    with suppress(HeldElsewhereError, OutputError), lock_of(place, seconds=0):
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            place.parent.rmdir()
