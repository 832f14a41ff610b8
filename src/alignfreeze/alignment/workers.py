"""Processes on this machine that align chunks of a bitext.

They are programs of their own, which import this package: nothing is inherited but the environment. A process that is
copied (fork) could hang in a library with threads, and one that starts as a copy of the caller's program (spawn) would
run a script a second time.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from alignfreeze.alignment import worker
from alignfreeze.errors import AlignFreezeError
from alignfreeze.processes import environment_of_children, run_module

Result = TypeVar("Result")


class WorkerError(AlignFreezeError):
    """A worker process ended before its work was done, or failed in an unexpected way."""


def count_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Worker:
    """A process that calls functions of modules, with arguments that can be pickled."""

    def __init__(self, threads: int) -> None:
        # Waiting threads of OpenMP would otherwise take the cores from other processes.
        environment = {**environment_of_children(), "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [*run_module(worker.__name__), str(os.getpid())],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in the process, and return what it returns.

        Raises:
            AlignFreezeError: The function raised it.
            WorkerError: The function raised something else, or the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((function, arguments), self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            is_done, answer = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError, ConnectionError, pickle.UnpicklingError) as error:
            raise WorkerError(self._describe_end()) from error
        if is_done:
            return answer
        if isinstance(answer, AlignFreezeError):
            raise answer
        raise WorkerError(f"a process that aligns words failed: {answer}")

    def _describe_end(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        why = f" ({lines[-1]})" if lines else ""
        if code == -9:
            why = " (it was killed, perhaps because memory was full; max_training_pairs lowers what it needs)"
        return (
            f"a process that aligns words ended with code {code}{why}; finished chunks are kept, and the same command "
            "continues from there"
        )

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._complaints):
            if file is not None:
                with suppress(OSError):
                    file.close()


@contextmanager
def starting(n: int, *, threads: int) -> Iterator[list[Worker]]:
    """Yield workers that end with the block.

    Args:
        n: How many.
        threads: How many threads each of them may use.
    """
    workers: list[Worker] = []
    try:
        for _ in range(n):
            workers.append(Worker(threads))
        yield workers
    finally:
        for each in workers:
            each.end()


def share(
    workers: list[Worker], function: Callable[..., Result], several: Iterable[tuple[Any, ...]]
) -> Iterator[Result]:
    """Call a function for several arguments in any of the workers, and yield what it returns, in order.

    Memory does not grow with the number of calls: two per worker are begun beforehand.
    """
    idle: SimpleQueue[Worker] = SimpleQueue()
    for each in workers:
        idle.put(each)

    def call(arguments: tuple[Any, ...]) -> Result:
        each = idle.get()
        try:
            return each.call(function, *arguments)
        finally:
            idle.put(each)

    pool = ThreadPoolExecutor(len(workers))
    begun: deque[Future[Result]] = deque()
    try:
        for arguments in several:
            begun.append(pool.submit(call, arguments))
            if len(begun) > 2 * len(workers):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        # A call that has begun ends when its worker does.
        pool.shutdown(wait=False, cancel_futures=True)
