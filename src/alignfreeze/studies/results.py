"""Results of runs, one score each: from folders of runs, and from tables in the layout of the paper's tables."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.records import RECORD, SENTENCES, RunRecord
from alignfreeze.files import read_lines
from alignfreeze.running.counts import CountsByMetric, read_counts
from alignfreeze.running.trials import Counts

FINETUNING_PARTS = (Part.PRECISION, Part.TASK, Part.FINETUNING)
"""The parts that a run shares with its baseline."""

REALIGNMENT_PARTS = (Part.PAIRS, Part.LINKS, Part.REALIGNMENT)
"""The parts that realigned runs share in addition, whatever their strategy and seed."""

METRICS = ("f1", "exact match", "accuracy", "precision", "recall")
"""The metrics of results, the most important first."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the runs of a comparison have in common.

    Attributes:
        encoder: Name of the encoder.
        task: Name of the task.
        aligner: The aligner that linked the words; None for the baseline, which has no links.
        schedule: When realignment happens; None for the baseline.
        settings: A digest of all other settings; empty if they are not known. The digest of a baseline covers fewer
            settings.
        teaching: A digest of the settings of a second training; empty for models that are trained once. Those with the
            same other settings are compared with it.
    """

    encoder: str
    task: str
    aligner: str | None = None
    schedule: str | None = None
    settings: str = ""
    teaching: str = ""

    @property
    def untaught(self) -> Setup:
        """The setup of the models that are trained once."""
        return replace(self, teaching="")

    def has_runs_of(self, other: Setup) -> bool:
        """Return whether a comparison of this setup has the runs of another: its own, or those trained once."""
        return other in {self, self.untaught}


@dataclass(frozen=True, slots=True)
class Result:
    """A score of one run in one language.

    Attributes:
        setup: The setup of the run, without strategy and seed.
        fine_tuned: A digest of the settings that the run shares with its baseline; empty if they are not known.
        strategy: `baseline`, or the freeze policy.
        seed: The random start; the first one, if the models of several seeds are joined.
        language: Code of the language.
        is_source: Whether the language is that of the training data.
        metric: What is measured.
        value: A share between 0 and 1.
        tests: Digest of the test data; None if it is not known.
        place: Where the result was read, for messages.
        study: Name of the experiment, or of the table.
        counts: Numerator and denominator of each test item, [items, 2]; None if they were not kept.
        group: All seeds of a run that joins several; empty for a run of one seed.
    """

    setup: Setup
    fine_tuned: str
    strategy: str
    seed: int
    language: str
    is_source: bool
    metric: str
    value: float
    tests: str | None
    place: str
    study: str = ""
    counts: Counts | None = field(default=None, compare=False, repr=False)
    group: tuple[int, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the run."""
        return self.group or (self.seed,)


def read_results(paths: Sequence[Path]) -> list[Result]:
    """Read results from tables (`.csv`) and from folders of `alignfreeze run --out`.

    Args:
        paths: The tables and folders.

    Raises:
        DataError: A table or folder is missing, holds no result, or is damaged.
    """
    return read_all(paths)[0]


def read_all(paths: Sequence[Path]) -> tuple[list[Result], list[RunRecord]]:
    """Read results as `read_results` does, and the records of the runs in folders. Tables have no records."""
    results: list[Result] = []
    records: list[RunRecord] = []
    for path in paths:
        if path.is_dir():
            for place, record in read_records(path):
                results += results_of(record, str(place), counts=read_counts(place.with_name(SENTENCES)))
                records.append(record)
        elif path.is_file():
            results += _read_table(path)
        else:
            raise DataError(f"{path}: no such file or folder; give folders of runs, or tables (CSV)")
    return results, records


def find_record_files(folder: Path) -> list[Path]:
    """Return the files of the records in a folder: of a study, of runs, or of one run."""
    # The folder of an unfinished run begins with a dot.
    return sorted({path for runs in ("runs/[!.]*/", "[!.]*/", "") for path in folder.glob(runs + RECORD)})


def read_records(folder: Path) -> Iterator[tuple[Path, RunRecord]]:
    """Yield the records of the finished runs in a folder, each with its file.

    Raises:
        DataError: The folder has no record, or a record is damaged, belongs to another run, or is there twice.
    """
    places = find_record_files(folder)
    if not places:
        raise DataError(f"{folder}: holds no finished run (no runs/NAME/{RECORD} in it)")
    seen: dict[str, Path] = {}
    for place in places:
        record = RunRecord.read(place)
        if (first := seen.setdefault(record.folder, place)) != place:
            raise DataError(f"{place}: the record of the same run as {first}, which would count twice; remove one")
        yield place, record


def results_of(record: RunRecord, place: str, *, counts: CountsByMetric | None = None) -> Iterator[Result]:
    """Yield the results in the record of a run.

    Args:
        record: The record.
        place: Where the record was read.
        counts: Counts of the test items; None if they are not needed.
    """
    identity = record.identity
    fine_tuned = identity.digest_of(*FINETUNING_PARTS)[:12]
    setup = Setup(
        encoder=record.encoder,
        task=record.task,
        aligner=record.aligner,
        schedule=record.schedule,
        settings=identity.digest_of(*FINETUNING_PARTS, *REALIGNMENT_PARTS)[:12] if record.sees_bitext else fine_tuned,
        teaching="" if record.teaching is None else identity.digest_of(Part.TEACHING)[:12],
    )
    for score in record.scores:
        yield Result(
            setup=setup,
            fine_tuned=fine_tuned,
            strategy=record.strategy,
            seed=record.seed,
            language=score.language,
            is_source=score.language == record.source_language,
            metric=score.metric,
            value=score.value,
            tests=record.tests_of(score.language),
            place=place,
            study=record.experiment,
            counts=(counts or {}).get(score.language, {}).get(score.metric),
            group=record.seeds if len(record.seeds) > 1 else (),
        )


_STRATEGIES = {
    "before": ("full", "before"),
    "after": ("full", "after"),
    "during": ("full", "during"),
    "freeze_realign_unfreeze": ("front", "before"),
    "freeze_realign_unfreeze_last_half": ("back", "before"),
    "freeze_realign_unfreeze_last_6": ("back", "before"),
    "during_partial_freeze_front": ("front", "during"),
    "during_partial_freeze_back": ("back", "during"),
}
"""Strategy and schedule of the methods in the reference code. Their names end in an aligner, which is cut off."""

_METRICS = {"em": "exact match"}

_SOURCE = "same"
"""The reference code's name for the source language, which is English."""

_REQUIRED = ("seed", "model", "task", "method")

_SCORE = re.compile(r"(?P<final>final_)?eval_(?P<language>.+)_(?P<metric>accuracy|f1|em|precision|recall)")


def _read_table(path: Path) -> Iterator[Result]:
    """Yield the results of a table of the reference code: one row per run, one column per language and metric."""
    if path.suffix == ".toml":
        raise DataError(f"{path}: an experiment file has no results; name the folder of its runs, as in run --out")
    rows = csv.DictReader(line for _, line in read_lines(path))
    try:
        columns = list(rows.fieldnames or ())
        missing = [column for column in _REQUIRED if column not in columns]
        if missing:
            raise DataError(f"{path}, line 1: the column {', '.join(missing)} is missing; expected {_LAYOUT}")
        scores = _find_score_columns(columns)
        if not scores:
            raise DataError(f"{path}, line 1: no column of scores; expected {_LAYOUT}")
        row = None
        for row in rows:
            yield from _results_of_row(row, scores, path, f"{path}, line {rows.line_num}")
        if row is None:
            raise DataError(f"{path}: no row below the names of the columns; expected {_LAYOUT}")
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: not CSV ({error})") from error


_LAYOUT = "one row per run, with seed, model, task, method and one column final_eval_LANGUAGE_METRIC per score"


def _find_score_columns(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return language and metric of the columns with final scores. The tables of QA only have `eval_...`."""
    found = {column: match for column in columns if (match := _SCORE.fullmatch(column))}
    final = {column: match for column, match in found.items() if match["final"]}
    chosen = final or found
    return {
        column: (match["language"], _METRICS.get(match["metric"], match["metric"]))
        for column, match in chosen.items()
        if match["language"] != "avg"
    }


def _results_of_row(
    row: dict[str, Any], scores: dict[str, tuple[str, str]], path: Path, place: str
) -> Iterator[Result]:
    strategy, aligner, schedule = _parse_method(row["method"] or "", place)
    try:
        seed = int(row["seed"])
    except (TypeError, ValueError):
        raise DataError(f"{place}: the seed {row['seed']!r} is not a whole number") from None
    setup = Setup(row["model"], row["task"], aligner, schedule)
    for column, (language, metric) in scores.items():
        try:
            value = float(row[column])
        except (TypeError, ValueError):
            raise DataError(f"{place}: {column} is {row[column]!r}, not a number") from None
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise DataError(f"{place}: {column} is {value}; scores are shares between 0 and 1")
        is_source = language == _SOURCE
        yield Result(
            setup=setup,
            fine_tuned="",
            strategy=strategy,
            seed=seed,
            language="en" if is_source else language,
            is_source=is_source,
            metric=metric,
            value=value,
            tests=None,
            place=place,
            study=path.stem,
        )


def _parse_method(name: str, place: str) -> tuple[str, str | None, str | None]:
    """Return strategy, aligner and schedule of a method of the reference code."""
    if name == BASELINE:
        return BASELINE, None, None
    method, _, aligner = name.rpartition("_")
    if method not in _STRATEGIES or not aligner:
        raise DataError(
            f"{place}: unknown method {name!r}; known methods: {BASELINE}, and the following with _ALIGNER added: "
            f"{', '.join(_STRATEGIES)}"
        )
    strategy, schedule = _STRATEGIES[method]
    return strategy, aligner, schedule


def check_tests(results: Sequence[Result]) -> None:
    """Check that results for the same language and task have the same test data, where the data are known.

    Raises:
        SettingsError: The test data differ. The message names the digests.
    """
    seen: dict[tuple[str, str], Result] = {}
    for result in results:
        if result.tests is None:
            continue
        first = seen.setdefault((result.setup.task, result.language), result)
        if first.tests != result.tests:
            raise SettingsError(
                f"the test data of {result.language!r} differ, so the scores cannot be compared:\n"
                f"  {first.place}: {first.tests}\n  {result.place}: {result.tests}"
            )
