"""Matchings against slow loops after the papers, and the aligner on vectors made by hand."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.alignment import similarity
from alignfreeze.alignment.similarity import MATCHINGS, SimilarityAligner, SubwordVectors
from alignfreeze.corpora.bitext import SentencePair


def matched(name, cosines, threshold=1e-3):
    """The links that a matching finds in one matrix, given by rows."""
    cosines = torch.tensor(cosines)[None]
    found = MATCHINGS[name].link(cosines, cosines, torch.ones_like(cosines, dtype=torch.bool), threshold)
    return {tuple(place) for place in found[0].nonzero().tolist()}


def test_argmax_links_what_is_each_others_best():
    # Row 0 and column 1 choose each other; row 1 prefers column 1 too, which does not choose it.
    assert matched("argmax", [[0.1, 0.9, 0.2], [0.3, 0.8, 0.1], [0.0, 0.1, 0.7]]) == {(0, 1), (2, 2)}


def test_softmax_by_hand():
    """Row 0: e^2 / (e^2 + 1) = 0.88 for column 0; column 0 likewise; (1, 1) likewise; (0, 1) and (1, 0): 0.12."""
    products = [[2.0, 0.0], [0.0, 2.0]]
    assert matched("softmax", products, threshold=0.5) == {(0, 0), (1, 1)}
    assert matched("softmax", products, threshold=0.1) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_itermax_links_in_a_second_round_what_the_first_left():
    # First round: (0, 0) alone, since rows 1 and 2 prefer column 0. With that column discounted by 0.9, row 1 turns
    # to column 1: (1 + 0.9) / 2 = 0.95 > 0.9 * (1 + 0.95) / 2 = 0.8775, and row 2 to column 2.
    cosines = [[0.99, 0.1, 0.1], [0.95, 0.9, 0.1], [0.95, 0.1, 0.85]]
    assert matched("argmax", cosines) == {(0, 0)}
    assert matched("itermax", cosines) == {(0, 0), (1, 1), (2, 2)}


def slow_itermax(cosines):
    """Two rounds in plain loops (Jalili Sabet et al. 2020, section 3.2)."""
    n, m = cosines.shape
    shares = (1 + cosines) / 2

    def best(matrix):
        return {
            (i, j)
            for i in range(n)
            for j in range(m)
            if int(np.argmax(matrix[i])) == j and int(np.argmax(matrix[:, j])) == i
        }

    links = best(shares)
    rows, columns = {i for i, _ in links}, {j for _, j in links}
    if min(n, m) <= 2 or len(rows) == n or len(columns) == m:
        return links
    rest = shares.copy()
    for i in range(n):
        for j in range(m):
            rest[i, j] *= 0.0 if i in rows and j in columns else 0.9 if i in rows or j in columns else 1.0
    return links | {(i, j) for i, j in best(rest) if not (i in rows and j in columns)}


def slow_softmax(products, threshold):
    def shares(matrix):
        powers = np.exp(matrix - matrix.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    both = (shares(products) > threshold) & (threshold < shares(products.T).T)
    return {tuple(place) for place in np.argwhere(both).tolist()}


@st.composite
def vectors_of_pairs(draw):
    seed = draw(st.integers(0, 10_000))
    sizes = draw(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=5))
    generator = np.random.default_rng(seed)
    return [tuple(generator.normal(size=(n, 6)).astype(np.float32) for n in size) for size in sizes]


class Given:
    """Vectors that a test gives, sentence by sentence; every subword is a word of its own."""

    identity: ClassVar = {}

    def __init__(self, sentences):
        self.sentences = {f"s{n}": torch.as_tensor(vectors) for n, vectors in enumerate(sentences)}

    def bitext(self):
        names = list(self.sentences)
        return [
            SentencePair((source,) * len(self.sentences[source]), (target,) * len(self.sentences[target]), ("en", "de"))
            for source, target in zip(names[::2], names[1::2], strict=True)
        ]

    def vectors(self, sentences):
        empty = SubwordVectors(torch.zeros(0, 6), np.arange(0))
        found = [self.sentences[sentence[0]] if sentence else None for sentence in sentences]
        return [empty if item is None else SubwordVectors(item, np.arange(len(item))) for item in found]


@settings(max_examples=60)
@given(vectors_of_pairs(), st.integers(1, 60))
def test_batches_of_padded_pairs_give_the_links_of_slow_loops(pairs, cells):
    given_vectors = Given([side for pair in pairs for side in pair])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "CELLS_AT_ONCE", cells)
        found = {
            name: SimilarityAligner(given_vectors, matching=name, threshold=0.2).align(given_vectors.bitext())
            for name in MATCHINGS
        }
    for number, (source, target) in enumerate(pairs):
        products = source.astype(np.float64) @ target.T
        lengths = [np.linalg.norm(side, axis=1) for side in (source, target)]
        cosines = products / np.outer(*lengths)
        assert found["itermax"][number].links == slow_itermax(cosines)
        assert found["softmax"][number].links == slow_softmax(products, 0.2)
        assert found["argmax"][number].links <= found["itermax"][number].links


def test_words_are_linked_when_any_of_their_subwords_are():
    source = SubwordVectors(torch.eye(3), np.array([0, 0, 1]))
    target = SubwordVectors(torch.eye(3)[[1, 2]], np.array([0, 2]))

    class Two:
        identity: ClassVar = {}

        def vectors(self, sentences):
            return [source, target]

    pair = SentencePair(("ab", "c"), ("x", "y", "z"), ("en", "de"))
    assert SimilarityAligner(Two(), matching="argmax").align([pair])[0].links == {(0, 0), (1, 2)}


def test_centring_takes_away_what_all_vectors_of_a_language_share():
    """Each side's vectors are a common direction of length 10 and a small part that tells; half of them are swapped."""
    parts = torch.eye(6)[:4]
    shift = torch.zeros(2, 6)
    shift[0, 4] = shift[1, 5] = 10.0
    given_vectors = Given([parts + shift[0], parts.flip(0) + shift[1]])
    plain = SimilarityAligner(given_vectors, matching="softmax", threshold=0.3)
    centred = SimilarityAligner(given_vectors, matching="softmax", threshold=0.3, centred=True)
    bitext = given_vectors.bitext()
    for aligner in (plain, centred):
        aligner.fit(bitext)
    assert centred.align(bitext)[0].links == {(i, 3 - i) for i in range(4)}
    assert math.isclose(float(centred.means[0][4]), 10.0)
    assert not plain.means


def test_an_empty_side_has_no_links():
    given_vectors = Given([np.ones((2, 6), np.float32)])
    bitext = [SentencePair(("s0",), (), ("en", "de")), SentencePair((), (), ("en", "de"))]
    assert all(not found.links for found in SimilarityAligner(given_vectors, matching="argmax").align(bitext))
