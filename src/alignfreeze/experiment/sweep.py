"""Many runs: none of them twice, whatever is killed, fails or works beside."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import cached_property, partial
from pathlib import Path

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.errors import AlignFreezeError, OutputError, SettingsError
from alignfreeze.experiment.claims import claimed
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.recipe import RunSpec, run
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.experiment.settings import BASELINE, ExperimentSettings
from alignfreeze.experiment.workers import work_off
from alignfreeze.files import check_folder, make_folder, new_folder, remove_leftovers, write_json
from alignfreeze.processes import n_processes, process_number
from alignfreeze.progress import remark, stage

POLLED = 0.5
"""Seconds between two looks at runs that others do."""

PLANNED = "planned.json"
"""The names of the runs that an experiment is made of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that went wrong.

    Attributes:
        strategy: `baseline`, or the freeze policy.
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


def run_experiment(
    plan: Plan,
    *,
    out: Path,
    workers: int = 1,
    only: Sequence[str] | None = None,
    retry_failed: bool = False,
    force: bool = False,
) -> Study:
    """Do the runs of a plan that are not yet done, and return the records of all.

    A run's folder appears when the run is complete, so a process that is
    killed leaves no half of one behind; its trainings go on from their last
    checkpoints, which are removed when the run is complete. Of several
    processes on one folder each does the runs that no other is at. A run that
    fails does not stop the others; its error is kept.

    Args:
        plan: The experiment.
        out: Where the runs are kept.
        workers: How many processes share the runs.
        only: Patterns of the names of runs, such as `front-*`; by default all.
        retry_failed: Do runs again that failed before.
        force: Do runs again that are complete; their records are removed first.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
        SettingsError: No run has such a name.
    """
    check_folder(out)
    specs = _chosen(plan.specs, only)
    sweep = _Sweep(plan, out)
    if process_number() == 0:
        sweep.prepare()
        sweep.forget(specs, complete=force, failed=retry_failed)
    waiting = sweep.waiting(specs)
    reused = sum(sweep.record(spec) is not None for spec in specs)
    if reused:
        remark(f"{reused} of {len(specs)} runs are complete in {sweep.runs} and are not repeated")
    if left := [spec for spec in specs if sweep.failure(spec) is not None]:
        remark(f"{len(left)} runs failed before and are left alone; --retry-failed does them again")
    if workers > 1 and len(waiting) > 1:
        if any(spec.strategy != BASELINE for spec in waiting):
            _ = sweep.alignments  # found once, and kept in the cache for all
        names = [spec.folder for spec in waiting]
        work_off(plan.settings, plan.base, out, names, workers=workers, left=lambda: len(sweep.waiting(waiting)))
    # What a worker left that was killed is done here.
    sweep.do(sweep.waiting(specs))
    records = tuple(record for spec in specs if (record := sweep.record(spec)) is not None)
    failures = tuple(failure for spec in specs if (failure := sweep.failure(spec)) is not None)
    return Study(plan.settings, records, reused, failures)


def _chosen(specs: Sequence[RunSpec], only: Sequence[str] | None) -> list[RunSpec]:
    if not only:
        return list(specs)
    chosen = [spec for spec in specs if any(fnmatch(spec.folder, pattern) for pattern in only)]
    if not chosen:
        names = ", ".join(spec.folder for spec in specs)
        raise SettingsError(f"no run is called {' or '.join(map(repr, only))}; there are {names}")
    return chosen


class _Sweep:
    """The folder of an experiment while its runs are being done."""

    def __init__(self, plan: Plan, out: Path) -> None:
        self.plan = plan
        self.out = out
        self.runs = out / "runs"

    @cached_property
    def alignments(self) -> Sequence[WordAlignment]:
        """The links of the bitext."""
        return find_links(self.plan.settings, self.plan.data)

    def prepare(self) -> None:
        """Write what the experiment is."""
        make_folder(self.runs)
        write_json(self.out / "experiment.json", self.plan.settings.model_dump(mode="json"))
        write_json(self.out / PLANNED, [spec.folder for spec in self.plan.specs])

    def record(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a complete run, None where there is none that can be read."""
        try:
            text = (self.runs / spec.folder / RECORD).read_text(encoding="utf-8")
            return RunRecord.from_json(json.loads(text))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def failure(self, spec: RunSpec) -> Failure | None:
        """Return how a run failed, None where it did not."""
        try:
            return Failure(**json.loads(failed_file(self.out, spec.folder).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def waiting(self, specs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs that are neither complete nor failed."""
        return [spec for spec in specs if self.record(spec) is None and self.failure(spec) is None]

    def forget(self, specs: Sequence[RunSpec], *, complete: bool, failed: bool) -> None:
        """Remove what is to be done again."""
        for spec in specs:
            if complete and (self.runs / spec.folder).exists():
                shutil.rmtree(self.runs / spec.folder)
            if complete or failed:
                failed_file(self.out, spec.folder).unlink(missing_ok=True)

    def do(self, specs: Sequence[RunSpec]) -> None:
        """Do runs, one after the other; those that another process is at are waited for."""
        waiting = list(specs)
        with stage("runs", total=len(waiting)) as bar:
            while waiting:
                for spec in (left := waiting):
                    with claimed(self.out, spec.folder) as is_ours:
                        if not is_ours:
                            continue
                        # Another process may have done it by now; processes that train together do not ask, lest
                        # they get unlike answers.
                        if n_processes() > 1 or self.waiting([spec]):
                            self._attempt(spec)
                    waiting = [other for other in waiting if other is not spec]
                    bar.advance()
                if waiting and len(waiting) == len(left):
                    time.sleep(POLLED)
                    bar.advance(len(waiting) - len(waiting := self.waiting(waiting)))

    def _attempt(self, spec: RunSpec) -> None:
        """Do one run; what goes wrong in it alone is kept."""
        try:
            self._run(spec)
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
            when = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(
                failed_file(self.out, spec.folder), asdict(Failure(spec.strategy, spec.seed, message, trace, when))
            )
            remark(f"{spec.strategy}, seed {spec.seed} failed: {message}")

    def _run(self, spec: RunSpec) -> None:
        """Do one run; its folder appears, and its checkpoints disappear, when it is complete."""
        place, saved = self.runs / spec.folder, self.out / "checkpoints" / spec.folder
        alignments = [] if spec.strategy == BASELINE else self.alignments
        go: Callable[[Path], RunRecord] = partial(
            run, spec, self.plan.data, alignments, tokenizer=self.plan.tokenizer, checkpoints=saved
        )
        if process_number() > 0:  # it trains with process 0, which writes
            with tempfile.TemporaryDirectory() as folder:
                go(Path(folder))
            return
        remove_leftovers(self.runs, of=spec.folder)
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
