"""Word alignment learnt from the bitext itself, by the models of sil-thot."""

from __future__ import annotations

from collections.abc import Sequence

from thot.alignment import FastAlignModel, SymmetrizationHeuristic, SymmetrizedAligner

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.progress import stage

ITERATIONS = 5
"""Rounds of expectation maximisation in each direction: fast_align's default."""

PAIRS_AT_ONCE = 1_000


class FastAlign:
    """fast_align in both directions, symmetrised by grow-diag-final-and.

    Diagonal prior with optimised tension and variational Bayes, as the paper
    runs it (`-d -o -v`); Dyer, Chahuneau and Smith (2013).
    """

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment a pair, in the same order, source word first."""
        forward, reverse = FastAlignModel(), FastAlignModel()
        for model in (forward, reverse):
            model.variational_bayes = True
        for pair in bitext:
            forward.add_sentence_pair(pair.source, pair.target)
            reverse.add_sentence_pair(pair.target, pair.source)
        languages = "-".join(bitext[0].languages) if bitext else ""
        # Every round reads all pairs, and so does the search for the links at the end.
        with stage(f"fast_align {languages}", total=(2 * ITERATIONS + 1) * len(bitext)) as bar:
            for model in (forward, reverse):
                model.start_training()
                for _ in range(ITERATIONS):
                    model.train()
                    bar.advance(len(bitext))
                model.end_training()
            aligner = SymmetrizedAligner(forward, reverse)
            aligner.heuristic = SymmetrizationHeuristic.GROW_DIAG_FINAL_AND
            alignments = []
            for start in range(0, len(bitext), PAIRS_AT_ONCE):
                pairs = bitext[start : start + PAIRS_AT_ONCE]
                found = aligner.get_best_alignments([pair.source for pair in pairs], [pair.target for pair in pairs])
                alignments += [_links(matrix.to_numpy()) for _, matrix in found]
                bar.advance(len(pairs))
        return alignments


def _links(matrix) -> WordAlignment:  # noqa: ANN001 - a numpy array of booleans, [source words, target words]
    sources, targets = matrix.nonzero()
    return WordAlignment(frozenset(zip(sources.tolist(), targets.tolist(), strict=True)))
