"""Boxes in layers from left to right, joined by arrows: where everything stands, and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignfreeze.reports.drawings import EM, width_of, wrap
from alignfreeze.reports.html import template
from alignfreeze.sheets import Cell

LINE, PADDING = 20, 9
"""Height of a line of text, and space between the border of a box and its text, in pixels."""

WIDEST = 185
"""The most pixels that a line of a box takes."""

BETWEEN, BELOW, TOP = 54, 14, 34
"""Space between layers, between boxes, and above the boxes, in pixels."""

ROUNDS = 8
"""How often all layers are sorted, so that few arrows cross."""


@dataclass(frozen=True, slots=True)
class Box:
    """A thing in a layer.

    Attributes:
        name: The name of the box, which no other box has.
        layer: The heading of its layer.
        label: The text of the box.
        title: The text that is shown when the reader points at the box.
        parts: Smaller texts below the label. They may be links.
    """

    name: str
    layer: str
    label: str
    title: str
    parts: Sequence[Cell] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A box, or the place where an arrow passes a layer, with its size. All numbers are pixels.

    Attributes:
        lines: The lines of the label.
        parts: The lines of the smaller texts.
    """

    name: str
    layer: int
    width: float
    height: float
    title: str = ""
    lines: Sequence[str] = ()
    parts: Sequence[Sequence[Cell]] = ()

    @property
    def is_box(self) -> bool:
        """Whether this is a box."""
        return bool(self.lines)


@dataclass
class _Plan:
    """Boxes by layer from the top, and the pieces of arrows between neighbouring layers."""

    layers: list[list[Placed]]
    pieces: list[tuple[Placed, Placed]] = field(default_factory=list)

    def sort(self) -> None:
        """Sort each layer so that few arrows cross: each box goes to the middle of what it is joined with."""
        for number in range(ROUNDS):
            for layer in self.layers if number % 2 == 0 else self.layers[::-1]:
                places = self._places(before=number % 2 == 0)
                layer.sort(key=lambda one, places=places: places[one.name])

    def _places(self, *, before: bool) -> dict[str, float]:
        """Return the mean place of the neighbours of each box in the layer before or after; without any, its own."""
        own = {one.name: (place + 0.5) / len(layer) for layer in self.layers for place, one in enumerate(layer)}
        beside: dict[str, list[float]] = {}
        for start, end in self.pieces:
            here, there = (end, start) if before else (start, end)
            beside.setdefault(here.name, []).append(own[there.name])
        return {name: sum(beside[name]) / len(beside[name]) if name in beside else own[name] for name in own}

    def tops(self) -> dict[str, float]:
        """Return the distance of each box from the top. Each layer is centred."""
        heights = [sum(one.height + BELOW for one in layer) - BELOW for layer in self.layers]
        found = {}
        for layer, height in zip(self.layers, heights, strict=True):
            y = TOP + (max(heights) - height) / 2
            for one in layer:
                found[one.name] = y
                y += one.height + BELOW
        return found


def draw_layers(
    title: str, headings: Mapping[str, str], boxes: Sequence[Box], arrows: Sequence[tuple[str, str]]
) -> str:
    """Draw boxes in layers from left to right as SVG. Text is never covered by other text.

    Args:
        title: What the picture shows.
        headings: The layers from left to right, and the colour of each. Layers without a box are left out.
        boxes: The boxes.
        arrows: Names of two boxes each; the second one is in a later layer.
    """
    names = [name for name in headings if any(box.layer == name for box in boxes)]
    plan = _route([_measure(box, names.index(box.layer)) for box in boxes], arrows, len(names))
    plan.sort()
    tops = plan.tops()
    widths = [
        max(width_of(name), *(one.width for one in layer)) for name, layer in zip(names, plan.layers, strict=True)
    ]
    lefts = [sum(widths[:number]) + BETWEEN * number + 1 for number in range(len(names))]
    right, bottom = (
        lefts[-1] + widths[-1] + 1,
        max(tops[one.name] + one.height for layer in plan.layers for one in layer),
    )

    def middle(one: Placed) -> float:
        return tops[one.name] + one.height / 2

    return template("layers.svg").render(
        title=title,
        size=(round(right), round(bottom + 6)),
        em=EM,
        line_height=LINE,
        padding=PADDING,
        headings=[(name, left, headings[name]) for name, left in zip(names, lefts, strict=True)],
        boxes=[
            (one, lefts[one.layer], tops[one.name], widths[one.layer], headings[names[one.layer]])
            for layer in plan.layers
            for one in layer
            if one.is_box
        ],
        pieces=[
            (lefts[one.layer] + widths[one.layer], middle(one), lefts[other.layer], middle(other), other.is_box)
            for one, other in plan.pieces
        ],
        passed=[
            (lefts[one.layer], lefts[one.layer] + widths[one.layer], middle(one))
            for layer in plan.layers
            for one in layer
            if not one.is_box
        ],
    )


def _measure(box: Box, layer: int) -> Placed:
    lines, parts = wrap(box.label, WIDEST), _flow(box.parts)
    texts = [*lines, *(" ".join(cell.text for cell in cells) for cells in parts)]
    width = max(map(width_of, texts)) + 2 * PADDING
    return Placed(box.name, layer, width, LINE * len(texts) + 2 * PADDING, box.title, lines, parts)


def _flow(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Split texts into lines; a text stays whole unless it is longer than a line."""
    lines: list[list[Cell]] = []
    for cell in cells:
        for text in wrap(cell.text, WIDEST):
            one = Cell(text, page=cell.page)
            if lines and width_of(" ".join(c.text for c in [*lines[-1], one])) <= WIDEST:
                lines[-1].append(one)
            else:
                lines.append([one])
    return lines


def _route(boxes: Sequence[Placed], arrows: Sequence[tuple[str, str]], n_layers: int) -> _Plan:
    """Return a plan in which an arrow over several layers has its own place in each layer that it passes."""
    plan = _Plan([[box for box in boxes if box.layer == number] for number in range(n_layers)])
    by_name = {box.name: box for box in boxes}
    for start, end in arrows:
        before, last = by_name[start], by_name[end]
        for number in range(before.layer + 1, last.layer):
            passing = Placed(f"{start} > {end} {number}", number, 0, 2)
            plan.layers[number].append(passing)
            plan.pieces.append((before, passing))
            before = passing
        plan.pieces.append((before, last))
    return plan
