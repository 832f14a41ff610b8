"""Word alignment by the similarity of subword vectors, in batches of sentence pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.alignment.aligners import AlignerKind, Resources, WordAligner
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import EncoderError

CELLS_AT_ONCE = 2**21
"""The most similarities computed at once, padding included: 8 MiB."""

MEAN_OF = 1_000
"""The mean vector of each language is computed from this many sentence pairs."""

DISCOUNT = 0.9
"""The weight of a similarity in `itermax` if one of its two sides is linked already (alpha in the paper)."""


class WordVectors(Protocol):
    """Turns sentences into vectors of their subwords: an encoder at one of its layers."""

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that the vectors depend on, as plain values."""
        ...

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[SubwordVectors]:
        """Return the vectors of each sentence, in the same order."""
        ...


@dataclass(frozen=True, slots=True)
class SubwordVectors:
    """The vectors of a sentence's subwords, without special ones.

    Attributes:
        vectors: One vector per subword, [subwords, width].
        words: The number of the word that each subword belongs to, [subwords].
        is_cut: Whether the sentence has more words than the encoder can read at once.
    """

    vectors: Tensor
    words: NDArray[np.int64]
    is_cut: bool = False


def softmax(products: Tensor, _: Tensor, there: Tensor, threshold: float) -> Tensor:
    """Link subwords if the softmax over either side exceeds a threshold (AWESOME-align; Dou and Neubig 2021).

    Args:
        products: Dot products, [pairs, source subwords, target subwords].
        there: Whether neither of two subwords is padding, [pairs, source subwords, target subwords].
        threshold: The limit that both probabilities must exceed.
    """
    products = products.masked_fill(~there, -torch.inf)
    # The softmax of a row of padding is not a number.
    shares = [products.softmax(dim).nan_to_num(0.0) for dim in (1, 2)]
    return (shares[0] > threshold) & (shares[1] > threshold)


def argmax(_: Tensor, cosines: Tensor, there: Tensor, __: float = 0.0) -> Tensor:
    """Link two subwords if each is the most similar one to the other (SimAlign's Argmax; Jalili Sabet et al. 2020)."""
    return _find_mutual_best(cosines.masked_fill(~there, -torch.inf)) & there


def itermax(_: Tensor, cosines: Tensor, there: Tensor, __: float = 0.0) -> Tensor:
    """Link as `argmax` does, then a second time among the rest (SimAlign's Itermax with two rounds).

    In the second round, a similarity does not count if both sides are linked, and counts less if one side is linked. A
    similarity is (1 + cosine) / 2. Sentences of one or two subwords get the first round only.
    """
    linked = argmax(_, cosines, there)
    rows, columns = linked.any(2, keepdim=True), linked.any(1, keepdim=True)  # which subwords are linked
    sizes = [there.any(dim).sum(1) for dim in (2, 1)]  # of either sentence, [pairs]
    free = [there.any(2, keepdim=True) & ~rows, there.any(1, keepdim=True) & ~columns]
    goes_on = (torch.minimum(*sizes) > 2) & free[0].any((1, 2)) & free[1].any((1, 2))
    weights = torch.where(rows & columns, 0.0, torch.where(rows | columns, DISCOUNT, 1.0))
    rest = ((1 + cosines) / 2 * weights).masked_fill(~there, -torch.inf)
    second = _find_mutual_best(rest) & there & ~(rows & columns) & goes_on[:, None, None]
    return linked | second


def _find_mutual_best(similarities: Tensor) -> Tensor:
    """Return where a row and a column are the best of each other, [pairs, source, target]. The first of equals wins."""
    best_columns = F.one_hot(similarities.argmax(2), similarities.shape[2]).bool()
    best_rows = F.one_hot(similarities.argmax(1), similarities.shape[1]).bool().transpose(1, 2)
    return best_columns & best_rows


@dataclass(frozen=True, slots=True)
class Matching:
    """A way to link subwords.

    Attributes:
        link: Returns whether two subwords are linked, [pairs, source, target]. Its arguments are the dot products of
            subwords, their cosines, whether both subwords exist (padding does not), and a threshold. The first three
            are [pairs, source, target].
        has_threshold: Whether the threshold changes the result.
    """

    link: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    has_threshold: bool = False


MATCHINGS = {
    "softmax": Matching(softmax, has_threshold=True),
    "argmax": Matching(argmax),
    "itermax": Matching(itermax),
}
"""The matchings by name; a new one is a function, a line, and a line in the table of aligners."""


class SimilarityAligner(WordAligner):
    """Links two words if any of their subwords are linked.

    Args:
        vectors: An encoder at a layer.
        matching: A name in `MATCHINGS`.
        threshold: The threshold of `softmax`.
        centred: Subtract the mean vector of each language first. Vectors that all point in one direction are hard to
            distinguish.
    """

    def __init__(self, vectors: WordVectors, *, matching: str, threshold: float = 1e-3, centred: bool = False) -> None:
        self.encode = vectors.vectors
        self.link = MATCHINGS[matching].link
        self.threshold = threshold
        self.centred = centred
        self.means: list[Tensor] = []
        self.known: dict[tuple[str, ...], SubwordVectors] = {}
        self.limit = "no links for the words that the encoder cannot read at once"

    def fit(self, bitext: Sequence[SentencePair]) -> None:
        """Compute the mean vectors of the two languages, if they are to be subtracted."""
        if self.centred and bitext:
            sides = list(zip(*((tuple(pair.source), tuple(pair.target)) for pair in bitext[:MEAN_OF]), strict=True))
            encoded = [self.encode(side) for side in sides]
            self.means = [torch.cat([item.vectors for item in side]).mean(0) for side in encoded]
            self.known = {
                words: item for side in zip(sides, encoded, strict=True) for words, item in zip(*side, strict=True)
            }

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment per pair, in the same order.

        Raises:
            EncoderError: A vector is not finite.
        """
        encoded = self._encode([side for pair in bitext for side in (pair.source, pair.target)])
        _check_finite(encoded, bitext)
        if self.means:
            encoded = [
                replace(item, vectors=item.vectors - self.means[number % 2]) for number, item in enumerate(encoded)
            ]
        sources, targets = encoded[::2], encoded[1::2]
        self.beyond += sum(source.is_cut or target.is_cut for source, target in zip(sources, targets, strict=True))
        alignments = [WordAlignment(frozenset())] * len(bitext)
        for numbers in _make_batches(sources, targets):
            linked = self._link_batch([sources[n].vectors for n in numbers], [targets[n].vectors for n in numbers])
            for number, found in zip(numbers, linked, strict=True):
                source, target = sources[number].words[found[:, 0]], targets[number].words[found[:, 1]]
                alignments[number] = WordAlignment(frozenset(zip(source.tolist(), target.tolist(), strict=True)))
        return alignments

    def _encode(self, sentences: Sequence[Sequence[str]]) -> list[SubwordVectors]:
        """Return the vectors of sentences, each encoded once. Those that `fit` has encoded are used up."""
        known, self.known = self.known, {}
        keys = [tuple(words) for words in sentences]
        new = list(dict.fromkeys(key for key in keys if key not in known))
        if new:
            known |= zip(new, self.encode(new), strict=True)
        return [known[key] for key in keys]

    def _link_batch(self, sources: list[Tensor], targets: list[Tensor]) -> list[NDArray[np.int64]]:
        """Return the pairs of linked subwords of each sentence pair, [links, 2]."""
        source, target = (torch.nn.utils.rnn.pad_sequence(side, batch_first=True) for side in (sources, targets))
        lengths = [torch.tensor([len(item) for item in side], device=source.device) for side in (sources, targets)]
        there = [
            torch.arange(padded.shape[1], device=padded.device) < length[:, None]
            for padded, length in zip((source, target), lengths, strict=True)
        ]
        products = source @ target.mT  # [pairs, source, target]
        cosines = F.normalize(source, dim=-1) @ F.normalize(target, dim=-1).mT
        linked = self.link(products, cosines, there[0][:, :, None] & there[1][:, None, :], self.threshold)
        places = linked.nonzero().cpu().numpy()  # ascending by sentence pair
        return np.split(places[:, 1:], np.searchsorted(places[:, 0], np.arange(1, len(sources))))


def _check_finite(encoded: Sequence[SubwordVectors], bitext: Sequence[SentencePair]) -> None:
    """Check that the vectors of sentences can be compared.

    Raises:
        EncoderError: A vector is not finite.
    """
    for number, item in enumerate(encoded):
        if not item.vectors.isfinite().all():
            pair, side = bitext[number // 2], ("source", "target")[number % 2]
            text = " ".join(getattr(pair, side))
            raise EncoderError(
                f"the vectors of the {side} sentence {text[:60]!r} are not finite; its encoder is damaged or diverged"
            )


def _make_batches(sources: Sequence[SubwordVectors], targets: Sequence[SubwordVectors]) -> Iterator[list[int]]:
    """Yield the numbers of sentence pairs of similar sizes; each batch has a limited number of similarities."""
    sizes = [(len(source.words), len(target.words)) for source, target in zip(sources, targets, strict=True)]
    numbers = sorted((number for number, size in enumerate(sizes) if min(size)), key=lambda number: sizes[number])
    batch: list[int] = []
    width = 0
    for number in numbers:
        # The source sentences come in the order of their length.
        height, width = sizes[number][0], max(width, sizes[number][1])
        if batch and (len(batch) + 1) * height * width > CELLS_AT_ONCE:
            yield batch
            batch, width = [], sizes[number][1]
        batch.append(number)
    if batch:
        yield batch


def _make(settings: AlignmentSettings, resources: Resources, _: tuple[str, str]) -> SimilarityAligner:
    assert resources.vectors is not None
    return SimilarityAligner(
        resources.vectors, matching=settings.aligner, threshold=settings.threshold, centred=settings.centred
    )


SIMILARITY = AlignerKind(_make, needs_vectors=True, libraries=("alignfreeze",))
