"""Does many runs: in this process, in several processes of this machine, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from alignfreeze.disk import writing
from alignfreeze.errors import OutputError, SettingsError
from alignfreeze.experiment.given import ExperimentLike, to_experiment
from alignfreeze.experiment.planning import Plan, plan_all
from alignfreeze.files import check_folder, to_path
from alignfreeze.processes import n_processes, process_number
from alignfreeze.progress import remark
from alignfreeze.running.cluster import run_on_ray
from alignfreeze.running.study import Study
from alignfreeze.running.sweep import Sweep
from alignfreeze.running.workers import run_workers


def run_experiment(
    settings: ExperimentLike | Plan,
    *,
    out: str | os.PathLike[str],
    base: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    ray: str | None = None,
    only: Sequence[str] | None = None,
    retry_failed: bool = False,
    force: bool = False,
    **changes: Any,
) -> Study:
    """Plan an experiment and do its runs that are not done yet.

    ```python
    study = af.run_experiment("experiment.toml", out="my-study", seeds=[31], realignment={"steps": 20})
    study.to_pandas()
    ```

    Args:
        settings: An experiment file, a dict with the names of such a file, `ExperimentSettings`, or a plan.
        out: The folder of the runs. Runs that are complete there are not repeated.
        base: The folder at which relative paths in the settings start. By default that of the file, or the current one.
        workers: How many processes share the runs. By default one; on a local Ray, one per processor.
        ray: The address of a Ray cluster that does the runs, or `local`.
        only: Patterns of the names of runs, such as `front-*`. By default all runs.
        retry_failed: Do failed runs again.
        force: Do complete runs again. Their records are removed first.
        **changes: Settings that replace those of the experiment: `seeds=[31]`, `realignment={"steps": 20}`, or a name
            with dots, `**{"realignment.steps": 20}`.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder. All wrong settings are named.
        OutputError: The folder cannot be written, the disk is full, or complete runs are deleted meanwhile.
    """
    folder = to_path(out, "out")
    check_folder(folder)
    if isinstance(settings, Plan):
        if changes or base is not None:
            names = ", ".join([*(["base"] if base is not None else []), *changes])
            raise SettingsError(f"{names}: a plan is complete; change its settings, and give them instead of the plan")
        found = settings
    else:
        experiment, start = to_experiment(settings, base=base, changes=changes)
        (found,) = plan_all([(start, experiment)], elsewhere=ray is not None)
    how = {"workers": workers, "ray": ray, "only": only, "retry_failed": retry_failed, "force": force}
    return run_experiments([found], out=folder, **how)[0]


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
    """Do the runs of some plans that are not done yet, each once. Return one study per plan.

    The folder of a run appears when the run is complete, so a killed process leaves no half-written run. Trainings
    continue from their last checkpoints, which are removed when the run is complete. Several processes may share a
    folder: each does runs that no other process holds. A failed run does not stop the others; its error is kept.

    Args:
        plans: The experiments. Runs that several of them share, such as a baseline, are done once.
        out: The folder of the runs.
        workers: How many processes share the runs. By default one; on a local Ray, one per processor.
        ray: The address of a Ray cluster that does the runs, or `local`.
        only: Patterns of the names of runs, such as `front-*`. By default all runs.
        retry_failed: Do failed runs again.
        force: Do complete runs again. Their records are removed first.

    Raises:
        OutputError: The folder cannot be written, the disk is full, or complete runs are deleted meanwhile.
        SettingsError: No run matches a pattern.
    """
    check_folder(out)
    with writing(out):
        return _run_experiments(plans, out, workers, ray, only, retry_failed=retry_failed, force=force)


def _run_experiments(
    plans: Sequence[Plan],
    out: Path,
    workers: int | None,
    ray: str | None,
    only: Sequence[str] | None,
    *,
    retry_failed: bool,
    force: bool,
) -> list[Study]:
    if (force or retry_failed) and n_processes() > 1:
        raise SettingsError(
            "--force and --retry-failed work only with one process: the other processes would not know which runs have "
            "been removed"
        )
    sweep = Sweep(plans, out)
    chosen = _choose_runs(list(sweep.jobs), only)
    if process_number() == 0:
        sweep.prepare()
        sweep.forget(chosen, complete=force, failed=retry_failed)
    waiting = sweep.find_waiting(chosen)
    sweep.tell_of_damaged(waiting)
    complete = {name for name in chosen if sweep.read_record(name) is not None}
    if complete:
        remark(f"{len(complete)} of {len(chosen)} runs are complete in {sweep.runs} and are not repeated")
    if without := sweep.find_without_model(complete):
        remark(f"{len(without)} of these runs kept no model; --force does them again and keeps the models")
    if left := [name for name in chosen if sweep.read_failure(name) is not None]:
        remark(f"{len(left)} runs failed before and are left alone; --retry-failed does them again")
    if ray is not None and waiting:
        sweep.find_links(waiting)
        needs = {name: sweep.jobs[name][1].settings.ray for name in waiting}
        lost = run_on_ray(plans, out, needs, address=ray, processors=workers)
        for name in sweep.find_waiting(list(lost)):
            sweep.fail(name, lost[name])
    elif (workers or 1) > 1 and len(waiting) > 1:
        sweep.find_links(waiting)  # once, into the cache that all workers read
        run_workers(plans, out, waiting, workers=workers or 1, left=lambda: sweep.count_left(waiting))
    if ray is None:
        sweep.do(sweep.find_waiting(chosen))  # runs that a killed worker left
    if process_number() == 0:
        _do_missing(sweep, chosen, again=ray is None and n_processes() == 1)
        sweep.clear(sweep.jobs)
    return [_collect_study(plan, sweep, complete) for plan in plans]


def _do_missing(sweep: Sweep, names: Sequence[str], *, again: bool) -> None:
    """Do runs again whose folders were deleted after they were complete.

    Args:
        sweep: The experiments.
        names: The runs that are to be complete, or failed.
        again: Whether they may be done again, once, in this process.

    Raises:
        OutputError: Runs are missing still.
    """
    missing = sweep.find_waiting(names)
    if missing and again:
        remark(f"{', '.join(missing)}: deleted from {sweep.runs} meanwhile; done again")
        sweep.prepare()
        sweep.do(missing)
        missing = sweep.find_waiting(names)
    if missing:
        raise OutputError(
            f"{sweep.runs}: {', '.join(missing)} are missing, though they were done: something deletes folders here; "
            "end that, and the same command does these runs again"
        )


def _collect_study(plan: Plan, sweep: Sweep, complete: Container[str]) -> Study:
    names = [spec.folder for spec in plan.specs]
    records = tuple(record for name in names if (record := sweep.read_record(name)) is not None)
    failures = tuple(failure for name in names if (failure := sweep.read_failure(name)) is not None)
    return Study(plan.settings, records, sum(name in complete for name in names), sweep.out, failures)


def _choose_runs(names: Sequence[str], only: Sequence[str] | None) -> list[str]:
    if not only:
        return list(names)
    if unknown := [pattern for pattern in only if not any(fnmatch(name, pattern) for name in names)]:
        raise SettingsError(f"no run matches {' or '.join(map(repr, unknown))}; the runs are {', '.join(names)}")
    return [name for name in names if any(fnmatch(name, pattern) for pattern in only)]
