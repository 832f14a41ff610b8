"""Stage 2: which words translate each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair, language_pairs
from alignfreeze.errors import SettingsError, did_you_mean


class WordAligner(Protocol):
    """Finds the links of every sentence pair of a bitext of one language pair."""

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment a pair, in the same order, source word first."""
        ...


def _fast_align() -> WordAligner:
    from alignfreeze.alignment.statistical import FastAlign

    return FastAlign()


ALIGNERS: dict[str, Callable[[], WordAligner]] = {"fast-align": _fast_align}
"""The aligners by name; adding one is a function and a line."""


def align(bitext: Sequence[SentencePair], *, aligner: str = "fast-align") -> list[WordAlignment]:
    """Find the links of every sentence pair; each language pair is aligned by itself.

    Args:
        bitext: Sentence pairs, of one or several language pairs.
        aligner: A name in `ALIGNERS`.

    Returns:
        One alignment a pair, in the order of the bitext.

    Raises:
        SettingsError: There is no such aligner.
    """
    if aligner not in ALIGNERS:
        proposal = did_you_mean(aligner, ALIGNERS)
        raise SettingsError(f"unknown aligner {aligner!r}; there are {', '.join(ALIGNERS)}.{proposal}")
    alignments: list[WordAlignment | None] = [None] * len(bitext)
    for positions in language_pairs(bitext).values():
        found = ALIGNERS[aligner]().align([bitext[position] for position in positions])
        for position, alignment in zip(positions, found, strict=True):
            alignments[position] = alignment
    return [alignment for alignment in alignments if alignment is not None]
