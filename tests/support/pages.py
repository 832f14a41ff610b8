"""Reads the pages of the documentation as a person does: headings, sentences, links and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FENCE = re.compile(r"^(\s*)(`{3,})\s*(\S*)")
END = re.compile(r"[.?!][)\"'*_]*\s+(?=[\"'(*_\[]*[A-Z`])")
"""The end of a sentence, before what begins the next one: a capital letter, or a name in code."""

ABBREVIATIONS = re.compile(r"\b(?:al|cf|vs|e\.g|i\.e|[A-Z])\.$")
FEWEST_WORDS = 3
"""A shorter beginning of a line is a label, such as `**Padding.**` or the number of a list."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: What stands after the fence.
        text: The lines between the fences.
        line: The line of the first fence, from 1.
        indent: The spaces before the first fence.
    """

    language: str
    text: str
    line: int
    indent: int


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    opened = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence), []
        elif opened is not None and line.strip() == opened[1][2]:
            yield Block(opened[1][3], "".join(f"{one}\n" for one in lines), opened[0], len(opened[1][1]))
            opened = None
        elif opened is not None:
            lines.append(line)
    assert opened is None, f"{page}: a block is not closed"


def prose_of(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page outside blocks, tables and headings, with their numbers."""
    fence = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        match = FENCE.match(line)
        if fence is None and match:
            fence = match[2]
        elif fence is not None:
            fence = None if line.strip() == fence else fence
        elif not line.lstrip().startswith(("|", "#", "<!--", ":::")):
            yield number, line


def sentences_of(line: str) -> list[str]:
    """Return the sentences of a line of prose."""
    masked = re.sub(
        r"`[^`]*`|\]\([^)]*\)", lambda found: f"{found[0][0]}{'x' * (len(found[0]) - 2)}{found[0][-1]}", line
    )
    found, start = [], 0
    for end in END.finditer(masked):
        before = masked[start : end.end()].strip()
        words = re.sub(r"^(?:[-*]|\d+\.)\s", "", before).split()
        if len(words) >= FEWEST_WORDS and not ABBREVIATIONS.search(before.rstrip(")\"'*_ ")):
            found.append(line[start : end.end()].rstrip())
            start = end.end()
    return [*found, line[start:]]


def slug(heading: str) -> str:
    """Return the anchor of a heading, as the site makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading)
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page."""
    found, fenced = set(), False
    for line in page.read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        if not fenced and (heading := re.match(r"#+ (.*)", line)):
            found.add(slug(heading[1]))
    return found


def title_of(page: Path) -> str:
    """Return the heading of a page."""
    heading = re.match(r"# (.*)", page.read_text(encoding="utf-8"))
    assert heading is not None, f"{page}: a page begins with its heading"
    return heading[1]


def opening_of(page: Path) -> str:
    """Return the first sentence of a page, without the addresses of its links."""
    for _, line in prose_of(page):
        if line.strip():
            return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentences_of(line.strip())[0])
    return ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation of the site.

    Attributes:
        group: The top heading under which it stands; empty for the home page.
        name: Its name in the navigation.
        path: Its file, relative to the folder of the documentation.
    """

    group: str
    name: str
    path: str


def navigation(config: Path) -> list[Entry]:
    """Return the pages of the navigation in their order."""
    return [*_entries(yaml.safe_load(config.read_text(encoding="utf-8"))["nav"], "", "")]


def _entries(value: Any, group: str, name: str) -> Iterator[Entry]:
    if isinstance(value, str):
        yield Entry(group, name, value)
    elif isinstance(value, dict):
        for title, inner in value.items():
            top = group or ("" if isinstance(inner, str) else title)
            yield from _entries(inner, top, title)
    else:
        for inner in value:
            yield from _entries(inner, group, name)
