"""Stage 2: which words translate each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol

from numpy.typing import NDArray

from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.cache import cached_arrays
from alignfreeze.corpora.bitext import SentencePair, digest_of, language_pairs
from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.ragged import Ragged


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


def align(bitext: Sequence[SentencePair], *, aligner: str = "fast-align", cache: bool = True) -> Alignments:
    """Find the links of every sentence pair; each language pair is aligned by itself.

    Args:
        bitext: Sentence pairs, of one or several language pairs.
        aligner: A name in `ALIGNERS`.
        cache: Read what was found before for the same bitext, and keep what is found (cache.py says where).

    Returns:
        One alignment a pair, in the order of the bitext.

    Raises:
        SettingsError: There is no such aligner.
    """
    if aligner not in ALIGNERS:
        proposal = did_you_mean(aligner, ALIGNERS)
        raise SettingsError(f"unknown aligner {aligner!r}; there are {', '.join(ALIGNERS)}.{proposal}")

    def find() -> dict[str, NDArray[Any]]:
        found = Alignments.of(_align(bitext, ALIGNERS[aligner]))
        return {"values": found.links.values, "starts": found.links.starts}

    key = {"aligner": aligner, "sil-thot": version("sil-thot"), "bitext": digest_of(bitext)}
    arrays = cached_arrays("alignments", key, find) if cache else find()
    return Alignments(Ragged(arrays["values"], arrays["starts"]))


def _align(bitext: Sequence[SentencePair], aligner: Callable[[], WordAligner]) -> list[WordAlignment]:
    alignments: dict[int, WordAlignment] = {}
    for positions in language_pairs(bitext).values():
        found = aligner().align([bitext[position] for position in positions])
        alignments |= dict(zip(positions, found, strict=True))
    return [alignments[position] for position in range(len(bitext))]
