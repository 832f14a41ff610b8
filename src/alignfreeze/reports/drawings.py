"""Drawings as values: pictures that are drawn when a page is made, so that no script is needed to see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from alignfreeze.sheets import Sheet

EM = 14
"""Size of the letters of a drawing, in pixels."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing and what it shows as a table.

    Attributes:
        name: The name of the drawing in file names.
        title: What the drawing shows.
        pictures: The drawing as SVG, by what the reader may choose. At the beginning, the first one is shown.
        sheet: The same as a table.
        note: How to read the drawing.
        choosing: The label of the choices, such as `joined by`.
        folded: Whether only the title is shown until the reader opens the drawing.
    """

    name: str
    title: str
    pictures: Mapping[str, str]
    sheet: Sheet
    note: str
    choosing: str = ""
    folded: bool = False


def width_of(text: str) -> float:
    """Return the most pixels that a text takes in a drawing, in any usual font without serifs."""
    return EM * sum(_width_of_sign(sign) for sign in text)


def _width_of_sign(sign: str) -> float:
    if combining(sign):
        return 0.0
    if east_asian_width(sign) in {"W", "F"}:
        return 1.05
    if sign in "mwMW@%—":
        return 1.0
    return 0.75 if sign.isupper() else 0.4 if sign in " .,:;il'|()[]" else 0.62


def wrap(text: str, width: float) -> list[str]:
    """Split a text into lines that fit into a width in pixels. Words that are too long are cut."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if width_of(joined) <= width:
            lines[-1] = joined
            continue
        lines += [""] if lines[-1] else []
        for sign in word:
            if width_of(lines[-1] + sign) > width:
                lines.append("")
            lines[-1] += sign
    return lines
