"""Runs on a Ray cluster, one Ray task per run. All machines share the file system with the folder of the runs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignfreeze.errors import OutputError, SettingsError
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.settings import RaySettings
from alignfreeze.progress import stage
from alignfreeze.running.jobs import do_packed, pack_runs
from alignfreeze.running.sweep import POLL_SECONDS

LOCAL = "local"
"""The address of a Ray cluster that is started on this machine and ends with the runs."""


def run_on_ray(
    plans: Sequence[Plan], out: Path, jobs: Mapping[str, RaySettings], *, address: str, processors: int | None
) -> dict[str, str]:
    """Let a Ray cluster do runs, and wait until all have ended. Return the reasons why runs were lost, by name.

    Args:
        plans: The experiments.
        out: The folder of the runs.
        jobs: What each run needs, by its name.
        address: The address of the cluster: `auto`, `ray://HOST:PORT` or HOST:PORT. `local` starts one here.
        processors: How many processors a local cluster may use; None for all.

    Raises:
        SettingsError: Ray is not installed, or no cluster can be reached at the address.
        OutputError: A run cannot write its files.
    """
    lost = {}
    with _connect(address, processors) as ray, stage(f"runs, on Ray ({address})", total=len(jobs)) as bar:
        _check_resources(ray.cluster_resources(), jobs.values())
        pending = {}
        for name, needs in jobs.items():
            options = {"num_cpus": needs.cpus_per_run, "num_gpus": needs.gpus_per_run, "max_retries": needs.retries}
            pending[ray.remote(do_packed).options(name=name, **options).remote(pack_runs(plans, out, [name]))] = name
        while pending:
            ended, _ = ray.wait(list(pending), num_returns=1, timeout=POLL_SECONDS)
            for one in ended:
                name = pending.pop(one)
                if (reason := _find_reason(ray, one)) is not None:
                    lost[name] = reason
                bar.advance()
    return lost


def _check_resources(there: Mapping[str, float], jobs: Iterable[RaySettings]) -> None:
    """Check that a cluster has what a run needs. Ray would wait silently for missing resources.

    Raises:
        SettingsError: The cluster has fewer resources.
    """
    for needs in jobs:
        for what, wanted in (("CPU", needs.cpus_per_run), ("GPU", needs.gpus_per_run)):
            if wanted > there.get(what, 0):
                raise SettingsError(
                    f"ray.{what.lower()}s_per_run: a run needs {wanted:g}, but the whole cluster has only "
                    f"{there.get(what, 0):g}; lower this setting"
                )


def _find_reason(ray: Any, ended: Any) -> str | None:
    """Return why a run was lost, or None. An error of the run itself is kept in its folder and not returned here."""
    try:
        ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, OutputError):
            raise OutputError(str(error.cause)) from error
        return str(error.cause)
    except ray.exceptions.RayError as error:
        return f"its process ended again and again ({type(error).__name__})"
    return None


@contextmanager
def _connect(address: str, processors: int | None) -> Iterator[Any]:
    """Yield Ray with a connection. A connection that existed before stays open."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no statistics are sent without consent
    # Ray's future default: tasks that ask for no GPU still see the GPUs of the machine.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise SettingsError('--ray needs the extra `ray`: pip install "alignfreeze[ray]"') from None
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"address": address}
    if address == LOCAL:
        options |= {"num_cpus": processors, "include_dashboard": False}
    try:
        with _keep_signals():
            ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises errors of many kinds
        raise SettingsError(f"--ray {address}: no Ray cluster can be reached there ({error})") from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _keep_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM: Ray's own ends the process with another exit code and no message."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
