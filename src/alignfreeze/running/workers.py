"""Processes on this machine that share the runs of an experiment."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from alignfreeze.experiment.planning import Plan
from alignfreeze.files import make_folder
from alignfreeze.processes import environment_of_children, run_module
from alignfreeze.progress import remark, stage
from alignfreeze.running import worker
from alignfreeze.running.jobs import pack_runs
from alignfreeze.running.sweep import POLL_SECONDS


def run_workers(
    plans: Sequence[Plan],
    out: Path,
    names: Sequence[str],
    *,
    workers: int,
    left: Callable[[], int],
) -> None:
    """Let several processes do runs, and wait until all of them have ended.

    A killed worker does not stop the others. The run of the killed worker is not complete then.

    Args:
        plans: The experiments.
        out: The folder of the experiment.
        names: The names of the runs.
        workers: The number of processes.
        left: Returns how many runs are still to be done.
    """
    task = json.dumps(pack_runs(plans, out, names))
    workers = min(workers, len(names))
    with ExitStack() as stack, stage(f"runs, {workers} workers", total=len(names)) as bar:
        started = [stack.enter_context(_start_worker(number, workers, task, out)) for number in range(workers)]
        waiting = len(names)
        while any(process.poll() is None for process in started):
            time.sleep(POLL_SECONDS)
            bar.advance(waiting - (waiting := left()))
    for number, process in enumerate(started):
        if process.returncode:
            log = _log_of(out, number)
            remark(f"worker {number} ended with code {process.returncode}; its output is in {log}")


def _log_of(out: Path, number: int) -> Path:
    return out / "logs" / f"worker-{number}.log"


@contextmanager
def _start_worker(number: int, workers: int, task: str, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a worker. If the worker still runs at the end of the block, end it.

    A worker ends by itself if this process is killed. Whatever a killed worker leaves is removed by the next one.
    """
    make_folder(out / "logs")
    threads = max(1, len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0]) // workers)
    environment = {"OMP_NUM_THREADS": str(threads), **environment_of_children(), "TOKENIZERS_PARALLELISM": "false"}
    if n_gpus := torch.cuda.device_count():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(n_gpus)))).split(",")
        environment["CUDA_VISIBLE_DEVICES"] = visible[number % len(visible)]
    with _log_of(out, number).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            run_module(worker.__name__),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    pipe = process.stdin
    assert pipe is not None
    try:
        with suppress(BrokenPipeError):  # it has ended already; its exit code is reported
            pipe.write(f"{task}\n")
            pipe.flush()
        yield process  # the pipe stays open: a worker ends when it is closed
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        with suppress(BrokenPipeError):
            pipe.close()
