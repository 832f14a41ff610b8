"""Vectors of subwords and of sentences, at any layer of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignfreeze.alignment.agreement import Agreement, GoldAlignment, measure_agreement
from alignfreeze.alignment.aligning import tell_of_long_pairs
from alignfreeze.alignment.similarity import MATCHINGS, SimilarityAligner, SubwordVectors
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding import embedded
from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.modes import evaluating
from alignfreeze.encoding.order import split_by_budget
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.encoding.subwords import EncodedWords, digest_of_tokenizer, encode_words, lone_space
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.files import digest_of_arrays
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged

_SUBWORDS_AT_ONCE = 2_048
"""The most subwords that go through the encoder together."""


_BEST_LAYERS = {embedded.NAME: 7}
"""The layers of encoders whose links agree best with those made by hand, where that was measured."""


class LayerVectors:
    """An encoder at one of its layers, for similarity aligners.

    Attributes:
        encoder: The encoder.
        layer: 0 for the embeddings, 1 for the first layer, and so on.
        device: Where the encoder runs.
    """

    def __init__(
        self, encoder: Encoder, *, layer: int | None = None, max_length: int = 512, device: str = "auto"
    ) -> None:
        """Choose a layer. The default is two thirds of the way up (8 of 12), as in AWESOME-align and SimAlign.

        The default for the embedded encoder is its layer with the best links (docs/alignment.md).

        Raises:
            SettingsError: The encoder has no such layer, or the device does not exist.
            EncoderError: A weight of the encoder is not finite.
        """
        n_layers = len(encoder.layers)
        self.layer = _BEST_LAYERS.get(encoder.name, round(2 / 3 * n_layers)) if layer is None else layer
        if not 0 <= self.layer <= n_layers:
            raise SettingsError(
                f"{encoder.name!r} has no layer {layer}; layers are numbered from 0 (the embeddings) to {n_layers} "
                "(the last)"
            )
        check_finite(encoder.name, encoder.model)
        self.encoder = encoder
        self.device = check_device(device)
        self.max_length = min(max_length, encoder.max_length)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the vectors: weights, tokenizer, layer, length."""
        weights = digest_of_arrays(*(value.cpu().numpy() for value in self.encoder.model.state_dict().values()))
        tokenizer = digest_of_tokenizer(self.encoder.tokenizer)
        return {"weights": weights, "tokenizer": tokenizer, "layer": self.layer, "max_length": self.max_length}

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[SubwordVectors]:
        """Return the vectors of each sentence's subwords, without special ones. Words that are cut off have no vectors.

        A lone `▁` contains nothing of its word. The encoder gets this subword, but the result has no vector for it:
        links then agree best with those made by hand (docs/alignment.md).
        """
        encoded = list(encode_words(self.encoder.tokenizer, sentences, max_length=self.max_length, as_tokenized=True))
        states = self._states([item.subwords for item in encoded])
        # -1 means that the tokenizer has no lone space; no subword has this number.
        lone = lone_space(self.encoder.tokenizer) or -1
        inside = [np.flatnonzero((item.word_of >= 0) & (item.subwords != lone)) for item in encoded]
        return [
            SubwordVectors(vectors[torch.from_numpy(places)], item.word_of[places], is_cut=self._is_cut(item, words))
            for item, vectors, places, words in zip(encoded, states, inside, sentences, strict=True)
        ]

    def _is_cut(self, item: EncodedWords, words: Sequence[str]) -> bool:
        """Return whether a sentence was too long. The last word may also lack subwords for another reason."""
        return len(item.subwords) >= self.max_length and int(item.word_of.max()) < len(words) - 1

    def means(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """Return the mean of each sentence's subword vectors, special ones included, [sentences, width]."""
        encoded = encode_words(self.encoder.tokenizer, sentences, max_length=self.max_length, as_tokenized=True)
        states = self._states([item.subwords for item in encoded])
        return torch.stack([vectors.mean(0) for vectors in states])

    def _states(self, subwords: Sequence[Any]) -> list[Tensor]:
        """Return the hidden states of each sentence, [subwords, width]. Sentences of similar length run together."""
        model = self.encoder.model.to(self.device)  # type: ignore[arg-type]
        order = np.argsort([len(ids) for ids in subwords], kind="stable")
        rows = Ragged.of([subwords[number] for number in order])
        states: list[Tensor] = [torch.empty(0)] * len(order)
        with evaluating(model), packing(model), torch.inference_mode():
            for numbers in split_by_budget(rows.lengths(), _SUBWORDS_AT_ONCE):
                sentences = Packed.take(rows, numbers).to(self.device)
                found = encode(model, sentences, padding=self.encoder.padding, layers=range(self.layer))
                pieces = found.split(rows.lengths(numbers).tolist())
                if not found.isfinite().all():
                    raise EncoderError(
                        f"{self.encoder.name!r} gives vectors that are not finite at layer {self.layer}; "
                        "its weights are too large; take another encoder or another layer"
                    )
                for number, piece in zip(numbers.tolist(), pieces, strict=True):
                    states[order[number]] = piece
        return states


@dataclass(frozen=True, slots=True)
class LayerResult:
    """How well the links of one aligner agree with those made by hand.

    Attributes:
        aligner: A name in `MATCHINGS`.
        layer: The layer, 0 for the embeddings.
        threshold: The threshold of `softmax`.
        centred: Whether the mean vector of each language was subtracted.
        agreement: The agreement with the links made by hand.
    """

    aligner: str
    layer: int
    threshold: float
    centred: bool
    agreement: Agreement


def compare_layers(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    gold: Sequence[GoldAlignment],
    *,
    thresholds: Sequence[float] = (1e-3,),
    layers: Sequence[int] | None = None,
    device: str = "auto",
) -> list[LayerResult]:
    """Align a bitext with every layer and matching of an encoder, and compare the links with those made by hand.

    Args:
        encoder: The encoder.
        bitext: Sentence pairs of one language pair.
        gold: The links that people made.
        thresholds: The thresholds of `softmax` to try.
        layers: The layers to try; by default all.
        device: Where the encoder runs.
    """
    results = []
    layers = range(len(encoder.layers) + 1) if layers is None else layers
    with stage("comparing layers", total=len(layers)) as bar:
        for layer in layers:
            vectors = _Memory(LayerVectors(encoder, layer=layer, device=device))
            for matching, centred in product(MATCHINGS, (False, True)):
                for threshold in thresholds if MATCHINGS[matching].has_threshold else thresholds[:1]:
                    aligner = SimilarityAligner(vectors, matching=matching, threshold=threshold, centred=centred)
                    aligner.fit(bitext)
                    found = measure_agreement(aligner.align(bitext), gold, tells=not results)
                    results.append(LayerResult(matching, layer, threshold, centred, found))
                    if len(results) == 1:  # once: the remark is the same for all aligners
                        tell_of_long_pairs(aligner, bitext, aligner.beyond)
            bar.advance()
    return results


class _Memory:
    """Computes the vectors of each sentence once."""

    def __init__(self, vectors: LayerVectors) -> None:
        self.inner = vectors
        self.known: dict[tuple[str, ...], SubwordVectors] = {}

    @property
    def identity(self) -> dict[str, Any]:
        return self.inner.identity

    def vectors(self, sentences: Sequence[Sequence[str]]) -> list[SubwordVectors]:
        keys = [tuple(sentence) for sentence in sentences]
        new = list(dict.fromkeys(key for key in keys if key not in self.known))
        self.known |= dict(zip(new, self.inner.vectors(new), strict=True))
        return [self.known[key] for key in keys]
