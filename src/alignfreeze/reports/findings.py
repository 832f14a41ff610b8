"""Gathers everything known about studies: scores, records, states of runs, key terms, a probe of encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alignfreeze.errors import DataError
from alignfreeze.evaluation.probe import PROBE, Probe
from alignfreeze.experiment.records import RunRecord
from alignfreeze.labelling.kept import Kept, read_kept
from alignfreeze.progress import remark
from alignfreeze.running.folder import PLANNED
from alignfreeze.running.status import RunStatus, read_status
from alignfreeze.running.terms import read_terms
from alignfreeze.studies.results import Result, find_record_files, read_all

Terms = Mapping[str, Mapping[str, Sequence[str]]]
"""Key terms by experiment and text."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything known about a study.

    Attributes:
        results: The scores.
        records: The complete runs. Tables have none.
        states: The progress of each run.
        terms: The key terms of the texts.
        probe: The probe of the encoders; None without a probe.
        settled: What labels of people settled.
    """

    results: Sequence[Result]
    records: Sequence[RunRecord] = ()
    states: Sequence[RunStatus] = ()
    terms: Terms = field(default_factory=dict)
    probe: Probe | None = None
    settled: Sequence[Kept] = ()


def gather_findings(paths: Sequence[Path]) -> Findings:
    """Gather everything known about studies.

    Raises:
        DataError: A folder or table is missing or damaged, or has no result yet.
        SettingsError: Results contradict each other.
    """
    # A study that has just begun, or whose runs all failed, has runs but no results.
    begun = [path for path in paths if (path / PLANNED).is_file() and not find_record_files(path)]
    results, records = read_all([path for path in paths if path not in begun])
    folders = [path for path in paths if path.is_dir()]
    terms: dict[str, Mapping[str, Sequence[str]]] = {}
    for folder in folders:
        for name, texts in read_terms(folder).items():
            # The folder distinguishes experiments of the same name.
            terms[name if name not in terms else f"{name}, {study_name(folder.resolve())}"] = texts
    probes = [probe for folder in folders if (probe := _read_probe(folder)) is not None]
    settled = [kept for folder in folders for kept in read_kept(folder)]
    return Findings(results, records, _read_states(folders), terms, probes[0] if probes else None, settled)


def _read_probe(folder: Path) -> Probe | None:
    """Return the probe in a folder. A damaged probe is left out with a remark, because the rest does not need it."""
    if not (folder / PROBE).is_file():
        return None
    try:
        return Probe.read(folder / PROBE)
    except DataError as error:
        remark(f"{error}; the probe is left out")
        return None


def _read_states(folders: Sequence[Path]) -> list[RunStatus]:
    found: list[RunStatus] = []
    for folder in folders:
        try:
            found += read_status(folder).runs
        except DataError:  # a folder with nothing but records
            continue
    return found


def study_name(path: Path) -> str:
    """Return the name of a folder or table."""
    return path.name if path.is_dir() else path.stem
