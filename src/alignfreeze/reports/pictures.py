"""The heat map of gains as a picture, for the cards of models and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.cards import CARD
from alignfreeze.experiment.records import SENTENCES, RunRecord
from alignfreeze.files import write_lines
from alignfreeze.languages import name_or_code
from alignfreeze.reports.html import template
from alignfreeze.reports.palette import ground_of, ink_on
from alignfreeze.running.counts import read_counts
from alignfreeze.running.scores import Summary
from alignfreeze.running.tables import gain_text
from alignfreeze.studies.comparison import Comparison, compare_results
from alignfreeze.studies.results import results_of
from alignfreeze.studies.tables import title_of

PICTURE = "gains.svg"

_SECTION = f"\n## Gain over the baseline, language by language\n\n![Heat map of gains]({PICTURE})\n"


def draw_gain_picture(comparison: Comparison) -> str:
    """Draw the heat map of gains as SVG: one row per language, one column per strategy."""
    rows = [
        (name_or_code(code), [_tile(comparison.cells[code].get(name)) for name in comparison.realignments])
        for code in comparison.languages
    ]
    return template("gains.svg").render(title=title_of(comparison), strategies=comparison.realignments, rows=rows)


def _tile(summary: Summary | None) -> dict[str, str]:
    ground = ground_of(None if summary is None else summary.judged)
    return {"text": gain_text(summary), "ground": ground, "ink": ink_on(ground)}


def illustrate(records: Sequence[RunRecord], runs: Path) -> None:
    """Put the heat map of a study into the folders of the models that were kept, and into their cards.

    Args:
        records: The complete runs of a study.
        runs: The folder that holds the folders of the runs.
    """
    places = {record.digest: runs / record.folder / "model" for record in records}
    kept = [record for record in records if (places[record.digest] / CARD).is_file()]
    if not kept:
        return
    counts = {record.folder: read_counts(runs / record.folder / SENTENCES) for record in records}
    try:
        compared = compare_results(
            [result for record in records for result in results_of(record, record.folder, counts=counts[record.folder])]
        )
    except SettingsError:  # without a baseline there are no gains
        return
    for record in kept:
        own = next(results_of(record, record.folder))
        # A baseline has no comparison of its own, so it gets one of a realignment with the same fine-tuning.
        mine = [one for one in compared if one.setup.has_runs_of(own.setup)]
        mine += [one for one in compared if one.fine_tuned == own.fine_tuned]
        if mine and mine[0].realignments and mine[0].languages:
            _illustrate(places[record.digest], mine[0])


def _illustrate(model: Path, comparison: Comparison) -> None:
    write_lines(model / PICTURE, draw_gain_picture(comparison).splitlines())
    card = (model / CARD).read_text(encoding="utf-8")
    if PICTURE not in card:
        write_lines(model / CARD, (card + _SECTION).split("\n")[:-1])
