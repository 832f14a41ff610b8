"""Many runs: none of them twice, whatever is killed, fails or works beside."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
import traceback
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import device_here
from alignfreeze.errors import AlignFreezeError, OutputError, SettingsError
from alignfreeze.experiment.claims import claimed
from alignfreeze.experiment.cluster import on_ray
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.recipe import Places, RunSpec, run
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.shared import places_of, remove_realigned, users_of
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.experiment.terms import keep_terms
from alignfreeze.experiment.workers import POLLED, work_off
from alignfreeze.files import check_folder, make_folder, new_folder, read_json, remove_leftovers, write_json
from alignfreeze.processes import n_processes, process_number
from alignfreeze.progress import remark, stage

EXPERIMENT = "experiment.json"
"""The settings of an experiment, or of several."""

PLANNED = "planned.json"
"""The names of the runs that an experiment is made of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that went wrong.

    Attributes:
        strategy: `baseline`, the freeze policy, or an average of several.
        seed: The random start.
        error: What went wrong.
        trace: Where, in the code; empty where the error says all.
        finished: When, in ISO 8601.
    """

    strategy: str
    seed: int
    error: str
    trace: str
    finished: str


@dataclass(frozen=True, slots=True)
class Study:
    """An experiment after it ran.

    Attributes:
        settings: The experiment's.
        records: One a run that is complete, in the order of the plan.
        reused: How many of them were there before.
        failures: Runs that went wrong, in the same order.
    """

    settings: ExperimentSettings
    records: tuple[RunRecord, ...]
    reused: int
    failures: tuple[Failure, ...] = ()


def run_experiment(plan: Plan, *, out: Path, **how: Any) -> Study:
    """Do the runs of a plan that are not yet done, and return the records of all; as `run_experiments`."""
    return run_experiments([plan], out=out, **how)[0]


def run_experiments(
    plans: Sequence[Plan],
    *,
    out: Path,
    workers: int | None = None,
    ray: str | None = None,
    only: Sequence[str] | None = None,
    retry_failed: bool = False,
    force: bool = False,
) -> list[Study]:
    """Do the runs of some plans that are not yet done, each once, and return a study a plan.

    A run's folder appears when the run is complete, so a process that is
    killed leaves no half of one behind; its trainings go on from their last
    checkpoints, which are removed when the run is complete. Of several
    processes on one folder each does the runs that no other is at. A run that
    fails does not stop the others; its error is kept.

    Args:
        plans: The experiments; what several of them have in common, such as a baseline, is done once.
        out: Where the runs are kept.
        workers: How many processes share the runs: one, or on a local Ray as many as there are processors.
        ray: The address of a Ray cluster that does the runs, or `local`.
        only: Patterns of the names of runs, such as `front-*`; by default all.
        retry_failed: Do runs again that failed before.
        force: Do runs again that are complete; their records are removed first.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
        SettingsError: No run has such a name.
    """
    check_folder(out)
    if (force or retry_failed) and n_processes() > 1:
        raise SettingsError(
            "--force and --retry-failed go with one process: the others would not know what it has removed"
        )
    sweep = _Sweep(plans, out)
    chosen = _chosen(list(sweep.jobs), only)
    if process_number() == 0:
        sweep.prepare()
        sweep.forget(chosen, complete=force, failed=retry_failed)
    waiting = sweep.waiting(chosen)
    complete = {name for name in chosen if sweep.record(name) is not None}
    if complete:
        remark(f"{len(complete)} of {len(chosen)} runs are complete in {sweep.runs} and are not repeated")
    if left := [name for name in chosen if sweep.failure(name) is not None]:
        remark(f"{len(left)} runs failed before and are left alone; --retry-failed does them again")
    if ray is not None and waiting:
        sweep.find_links(waiting)
        needs = {name: sweep.jobs[name][1].settings.ray for name in waiting}
        lost = on_ray(plans, out, needs, address=ray, processors=workers)
        for name in sweep.waiting(list(lost)):
            sweep.fail(name, lost[name])
    elif (workers or 1) > 1 and len(waiting) > 1:
        sweep.find_links(waiting)  # once, into the cache that all read
        work_off(plans, out, waiting, workers=workers or 1, left=lambda: sweep.n_left(waiting))
    if ray is None:
        sweep.do(sweep.waiting(chosen))  # what a worker left that was killed is done here
    if process_number() == 0:
        sweep.clear(sweep.jobs)
    return [_study(plan, sweep, complete) for plan in plans]


def _study(plan: Plan, sweep: _Sweep, complete: Container[str]) -> Study:
    names = [spec.folder for spec in plan.specs]
    records = tuple(record for name in names if (record := sweep.record(name)) is not None)
    failures = tuple(failure for name in names if (failure := sweep.failure(name)) is not None)
    return Study(plan.settings, records, sum(name in complete for name in names), failures)


def _chosen(names: Sequence[str], only: Sequence[str] | None) -> list[str]:
    if not only:
        return list(names)
    if unknown := [pattern for pattern in only if not any(fnmatch(name, pattern) for name in names)]:
        raise SettingsError(f"no run is called {' or '.join(map(repr, unknown))}; there are {', '.join(names)}")
    return [name for name in names if any(fnmatch(name, pattern) for pattern in only)]


class _Sweep:
    """The folder of some experiments while their runs are being done."""

    def __init__(self, plans: Sequence[Plan], out: Path) -> None:
        self.plans = plans
        self.out = out
        self.runs = out / "runs"
        self.jobs = {spec.folder: (spec, plan) for plan in plans for spec in plan.specs}
        self.links: dict[tuple[int, str], Sequence[WordAlignment]] = {}
        self.users = users_of({name: spec.realigned for name, (spec, _) in self.jobs.items()})
        # One that a single run starts from is not worth the disk, unless the user wants to have it.
        self.shared = {name for name, users in self.users.items() if len(users) > 1 or self._is_wanted(users)}

    def prepare(self) -> None:
        """Write what the experiments are."""
        make_folder(self.runs)
        settings = [plan.settings.model_dump(mode="json") for plan in self.plans]
        write_json(self.out / EXPERIMENT, settings[0] if len(settings) == 1 else settings)
        write_json(self.out / PLANNED, list(self.jobs))
        keep_terms(self.out, {plan.settings.name: plan.data for plan in self.plans})

    def record(self, name: str) -> RunRecord | None:
        """Return the record of a complete run, None where there is none that can be read."""
        try:
            return RunRecord.from_json(read_json(self.runs / name / RECORD))
        except (ValueError, KeyError, TypeError):
            return None

    def failure(self, name: str) -> Failure | None:
        """Return how a run failed, None where it did not."""
        try:
            return Failure(**read_json(failed_file(self.out, name)))
        except TypeError:
            return None

    def waiting(self, names: Sequence[str]) -> list[str]:
        """Return the runs that are neither complete nor failed."""
        return [name for name in names if self.record(name) is None and self.failure(name) is None]

    def n_left(self, names: Sequence[str]) -> int:
        """Return how many runs have neither a folder nor failed, without a look into what there is."""
        ended = ((self.runs / name).exists() or failed_file(self.out, name).exists() for name in names)
        return len(names) - sum(ended)

    def forget(self, names: Sequence[str], *, complete: bool, failed: bool) -> None:
        """Remove what is to be done again."""
        for name in names:
            if complete and (self.runs / name).exists():
                shutil.rmtree(self.runs / name)
            if complete:
                for realigned in self._realigned(self.jobs[name][0]).values():
                    remove_realigned(realigned)
            if complete or failed:
                failed_file(self.out, name).unlink(missing_ok=True)

    def _is_wanted(self, names: Sequence[str]) -> bool:
        """Tell whether the user wants to keep the models of some of the runs."""
        return any(self.jobs[name][0].settings.keep_models for name in names)

    def _realigned(self, spec: RunSpec) -> dict[str, Path]:
        """Return the folders of the realigned encoders that a run shares with others, by strategy."""
        return places_of(self.out, spec.realigned, self.shared)

    def clear(self, names: Iterable[str]) -> None:
        """Remove the realigned encoders of runs for which no other waits, and that are not to be kept."""
        places = {place for name in names for place in self._realigned(self.jobs[name][0]).values()}
        for place in places:
            users = self.users[place.name]
            if not self._is_wanted(users) and not self.waiting(users):
                remove_realigned(place)

    def find_links(self, names: Sequence[str]) -> None:
        """Find the links that runs need."""
        for name in names:
            with suppress(AlignFreezeError):  # the runs that need them fail by themselves
                self._alignments(*self.jobs[name])

    def _alignments(self, spec: RunSpec, plan: Plan) -> Sequence[WordAlignment]:
        if spec.strategy == BASELINE:
            return []
        settings = plan.settings
        names = {"alignment", "encoder", "device"}
        key = (id(plan.data), f"{settings.model_dump_json(include=names)} {settings.realignment.needs_links}")
        if key not in self.links:
            # The device of the runs may be another machine's.
            here = settings.model_copy(update={"device": device_here(settings.device)})
            self.links[key] = find_links(here, plan.data)
        return self.links[key]

    def do(self, names: Sequence[str]) -> None:
        """Do runs, one after the other; those that another process is at are waited for."""
        waiting = list(names)
        with stage("runs", total=len(waiting)) as bar:
            while waiting:
                for name in (left := waiting):
                    with claimed(self.out, name) as is_ours:
                        if not is_ours:
                            continue
                        # Another process may have done it by now; processes that train together do not ask, lest
                        # they get unlike answers.
                        if n_processes() > 1 or self.waiting([name]):
                            self._attempt(*self.jobs[name])
                            self.clear([name])  # now, not with the last run: each takes as much disk as an encoder
                    waiting = [other for other in waiting if other != name]
                    bar.advance()
                if waiting and len(waiting) == len(left):
                    time.sleep(POLLED)
                    bar.advance(len(waiting) - len(waiting := self.waiting(waiting)))

    def _attempt(self, spec: RunSpec, plan: Plan) -> None:
        """Do one run; what goes wrong in it alone is kept."""
        try:
            self._run(spec, plan)
        except Exception as error:
            if is_full(error):
                reason = f"{self.out}: the disk is full; make room, and the same command goes on from here"
                raise OutputError(reason) from error
            # Processes that train together wait for one another: they end together.
            if isinstance(error, OutputError) or n_processes() > 1:
                raise
            said = isinstance(error, AlignFreezeError)
            message = str(error) if said else f"{type(error).__name__}: {error}"
            trace = "" if said else "".join(traceback.format_exception(error))
            self.fail(spec.folder, message, trace)

    def fail(self, name: str, message: str, trace: str = "") -> None:
        """Keep how a run failed."""
        spec, _ = self.jobs[name]
        when = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(failed_file(self.out, name), asdict(Failure(spec.strategy, spec.seed, message, trace, when)))
        remark(f"{spec.strategy}, seed {spec.seed} failed: {message}")

    def _run(self, spec: RunSpec, plan: Plan) -> None:
        """Do one run; its folder appears, and its checkpoints disappear, when it is complete."""
        place, saved = self.runs / spec.folder, self.out / "checkpoints" / spec.folder
        alignments = self._alignments(spec, plan)

        def go(folder: Path) -> RunRecord:
            places = Places(folder, saved, self.out / "logs" / spec.folder, self._realigned(spec))
            return run(spec, plan.data, alignments, places, tokenizer=plan.tokenizer)

        if process_number() > 0:  # it trains with process 0, which writes
            with tempfile.TemporaryDirectory() as folder:
                go(Path(folder))
            return
        remove_leftovers(self.runs, of=spec.folder, is_ours=True)
        shutil.rmtree(place, ignore_errors=True)  # what is there holds no readable record
        with new_folder(place) as folder:
            go(folder)
        shutil.rmtree(saved, ignore_errors=True)
        with suppress(OSError):
            saved.parent.rmdir()


def failed_file(out: Path, name: str) -> Path:
    """Return where it is kept how a run failed."""
    return out / "failed" / f"{name}.json"


def is_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came of, is that a disk is full."""
    full = {errno.ENOSPC, errno.EDQUOT}
    # Libraries written in other languages say it in words.
    return any(getattr(one, "errno", None) in full or "No space left" in str(one) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
