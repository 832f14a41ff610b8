"""The same tests for every aligner in the table."""

import pytest
from thot.alignment import FastAlignModel, SymmetrizationHeuristic, SymmetrizedAligner

from alignfreeze.alignment import ALIGNERS, align
from alignfreeze.corpora.bitext import SentencePair, read_bitext
from alignfreeze.errors import SettingsError


@pytest.fixture(params=list(ALIGNERS))
def aligner(request):
    return request.param


def test_one_alignment_a_pair_with_links_inside_the_sentences(aligner, toy_bitext):
    alignments = align(toy_bitext, aligner=aligner)
    assert len(alignments) == len(toy_bitext)
    for pair, alignment in zip(toy_bitext, alignments, strict=True):
        assert all(s < len(pair.source) and t < len(pair.target) for s, t in alignment.links)


def test_most_words_of_a_cipher_find_their_counterpart(aligner, toy_bitext):
    alignments = align(toy_bitext, aligner=aligner)
    right = sum((i, i) in alignment.links for alignment in alignments for i in range(5))
    assert right / (5 * len(toy_bitext)) > 0.9


def test_the_same_links_every_time(aligner, toy_bitext):
    assert align(toy_bitext, aligner=aligner) == align(toy_bitext, aligner=aligner)


def test_an_empty_side_gives_no_links_and_disturbs_no_other_pair(aligner, toy_bitext):
    empty = [SentencePair((), ("x",), ("en", "de")), SentencePair((), (), ("en", "de"))]
    alignments = align([*empty, *toy_bitext], aligner=aligner)
    assert not alignments[0].links
    assert not alignments[1].links
    assert alignments[2:] == align(toy_bitext, aligner=aligner)


def test_an_empty_bitext(aligner):
    assert align([], aligner=aligner) == []


def test_language_pairs_do_not_influence_each_other(aligner, toy_bitext):
    shouted = [
        SentencePair(pair.source, tuple(word.upper() for word in reversed(pair.target)), ("en", "tr"))
        for pair in toy_bitext
    ]
    mixed = [pair for both in zip(toy_bitext, shouted, strict=True) for pair in both]
    assert align(mixed, aligner=aligner)[::2] == align(toy_bitext, aligner=aligner)


def test_an_unknown_aligner(toy_bitext):
    with pytest.raises(SettingsError, match=r"unknown aligner 'fastalign'.*Did you mean 'fast-align'"):
        align(toy_bitext, aligner="fastalign")


def test_fast_align_gives_the_links_of_sil_thot(shared_data):
    path = shared_data / "gold_alignments" / "enfr.src-tgt"
    bitext = read_bitext(path, languages=("en", "fr"), pretokenized=True)
    forward, reverse = FastAlignModel(), FastAlignModel()
    for pair in bitext:
        forward.add_sentence_pair(pair.source, pair.target)
        reverse.add_sentence_pair(pair.target, pair.source)
    for model in (forward, reverse):
        model.variational_bayes = True
        model.start_training()
        for _ in range(5):
            model.train()
        model.end_training()
    both = SymmetrizedAligner(forward, reverse)
    both.heuristic = SymmetrizationHeuristic.GROW_DIAG_FINAL_AND
    for pair, alignment in zip(bitext, align(bitext), strict=True):
        matrix = both.get_best_alignment(pair.source, pair.target)[1].to_numpy()
        assert alignment.links == {(int(s), int(t)) for s, t in zip(*matrix.nonzero(), strict=True)}


def test_fast_align_is_near_the_gold_links(shared_data):
    """AER of fast_align on 447 sentence pairs alone; far from random (above 0.8), as a guard of direction."""
    folder = shared_data / "gold_alignments"
    bitext = read_bitext(folder / "enfr.src-tgt", languages=("en", "fr"), pretokenized=True)
    hits = sure_hits = predicted = sure = 0
    for line, alignment in zip((folder / "enfr.gold").read_text().splitlines(), align(bitext), strict=True):
        # The gold files count from 1; `p` marks possible links.
        pairs = [(part, part.replace("p", "-").split("-")) for part in line.split()]
        possible = {(int(s) - 1, int(t) - 1) for _, (s, t) in pairs}
        certain = {(int(s) - 1, int(t) - 1) for part, (s, t) in pairs if "p" not in part}
        hits += len(alignment.links & possible)
        sure_hits += len(alignment.links & certain)
        predicted += len(alignment.links)
        sure += len(certain)
    assert 1 - (hits + sure_hits) / (predicted + sure) < 0.35
