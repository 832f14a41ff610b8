"""Word links for readers: in colour in a terminal, and as matrices on a page that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.columns import Column, make_sheet
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.reports.html import template
from alignfreeze.reports.palette import COLOURS
from alignfreeze.sheets import Sheet

MOST_BESIDE = 16
"""With up to so many target words, two matrices stand beside each other on a page."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A sentence pair and its links, to be shown.

    Attributes:
        number: The number of the pair's line, from 1.
        pair: The sentences.
        alignment: The links of the sentences.
    """

    number: int
    pair: SentencePair
    alignment: WordAlignment

    @property
    def is_wide(self) -> bool:
        """Whether the matrix takes the whole width of a page, so that no other stands beside it."""
        return len(self.pair.target) > MOST_BESIDE

    def groups(self) -> tuple[list[int | None], list[int | None]]:
        """Number the groups of linked words, on both sides. A word without a link has None.

        Words that are linked directly or through others share a number. Numbers start from 1 and follow the source.
        """
        neighbours: dict[tuple[int, int], set[tuple[int, int]]] = {}
        for source, target in self.alignment.links:
            neighbours.setdefault((0, source), set()).add((1, target))
            neighbours.setdefault((1, target), set()).add((0, source))
        sides: tuple[list[int | None], list[int | None]] = (
            [None] * len(self.pair.source),
            [None] * len(self.pair.target),
        )
        count = 0
        for start in sorted(neighbours):
            if sides[start[0]][start[1]] is None:
                count += 1
                waiting = [start]
                while waiting:
                    side, word = waiting.pop()
                    if sides[side][word] is None:
                        sides[side][word] = count
                        waiting += neighbours[side, word]
        return sides


def to_terminal(linked: Linked) -> Text:
    """Return a sentence pair in which linked words share a colour and a number."""
    text = Text(f"{linked.number:,}\n", style="dim")
    for language, words, groups in zip(
        linked.pair.languages, (linked.pair.source, linked.pair.target), linked.groups(), strict=True
    ):
        text.append(f"  {language:<3} ", style="dim")
        for word, group in zip(words, groups, strict=True):
            text.append(word, style=COLOURS[(group - 1) % len(COLOURS)] if group else "")
            text.append(f"{_subscript(group) if group else ''} ", style="dim")
        text.append("\n")
    return text


LINKED: tuple[Column[tuple[Linked, int]], ...] = (
    Column("pair", lambda row: f"{row[0].number:,}", is_name=True),
    Column("language", lambda row: row[0].pair.languages[row[1]], is_name=True),
    Column("words", lambda row: _number_words(row[0], row[1]), is_name=True),
)
"""The columns for each side of a linked sentence pair."""


def link_sheet(sample: Sequence[Linked]) -> Sheet:
    """Return sentence pairs in which linked words share a number, one row per side."""
    rows = [(linked, side) for linked in sample for side in (0, 1)]
    return make_sheet("Linked words", LINKED, rows, "Linked words have the same number.")


def _number_words(linked: Linked, side: int) -> str:
    words = (linked.pair.source, linked.pair.target)[side]
    groups = linked.groups()[side]
    return " ".join(f"{word}{_subscript(group) if group else ''}" for word, group in zip(words, groups, strict=True))


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def to_page(sample: Sequence[Linked], *, facts: dict[str, str]) -> str:
    """Return an HTML page with the matrix of links of each sentence pair.

    Args:
        sample: The sentence pairs.
        facts: Facts to show above the matrices, by name.
    """
    return template("links.html").render(sample=sample, facts=facts)
