"""Measures the quality of word links: precision, recall and alignment error rate against links made by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from alignfreeze.alignment.links import WordAlignment, sides_without_first, split_links
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import CountError, DataError, show_value
from alignfreeze.files import read_lines, to_path
from alignfreeze.progress import remark

_GOLD_LINK = re.compile(r"([0-9]+)([-p])([0-9]+)")


@dataclass(frozen=True, slots=True)
class GoldAlignment:
    """The links of a sentence pair, made by hand.

    Attributes:
        sure: Links that should be found.
        possible: Links that may be found, the sure ones included.
    """

    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well found links agree with links made by hand (Och and Ney 2003).

    Attributes:
        precision: The share of the found links that are possible.
        recall: The share of the sure links that are found.
        aer: Alignment error rate: 1 - (found sure + found possible) / (found + sure); 0 is best.
        found: The number of found links.
        sure: The number of sure links.
        possible: The number of possible links, the sure ones included.
        pairs: The number of sentence pairs.
    """

    precision: float
    recall: float
    aer: float
    found: int
    sure: int
    possible: int
    pairs: int


def read_gold(path: Path | str, *, first: int = 0) -> list[GoldAlignment]:
    """Read links made by hand, one line per sentence pair: `3-4` is a sure link, `3p4` a possible one.

    Args:
        path: The file.
        first: The number of a sentence's first word, 0 or 1.

    Raises:
        DataError: The file cannot be read or is empty, or something in a line is not a link.
    """
    path = to_path(path, "links made by hand")
    gold = [_parse_gold(path, number, line, first) for number, line in read_lines(path)]
    if not gold:
        raise DataError(f"{path}: no line in it; links made by hand are expected, one line per sentence pair")
    return gold


def _parse_gold(path: Path, number: int, line: str, first: int) -> GoldAlignment:
    sure, possible = set(), set()
    for part in split_links(line):
        match = _GOLD_LINK.fullmatch(part)
        if match is None:
            raise DataError.at(path, number, f"{part!r} is not a link; expected '3-4' (sure) or '3p4' (possible)")
        link = (int(match[1]) - first, int(match[3]) - first)
        if min(link) < 0:
            raise DataError.at(path, number, f"link {part!r} has a word 0, but words are counted from {first} here")
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return GoldAlignment(frozenset(sure), frozenset(possible))


def read_predicted(path: Path | str, gold: Sequence[GoldAlignment], *, first: int = 0) -> list[WordAlignment]:
    """Read the links to be measured, in Pharaoh notation.

    Args:
        path: The file.
        gold: The links made by hand.
        first: The number of a sentence's first word, 0 or 1.

    Raises:
        DataError: A line is not Pharaoh notation, or the gold file has another number of lines.
    """
    path = Path(path)
    links = []
    for number, line in read_lines(path):
        try:
            found = WordAlignment.from_pharaoh(line).links
        except ValueError as error:
            raise DataError.at(path, number, str(error)) from error
        if first and any(min(link) < first for link in found):
            raise DataError.at(path, number, f"a link has a word 0, but words are counted from {first} here")
        links.append(WordAlignment(frozenset((source - first, target - first) for source, target in found)))
    if len(links) != len(gold):
        raise DataError(f"{path} has {len(links):,} lines, but the gold file has {len(gold):,}; both need one per pair")
    return links


def check_gold(
    gold: Sequence[GoldAlignment], bitext: Sequence[SentencePair], *, path: Path | str, first: int = 0
) -> None:
    """Check that links made by hand fit the sentences.

    Args:
        gold: The links.
        bitext: The sentences.
        path: The file of the links, for messages.
        first: The number of a sentence's first word in the file, 0 or 1.

    Raises:
        DataError: The numbers of sentence pairs differ, or a link points beyond its sentence.
    """
    if len(gold) != len(bitext):
        raise DataError(f"{path} has {len(gold):,} lines for {len(bitext):,} sentence pairs; it needs one per pair")
    for number, (links, pair) in enumerate(zip(gold, bitext, strict=True), start=1):
        for source, target in sorted(links.possible):
            if source >= len(pair.source) or target >= len(pair.target):
                sizes = f"{len(pair.source)} and {len(pair.target)} words"
                link = f"{source + first}-{target + first}"
                problem = f"link {link} is out of range: the sentences have {sizes}, counted from {first}"
                if not first and sides_without_first([each.possible for each in gold]):
                    problem += "; no link is to a word 0: if the file counts from 1, use --gold-starts-at 1 (first=1)"
                raise DataError.at(path, number, problem)


def _check_pairs(found: Sequence[WordAlignment], gold: Sequence[GoldAlignment]) -> None:
    """Check that found links and links made by hand are those of sentence pairs.

    Raises:
        DataError: Something else is among them.
    """
    for several, kind in ((found, WordAlignment), (gold, GoldAlignment)):
        if isinstance(several, str) or not isinstance(several, Sequence):
            raise DataError(f"expected a list of {kind.__name__}, one per sentence pair, got {show_value(several)}")
        for number, value in enumerate(several, start=1):
            fields = (value.links,) if isinstance(value, WordAlignment) else _fields_of(value)
            if not isinstance(value, kind) or not all(isinstance(links, Set) for links in fields):
                raise DataError(f"sentence pair {number}: {show_value(value)} is no {kind.__name__} with sets of links")


def _fields_of(value: object) -> tuple[object, ...]:
    return (value.sure, value.possible) if isinstance(value, GoldAlignment) else ()


def measure_agreement(
    found: Sequence[WordAlignment], gold: Sequence[GoldAlignment], *, tells: bool = True
) -> Agreement:
    """Measure how well found links agree with links made by hand.

    Args:
        found: The found links of each sentence pair.
        gold: The links made by hand, in the same order.
        tells: Whether to say that one of the two seems to count words from 1.

    Raises:
        DataError: Something is not an alignment, or the numbers of sentence pairs differ.
    """
    _check_pairs(found, gold)
    if len(found) != len(gold):
        raise CountError(f"found links of {len(found):,} sentence pairs, but links made by hand of {len(gold):,}")
    if tells:
        _tell_of_counting(found, gold)
    n_found = hits = sure_hits = sure = possible = 0
    for alignment, by_hand in zip(found, gold, strict=True):
        n_found += len(alignment.links)
        hits += len(alignment.links & by_hand.possible)
        sure_hits += len(alignment.links & by_hand.sure)
        sure += len(by_hand.sure)
        possible += len(by_hand.possible)
    return Agreement(
        precision=hits / n_found if n_found else 1.0,
        recall=sure_hits / sure if sure else 1.0,
        aer=1 - (hits + sure_hits) / (n_found + sure) if n_found + sure else 0.0,
        found=n_found,
        sure=sure,
        possible=possible,
        pairs=len(gold),
    )


def _tell_of_counting(found: Sequence[WordAlignment], gold: Sequence[GoldAlignment]) -> None:
    """Say that the links of one origin are never to the first word, and those of the other are."""
    sides = [sides_without_first([each.links for each in found]), sides_without_first([each.possible for each in gold])]
    for none, others, whose, remedy in (
        (sides[1] - sides[0], "found ones", "made by hand", "--gold-starts-at 1 (in Python: first=1)"),
        (sides[0] - sides[1], "those made by hand", "that was found", "--starts-at 1 (in Python: first=1)"),
    ):
        if none:
            where = " or ".join(sorted(none))
            remark(
                f"no link {whose} is to word 0 of a {where} sentence, but {others} are: "
                f"if these links count words from 1, use {remedy}"
            )
