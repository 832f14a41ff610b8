"""What labels settled, kept in the folder of the study for its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from alignfreeze.addresses import address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.errors import DataError
from alignfreeze.files import write_json
from alignfreeze.labelling.matching import DRAWINGS
from alignfreeze.labelling.outcome import Settlement
from alignfreeze.languages import name_or_code
from alignfreeze.progress import remark
from alignfreeze.running.verdicts import points_text
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.stored import Stored

SETTLED = ".settled.json"
"""What the name of such a file ends with; it begins with the name of the drawing."""

NOTE = (
    "Labels that people made for items in which the models differ (alignfreeze label, alignfreeze settle). They are "
    "about the text from which these were drawn, and scores are about the tests, so that both may differ. Settled: "
    "labels alone show that no other strategy is better by more than the margin, in points. Chance: the probability of "
    "that, from the labels and from what other studies say."
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the labels of a language settled, when somebody asked last.

    Attributes:
        language: Code of the language.
        task: Name of the task.
        chosen: The strategy to use.
        gain: Its estimated gain over the baseline; None for the baseline.
        chance: The probability that no other strategy is better by more than the margin.
        is_settled: Whether labels alone show it.
        margin: A smaller difference is not worth having; a share.
        n_labels: Number of labels.
        n_items: Number of labelled items.
    """

    language: str
    task: str
    chosen: str
    gain: float | None
    chance: float
    is_settled: bool
    margin: float
    n_labels: int
    n_items: int


_KEPT = Stored[Kept](Kept, "what `alignfreeze settle` of this version keeps")


def keep(study: Path, settled: Settlement) -> None:
    """Keep what labels settle in the folder of a study, unless more items had labels before."""
    place = study / DRAWINGS / f"{settled.drawing}{SETTLED}"
    before = _KEPT.read(place) if place.is_file() else None
    if before is not None and before.n_items > settled.n_items:
        remark(f"the report keeps the answer from {before.n_items:,} items; this one is from {settled.n_items:,}")
        return
    standing = settled.standing
    kept = Kept(
        language=settled.language,
        task=settled.task,
        chosen=settled.chosen,
        gain=None if standing.gain is None else standing.gain.value,
        chance=standing.chance,
        is_settled=settled.is_settled,
        margin=settled.margin,
        n_labels=settled.n_labels,
        n_items=settled.n_items,
    )
    write_json(place, asdict(kept))


def read_kept(study: Path) -> list[Kept]:
    """Return what labels settled in a study. Damaged files are left out with a remark: the rest does not need them."""
    found = []
    for path in sorted((study / DRAWINGS).glob(f"*{SETTLED}")):
        try:
            found.append(_KEPT.read(path))
        except DataError as error:
            remark(f"{error}; it is left out")
    return found


def kept_sheets(several: Sequence[Kept]) -> list[Sheet]:
    """Return what labels settled as a table, one row per language; no table if nothing was labelled."""
    columns: list[Column[Kept]] = [
        Column(
            "language",
            lambda row: Cell(name_or_code(row.language), page=address_of_language(row.language)),
            is_name=True,
        ),
        Column("use", lambda row: row.chosen),
        Column("gain", lambda row: row.gain, points_text),
        Column("settled", lambda row: "yes" if row.is_settled else "not yet"),
        Column("chance", lambda row: row.chance, "{:.0%}".format),
        Column("margin", lambda row: 100 * row.margin, "{:g}".format),
        Column("labels", lambda row: row.n_labels, "{:,}".format),
        Column("items", lambda row: row.n_items, "{:,}".format),
    ]
    return [make_sheet("Settled by labels", columns, several, NOTE)] if several else []
