"""Does the runs of experiments in one process, each run once, even if processes are killed or share the work."""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.disk import explain_lack_of_room
from alignfreeze.encoding.devices import device_here
from alignfreeze.errors import AlignFreezeError, DataError, OutputError
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.recipe import Places, RunSpec, run
from alignfreeze.experiment.records import MODEL, RECORD, RUNS, RunRecord
from alignfreeze.files import make_folder, new_folder, remove_folder, remove_leftovers, write_json
from alignfreeze.processes import n_processes, process_number
from alignfreeze.progress import remark, stage
from alignfreeze.running.claims import claim_run
from alignfreeze.running.folder import EXPERIMENT, PLANNED, Failure, failure_file_of, read_failure
from alignfreeze.running.pace import add_steps, steps_of
from alignfreeze.running.sharing import (
    TUNED_FOLDER,
    places_of,
    remove_shared,
    shared_models_of,
    trainings_of,
    users_of,
)
from alignfreeze.running.terms import keep_terms

POLL_SECONDS = 0.5
"""Seconds between two checks of the runs of other processes."""


class Sweep:
    """Some experiments and the folder of their runs, while the runs are done."""

    def __init__(self, plans: Sequence[Plan], out: Path) -> None:
        self.plans = plans
        self.out = out
        self.runs = out / RUNS
        self.jobs: dict[str, tuple[RunSpec, Plan]] = {}
        for plan in plans:
            for spec in plan.specs:
                # Experiments may share a run. Its model is kept if one of them keeps models.
                if spec.folder not in self.jobs or spec.settings.keep_models:
                    self.jobs[spec.folder] = (spec, plan)
        self.links: dict[tuple[int, str], Sequence[WordAlignment]] = {}
        specs = {name: spec for name, (spec, _) in self.jobs.items()}
        self.trainings = trainings_of(specs)
        self.users = users_of({name: _starts_of(several) for name, several in self.trainings.items()})
        # An encoder that only one run starts from is not worth the space on the disk, unless the user keeps models.
        self.shared = {name for name, users in self.users.items() if len(users) > 1 or self._keeps_models(users)}
        self.users |= (models := shared_models_of(specs))
        self.models = set(models)

    def prepare(self) -> None:
        """Write the settings and the planned runs of the experiments."""
        make_folder(self.runs)
        settings = [plan.settings.model_dump(mode="json") for plan in self.plans]
        write_json(self.out / EXPERIMENT, settings[0] if len(settings) == 1 else settings)
        steps = {
            name: add_steps(steps_of(one, finetuning_steps=plan.finetuning_steps) for one in self.trainings[name])
            for name, (_, plan) in self.jobs.items()
        }
        write_json(self.out / PLANNED, steps)
        keep_terms(self.out, self.plans)

    def read_record(self, name: str) -> RunRecord | None:
        """Return the record of a complete run; None if there is no readable record of this run."""
        try:
            return RunRecord.read(self.runs / name / RECORD)
        except DataError:
            return None

    def read_failure(self, name: str) -> Failure | None:
        """Return how a run failed; None if it did not."""
        return read_failure(self.out, name)

    def tell_of_damaged(self, names: Iterable[str]) -> None:
        """Say which runs are done again because their record is not theirs, or damaged."""
        for path in (self.runs / name / RECORD for name in names):
            if path.exists():
                try:
                    RunRecord.read(path)
                except DataError as error:
                    remark(f"{error}; this run is done again")

    def find_waiting(self, names: Sequence[str]) -> list[str]:
        """Return the runs that are neither complete nor failed."""
        return [name for name in names if self.read_record(name) is None and self.read_failure(name) is None]

    def count_left(self, names: Sequence[str]) -> int:
        """Count the runs that have neither a folder nor a failure, without reading any file."""
        ended = ((self.runs / name).exists() or failure_file_of(self.out, name).exists() for name in names)
        return len(names) - sum(ended)

    def forget(self, names: Sequence[str], *, complete: bool, failed: bool) -> None:
        """Remove complete or failed runs, so that they are done again."""
        for name in names:
            if complete:
                remove_folder(self.runs / name)
            if complete:
                for place in self._find_shared(name):
                    remove_shared(place)
            if complete or failed:
                failure_file_of(self.out, name).unlink(missing_ok=True)

    def find_without_model(self, names: Iterable[str]) -> list[str]:
        """Return those of the given complete runs that have no model, although their settings now ask to keep it."""
        wanted = [name for name in names if self.jobs[name][0].keeps_model]
        return [name for name in wanted if not (self.runs / name / MODEL).is_dir()]

    def _keeps_models(self, names: Sequence[str]) -> bool:
        """Return whether the settings of some of the runs keep models."""
        return any(self.jobs[name][0].settings.keep_models for name in names)

    def _shared_places_of(self, spec: RunSpec) -> dict[str, Path]:
        """Return the folders of the realigned encoders that a run shares with others, by freeze policy."""
        return places_of(self.out, spec.realigned_encoders, self.shared)

    def _place_of_tuned(self, spec: RunSpec) -> Path | None:
        """Return the folder of the fine-tuned model of a run of one seed, if other runs need it."""
        if n_processes() > 1 or spec.model_name not in self.models:
            return None
        return self.out / TUNED_FOLDER / spec.model_name

    def _find_shared(self, name: str) -> set[Path]:
        """Return the folders of all models that a run shares with others."""
        trainings = self.jobs[name][0].trainings
        tuned = {place for one in trainings if (place := self._place_of_tuned(one)) is not None}
        return tuned | {place for one in trainings for place in self._shared_places_of(one).values()}

    def _places_of(self, spec: RunSpec, folder: Path, saved: Path | None = None) -> Places:
        """Return where a run writes, and where the runs write whose models it needs.

        Each folder of checkpoints belongs to one process: to that which does the run, or to that which holds the lock
        of a shared model. Processes may have other plans, so that a model is shared only in some of them.

        Args:
            spec: The run.
            folder: The folder for its record.
            saved: The folder for its checkpoints, if its model is not shared; by default one of its own.
        """
        saved = saved or self._checkpoints_of(spec.folder)
        members = tuple(self._places_of(one, folder, saved / one.folder) for one in spec.members)
        tuned = None if spec.members else self._place_of_tuned(spec)
        if tuned is not None and not tuned.exists() and not self._is_awaited(spec.model_name):
            tuned = None
        if tuned is not None:
            saved = self._checkpoints_of(f"{TUNED_FOLDER}-{spec.model_name}")
        first, logs = spec.first, self.out / "logs" / spec.folder
        places = None if first is None or self._place_of_tuned(first) is None else self._places_of(first, folder)
        return Places(folder, saved, logs, self._shared_places_of(spec), tuned, members, places)

    def _checkpoints_of(self, name: str) -> Path:
        return self.out / "checkpoints" / name

    def _is_awaited(self, model: str) -> bool:
        """Return whether a run that is not complete needs a fine-tuned model that it does not train for itself."""
        others = [run for run in self.users[model] if self.jobs[run][0].model_name != model]
        return bool(self.find_waiting(others))

    def clear(self, names: Iterable[str]) -> None:
        """Remove the shared models of runs, unless another run waits for them or models are kept."""
        for place in {place for name in names for place in self._find_shared(name)}:
            users = self.users[place.name]
            if not self._keeps_models(users) and not self.find_waiting(users):
                remove_shared(place)

    def find_links(self, names: Sequence[str]) -> None:
        """Find the links that runs need, so that they are in the cache."""
        for name in names:
            with suppress(AlignFreezeError):  # the runs that need these links will fail and say why
                self._links_of(*self.jobs[name])

    def _links_of(self, spec: RunSpec, plan: Plan) -> Sequence[WordAlignment]:
        if not (spec.strategy.realigns or spec.strategy.carries_labels):
            return []
        part = Part.LINKS if Part.LINKS in spec.identity.settings else Part.TEACHING
        key = (id(plan.data), spec.identity.digest_of(part, Part.DEVICE))
        if key not in self.links:
            # The device of the runs may be on another machine.
            here = plan.settings.model_copy(update={"device": device_here(plan.settings.device)})
            self.links[key] = find_links(here, plan.data, tokenizer=plan.tokenizer)
        return self.links[key]

    def do(self, names: Sequence[str]) -> None:
        """Do runs, one after the other, and wait for those that other processes hold."""
        waiting = list(names)
        with stage("runs", total=len(waiting)) as bar:
            while waiting:
                for name in (left := waiting):
                    with claim_run(self.out, name) as is_ours:
                        if not is_ours:
                            continue
                        # Another process may have done the run by now. Processes that train together do not check
                        # this, because their answers might differ.
                        if n_processes() > 1 or self.find_waiting([name]):
                            self._attempt(*self.jobs[name])
                            self.clear([name])  # at once: each needs as much space as an encoder
                    waiting = [other for other in waiting if other != name]
                    bar.advance()
                if waiting and len(waiting) == len(left):
                    time.sleep(POLL_SECONDS)
                    bar.advance(len(waiting) - len(waiting := self.find_waiting(waiting)))

    def _attempt(self, spec: RunSpec, plan: Plan) -> None:
        """Do one run. If only this run fails, keep its error."""
        try:
            self._run(spec, plan)
        except Exception as error:
            if (reason := explain_lack_of_room(error)) is not None:
                raise OutputError(f"{self.out}: {reason}, and the same command continues from here") from error
            # Processes that train together wait for one another, so they must end together.
            if isinstance(error, OutputError) or n_processes() > 1:
                raise
            is_known = isinstance(error, AlignFreezeError)
            message = str(error) if is_known else f"{type(error).__name__}: {error}"
            trace = "" if is_known else "".join(traceback.format_exception(error))
            self.fail(spec.folder, message, trace)

    def fail(self, name: str, message: str, trace: str = "") -> None:
        """Keep the error of a failed run."""
        spec, _ = self.jobs[name]
        when = datetime.now(UTC).isoformat(timespec="seconds")
        failure = Failure(str(spec.strategy), spec.seed, message, trace, when)
        write_json(failure_file_of(self.out, name), asdict(failure))
        remark(f"{spec.strategy}, seed {spec.seed} failed: {message}")

    def _run(self, spec: RunSpec, plan: Plan) -> None:
        """Do one run. When it is complete, its folder appears and its checkpoints are removed."""
        place = self.runs / spec.folder
        alignments = self._links_of(spec, plan)

        def run_in(folder: Path) -> RunRecord:
            return run(spec, plan.data, alignments, self._places_of(spec, folder), tokenizer=plan.tokenizer)

        if process_number() > 0:  # process 0 trains together with this process, and writes
            with tempfile.TemporaryDirectory() as folder:
                run_in(Path(folder))
            return
        remove_leftovers(self.runs, of=spec.folder, is_ours=True)
        remove_folder(place)  # it has no readable record of this run
        with new_folder(place) as folder:
            run_in(folder)
        saved = self._checkpoints_of(spec.folder)
        shutil.rmtree(saved, ignore_errors=True)
        with suppress(OSError):
            saved.parent.rmdir()


def _starts_of(trainings: Sequence[RunSpec]) -> dict[str, str]:
    """Return the names of the realigned encoders that some trainings start from."""
    return {name: name for one in trainings for name in one.realigned_encoders.values()}
