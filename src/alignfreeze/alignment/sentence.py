"""The aligner for losses that compare whole sentences: it finds no links."""

from __future__ import annotations

from collections.abc import Sequence

from alignfreeze.alignment.aligners import AlignerKind, WordAligner
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair


class SentenceAligner(WordAligner):
    """Finds no links."""

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return an alignment without links for each pair."""
        return [WordAlignment(frozenset())] * len(bitext)


SENTENCE = AlignerKind(lambda *_: SentenceAligner(), finds_links=False, libraries=("alignfreeze",))
