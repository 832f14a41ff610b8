"""What the page of a study shows, as values: computed here, painted elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.experiment.comparison import Comparison, compare
from alignfreeze.experiment.notes import Note, notes_of
from alignfreeze.experiment.records import RunRecord, run_name
from alignfreeze.experiment.results import Result, read_all
from alignfreeze.experiment.settings import BASELINE
from alignfreeze.experiment.statistics import Summary
from alignfreeze.experiment.status import RunStatus, status
from alignfreeze.languages import name_or_code
from alignfreeze.report.charts import Chart, gain_intervals, gain_map, losses
from alignfreeze.report.comparisons import overall_sheet, table_of, title_of
from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.report.summaries import called, overview, summary
from alignfreeze.report.tables import sheet_of
from alignfreeze.typology import SIZE, facts_of

Facts = Mapping[str, str]
"""What is said of something, by name."""


@dataclass(frozen=True, slots=True)
class Section:
    """A comparison on the page.

    Attributes:
        name: For links.
        title: What it is of.
        summary: What it comes to, in sentences.
        charts: Its charts.
        sheets: Its tables.
    """

    name: str
    title: str
    summary: Sequence[str]
    charts: Sequence[Chart]
    sheets: Sequence[Sheet]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of its own: a language or a run.

    Attributes:
        name: Its address, such as `language/tr`.
        title: What it is of.
        summary: What there is to say, in sentences.
        facts: What is known.
        charts: Its charts.
        sheets: Its tables.
        notes: What people say about it.
    """

    name: str
    title: str
    summary: Sequence[str]
    facts: Facts
    charts: Sequence[Chart]
    sheets: Sequence[Sheet]
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class StudyPage:
    """All that is shown of a study.

    Attributes:
        title: Its name.
        summary: The sentences of its first comparison, and what is wrong or missing.
        facts: What it is made of.
        sections: Its comparisons, one a setup and metric that matters.
        languages: A page each.
        runs: A page each; none of tables.
        notes: What people say about the study, and about what has no page of its own.
    """

    title: str
    summary: Sequence[str]
    facts: Facts
    sections: Sequence[Section]
    languages: Sequence[Page]
    runs: Sequence[Page]
    notes: Sequence[Note] = ()


def study_page(paths: Sequence[Path], *, title: str | None = None) -> StudyPage:
    """Return what is to be shown of studies.

    Args:
        paths: Folders of runs, and tables in the layout of the paper's.
        title: Name of the study; by default that of the folder or table, if there is one.

    Raises:
        DataError: One is missing or damaged, or there is no result yet.
        SettingsError: Results contradict each other.
    """
    results, records = read_all(paths)
    named = title or (paths[0].resolve().stem if len(paths) == 1 else f"{len(paths)} studies")
    return with_notes(page_of(results, records, states=_states(paths), title=named), notes_of(paths))


def page_of(
    results: Sequence[Result], records: Sequence[RunRecord], *, states: Sequence[RunStatus] = (), title: str
) -> StudyPage:
    """Return what is to be shown of results, and of the runs that they come from.

    Args:
        results: The scores.
        records: The runs, if they are known.
        states: How far all runs are.
        title: Name of the study.
    """
    with_baseline = {(r.setup.encoder, r.setup.task, r.fine_tuned) for r in results if r.strategy == BASELINE}
    comparable = [r for r in results if (r.setup.encoder, r.setup.task, r.fine_tuned) in with_baseline]
    compared = _first_metrics(compare(comparable)) if comparable else []
    sections = [_section(number, comparison) for number, comparison in enumerate(compared)]
    if not compared:
        sections = [Section("scores", "Scores", [], (), (_scores(results),))]
    codes = list(dict.fromkeys(code for comparison in compared for code in comparison.languages))
    return StudyPage(
        title=title,
        summary=[*(overview(compared) if compared else []), *_warnings(results, comparable, states)],
        facts=_facts(compared, results, records, states),
        sections=sections,
        languages=[_language_page(code, compared) for code in codes],
        runs=[_run_page(record) for record in records],
    )


def with_notes(study: StudyPage, notes: Sequence[Note]) -> StudyPage:
    """Return a study with these notes, each on the page that it is about, or on the study's where there is none."""
    about: dict[str, list[Note]] = {}
    for note in notes:
        about.setdefault(note.about, []).append(note)
    languages, runs = (
        [replace(page, notes=about.get(page.name, [])) for page in pages] for pages in (study.languages, study.runs)
    )
    elsewhere = {page.name for page in (*languages, *runs)}
    rest = [note for note in notes if note.about not in elsewhere]
    return replace(study, languages=languages, runs=runs, notes=rest)


def _states(paths: Sequence[Path]) -> list[RunStatus]:
    found: list[RunStatus] = []
    for path in paths:
        if path.is_dir():
            try:
                found += status(path).runs
            except DataError:  # a folder of records alone
                continue
    return found


def _first_metrics(compared: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparison of each setup by the metric that matters."""
    first: dict[Any, Comparison] = {}
    for comparison in compared:
        first.setdefault((comparison.setup, comparison.label), comparison)
    return list(first.values())


def _section(number: int, comparison: Comparison) -> Section:
    orders = _orders(comparison)
    by_gain = next(iter(orders.values()))
    charts = []
    if len(comparison.strategies) > 1 and comparison.languages:
        charts = [gain_map(comparison, orders=orders), gain_intervals(comparison, languages=by_gain)]
    return Section(
        name=f"comparison/{number + 1}",
        title=title_of(comparison),
        summary=summary(comparison),
        charts=charts,
        sheets=[overall_sheet(comparison), sheet_of(table_of(comparison))],
    )


def _scores(results: Sequence[Result]) -> Sheet:
    """Return scores that there is nothing to compare with: a row a language and metric, a column a strategy."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for result in results:
        values.setdefault((result.language, result.metric), {}).setdefault(result.strategy, []).append(result.value)
    strategies = list(dict.fromkeys(result.strategy for result in results))
    rows = [
        (Cell(code), Cell(name_or_code(code)), Cell(metric), *(_mean(row.get(strategy)) for strategy in strategies))
        for (code, metric), row in values.items()
    ]
    return Sheet("Scores", ("", "language", "metric", *strategies), 3, tuple(rows), "mean over seeds, in percent")


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
    if all("syntax" in known[code].values for code in codes):
        orders["distance of syntax"] = sorted(codes, key=lambda code: known[code].values["syntax"])
    return orders


def _warnings(results: Sequence[Result], comparable: Sequence[Result], states: Sequence[RunStatus]) -> list[str]:
    """Return what a reader must know before believing the rest."""
    found = []
    if not comparable:
        found.append("There is no baseline: nothing can be compared, scores alone are shown.")
    elif len(comparable) < len(results):
        found.append("Some runs have no baseline with the same settings and are left out of the comparison.")
    counts = {
        state: sum(run.state == state for run in states) for state in ("failed", "running", "waiting", "interrupted")
    }
    if counts["failed"]:
        found.append(f"{counts['failed']} of {len(states)} runs failed.")
    if left := counts["running"] + counts["waiting"] + counts["interrupted"]:
        found.append(f"The study is not complete: {left} of {len(states)} runs are still to be done.")
    return found


def _facts(
    compared: Sequence[Comparison], results: Sequence[Result], records: Sequence[RunRecord], states: Sequence[RunStatus]
) -> dict[str, str]:
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
        "runs": f"{len(states) or len({(r.place, r.strategy, r.seed) for r in results})}",
    }
    if records:
        dates = sorted(record.environment["finished"] for record in records)
        facts["finished"] = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        versions = records[0].environment["versions"]
        facts["versions"] = ", ".join(f"{name} {versions[name]}" for name in ("alignfreeze", "torch", "transformers"))
    return {name: value for name, value in facts.items() if value}


def _language_page(code: str, compared: Sequence[Comparison]) -> Page:
    """Return all that is known of a language."""
    having = [comparison for comparison in compared if code in comparison.languages]
    source = having[0].source or "en"
    known = facts_of(code, source)
    facts = {"family": known.family or "not known"}
    facts |= {name: f"{value:.2f}{' GiB' if name == SIZE else ''}" for name, value in known.values.items()}
    strategies = list(dict.fromkeys(strategy for comparison in having for strategy in comparison.strategies))
    rows = [
        (Cell(title_of(comparison)), *(_score(comparison.cells[code].get(strategy)) for strategy in strategies))
        for comparison in having
    ]
    note = "mean over seeds ± standard deviation, in percent; in brackets the gain over the baseline"
    sheet = Sheet(f"{name_or_code(code)}: scores", ("", *strategies), 1, tuple(rows), note)
    return Page(f"language/{code}", f"{name_or_code(code)} ({code})", _of_language(code, having), facts, (), (sheet,))


def _of_language(code: str, having: Sequence[Comparison]) -> list[str]:
    """Say which strategies improve a language and which worsen it, over all comparisons."""
    verdicts: dict[str, dict[str, int]] = {}
    for comparison in having:
        for strategy, one in comparison.cells[code].items():
            if one.verdict is not None:
                counts = verdicts.setdefault(strategy, {"improved": 0, "worsened": 0, "all": 0})
                counts["all"] += 1
                if one.verdict in counts:
                    counts[one.verdict] += 1
    if not verdicts:
        return ["There are too few seeds to tell gains from chance in this language."]
    if len(having) == 1:
        named = {
            verdict: [called(strategy) for strategy, counts in verdicts.items() if counts[verdict]]
            for verdict in ("improved", "worsened")
        }
        return [
            f"{verdict.capitalize()} beyond both standard deviations by {', '.join(names) or 'none'}."
            for verdict, names in named.items()
        ]
    parts = [
        f"{called(strategy)} improves it in {counts['improved']} of {counts['all']} comparisons and worsens it in "
        f"{counts['worsened'] or 'none'}"
        for strategy, counts in verdicts.items()
    ]
    text = "; ".join(parts)
    return [f"{text[0].upper()}{text[1:]}."]


def _score(summary: Summary | None) -> Cell:
    if summary is None:
        return Cell("–")
    text = f"{100 * summary.mean:.1f}" + ("" if summary.sd is None else f" ± {100 * summary.sd:.1f}")
    gain = summary.gain
    return Cell(text if gain is None else f"{text} ({100 * gain:+.1f})", 0 if gain is None else (gain > 0) - (gain < 0))


def _run_page(record: RunRecord) -> Page:
    """Return all that is known of a run."""
    by = record.determined_by
    facts = {
        "strategy": record.strategy,
        "seed": str(record.seed),
        "encoder": by["encoder"]["name"],
        "task": by["settings"]["task"],
        "finished": record.environment["finished"],
        "device": str(record.environment["hardware"]["device"]),
        "digest": record.digest,
    }
    for stage, seconds in record.seconds.items():
        memory = max(record.memory.get(stage, {}).values(), default=0)
        facts[stage] = f"{seconds:,.1f} s" + (f", {memory / 2**30:.1f} GiB" if memory else "")
    if record.realignment is not None:
        frozen = record.realignment.frozen
        facts["frozen"] = f"{frozen.share:.0%} of the parameters" if frozen.parts else "nothing"
        facts["sentence pairs"] = f"{record.realignment.pairs:,}"
    curves = {"fine-tuning": record.finetuning.losses}
    if record.realignment is not None and by["settings"]["realignment"]["schedule"] != "during":
        curves["realignment"] = record.realignment.training.losses
    rows = [
        (Cell(score.language), Cell(name_or_code(score.language)), Cell(score.metric), Cell(f"{100 * score.value:.2f}"),
         Cell(f"{score.n:,} {score.unit}"))
        for score in record.scores
    ]  # fmt: skip
    sheet = Sheet("Scores", ("", "language", "metric", "percent", "of"), 2, tuple(rows), "")
    digests = [(Cell(role), Cell(digest)) for role, digest in by["data"].items()]
    data = Sheet("Data", ("file", "SHA-256"), 1, tuple(digests), "")
    title = f"{record.strategy}, seed {record.seed}: {record.experiment}"
    name = f"run/{run_name(record.strategy, record.seed, record.digest)}"
    return Page(name, title, list(record.doubts), facts, (losses(curves, title="Loss"),), (sheet, data))
