"""Does many runs: here, by several processes of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.files import check_folder
from alignfreeze.processes import n_processes, process_number
from alignfreeze.progress import remark
from alignfreeze.running.cluster import run_on_ray
from alignfreeze.running.folder import Failure
from alignfreeze.running.sweep import Sweep
from alignfreeze.running.workers import run_workers


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
    sweep = Sweep(plans, out)
    chosen = _choose_runs(list(sweep.jobs), only)
    if process_number() == 0:
        sweep.prepare()
        sweep.forget(chosen, complete=force, failed=retry_failed)
    waiting = sweep.waiting(chosen)
    complete = {name for name in chosen if sweep.record(name) is not None}
    if complete:
        remark(f"{len(complete)} of {len(chosen)} runs are complete in {sweep.runs} and are not repeated")
    if without := sweep.without_model(complete):
        remark(f"{len(without)} of them kept no model when they were done; --force does them again, and keeps it")
    if left := [name for name in chosen if sweep.failure(name) is not None]:
        remark(f"{len(left)} runs failed before and are left alone; --retry-failed does them again")
    if ray is not None and waiting:
        sweep.find_links(waiting)
        needs = {name: sweep.jobs[name][1].settings.ray for name in waiting}
        lost = run_on_ray(plans, out, needs, address=ray, processors=workers)
        for name in sweep.waiting(list(lost)):
            sweep.fail(name, lost[name])
    elif (workers or 1) > 1 and len(waiting) > 1:
        sweep.find_links(waiting)  # once, into the cache that all read
        run_workers(plans, out, waiting, workers=workers or 1, left=lambda: sweep.n_left(waiting))
    if ray is None:
        sweep.do(sweep.waiting(chosen))  # what a worker left that was killed is done here
    if process_number() == 0:
        sweep.clear(sweep.jobs)
    return [_collect_study(plan, sweep, complete) for plan in plans]


def _collect_study(plan: Plan, sweep: Sweep, complete: Container[str]) -> Study:
    names = [spec.folder for spec in plan.specs]
    records = tuple(record for name in names if (record := sweep.record(name)) is not None)
    failures = tuple(failure for name in names if (failure := sweep.failure(name)) is not None)
    return Study(plan.settings, records, sum(name in complete for name in names), failures)


def _choose_runs(names: Sequence[str], only: Sequence[str] | None) -> list[str]:
    if not only:
        return list(names)
    if unknown := [pattern for pattern in only if not any(fnmatch(name, pattern) for name in names)]:
        raise SettingsError(f"no run is called {' or '.join(map(repr, unknown))}; there are {', '.join(names)}")
    return [name for name in names if any(fnmatch(name, pattern) for pattern in only)]
