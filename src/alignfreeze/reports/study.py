"""Computes the pages of a study, which page.py paints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from alignfreeze.addresses import STUDY
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.records import RunRecord
from alignfreeze.reports.comparison_pages import comparison_page, training_seconds
from alignfreeze.reports.findings import Findings, gather_findings, study_name
from alignfreeze.reports.language_pages import language_page
from alignfreeze.reports.likeness import language_network, measure_distances
from alignfreeze.reports.lineage import trace_runs
from alignfreeze.reports.networks import Network
from alignfreeze.reports.notes import Note, notes_of
from alignfreeze.reports.pages import Page, StudyPage
from alignfreeze.reports.probe_charts import draw_probe
from alignfreeze.reports.run_pages import run_page
from alignfreeze.reports.study_sheets import run_sheets, score_sheets, term_sheets, terms_by_language
from alignfreeze.running.doubts import doubts_of
from alignfreeze.sheets import doubt_lines
from alignfreeze.studies.comparing import StudyLike, to_places
from alignfreeze.studies.comparison import Comparison, compare_results
from alignfreeze.studies.results import Result, Setup, results_of
from alignfreeze.studies.summaries import summarise_comparisons


def study_page(studies: StudyLike | Sequence[StudyLike], *, title: str | None = None) -> StudyPage:
    """Return the pages of a study without writing a file; a notebook shows the first page.

    Args:
        studies: What `run_experiment` returned, folders of runs, or tables in the layout of the paper's results; one
            of these or a list. They are shown as one study.
        title: Name of the study; by default the name of the folder or table, if only one is given.

    Raises:
        DataError: A folder or table is missing or damaged, or has no result yet.
        SettingsError: Results contradict each other.
    """
    paths = list(
        {path.resolve(): path for path in to_places(studies, "studies")}.values()
    )  # a path that is named twice is read once
    named = title or (study_name(paths[0].resolve()) if len(paths) == 1 else f"{len(paths)} studies")
    return with_notes(build_study(gather_findings(paths), title=named), notes_of(paths))


def build_study(findings: Findings, *, title: str) -> StudyPage:
    """Compute the pages of a study.

    Args:
        findings: Everything known about the study.
        title: The name of the study.
    """
    comparable, alone = _split(findings.results)
    by_setup = _group(compare_results(comparable)) if comparable else []
    compared = [first for first, *_ in by_setup]
    codes = list(dict.fromkeys(code for comparison in compared for code in comparison.languages))
    alike = measure_distances(codes, compared, findings.probe)
    seconds = training_seconds(findings.records)
    terms = terms_by_language(findings.terms)
    doubts = doubts_of(findings.records)

    def doubts_about(compared: Comparison) -> list[str]:
        """Return the doubts about the runs of a comparison."""
        theirs = {place for place, one in enumerate(findings.records) if _is_part(one, compared)}
        return doubt_lines(doubt.sentence for doubt in doubts if theirs.intersection(doubt.runs))

    return StudyPage(
        Page(
            name=STUDY,
            title=title,
            summary=[
                *doubt_lines(doubt.sentence for doubt in doubts),
                *(summarise_comparisons(compared) if compared else []),
                *_warn(findings, comparable),
            ],
            facts=_collect_facts(compared, findings),
            charts=draw_probe(findings.probe) if findings.probe else [],
            networks=_networks(findings, language_network(codes, compared, alike)),
            sheets=[
                *score_sheets(alone),
                *run_sheets(findings.states, findings.records),
                *term_sheets(findings.terms),
            ],
        ),
        [
            comparison_page(number, *several, seconds=seconds, doubts=doubts_about(several[0]))
            for number, several in enumerate(by_setup)
        ],
        [language_page(code, compared, codes=codes, alike=alike, terms=terms.get(code, [])) for code in codes],
        [run_page(record, findings.records) for record in findings.records],
        [item for several in by_setup for item in several],
    )


def _is_part(record: RunRecord, compared: Comparison) -> bool:
    """Tell whether a run is one of a comparison, or of its baseline."""
    result = next(results_of(record, ""), None)
    if result is None or not record.is_baseline:
        return result is not None and result.setup == compared.setup
    ours, theirs = result.setup, compared.setup
    return (ours.encoder, ours.task, result.fine_tuned) == (theirs.encoder, theirs.task, compared.fine_tuned)


def _networks(findings: Findings, languages: Network | None) -> list[Network]:
    return [*([languages] if languages else []), *([trace_runs(findings.records)] if findings.records else [])]


def with_notes(shown: StudyPage, notes: Sequence[Note]) -> StudyPage:
    """Return a study with notes. Each note is on the page that it is about, or else on the first page."""
    about: dict[str, list[Note]] = {}
    for note in notes:
        about.setdefault(note.about, []).append(note)
    languages, runs = (
        [replace(page, notes=about.get(page.name, [])) for page in pages] for pages in (shown.languages, shown.runs)
    )
    elsewhere = {page.name for page in (*languages, *runs)}
    rest = [note for note in notes if note.about not in elsewhere]
    return replace(shown, study=replace(shown.study, notes=rest), languages=languages, runs=runs)


def _split(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """Return the results that have a baseline, and the results that do not."""

    def key(result: Result) -> tuple[str, str, str]:
        """Return the facts that a run shares with its baseline."""
        return result.setup.encoder, result.setup.task, result.fine_tuned

    baselines = {key(result) for result in results if result.strategy == BASELINE}
    comparable = [result for result in results if key(result) in baselines]
    return comparable, [result for result in results if key(result) not in baselines]


def _group(compared: Sequence[Comparison]) -> list[list[Comparison]]:
    """Return the comparisons of each setup together. The comparison by the most important metric comes first."""
    groups: dict[tuple[Setup, str], list[Comparison]] = {}
    for comparison in compared:
        groups.setdefault((comparison.setup, comparison.label), []).append(comparison)
    return list(groups.values())


def _warn(findings: Findings, comparable: Sequence[Result]) -> list[str]:
    """Return sentences that a reader must know before believing the rest."""
    warnings = []
    states = findings.states
    if not findings.results:
        warnings.append("No run is complete yet: only the progress of the runs can be shown.")
    elif not comparable:
        warnings.append("There is no baseline, so nothing can be compared: only scores are shown.")
    elif len(comparable) < len(findings.results):
        warnings.append("Some runs have no baseline with the same settings and are left out of the comparison.")
    counts = {
        state: sum(run.state == state for run in states) for state in ("failed", "running", "waiting", "interrupted")
    }
    if counts["failed"]:
        warnings.append(f"{counts['failed']} of {len(states)} runs failed.")
    if left := counts["running"] + counts["waiting"] + counts["interrupted"]:
        warnings.append(f"The study is not complete: {left} of {len(states)} runs are still to be done.")
    return warnings


def _count_runs(findings: Findings) -> str:
    """Return the number of runs, and how many of the runs are complete, as text."""
    complete = len({(r.place, r.setup, r.strategy, r.seed) for r in findings.results})
    planned = max(complete, complete + sum(run.state != "complete" for run in findings.states))
    return str(complete) if planned == complete else f"{complete} of {planned} are complete"


def _collect_facts(compared: Sequence[Comparison], findings: Findings) -> dict[str, str]:
    results = findings.results
    facts = {
        "encoder": _list_once(r.setup.encoder for r in results),
        "task": _list_once(r.setup.task for r in results),
        "strategies": _list_once([s for c in compared for s in c.strategies] or [r.strategy for r in results]),
        "aligner": _list_once(r.setup.aligner for r in results),
        "schedule": _list_once(r.setup.schedule for r in results),
        "seeds": _list_once(sorted({r.seed for r in results})),
        "languages": _list_once(r.language for r in results),
        "runs": _count_runs(findings),
    }
    if findings.records:
        dates = sorted(record.environment["finished"] for record in findings.records)
        facts["finished"] = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        facts["versions"] = "; ".join(
            f"{name} {_list_once(record.environment['versions'][name] for record in findings.records)}"
            for name in ("alignfreeze", "torch", "transformers")
        )
    return {name: value for name, value in facts.items() if value}


def _list_once(values: Iterable[Any]) -> str:
    """Return the values that are known, each once."""
    return ", ".join(map(str, dict.fromkeys(value for value in values if value is not None)))
