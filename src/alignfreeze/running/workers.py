"""Processes on this machine that share the runs of an experiment.

Run as a program, this module is one of these workers. A worker reads its runs from standard input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from alignfreeze.experiment.planning import Plan
from alignfreeze.files import make_folder
from alignfreeze.progress import remark, stage
from alignfreeze.running.jobs import do_packed, pack_runs
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
    """Start a worker. If the worker still runs at the end of the block, end it."""
    make_folder(out / "logs")
    threads = max(1, len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0]) // workers)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ, "TOKENIZERS_PARALLELISM": "false"}
    if n_gpus := torch.cuda.device_count():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(n_gpus)))).split(",")
        environment["CUDA_VISIBLE_DEVICES"] = visible[number % len(visible)]
    with _log_of(out, number).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        assert process.stdin is not None
        with process.stdin as standard_input:
            standard_input.write(task)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _end_with_parent(parent: int) -> None:
    """End this process as soon as its parent has ended."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    do_packed(json.load(sys.stdin))
