"""Draws the rooms of the package for docs/architecture.md: `python docs/rooms.py` writes docs/assets/rooms.svg."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).with_name("assets") / "rooms.svg"

WIDTH, HEIGHT = 142, 74
COLUMN, ROW = WIDTH + 100, HEIGHT + 58
LEFT, TOP = 24, 28


class Room(NamedTuple):
    """A folder of the package: its place in the grid, what it does in two lines, and the band that it belongs to."""

    name: str
    column: int
    row: int
    lines: tuple[str, str]
    band: str
    columns: int = 1
    rows: int = 1

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height."""
        width, height = (self.columns - 1) * COLUMN + WIDTH, (self.rows - 1) * ROW + HEIGHT
        return LEFT + self.column * COLUMN, TOP + self.row * ROW, width, height


ROOMS = (
    Room("corpora", 0, 0, ("reads text", "in many forms"), "model"),
    Room("alignment", 1, 0, ("links words that", "translate each other"), "model"),
    Room("encoding", 2, 0, ("turns words", "into vectors"), "model"),
    Room("realignment", 3, 0, ("pulls translations", "together"), "model"),
    Room("training", 4, 0, ("the one loop", "of both trainings"), "model", rows=2),
    Room("tasks", 3, 1, ("learn a task in the", "source language"), "model"),
    Room("evaluation", 2, 1, ("tests the model in", "other languages"), "model"),
    Room(
        "experiment", 0, 1, ("one run of all these stages: settings,", "strategies, identity, recipe, record"), "run", 2
    ),
    Room("running", 0, 2, ("does many runs,", "each of them once"), "runs"),
    Room("studies", 1, 2, ("says what", "the runs show"), "runs"),
    Room("advice", 2, 2, ("says what to do,", "without labels"), "runs"),
    Room("labelling", 3, 2, ("asks for the labels", "that settle it"), "runs"),
    Room("reports", 4, 2, ("makes tables,", "charts and pages"), "people"),
    Room("cli", 4, 3, ("the commands: one", "file per subject"), "people"),
    Room(
        "external",
        0,
        3,
        ("knows other frameworks, one file for each:", "the rooms above use it, and it uses none"),
        "all",
        4,
    ),
)

ARROWS = (
    ("corpora", "alignment", "SentencePair"),
    ("alignment", "encoding", "WordAlignment"),
    ("encoding", "realignment", "AlignedBatch"),
    ("realignment", "tasks", "Encoder"),
    ("tasks", "evaluation", "TaskModel"),
    ("evaluation", "experiment", "Score"),
    ("experiment", "running", "RunRecord"),
    ("running", "studies", "records"),
    ("studies", "advice", "Comparison"),
    ("advice", "labelling", "prior"),
    ("labelling", "reports", "Settlement"),
)

USES = (("training", "realignment"), ("training", "tasks"))

COMMON = "settings · languages · registry · processes · ragged · tabular · extras · progress · cache · files · errors"

STYLE = """
:root { color-scheme: light dark; }
.paper { fill: #ffffff; stroke: #c9ced6; }
text { font-family: system-ui, sans-serif; font-size: 12.5px; fill: #1c2430; }
.name { font-size: 16px; font-weight: 600; }
.noun { font-size: 12px; fill: #4a5565; }
rect { stroke-width: 1.5; }
.model { fill: #e3eefc; stroke: #4178be; }
.run { fill: #fdeed8; stroke: #b8741a; }
.runs { fill: #e2f3e6; stroke: #3b8752; }
.people { fill: #f1e6f7; stroke: #8a55a8; }
.all { fill: #eef0f3; stroke: #8b95a3; }
.flow, .use { stroke: #4a5565; stroke-width: 1.5; fill: none; }
.use { stroke-dasharray: 3 4; }
.head { fill: #4a5565; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #161b22; stroke: #3b4452; }
  text { fill: #e8ecf2; }
  .noun { fill: #aab4c3; }
  .model { fill: #1b2f4a; stroke: #6ea8ec; }
  .run { fill: #45300f; stroke: #e0a24c; }
  .runs { fill: #173a24; stroke: #67bd83; }
  .people { fill: #382446; stroke: #c08fdd; }
  .all { fill: #262d37; stroke: #77828f; }
  .flow, .use { stroke: #aab4c3; }
  .head { fill: #aab4c3; }
}
"""
"""Colours for a light and for a dark system."""


def draw() -> str:
    """Return the picture as SVG, on a ground of its own: light or dark, as the reader's system is."""
    rooms = {room.name: room for room in ROOMS}
    bottom = TOP + 4 * ROW - 44
    width, height = 2 * LEFT + 4 * COLUMN + WIDTH, bottom + 52 + TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">',
        '<title id="title">The rooms of alignfreeze, and what goes from one to the next</title>',
        f"<style>{STYLE}</style>",
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0 8 4 0 8z"/></marker>',
        _box("paper", 1, 1, width - 2, height - 2),
        *(_room(room) for room in ROOMS),
        *(_arrow(rooms[source], rooms[target], noun) for source, target, noun in ARROWS),
        *(_arrow(rooms[source], rooms[target], kind="use") for source, target in USES),
        _box("all", LEFT, bottom, width - 2 * LEFT, 52),
        _text("below the rooms, for all of them", width / 2, bottom + 21),
        _text(COMMON, width / 2, bottom + 40),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _room(room: Room) -> str:
    x, y, width, height = room.box
    middle, top = x + width / 2, y + height / 2 - 14
    lines = (_text(line, middle, top + 20 + 17 * number) for number, line in enumerate(room.lines))
    return _box(room.band, x, y, width, height) + _text(room.name, middle, top, kind="name") + "".join(lines)


def _arrow(source: Room, target: Room, noun: str = "", kind: str = "flow") -> str:
    """Draw an arrow straight from one room to the next: to the right, to the left, or down."""
    x, y, width, height = source.box
    u, v, breadth, _ = target.box
    if source.column == target.column:
        across = x + WIDTH / 2
        start, end = (across, y + height + 3), (across, v - 3)
        label = _text(noun, across + 10, (y + height + v) / 2 + 4, kind="noun", anchor="start")
    else:
        level = v + HEIGHT / 2
        start, end = ((x + width + 3, level), (u - 3, level)) if u > x else ((x - 3, level), (u + breadth + 3, level))
        label = _text(noun, (start[0] + end[0]) / 2, level - 8, kind="noun")
    path = f'<path class="{kind}" d="M{start[0]} {start[1]}L{end[0]} {end[1]}" marker-end="url(#head)"/>'
    return path + (label if noun else "")


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def _text(text: str, x: float, y: float, *, kind: str = "job", anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
