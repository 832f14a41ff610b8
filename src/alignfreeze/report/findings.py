"""Gathers what is known of studies: scores, records, states of runs, key terms, a probe of encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alignfreeze.errors import DataError
from alignfreeze.evaluation.probe import PROBE, Probe
from alignfreeze.experiment.records import RunRecord
from alignfreeze.progress import remark
from alignfreeze.running.folder import PLANNED
from alignfreeze.running.status import RunStatus, status
from alignfreeze.running.terms import read_terms
from alignfreeze.studies.results import Result, read_all, record_files

Terms = Mapping[str, Mapping[str, Sequence[str]]]
"""Key terms by experiment and text."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a study.

    Attributes:
        results: The scores.
        records: The runs, if they are known.
        states: How far all runs are.
        terms: Key terms of its texts.
        probe: What a look into its encoders has found.
    """

    results: Sequence[Result]
    records: Sequence[RunRecord] = ()
    states: Sequence[RunStatus] = ()
    terms: Terms = field(default_factory=dict)
    probe: Probe | None = None


def gather(paths: Sequence[Path]) -> Findings:
    """Read what is known of studies.

    Raises:
        DataError: One is missing or damaged, or there is no result yet.
        SettingsError: Results contradict each other.
    """
    # Of a study that has just begun, or of which every run failed, there is no result yet, but runs there are.
    begun = [path for path in paths if (path / PLANNED).is_file() and not record_files(path)]
    results, records = read_all([path for path in paths if path not in begun])
    folders = [path for path in paths if path.is_dir()]
    terms: dict[str, Mapping[str, Sequence[str]]] = {}
    for folder in folders:
        for name, texts in read_terms(folder).items():
            # Experiments of the same name in several folders are told apart by the folder.
            terms[name if name not in terms else f"{name}, {study_name(folder.resolve())}"] = texts
    probes = [probe for folder in folders if (probe := _read_probe(folder)) is not None]
    return Findings(results, records, _read_states(folders), terms, probes[0] if probes else None)


def _read_probe(folder: Path) -> Probe | None:
    """Return the probe in a folder; a damaged one is left out with a remark, as the rest can do without."""
    if not (folder / PROBE).is_file():
        return None
    try:
        return Probe.read(folder / PROBE)
    except DataError as error:
        remark(f"{error}; it is left out")
        return None


def _read_states(folders: Sequence[Path]) -> list[RunStatus]:
    found: list[RunStatus] = []
    for folder in folders:
        try:
            found += status(folder).runs
        except DataError:  # a folder of records alone
            continue
    return found


def study_name(path: Path) -> str:
    """Return what a folder or table of runs is called."""
    return path.name if path.is_dir() else path.stem
