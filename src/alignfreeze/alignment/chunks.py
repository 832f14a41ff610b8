"""What a worker process does with a chunk of a bitext: splits it into words, aligns it, and keeps its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.counts import LinkCounts
from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.alignment.statistical import StatisticalAligner
from alignfreeze.cache import load_or_compute
from alignfreeze.corpora.bitext import SentencePair, split_into_words
from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.ragged import Ragged

KIND = "alignments"
"""The subfolder of the cache."""

Example = tuple[int, SentencePair, WordAlignment]
"""The place of a sentence pair, from 0, the pair and its links."""


@dataclass(frozen=True, slots=True)
class Task:
    """How chunks are aligned.

    Attributes:
        settings: The aligner, which learns from bitext.
        languages: Codes of the source and the target language.
        pretokenized: Whether the words are already separated by spaces.
        model: The folder of the trained model.
        examples: How many sentence pairs of each chunk are returned with their links.
    """

    settings: AlignmentSettings
    languages: tuple[str, str]
    pretokenized: bool
    model: Path
    examples: int = 0


@dataclass(frozen=True, slots=True)
class LinkedChunk:
    """The links of a chunk.

    Attributes:
        lines: The links in Pharaoh notation, one line per sentence pair.
        counts: Sums over the links.
        beyond: How many of the pairs are too long for the aligner.
        examples: Some pairs that have links.
    """

    lines: str
    counts: LinkCounts
    beyond: int
    examples: list[Example]


def get_ready() -> None:
    """Do nothing: a worker that is called for the first time imports this module."""


def train(pairs: Sequence[SentencePair], settings: AlignmentSettings, folder: Path) -> None:
    """Train an aligner on all sentence pairs, and write its model. Called in a worker, which frees all its memory."""
    _make(settings, pairs[0].languages).fit_and_save(pairs, folder)


def align_chunk(task: Task, texts: Sequence[Texts], key: Any) -> LinkedChunk:
    """Find the links of sentence pairs, or read those that were found before.

    Args:
        task: How they are aligned.
        texts: The sentence pairs.
        key: Everything that the links depend on; None for links that are not kept.
    """
    pairs = split_into_words(texts, languages=task.languages, pretokenized=task.pretokenized)

    def find() -> dict[str, NDArray[Any]]:
        return _find(_load(task), pairs)

    arrays = find() if key is None else load_or_compute(KIND, key, find)
    links = Ragged(arrays["values"], arrays["starts"])
    return LinkedChunk(
        lines="\n".join(_to_lines(links)),
        counts=LinkCounts.of(pairs, links),
        beyond=int(arrays["beyond"][0]),
        examples=_choose_examples(pairs, links, task.examples),
    )


_loaded: dict[Path, StatisticalAligner] = {}


def _load(task: Task) -> StatisticalAligner:
    """Return the aligner with its trained model, which is loaded once. One model is in memory at a time."""
    if task.model not in _loaded:
        _loaded.clear()
        aligner = _make(task.settings, task.languages)
        aligner.load(task.model, languages=task.languages)
        _loaded[task.model] = aligner
    return _loaded[task.model]


def _make(settings: AlignmentSettings, languages: tuple[str, str]) -> StatisticalAligner:
    aligner = ALIGNERS[settings.aligner].make(settings, Resources(), languages)
    assert isinstance(aligner, StatisticalAligner)
    return aligner


def _find(aligner: StatisticalAligner, pairs: Sequence[SentencePair]) -> dict[str, NDArray[Any]]:
    """Return the links of sentence pairs as arrays for the cache, in the smallest numbers that hold them."""
    before = aligner.beyond
    links = aligner.find_links(pairs)
    most = int(links.values.max(initial=0))
    values = links.values.astype(np.min_scalar_type(most))
    return {"values": values, "starts": links.starts, "beyond": np.array([aligner.beyond - before])}


def _to_lines(links: Ragged) -> list[str]:
    flat = [f"{source}-{target}" for source, target in links.values.tolist()]
    starts = links.starts.tolist()
    return [" ".join(flat[start:end]) for start, end in pairwise(starts)]


def _choose_examples(pairs: Sequence[SentencePair], links: Ragged, n: int) -> list[Example]:
    linked = np.flatnonzero(links.lengths()).tolist()
    alignments = Alignments(links)
    return [(place, pairs[place], alignments[place]) for place in spread_evenly(linked, n)]
