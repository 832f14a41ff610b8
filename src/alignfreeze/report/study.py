"""What the pages of a study show: computed here, painted elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.evaluation.probe import PROBE, Probe
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.languages import name_or_code
from alignfreeze.progress import remark
from alignfreeze.report.addresses import STUDY, address_of_comparison, address_of_language, address_of_run
from alignfreeze.report.charts import Chart, by_layer, gain_by_cost, gain_by_distance, gain_intervals, gain_map
from alignfreeze.report.comparisons import described, overall_sheet, table_of, title_of
from alignfreeze.report.language_pages import language_page
from alignfreeze.report.likeness import distances, language_network
from alignfreeze.report.lineage import lineage
from alignfreeze.report.notes import Note, notes_of
from alignfreeze.report.pages import Page, StudyPage
from alignfreeze.report.pictures import gain_picture
from alignfreeze.report.run_pages import run_page
from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.report.summaries import overview, summary
from alignfreeze.report.tables import sheet_of
from alignfreeze.running.folder import PLANNED
from alignfreeze.running.status import RunStatus, status
from alignfreeze.running.terms import TRAIN, read_terms
from alignfreeze.studies.comparison import Comparison, compare
from alignfreeze.studies.results import Result, Setup, of_record, read_all, record_files
from alignfreeze.typology import facts_of

Terms = Mapping[str, Mapping[str, Sequence[str]]]
"""Key terms by experiment and text."""


@dataclass(frozen=True, slots=True)
class Found:
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


def study_page(paths: Sequence[Path], *, title: str | None = None) -> StudyPage:
    """Return what is to be shown of studies.

    Args:
        paths: Folders of runs, and tables in the layout of the paper's.
        title: Name of the study; by default that of the folder or table, if there is one.

    Raises:
        DataError: One is missing or damaged, or there is no result yet.
        SettingsError: Results contradict each other.
    """
    paths = list({path.resolve(): path for path in paths}.values())  # one that is named twice is read once
    named = title or (_name_of(paths[0].resolve()) if len(paths) == 1 else f"{len(paths)} studies")
    return with_notes(page_of(look_into(paths), title=named), notes_of(paths))


def _name_of(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def look_into(paths: Sequence[Path]) -> Found:
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
            terms[name if name not in terms else f"{name}, {_name_of(folder.resolve())}"] = texts
    probes = [probe for folder in folders if (probe := _probe_in(folder)) is not None]
    return Found(results, records, _states(folders), terms, probes[0] if probes else None)


def _probe_in(folder: Path) -> Probe | None:
    """Return the probe in a folder; a damaged one is left out with a remark, as the rest can do without."""
    if not (folder / PROBE).is_file():
        return None
    try:
        return Probe.read(folder / PROBE)
    except DataError as error:
        remark(f"{error}; it is left out")
        return None


def _states(folders: Sequence[Path]) -> list[RunStatus]:
    found: list[RunStatus] = []
    for folder in folders:
        try:
            found += status(folder).runs
        except DataError:  # a folder of records alone
            continue
    return found


def page_of(found: Found, *, title: str) -> StudyPage:
    """Return what is to be shown of what is known of a study.

    Args:
        found: What is known.
        title: Name of the study.
    """
    results = found.results
    with_baseline = {_kind(result) for result in results if result.strategy == BASELINE}
    comparable = [result for result in results if _kind(result) in with_baseline]
    by_metric = _by_metric(compare(comparable)) if comparable else []
    compared = [first for first, *_ in by_metric]
    codes = list(dict.fromkeys(code for comparison in compared for code in comparison.languages))
    alike = distances(codes, compared, found.probe)
    network = language_network(codes, compared, alike)
    seconds = _seconds(found.records)
    terms = _terms_of_languages(found.terms)
    comparisons = [_comparison_page(number, *several, seconds=seconds) for number, several in enumerate(by_metric)]
    networks = [*([network] if network else []), *([lineage(found.records)] if found.records else [])]
    study = Page(
        name=STUDY,
        title=title,
        summary=[*(overview(compared) if compared else []), *_warnings(found, comparable)],
        facts=_facts(compared, found),
        charts=_probe_charts(found.probe) if found.probe else [],
        networks=networks,
        sheets=[*_scores(results, comparable), *_run_sheets(found.states, found.records), *_term_sheets(found.terms)],
    )
    languages = [language_page(code, compared, codes=codes, alike=alike, terms=terms.get(code, [])) for code in codes]
    return StudyPage(study, comparisons, languages, [run_page(record, found.records) for record in found.records])


def with_notes(shown: StudyPage, notes: Sequence[Note]) -> StudyPage:
    """Return a study with these notes, each on the page that it is about, or on the study's where there is none."""
    about: dict[str, list[Note]] = {}
    for note in notes:
        about.setdefault(note.about, []).append(note)
    languages, runs = (
        [replace(page, notes=about.get(page.name, [])) for page in pages] for pages in (shown.languages, shown.runs)
    )
    elsewhere = {page.name for page in (*languages, *runs)}
    rest = [note for note in notes if note.about not in elsewhere]
    return replace(shown, study=replace(shown.study, notes=rest), languages=languages, runs=runs)


def _kind(result: Result) -> tuple[str, str, str]:
    """Return what a run has in common with its baseline."""
    return result.setup.encoder, result.setup.task, result.fine_tuned


def _by_metric(compared: Sequence[Comparison]) -> list[list[Comparison]]:
    """Return the comparisons of each setup together, that by the metric that matters first."""
    found: dict[Any, list[Comparison]] = {}
    for comparison in compared:
        found.setdefault((comparison.setup, comparison.label), []).append(comparison)
    return list(found.values())


def _comparison_page(
    number: int, comparison: Comparison, *others: Comparison, seconds: Mapping[tuple[str, str], float]
) -> Page:
    """Return the page of a comparison, with the tables by other metrics after its own."""
    charts: list[Chart | None] = []
    picture = ""
    if len(comparison.strategies) > 1 and comparison.languages:
        source = comparison.source or "en"
        facts = {code: facts_of(code, source).values for code in comparison.languages}
        orders = _orders(comparison)
        cost = {name: value for (setup, name), value in seconds.items() if setup in _setups(comparison)}
        charts = [
            gain_map(comparison, orders=orders),
            gain_intervals(comparison, languages=next(iter(orders.values()))),
            gain_by_distance(comparison, facts),
            gain_by_cost(comparison, cost),
        ]
        picture = gain_picture(comparison)
    return Page(
        name=address_of_comparison(number),
        title=title_of(comparison),
        summary=summary(comparison),
        charts=[chart for chart in charts if chart is not None],
        sheets=[sheet for one in (comparison, *others) for sheet in (overall_sheet(one), sheet_of(table_of(one)))],
        picture=picture,
    )


def _setups(comparison: Comparison) -> tuple[str, str]:
    """Return the digests of the settings of a comparison's runs, and of its baseline's."""
    return comparison.setup.settings, comparison.fine_tuned


def _seconds(records: Sequence[RunRecord]) -> dict[tuple[str, str], float]:
    """Return what training takes, mean over seeds, by the digest of the settings and the strategy."""
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if (result := next(of_record(record, ""), None)) is not None:
            trained = sum(record.seconds.get(stage, 0.0) for stage in ("realignment", "fine-tuning"))
            name = result.fine_tuned if record.strategy == BASELINE else result.setup.settings
            found.setdefault((name, record.strategy), []).append(trained)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _probe_charts(probe: Probe) -> list[Chart]:
    """Return how many words find their translation at each layer, and how far layers have moved."""
    found = {
        name: _by_layer([(item.layer, 100 * item.mean) for item in items if item.method == "strong"])
        for name, items in probe.retrieval.items()
    }
    note = (
        "percent of words that are nearer to their translation than to any other word of either language; mean of both "
        "directions and of all languages"
    )
    charts = [by_layer(found, name="retrieval", title="Word retrieval by layer", unit="percent", note=note)]
    if probe.drift:
        moved = {
            name: _by_layer([(item.layer, 100 * item.distance) for item in items])
            for name, items in probe.drift.items()
        }
        first = next(iter(probe.encoders))
        note = f"length of the change of the weights since {first}, in percent of the weights' length"
        charts.append(by_layer(moved, name="drift", title="Drift by layer", unit="percent", note=note))
    return charts


def _by_layer(values: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Return the mean of each layer."""
    layers: dict[int, list[float]] = {}
    for layer, value in values:
        layers.setdefault(layer, []).append(value)
    return {layer: sum(found) / len(found) for layer, found in layers.items()}


def _term_sheets(terms: Terms) -> list[Sheet]:
    """Return the key terms of the texts of each experiment; of several with the same texts once."""
    sheets: dict[str, Sheet] = {}
    for name, texts in terms.items():
        rows = [(_text_cell(text), Cell(", ".join(found) or "no key terms")) for text, found in texts.items()]
        note = (
            "the source side's words that weigh more in this text than in any other, by TF-IDF; those of the training "
            "data show where a bitext is of another domain; none where there is too little text, or nothing of its own"
        )
        sheets.setdefault(str(rows), Sheet(f"Key terms of the texts: {name}", ("text", "terms"), 2, tuple(rows), note))
    return list(sheets.values())


def _text_cell(text: str) -> Cell:
    if text == TRAIN:
        return Cell("training data")
    return Cell(f"bitext, {name_or_code(text)}", page=address_of_language(text))


def _terms_of_languages(terms: Terms) -> dict[str, Sequence[str]]:
    return {text: found for texts in terms.values() for text, found in texts.items() if text != TRAIN}


def _scores(results: Sequence[Result], comparable: Sequence[Result]) -> list[Sheet]:
    """Return scores that there is nothing to compare with: a sheet a setup, a row a language and metric."""
    kinds = {_kind(result) for result in comparable}
    alone: dict[Setup, list[Result]] = {}
    for result in results:
        if _kind(result) not in kinds:
            alone.setdefault(result.setup, []).append(result)
    return [_score_sheet(setup, several) for setup, several in alone.items()]


def _score_sheet(setup: Setup, results: Sequence[Result]) -> Sheet:
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for result in results:
        values.setdefault((result.language, result.metric), {}).setdefault(result.strategy, []).append(result.value)
    strategies = list(dict.fromkeys(result.strategy for result in results))
    rows = [
        (Cell(code), Cell(name_or_code(code)), Cell(metric), *(_mean(row.get(strategy)) for strategy in strategies))
        for (code, metric), row in values.items()
    ]
    seeds = ", ".join(map(str, sorted({result.seed for result in results})))
    note = f"in percent, mean over the seeds {seeds}; there is no baseline with the same settings"
    return Sheet(f"Scores: {described(setup)}", ("", "language", "metric", *strategies), 3, tuple(rows), note)


def _run_sheets(states: Sequence[RunStatus], records: Sequence[RunRecord]) -> list[Sheet]:
    """Return how far the runs are, where not all are complete."""
    if all(run.state == "complete" for run in states):
        return []
    pages = {record.folder for record in records}
    rows = [
        (
            Cell(run.name, page=address_of_run(run.name) if run.name in pages else ""),
            Cell(run.state),
            Cell(run.error.splitlines()[0] if run.error else ""),
        )
        for run in states
    ]
    return [Sheet("Runs", ("run", "state", "error"), 3, tuple(rows), "")]


def _mean(values: Sequence[float] | None) -> Cell:
    return Cell("–" if not values else f"{100 * sum(values) / len(values):.1f}")


def _orders(comparison: Comparison) -> dict[str, list[str]]:
    """Return ways to sort the target languages: by gain, name, family, distance from the source language."""
    codes = list(comparison.languages)
    source = comparison.source or "en"
    known = {code: facts_of(code, source) for code in codes}

    def gain(code: str) -> float:
        gains = [
            one.gain for s in comparison.realigned if (one := comparison.cells[code].get(s)) and one.gain is not None
        ]
        return max(gains, default=0.0)

    orders = {
        "gain": sorted(codes, key=gain, reverse=True),
        "name": sorted(codes, key=name_or_code),
        "family": sorted(codes, key=lambda code: (known[code].family or "~", name_or_code(code))),
    }
    if any("syntax" in known[code].values for code in codes):
        # Those of which it is not known come last.
        orders["distance of syntax"] = sorted(codes, key=lambda code: known[code].values.get("syntax", 2.0))
    return orders


def _warnings(found: Found, comparable: Sequence[Result]) -> list[str]:
    """Return what a reader must know before believing the rest."""
    said = []
    states = found.states
    if not found.results:
        said.append("No run is complete yet: there is nothing to show but how far the runs are.")
    elif not comparable:
        said.append("There is no baseline: nothing can be compared, scores alone are shown.")
    elif len(comparable) < len(found.results):
        said.append("Some runs have no baseline with the same settings and are left out of the comparison.")
    counts = {
        state: sum(run.state == state for run in states) for state in ("failed", "running", "waiting", "interrupted")
    }
    if counts["failed"]:
        said.append(f"{counts['failed']} of {len(states)} runs failed.")
    if left := counts["running"] + counts["waiting"] + counts["interrupted"]:
        said.append(f"The study is not complete: {left} of {len(states)} runs are still to be done.")
    return said


def _number_of_runs(found: Found) -> str:
    """Say how many runs there are, and how many of them are complete."""
    complete = len({(r.place, r.setup, r.strategy, r.seed) for r in found.results})
    planned = max(complete, complete + sum(run.state != "complete" for run in found.states))
    return str(complete) if planned == complete else f"{complete} of {planned} are complete"


def _facts(compared: Sequence[Comparison], found: Found) -> dict[str, str]:
    results = found.results

    def listed(values: Sequence[Any]) -> str:
        return ", ".join(map(str, dict.fromkeys(value for value in values if value is not None)))

    facts = {
        "encoder": listed([r.setup.encoder for r in results]),
        "task": listed([r.setup.task for r in results]),
        "strategies": listed([s for c in compared for s in c.strategies] or [r.strategy for r in results]),
        "aligner": listed([r.setup.aligner for r in results]),
        "schedule": listed([r.setup.schedule for r in results]),
        "seeds": listed(sorted({r.seed for r in results})),
        "languages": listed([r.language for r in results]),
        "runs": _number_of_runs(found),
    }
    if found.records:
        dates = sorted(record.environment["finished"] for record in found.records)
        facts["finished"] = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        facts["versions"] = "; ".join(
            f"{name} {listed([record.environment['versions'][name] for record in found.records])}"
            for name in ("alignfreeze", "torch", "transformers")
        )
    return {name: value for name, value in facts.items() if value}
