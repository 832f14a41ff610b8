"""How well words find their translations, layer by layer, and how far layers have moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs, move_batch
from alignfreeze.encoding.encoder import Encoder, check_device
from alignfreeze.encoding.order import split_by_budget
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.errors import DataError, EncoderError
from alignfreeze.progress import stage

NEIGHBOURS = 10
"""Of CSLS: so many nearest words on the other side tell how crowded the place of a word is."""

MOST_WORDS = 2_000
"""Linked words of a language pair that look for each other."""

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
        n: How many words there are on each side.
    """

    language: str
    layer: int
    method: str
    to_target: float
    to_source: float
    n: int

    @property
    def mean(self) -> float:
        """Over both directions."""
        return (self.to_target + self.to_source) / 2


def weak(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation among the words of the other language.

    Args:
        source: Unit vectors, row i of the translation of row i of the target, [words, width].
        target: The same of the target, [words, width].

    Returns:
        The share of source words, and that of target words.
    """
    similarity = source @ target.T  # [words, words]
    return _found(similarity), _found(similarity.T)


def strong(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation among all words, those of their own language included.

    The strong alignment of Roy et al. (2020): a word must be nearer to its
    translation than to any other word of either language.
    """
    across = source @ target.T  # [words, words]
    return _found_among_all(across, source @ source.T), _found_among_all(across.T, target @ target.T)


def csls(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how many words find their translation in the other language by CSLS (Conneau et al. 2018).

    Twice the cosine, less the mean cosine of either word to its nearest
    neighbours on the other side: words that are near to everything win less.
    """
    similarity = source @ target.T  # [words, words]
    n = min(NEIGHBOURS, len(similarity))
    crowded = [similarity.topk(n, dim=side).values.mean(dim=side) for side in (1, 0)]
    corrected = 2 * similarity - crowded[0][:, None] - crowded[1][None, :]
    return _found(corrected), _found(corrected.T)


METHODS: dict[str, Callable[[Tensor, Tensor], tuple[float, float]]] = {"weak": weak, "strong": strong, "csls": csls}
"""Ways to look for a translation."""


def _found(similarity: Tensor) -> float:
    """Return the share of rows whose greatest value is on the diagonal."""
    right = similarity.argmax(dim=1) == torch.arange(len(similarity), device=similarity.device)
    return right.float().mean().item()


def _found_among_all(across: Tensor, within: Tensor) -> float:
    others = within.clone().fill_diagonal_(-torch.inf).amax(dim=1)
    best, place = across.max(dim=1)
    right = (place == torch.arange(len(across), device=across.device)) & (best > others)
    return right.float().mean().item()


def retrieval(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    most_words: int = MOST_WORDS,
    max_length: int = 96,
    device: str = "auto",
) -> list[Retrieval]:
    """Let the linked words of a bitext look for each other at every layer of an encoder.

    A word is its first subword, as in realignment; of words with the same two
    first subwords the first is taken. For an honest figure the bitext should
    not be the one that the encoder was realigned on.

    Args:
        encoder: The encoder.
        bitext: Sentence pairs of one or several language pairs.
        alignments: Their word alignments, in the same order.
        most_words: Words of a language pair, evenly spread over it.
        max_length: Most subwords of a sentence.
        device: Where the encoder runs.

    Raises:
        SettingsError: The device does not exist.
        DataError: A language pair has no two usable links.
    """
    found = []
    for language, source, target in word_vectors(
        encoder, bitext, alignments, most_words=most_words, max_length=max_length, device=device
    ):
        found += retrieved(language, source, target)
    if not found:
        raise DataError("no sentence pair has a usable link")
    return found


def retrieved(language: str, source: Tensor, target: Tensor) -> list[Retrieval]:
    """Let linked words of one language pair look for each other at every layer.

    Args:
        language: Code of the target language.
        source: States of the source words, [words, layers, width].
        target: Those of their translations, [words, layers, width].

    Raises:
        DataError: There are no two words.
    """
    if len(source) < 2:
        raise DataError(f"{language}: too few usable links to look for translations; more sentence pairs help")
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
    """Yield target languages with the states of linked words at every layer: source, target, [words, layers, width].

    Args:
        encoder: The encoder.
        bitext: Sentence pairs of one or several language pairs.
        alignments: Their word alignments, in the same order.
        most_words: Words of a language pair, evenly spread over it.
        max_length: Most subwords of a sentence.
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
    model = encoder.model.to(device).eval()  # type: ignore[arg-type]
    layers = range(len(encoder.layers) + 1)
    sources, targets = [], []
    order = chosen[np.argsort(pairs.lengths()[chosen], kind="stable")]
    with packing(model), torch.inference_mode():
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
    """Return pair and place of links, of those between the same two first subwords the first."""
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for number in numbers.tolist():
        pair = pairs[number]
        for place, (source, target) in enumerate(pair.links.tolist()):
            key = (int(pair.source[pair.source_words[source]]), int(pair.target[pair.target_words[target]]))
            first.setdefault(key, (number, place))
    return list(first.values())


def _spread(items: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Return no more than so many items, evenly spread."""
    if len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(most)]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a part of an encoder is from where it was.

    Attributes:
        layer: 0 for the embeddings, 1 for the first layer, and so on.
        distance: Length of the change of its weights, by that of the weights before.
    """

    layer: int
    distance: float


def drift(before: Encoder, after: Encoder) -> list[Drift]:
    """Return how far the embeddings and each layer of an encoder have moved.

    Args:
        before: As it was, such as the pretrained encoder.
        after: The same encoder, realigned or fine-tuned.

    Raises:
        EncoderError: They are not of the same shape.
    """
    pairs = [(before.embeddings, after.embeddings), *zip(before.layers, after.layers, strict=False)]
    if len(before.layers) != len(after.layers):
        raise EncoderError(f"{before.name!r} has {len(before.layers)} layers, {after.name!r} {len(after.layers)}")
    return [Drift(number, _distance(*both, f"{before.name!r} and {after.name!r}")) for number, both in enumerate(pairs)]


def _distance(before: nn.Module, after: nn.Module, names: str) -> float:
    squares = list(_squares(before, after, names))
    change, length = (sum(values) for values in zip(*squares, strict=True))
    return (change / length) ** 0.5 if length else 0.0


def _squares(before: nn.Module, after: nn.Module, names: str) -> Iterator[tuple[float, float]]:
    theirs = dict(after.named_parameters())
    for name, ours in before.named_parameters():
        other = theirs.get(name)
        if other is None or other.shape != ours.shape:
            raise EncoderError(f"{names} are not of the same shape ({name})")
        difference = other.detach().cpu() - ours.detach().cpu()
        yield difference.square().sum().item(), ours.detach().cpu().square().sum().item()
