"""Studies: experiments whose runs have ended, as values and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.experiment.records import RUNS, SENTENCES, RunRecord
from alignfreeze.running.counts import CountsByMetric, read_counts
from alignfreeze.running.doubts import doubts_of
from alignfreeze.running.folder import Failure
from alignfreeze.running.tables import AVERAGE_ROW, ScoreTable, metrics_of, score_tables, sheet_of
from alignfreeze.sheets import Sheet, doubt_lines
from alignfreeze.tabular import Tabular

if TYPE_CHECKING:
    from alignfreeze.experiment.settings import ExperimentSettings


@dataclass(frozen=True, slots=True)
class Study(Tabular):
    """An experiment whose runs have ended. Wherever a path is expected, a study stands for its folder.

    Attributes:
        settings: The settings of the experiment.
        records: One record per complete run, in the order of the plan.
        reused: How many of these runs were already complete before.
        out: The folder of the runs.
        failures: The failed runs, in the same order.
    """

    settings: ExperimentSettings
    records: tuple[RunRecord, ...]
    reused: int
    out: Path
    failures: tuple[Failure, ...] = ()

    def __fspath__(self) -> str:
        return str(self.out)

    @property
    def tables(self) -> list[ScoreTable]:
        """The scores, one table per metric; the most important metric comes first."""
        return score_tables(self.settings, self.records, self._read_counts()) if self.records else []

    def _read_counts(self) -> dict[str, CountsByMetric]:
        """Return the counts of test items, by the folder of the run."""
        return {one.folder: read_counts(self.out / RUNS / one.folder / SENTENCES) for one in self.records}

    def warnings(self) -> list[str]:
        """Return what is doubtful in the scores, each doubt once, and which runs failed."""
        failed = [f"{one.strategy}, seed {one.seed} failed: {one.error}" for one in self.failures]
        return [*doubt_lines(doubt.sentence for doubt in doubts_of(self.records)), *failed]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per metric, language and strategy, with the mean score over seeds and the gain, as shares."""
        return [
            {"metric": metric, "language": row.name, "strategy": strategy, **summary.row()}
            for metric, table in zip(metrics_of(self.records), self.tables, strict=True)
            for row in table.rows
            if row.name != AVERAGE_ROW
            for strategy, summary in row.cells.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return doubts, tables, records and failures as plain values, as `alignfreeze run --json` prints them."""
        return Outcome.of([self]).facts()

    def sheets(self) -> list[Sheet]:
        """Return the scores as tables for readers, one per metric."""
        return [sheet_of(table) for table in self.tables]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of experiments that ran together.

    Attributes:
        tables: The scores of the experiments.
        records: The complete runs. A run that several experiments share is listed once.
        failures: The failed runs, each listed once.
        doubts: The doubts about scores, each listed once.
    """

    tables: Sequence[ScoreTable]
    records: Sequence[RunRecord]
    failures: Sequence[Failure]
    doubts: Sequence[str] = ()

    @classmethod
    def of(cls, studies: Iterable[Study]) -> Outcome:
        """Put the outcomes of experiments together."""
        studies = list(studies)
        records = list({record.digest: record for study in studies for record in study.records}.values())
        return cls(
            tables=[table for study in studies for table in study.tables],
            records=records,
            failures=list(dict.fromkeys(failure for study in studies for failure in study.failures)),
            doubts=[doubt.sentence for doubt in doubts_of(records)],
        )

    def facts(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        parts = {"tables": self.tables, "runs": self.records, "failures": self.failures}
        facts = {name: [asdict(value) for value in values] for name, values in parts.items()}
        return {"doubts": list(self.doubts), **facts}

    def cost(self) -> str:
        """Return how many runs there are, how long they took, and their peak memory, as text."""
        seconds = sum(sum(record.seconds.values()) for record in self.records)
        stages = [taken for record in self.records for taken in record.memory.values()]
        peak = max((most for taken in stages for most in taken.values()), default=0)
        return f"{len(self.records)} runs, {seconds:,.0f} seconds, peak memory {peak / 2**30:.1f} GiB"
