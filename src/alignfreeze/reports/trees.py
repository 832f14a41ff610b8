"""Languages as a tree: those that are alike are joined first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from alignfreeze.addresses import address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.drawings import EM, Drawing, width_of
from alignfreeze.reports.html import template
from alignfreeze.reports.likeness import MEASURES, Distances, find_nearest
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.typology import language_family_of

FEWEST = 3
"""A tree has at least so many languages."""

NEAREST = 2
"""How many of the nearest languages the table names."""

ROW, BRANCHES, GAP = 22, 460, 24
"""Height of a row, width of the branches, and space between columns, in pixels."""

UNKNOWN = "family unknown"


def draw_language_trees(codes: Sequence[str], found: Mapping[str, Distances]) -> Drawing | None:
    """Draw the languages as a tree in each sense in which they are alike; None if no tree is possible.

    Args:
        codes: The languages.
        found: The distances, by sense.
    """
    known = {sense: _find_known(codes, values) for sense, values in found.items()}
    pictures = {
        sense: _draw_tree(several, found[sense], sense) for sense, several in known.items() if len(several) >= FEWEST
    }
    if not pictures:
        return None
    title = "Languages that are alike"
    note = (
        "The further left two languages are joined, the more alike they are. A join stands at the mean distance of "
        "all pairs that it joins. The scale leaves more room for small distances."
    )
    if any(len(known[sense]) < len(codes) for sense in pictures):
        note += " Languages are left out where a distance is not known."
    return Drawing("languages", title, pictures, _sheet(title, codes, found), note, choosing="joined by")


def _find_known(codes: Sequence[str], values: Distances) -> list[str]:
    """Return languages whose distances are all known. The language that lacks most distances is left out first."""
    kept = list(codes)
    while kept:
        lacking = {one: sum((one, other) not in values for other in kept if other != one) for one in kept}
        worst = max(kept, key=lacking.__getitem__)
        if not lacking[worst]:
            break
        kept.remove(worst)
    return kept


def _draw_tree(codes: Sequence[str], values: Distances, sense: str) -> str:
    """Draw a tree as SVG: one row per language, and the joins of average linkage."""
    square = np.array([[0.0 if one == other else values[one, other] for other in codes] for one in codes])
    tree = dendrogram(linkage(squareform(square), "average", optimal_ordering=True), no_plot=True)
    shown = [codes[int(place)] for place in tree["leaves"]]
    names = {code: name_or_code(code) for code in shown}
    families = {code: language_family_of(code) or UNKNOWN for code in shown}
    second = max(map(width_of, names.values())) + GAP
    left = second + max(map(width_of, families.values())) + GAP
    greatest = max(map(max, tree["dcoord"])) or 1.0

    def point(height: float, place: float) -> tuple[float, float]:
        # A square root leaves room for small distances. scipy puts the leaves at 5, 15, 25 and so on.
        return left + BRANCHES * (height / greatest) ** 0.5, ROW * place / 10

    return template("tree.svg").render(
        title=f"Languages that are alike by {sense}",
        size=(round(left + BRANCHES + width_of("0.00") / 2 + 2), ROW * len(shown) + 50),
        em=EM,
        row=ROW,
        second=second,
        names=[(names[code], address_of_language(code), families[code]) for code in shown],
        joins=[
            ([point(height, place) for height, place in zip(heights, places, strict=True)], heights[1])
            for heights, places in zip(tree["dcoord"], tree["icoord"], strict=True)
        ],
        measure=MEASURES[sense],
        left=left,
        ticks=[(left + BRANCHES * share, f"{greatest * share**2:.2f}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)],
    )


def _sheet(title: str, codes: Sequence[str], found: Mapping[str, Distances]) -> Sheet:
    """Return the languages as a table: one row per language, with the nearest languages in each sense."""

    def nearest(sense: str) -> Column[str]:
        values = found[sense]
        return Column(
            f"nearest by {sense}",
            lambda code: ", ".join(
                f"{name_or_code(other)} {values[code, other]:.2f}"
                for other in find_nearest(code, codes, values, NEAREST)
            ),
            is_name=True,
        )

    columns: list[Column[str]] = [
        Column("", lambda code: Cell(name_or_code(code), page=address_of_language(code)), is_name=True),
        Column("family", lambda code: language_family_of(code) or UNKNOWN, is_name=True),
        *map(nearest, found),
    ]
    return make_sheet(title, columns, sorted(codes, key=name_or_code))
