"""The links between the words of a sentence pair: notation, files, and the links that realignment uses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.errors import CountError, DataError, show_value
from alignfreeze.files import read_lines, write_lines
from alignfreeze.progress import remark
from alignfreeze.ragged import Ragged
from alignfreeze.tabular import Tabular

MANY = 5
"""So many links that one of them is expected to be to the first word of a sentence."""

_LINK = re.compile(r"([0-9]+)-([0-9]+)")


def split_links(line: str) -> list[str]:
    """Return the parts of a line of links. No spaces but those of ASCII, and tabs, separate them."""
    return [part for part in re.split("[ \t]+", line.strip(" \t\r\n")) if part]


@dataclass(frozen=True, slots=True)
class WordAlignment:
    """The links between the words of a source and a target sentence.

    Attributes:
        links: Pairs of (source word, target word), counted from 0.
    """

    links: frozenset[tuple[int, int]]

    @classmethod
    def from_pharaoh(cls, line: str) -> WordAlignment:
        """Read a line in Pharaoh notation, the output of fast_align.

        Raises:
            ValueError: A part of the line is not two whole numbers joined by `-`.
        """
        links = []
        for part in split_links(line):
            match = _LINK.fullmatch(part)
            if match is None:
                raise ValueError(f"{part!r} is not a link; Pharaoh notation looks like '0-0 1-2'")
            links.append((int(match[1]), int(match[2])))
        return cls(frozenset(links))

    def to_pharaoh(self) -> str:
        """Return the links in Pharaoh notation, in ascending order."""
        return " ".join(f"{source}-{target}" for source, target in sorted(self.links))

    def one_to_one(self) -> WordAlignment:
        """Keep the links whose two words have no other link."""
        sources = Counter(source for source, _ in self.links)
        targets = Counter(target for _, target in self.links)
        kept = ((s, t) for s, t in self.links if sources[s] == 1 and targets[t] == 1)
        return WordAlignment(frozenset(kept))

    def without_identical(self, pair: SentencePair) -> WordAlignment:
        """Keep the links between words that are not the same string."""
        kept = ((s, t) for s, t in self.links if pair.source[s] != pair.target[t])
        return WordAlignment(frozenset(kept))


class Alignments(Tabular, Sequence[WordAlignment]):
    """The word alignments of a bitext, in two flat arrays.

    Attributes:
        links: The links of each sentence pair as (source word, target word), in ascending order, [links, 2].
    """

    def __init__(self, links: Ragged) -> None:
        self.links = links

    @classmethod
    def of(cls, alignments: Iterable[Any]) -> Alignments:
        """Put the word alignments of sentence pairs together.

        Args:
            alignments: For each sentence pair a `WordAlignment`, a line in Pharaoh notation, or pairs of numbers.

        Raises:
            DataError: Something else is in it; the message says where.
        """
        if isinstance(alignments, str) or not isinstance(alignments, Iterable):
            raise DataError(
                "the alignments of a bitext are a list of WordAlignment, of lines in Pharaoh notation, or of lists of "
                f"links, not {show_value(alignments)}"
            )
        found = (_to_alignment(item, number) for number, item in enumerate(alignments, start=1))
        return cls(Ragged.of([np.array(sorted(one.links), dtype=np.int32).reshape(-1, 2) for one in found]))

    def to_pharaoh(self) -> list[str]:
        """Return the links of each sentence pair in Pharaoh notation, the output of fast_align."""
        return [alignment.to_pharaoh() for alignment in self]

    def rows(self) -> list[dict[str, Any]]:
        """Return the number of each sentence pair, from 1, with its links in Pharaoh notation."""
        return [{"pair": number, "links": line} for number, line in enumerate(self.to_pharaoh(), start=1)]

    def __len__(self) -> int:
        return len(self.links)

    def __getitem__(self, pair: int | slice) -> Any:
        """Return the alignment of one sentence pair, or a list of the alignments of several."""
        if isinstance(pair, slice):
            return [self[number] for number in range(len(self))[pair]]
        return WordAlignment(frozenset((source, target) for source, target in self.links[pair].tolist()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def to_alignments(links: Any, bitext: Sequence[SentencePair]) -> Alignments:
    """Turn whatever holds the links of a bitext into `Alignments`, if each alignment fits its sentence pair.

    Args:
        links: `Alignments`; or one item per sentence pair: a `WordAlignment`, a line in Pharaoh notation, or pairs of
            (source word, target word). Or the path of a file in Pharaoh notation. Or a mapping of pairs of language
            codes to any of these, in the order of the sentence pairs of each language pair.
        bitext: The sentence pairs.

    Raises:
        CountError: There are more or fewer alignments than pairs.
        DataError: Something is no alignment, or a link is to a word that a sentence does not have; the message names
            the sentence pair.
    """
    if isinstance(links, str | Path):
        return Alignments.of(read_pharaoh(links, bitext))
    if isinstance(links, Mapping):
        return _join_languages(links, bitext)
    alignments = links if isinstance(links, Alignments) else Alignments.of(links)
    _check_fit(alignments, bitext)
    return alignments


def _join_languages(links: Mapping[Any, Any], bitext: Sequence[SentencePair]) -> Alignments:
    """Return the links of several language pairs in the order of the sentence pairs."""
    groups = group_by_languages(bitext)
    if links.keys() != groups.keys():
        names = (", ".join(map(str, one)) or "none" for one in (links, groups))
        raise DataError("the links are of {}, and the sentence pairs of {}".format(*names))
    found: dict[int, WordAlignment] = {}
    for languages, places in groups.items():
        pairs = [bitext[place] for place in places]
        found |= dict(zip(places, to_alignments(links[languages], pairs), strict=True))
    return Alignments.of(found[place] for place in range(len(bitext)))


def _to_alignment(item: Any, number: int) -> WordAlignment:
    """Return the links of a sentence pair, whose number is for the message."""
    if isinstance(item, WordAlignment):
        return item
    try:
        if isinstance(item, str):
            return WordAlignment.from_pharaoh(item)
        return WordAlignment(frozenset((index(source), index(target)) for source, target in item))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"alignment {number} is {show_value(item)}; expected links in Pharaoh notation, such as '0-0 1-2', pairs "
            f"such as [(0, 0), (1, 2)], or a WordAlignment ({error})"
        ) from None


def _check_fit(alignments: Alignments, bitext: Sequence[SentencePair]) -> None:
    """Check that each alignment fits its sentence pair."""
    if len(alignments) != len(bitext):
        raise CountError(
            f"got {len(bitext)} sentence pairs and {len(alignments)} alignments; there must be one alignment per pair"
        )
    sizes = np.array([(len(pair.source), len(pair.target)) for pair in bitext], dtype=np.int64).reshape(-1, 2)
    links = alignments.links
    values = links.values.reshape(-1, 2)
    pairs = np.repeat(np.arange(len(bitext)), links.lengths())
    wrong = ((values < 0) | (values >= sizes[pairs])).any(axis=1)
    if wrong.any():
        place = int(wrong.argmax())
        (source, target), pair = values[place].tolist(), int(pairs[place])
        raise DataError(
            f"sentence pair {pair + 1}: link {source}-{target} is out of range: the sentences have "
            f"{sizes[pair][0]} and {sizes[pair][1]} words, counted from 0"
        )


def select_links(pair: SentencePair, alignment: WordAlignment) -> list[tuple[int, int]]:
    """Return the links that realignment trains on, in ascending order.

    One-to-one links are kept first; then links between identical words are dropped, as in the reference code
    (realignment_task.py).
    """
    return sorted(alignment.one_to_one().without_identical(pair).links)


def sides_without_first(links: Iterable[Collection[tuple[int, int]]]) -> set[str]:
    """Return the sides, `source` or `target`, on which many links are to some word, and none is to word 0.

    Then the links may count words from 1.

    Args:
        links: The links of each sentence pair.
    """
    together = [link for each in links for link in each]
    if len(together) < MANY:
        return set()
    return {name for side, name in enumerate(("source", "target")) if all(link[side] for link in together)}


def read_pharaoh(path: Path | str, bitext: Sequence[SentencePair], *, more: bool = False) -> list[WordAlignment]:
    """Read the word alignments of a bitext, one line per sentence pair.

    Args:
        path: The file.
        bitext: The sentence pairs.
        more: The file may have more lines, for pairs that were not read.

    Raises:
        DataError: The file and the bitext have different lengths, a line is not Pharaoh notation, or a link points
            beyond its sentence.
    """
    path = Path(path)
    lines = list(read_lines(path))
    if len(lines) < len(bitext) or (len(lines) > len(bitext) and not more):
        raise DataError(f"{path} has {len(lines):,} lines for {len(bitext):,} sentence pairs; it needs one per pair")
    found = [_parse_links(path, number, line, pair) for (number, line), pair in zip(lines, bitext, strict=False)]
    if none := sides_without_first([alignment.links for alignment in found]):
        where = " or ".join(sorted(none))
        remark(f"{path}: no link is to word 0 of a {where} sentence; words count from 0 here, not from 1")
    return found


def _parse_links(path: Path, number: int, line: str, pair: SentencePair) -> WordAlignment:
    try:
        alignment = WordAlignment.from_pharaoh(line)
    except ValueError as error:
        raise DataError.at(path, number, str(error)) from error
    _check_range(path, number, alignment, pair)
    return alignment


def _check_range(path: Path, number: int, alignment: WordAlignment, pair: SentencePair) -> None:
    n_source, n_target = len(pair.source), len(pair.target)
    for source, target in sorted(alignment.links):
        if source >= n_source or target >= n_target:
            problem = (
                f"link {source}-{target} is out of range: the sentences have {n_source} and {n_target} words, "
                "counted from 0"
            )
            raise DataError.at(path, number, problem)


def write_pharaoh(path: Path | str, alignments: Sequence[WordAlignment]) -> None:
    """Write word alignments in Pharaoh notation, one line per sentence pair."""
    write_lines(Path(path), [alignment.to_pharaoh() for alignment in alignments])
