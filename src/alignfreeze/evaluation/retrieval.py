"""How well words find their translations, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs, move_batch
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.modes import evaluating
from alignfreeze.encoding.order import split_by_budget
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.errors import DataError
from alignfreeze.progress import stage

NEIGHBOURS = 10
"""The number of nearest words on the other side with which CSLS measures how crowded the place of a word is."""

MOST_WORDS = 2_000
"""The most linked words per language pair that look for each other."""

SUBWORDS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How many words of a layer find their translation.

    Attributes:
        language: Code of the target language.
        layer: 0 for the embeddings, 1 for the first layer, and so on.
        method: A name in `METHODS`.
        to_target: Share of source words whose nearest neighbour is their translation.
        to_source: Share of target words whose nearest neighbour is their translation.
        n: The number of words on each side.
    """

    language: str
    layer: int
    method: str
    to_target: float
    to_source: float
    n: int

    @property
    def mean(self) -> float:
        """The mean of both directions."""
        return (self.to_target + self.to_source) / 2


def weak(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation among the words of the other language.

    Args:
        source: Unit vectors of the source words, [words, width].
        target: Unit vectors of the target words, [words, width]; row i translates row i of the source.

    Returns:
        The share of source words, and the share of target words.
    """
    similarity = source @ target.T  # [words, words]
    return _share_found(similarity), _share_found(similarity.T)


def strong(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation among all words, including the words of their own language.

    A word must be nearer to its translation than to any other word of either language: the strong alignment of
    Roy et al. (2020).
    """
    across = source @ target.T  # [words, words]
    return _share_found_among_all(across, source @ source.T), _share_found_among_all(across.T, target @ target.T)


def csls(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation in the other language by CSLS (Conneau et al. 2018).

    The similarity is twice the cosine, minus two mean cosines: those of each of the two words to its nearest neighbours
    on the other side. So words that are near to everything win less often.
    """
    similarity = source @ target.T  # [words, words]
    n = min(NEIGHBOURS, len(similarity))
    crowded = [similarity.topk(n, dim=side).values.mean(dim=side) for side in (1, 0)]
    corrected = 2 * similarity - crowded[0][:, None] - crowded[1][None, :]
    return _share_found(corrected), _share_found(corrected.T)


METHODS: dict[str, Callable[[Tensor, Tensor], tuple[float, float]]] = {"weak": weak, "strong": strong, "csls": csls}
"""Ways to look for a translation."""


def _share_found(similarity: Tensor) -> float:
    """Return the share of rows whose greatest value is on the diagonal."""
    right = similarity.argmax(dim=1) == torch.arange(len(similarity), device=similarity.device)
    return right.float().mean().item()


def _share_found_among_all(across: Tensor, within: Tensor) -> float:
    others = within.clone().fill_diagonal_(-torch.inf).amax(dim=1)
    best, place = across.max(dim=1)
    right = (place == torch.arange(len(across), device=across.device)) & (best > others)
    return right.float().mean().item()


def measure_retrieval(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    most_words: int = MOST_WORDS,
    max_length: int = 96,
    device: str = "auto",
) -> list[Retrieval]:
    """Let the linked words of a bitext look for each other at every layer of an encoder.

    The vector of a word is that of its first subword, as in realignment. If several links join the same two first
    subwords, only the first link counts. For an honest figure, the encoder must not have been realigned on the bitext.

    Args:
        encoder: The encoder.
        bitext: Sentence pairs of one or several language pairs.
        alignments: Their word alignments, in the same order.
        most_words: The most words of a language pair; they are evenly spread over it.
        max_length: The most subwords of a sentence.
        device: Where the encoder runs.

    Raises:
        SettingsError: The device does not exist.
        DataError: A language pair has fewer than two usable links.
    """
    found = []
    for language, source, target in word_vectors(
        encoder, bitext, alignments, most_words=most_words, max_length=max_length, device=device
    ):
        found += retrieve(language, source, target)
    if not found:
        raise DataError("no sentence pair has a usable link")
    return found


def retrieve(language: str, source: Tensor, target: Tensor) -> list[Retrieval]:
    """Let the linked words of one language pair look for each other at every layer.

    Args:
        language: Code of the target language.
        source: States of the source words, [words, layers, width].
        target: States of their translations, [words, layers, width].

    Raises:
        DataError: Fewer than two words are given.
    """
    if len(source) < 2:
        raise DataError(f"{language}: too few usable links to look for translations; give more sentence pairs")
    found = []
    for layer in range(source.shape[1]):
        sides = [F.normalize(side[:, layer].float(), dim=-1) for side in (source, target)]
        for name, method in METHODS.items():
            found.append(Retrieval(language, layer, name, *method(sides[0], sides[1]), len(source)))
    return found


def word_vectors(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    most_words: int = MOST_WORDS,
    max_length: int = 96,
    device: str = "auto",
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield each target language with the states of linked words at every layer.

    The states are those of the source words and those of their translations, [words, layers, width] each.

    Args:
        encoder: The encoder.
        bitext: Sentence pairs of one or several language pairs.
        alignments: Their word alignments, in the same order.
        most_words: The most words of a language pair; they are evenly spread over it.
        max_length: The most subwords of a sentence.
        device: Where the encoder runs.

    Raises:
        SettingsError: The device does not exist.
    """
    device = check_device(device)
    pairs = encode_pairs(encoder.tokenizer, bitext, alignments, max_length=min(max_length, encoder.max_length))
    with stage("looking for translations", total=len(pairs.languages)) as bar:
        for numbers, (_, language) in zip(pairs.positions(), pairs.languages, strict=True):
            yield language, *_word_vectors(encoder, pairs, numbers, most_words=most_words, device=device)
            bar.advance()


def _word_vectors(
    encoder: Encoder, pairs: EncodedBitext, numbers: np.ndarray, *, most_words: int, device: str
) -> tuple[Tensor, Tensor]:
    """Return the states of linked words at every layer, source and target, [words, layers, width] each."""
    wanted = _spread(_different_links(pairs, numbers), most_words)
    chosen = np.array(list(dict.fromkeys(pair for pair, _ in wanted)), dtype=np.int64)
    kept = set(wanted)
    model = encoder.model.to(device)  # type: ignore[arg-type]
    layers = range(len(encoder.layers) + 1)
    sources, targets = [], []
    order = chosen[np.argsort(pairs.lengths()[chosen], kind="stable")]
    with evaluating(model), packing(model), torch.inference_mode():
        for places in split_by_budget(pairs.lengths()[order], SUBWORDS_AT_ONCE):
            some = order[places]
            batch = move_batch(pairs.batch(some), device)
            states = encode(model, Packed.of(batch), padding=encoder.padding, at=layers)  # [subwords, layers, width]
            words = states.index_select(0, batch["words"])  # [words, layers, width]
            names = [(int(pair), place) for pair in some for place in range(len(pairs.links[int(pair)]))]
            rows = torch.tensor([name in kept for name in names], device=words.device)
            links = batch["links"][rows]
            sources.append(words.index_select(0, links[:, 0]).cpu())
            targets.append(words.index_select(0, links[:, 1]).cpu())
    if not sources:
        return torch.empty(0, 1, 1), torch.empty(0, 1, 1)
    return torch.cat(sources), torch.cat(targets)


def _different_links(pairs: EncodedBitext, numbers: np.ndarray) -> list[tuple[int, int]]:
    """Return pair and place of each link. If several links join the same two first subwords, only the first counts."""
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for number in numbers.tolist():
        pair = pairs[number]
        for place, (source, target) in enumerate(pair.links.tolist()):
            key = (int(pair.source[pair.source_words[source]]), int(pair.target[pair.target_words[target]]))
            first.setdefault(key, (number, place))
    return list(first.values())


def _spread(items: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Return at most this many items, evenly spread."""
    if len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(most)]


def best_layer(before: Sequence[Retrieval], *, method: str = "csls") -> int:
    """Return the layer at which most words find their translation, in the mean over languages; the lowest of equals.

    The layer is chosen before realignment and then used for all strategies, so that the same layer is compared.

    Args:
        before: Retrieval at all layers, before realignment.
        method: A name in `METHODS`.
    """
    found: dict[int, list[float]] = {}
    for item in before:
        if item.method == method:
            found.setdefault(item.layer, []).append(item.mean)
    return max(sorted(found), key=lambda layer: sum(found[layer]) / len(found[layer]))


def word_retrieval(found: Sequence[Retrieval], layer: int, *, method: str = "csls") -> dict[str, float]:
    """Return the share of words that find their translation at a layer, by language: the mean of both directions.

    The share is between 0 and 1. Realignment trains for exactly this, so the share says little about the task.
    """
    return {item.language: item.mean for item in found if (item.layer, item.method) == (layer, method)}
