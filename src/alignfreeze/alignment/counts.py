"""Sums over the links of a bitext, which can be added up chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.ragged import Ragged


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What is counted about the links of sentence pairs.

    Attributes:
        pairs: The sentence pairs.
        links: Their links.
        source_words: The words of the source sentences.
        target_words: The words of the target sentences.
        source_linked: The source words with a link.
        target_linked: The target words with a link.
        usable: The links that realignment trains on, as `links.select_links` finds them.
        without: The pairs without a link.
        without_usable: The pairs without such a link.
    """

    pairs: int = 0
    links: int = 0
    source_words: int = 0
    target_words: int = 0
    source_linked: int = 0
    target_linked: int = 0
    usable: int = 0
    without: int = 0
    without_usable: int = 0

    @classmethod
    def of(cls, pairs: Sequence[SentencePair], links: Ragged) -> LinkCounts:
        """Count the links of sentence pairs."""
        sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
        values = links.values.reshape(-1, 2)
        rows = np.repeat(np.arange(len(pairs)), links.lengths())  # the pair of each link, [links]
        first, second = _starts(sources)[rows] + values[:, 0], _starts(targets)[rows] + values[:, 1]
        source_words, target_words = list(chain.from_iterable(sources)), list(chain.from_iterable(targets))
        by_source = np.bincount(first, minlength=len(source_words))
        by_target = np.bincount(second, minlength=len(target_words))
        alone = np.flatnonzero((by_source[first] == 1) & (by_target[second] == 1))  # one-to-one, [one-to-one]
        unlike = [
            source_words[one] != target_words[other]
            for one, other in zip(first[alone].tolist(), second[alone].tolist(), strict=True)
        ]
        usable = np.bincount(rows[alone][np.array(unlike, dtype=bool)], minlength=len(pairs))
        return cls(
            pairs=len(pairs),
            links=len(values),
            source_words=len(source_words),
            target_words=len(target_words),
            source_linked=int(np.count_nonzero(by_source)),
            target_linked=int(np.count_nonzero(by_target)),
            usable=int(usable.sum()),
            without=int((links.lengths() == 0).sum()),
            without_usable=int((usable == 0).sum()),
        )

    def __add__(self, other: LinkCounts) -> LinkCounts:
        return LinkCounts(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))

    def facts(self) -> dict[str, Any]:
        """Return the facts for a summary."""
        return {
            "links": self.links,
            "links_per_sentence_pair": round(self.links / self.pairs, 2),
            "source_words_linked": round(self.source_linked / max(1, self.source_words), 4),
            "target_words_linked": round(self.target_linked / max(1, self.target_words), 4),
            "links_for_realignment": self.usable,
            "pairs_without_links": self.without,
            "pairs_without_links_for_realignment": self.without_usable,
        }


def _starts(sentences: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """Return where each sentence begins if all stand end to end, [sentences]."""
    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    return np.cumsum(lengths) - lengths
