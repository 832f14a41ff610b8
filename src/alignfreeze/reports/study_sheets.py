"""The tables on the page of a study: key terms, scores without a baseline, runs that are not complete."""

from __future__ import annotations

from collections.abc import Sequence

from alignfreeze.addresses import address_of_language, address_of_run
from alignfreeze.columns import Column, make_sheet
from alignfreeze.experiment.records import RunRecord
from alignfreeze.languages import name_or_code
from alignfreeze.reports.findings import Terms
from alignfreeze.running.status import RunStatus
from alignfreeze.running.terms import TRAIN
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.studies.results import Result, Setup
from alignfreeze.studies.tables import describe_setup


def term_sheets(terms: Terms) -> list[Sheet]:
    """Return the key terms of the texts, one table per experiment. Experiments with the same texts share a table."""
    sheets: dict[str, Sheet] = {}
    for name, texts in terms.items():
        rows = [(_text_cell(text), Cell(", ".join(found) or "no key terms")) for text, found in texts.items()]
        note = (
            "Words of the source side that weigh more in this text than in any other, by TF-IDF. Compare them with "
            "those of the training data to see whether a bitext is of another domain. A text has no key terms if it is "
            "too short, or if no word distinguishes it."
        )
        sheets.setdefault(str(rows), Sheet(f"Key terms of the texts: {name}", ("text", "terms"), 2, tuple(rows), note))
    return list(sheets.values())


def _text_cell(text: str) -> Cell:
    if text == TRAIN:
        return Cell("training data")
    return Cell(f"bitext, {name_or_code(text)}", page=address_of_language(text))


def terms_by_language(terms: Terms) -> dict[str, Sequence[str]]:
    """Return the key terms of the bitext of each language."""
    return {text: found for texts in terms.values() for text, found in texts.items() if text != TRAIN}


def score_sheets(results: Sequence[Result]) -> list[Sheet]:
    """Return scores without a baseline: one table per setup, one row per language and metric."""
    by_setup: dict[Setup, list[Result]] = {}
    for result in results:
        by_setup.setdefault(result.setup, []).append(result)
    return [_setup_scores(setup, several) for setup, several in by_setup.items()]


Place = tuple[str, str]
"""A language and a metric."""


def _setup_scores(setup: Setup, results: Sequence[Result]) -> Sheet:
    values: dict[str, dict[Place, list[float]]] = {}
    for result in results:
        values.setdefault(result.strategy, {}).setdefault((result.language, result.metric), []).append(result.value)
    columns: list[Column[Place]] = [
        Column("", lambda place: place[0], is_name=True),
        Column("language", lambda place: name_or_code(place[0]), is_name=True),
        Column("metric", lambda place: place[1], is_name=True),
        *(Column(strategy, scores.get, _mean_text) for strategy, scores in values.items()),
    ]
    places = dict.fromkeys((result.language, result.metric) for result in results)
    seeds = ", ".join(map(str, sorted({result.seed for result in results})))
    note = f"In percent, mean over the seeds {seeds}. There is no baseline with the same settings."
    return make_sheet(f"Scores: {describe_setup(setup)}", columns, places, note)


def _mean_text(values: Sequence[float]) -> str:
    return f"{100 * sum(values) / len(values):.1f}"


def run_sheets(states: Sequence[RunStatus], records: Sequence[RunRecord]) -> list[Sheet]:
    """Return the progress of the runs, unless all runs are complete."""
    if all(run.state == "complete" for run in states):
        return []
    pages = {record.folder: address_of_run(record.folder) for record in records}
    columns: list[Column[RunStatus]] = [
        Column("run", lambda run: Cell(run.name, page=pages.get(run.name, "")), is_name=True),
        Column("state", lambda run: run.state, is_name=True),
        Column("error", lambda run: run.error.splitlines()[0] if run.error else "", is_name=True),
    ]
    return [make_sheet("Runs", columns, states)]
