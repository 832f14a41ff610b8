"""Computes the pages of a study, which page.py paints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignfreeze.addresses import STUDY
from alignfreeze.experiment.names import BASELINE
from alignfreeze.labelling.kept import kept_sheets
from alignfreeze.reports.changed_items import Changes, gather_changes
from alignfreeze.reports.comparison_pages import comparison_page, training_seconds
from alignfreeze.reports.drawings import Drawing
from alignfreeze.reports.findings import Findings, gather_findings, study_name
from alignfreeze.reports.language_pages import language_page
from alignfreeze.reports.likeness import Distances, measure_distances
from alignfreeze.reports.lineage import draw_lineage
from alignfreeze.reports.notes import Note, notes_of
from alignfreeze.reports.overviews import make_overview
from alignfreeze.reports.pages import Page, StudyPage
from alignfreeze.reports.probe_charts import draw_probe
from alignfreeze.reports.run_pages import run_page
from alignfreeze.reports.study_sheets import run_sheets, score_sheets, term_sheets, terms_by_language
from alignfreeze.reports.trees import draw_language_trees
from alignfreeze.running.doubts import doubts_of, learnt_nothing
from alignfreeze.running.folder import say_untried
from alignfreeze.running.verdicts import MARGIN
from alignfreeze.sheets import doubt_lines
from alignfreeze.studies.comparing import StudyLike, is_run_of, to_margin, to_places
from alignfreeze.studies.comparison import Comparison, compare_results
from alignfreeze.studies.overviews import summarise_comparisons
from alignfreeze.studies.results import Result, Setup
from alignfreeze.studies.summaries import is_all_zero
from alignfreeze.studies.tables import title_of


def study_page(
    studies: StudyLike | Sequence[StudyLike], *, title: str | None = None, margin: float = 100 * MARGIN
) -> StudyPage:
    """Return the pages of a study without writing a file; a notebook shows the first page.

    Args:
        studies: What `run_experiment` returned, folders of runs, or tables in the layout of the paper's results; one
            of these or a list. They are shown as one study.
        title: Name of the study; by default the name of its experiment, or of its folder or table.
        margin: A gain or loss within this many points is no difference worth having.

    Raises:
        DataError: A folder or table is missing or damaged, or has no result yet.
        SettingsError: Results contradict each other.
    """
    paths = list(
        {path.resolve(): path for path in to_places(studies, "studies")}.values()
    )  # a path that is named twice is read once
    findings = gather_findings(paths)
    named = title or _name_study(findings, paths)
    return with_notes(build_study(findings, title=named, margin=to_margin(margin)), notes_of(paths))


def _name_study(findings: Findings, paths: Sequence[Path]) -> str:
    """Return the name of the experiment; of several experiments or of a table, the name of the folder or file."""
    names = {record.experiment for record in findings.records}
    if len(names) == 1 and all(path.is_dir() for path in paths):
        return names.pop()
    return study_name(paths[0].resolve()) if len(paths) == 1 else f"{len(paths)} studies"


def build_study(findings: Findings, *, title: str, margin: float = MARGIN) -> StudyPage:
    """Compute the pages of a study.

    Args:
        findings: Everything known about the study.
        title: The name of the study.
        margin: A gain or loss within this share is not worth having.
    """
    comparable, alone = _split(findings.results)
    by_setup = _group(compare_results(comparable, margin=margin)) if comparable else []
    compared = [first for first, *_ in by_setup]
    codes = list(dict.fromkeys(code for comparison in compared for code in comparison.languages))
    runs = [{place for place, run in enumerate(findings.records) if is_run_of(run, one)} for one in compared]
    empty = [
        is_all_zero(one) or learnt_nothing([findings.records[place] for place in sorted(theirs)])
        for one, theirs in zip(compared, runs, strict=True)
    ]
    # Gains of models that have learnt nothing make no languages alike.
    answered = [one for one, is_empty in zip(compared, empty, strict=True) if not is_empty]
    alike = measure_distances(codes, answered, findings.probe)
    pages = _comparison_pages(findings, by_setup, runs, empty)
    return StudyPage(
        Page(
            name=STUDY,
            title=title,
            summary=_summarise(findings, comparable, pages, compared, empty),
            facts=_collect_facts(compared, findings),
            charts=draw_probe(findings.probe) if findings.probe else [],
            drawings=_draw(findings, codes, alike),
            sheets=[
                *score_sheets(alone),
                *kept_sheets(findings.settled),
                *run_sheets(findings.states, findings.records),
            ],
            folded=term_sheets(findings.terms),
            answer=pages[0].answer if len(pages) == 1 else None,
            overview=make_overview(_answered(pages, compared, empty)) if len(pages) > 1 else None,
        ),
        pages,
        _language_pages(findings, compared, codes, alike, empty),
        [run_page(record, findings.records) for record in findings.records],
        [item for several in by_setup for item in several],
    )


def _language_pages(
    findings: Findings,
    compared: Sequence[Comparison],
    codes: Sequence[str],
    alike: Mapping[str, Distances],
    empty: Sequence[bool],
) -> list[Page]:
    """Return one page per target language, with what the best strategy of each comparison changes in test items."""
    changes: dict[str, list[Changes]] = {}
    for comparison, is_empty in zip(compared, empty, strict=True):
        of = title_of(comparison) if len(compared) > 1 else ""
        for code, found in ({} if is_empty else gather_changes(comparison, findings.results)).items():
            changes.setdefault(code, []).append(replace(found, of=of))
    terms = terms_by_language(findings.terms)
    return [
        language_page(
            code,
            compared,
            codes=codes,
            alike=alike,
            terms=terms.get(code, ()),
            changes=changes.get(code, ()),
            empty=empty,
        )
        for code in codes
    ]


def _comparison_pages(
    findings: Findings, by_setup: Sequence[Sequence[Comparison]], runs: Sequence[set[int]], empty: Sequence[bool]
) -> list[Page]:
    """Return one page per setup, with the doubts about its runs, of which `runs` has the places among all."""
    seconds, doubts = training_seconds(findings.records), doubts_of(findings.records)
    pages = []
    for number, (several, theirs, is_empty) in enumerate(zip(by_setup, runs, empty, strict=True)):
        doubted = doubt_lines(doubt.sentence for doubt in doubts if theirs.intersection(doubt.runs))
        pages.append(comparison_page(number, *several, seconds=seconds, doubts=doubted, is_empty=is_empty))
    return pages


def _answered(pages: Sequence[Page], compared: Sequence[Comparison], empty: Sequence[bool]) -> dict[str, Comparison]:
    """Return the comparisons of models that have learnt something, by the addresses of their pages."""
    return {page.name: one for page, one, is_empty in zip(pages, compared, empty, strict=True) if not is_empty}


def _summarise(
    findings: Findings,
    comparable: Sequence[Result],
    pages: Sequence[Page],
    compared: Sequence[Comparison],
    empty: Sequence[bool],
) -> list[str]:
    """Return the sentences of the first page: doubts, findings, and what is missing.

    If no model has learnt anything, this is said first.
    """
    doubts = doubt_lines(doubt.sentence for doubt in doubts_of(findings.records))
    warnings = _warn(findings, comparable)
    if answered := list(_answered(pages, compared, empty).values()):
        return [*doubts, *summarise_comparisons(answered), *warnings, *_warn_of_empty(empty)]
    return [*(page.summary[0] for page in pages[:1]), *doubts, *warnings]


def _warn_of_empty(empty: Sequence[bool]) -> list[str]:
    """Return a sentence about comparisons of models that have learnt nothing."""
    if not any(empty):
        return []
    return [f"In {sum(empty)} of {len(empty)} comparisons the models have learnt nothing; these are left out above."]


def _draw(findings: Findings, codes: Sequence[str], alike: Mapping[str, Distances]) -> list[Drawing]:
    languages = draw_language_trees(codes, alike)
    return [*([languages] if languages else []), *([draw_lineage(findings.records)] if findings.records else [])]


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
    missing = [run.name for run in states if run.state != "complete"]
    if findings.results and (untried := say_untried([run.name for run in states], missing)):
        warnings.append(untried)
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
