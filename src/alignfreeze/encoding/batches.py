"""Sentence pairs to batches of tensors, in which the sentences lie end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import Alignments, WordAlignment, select_links, to_alignments
from alignfreeze.cache import load_or_compute
from alignfreeze.corpora.bitext import SentencePair, digest_of
from alignfreeze.corpora.given import to_bitext
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.subwords import digest_of_tokenizer, encode_words
from alignfreeze.files import digest_of_arrays
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A sentence pair as realignment needs it.

    Attributes:
        source: The subwords of the source sentence, [subwords].
        target: The subwords of the target sentence, [subwords].
        source_words: The position of each source word's first subword, [words].
        target_words: The position of each target word's first subword, [words].
        links: Pairs of (row of `source_words`, row of `target_words`), [links, 2].
        languages: Codes of the source and the target language.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    source_words: NDArray[np.int64]
    target_words: NDArray[np.int64]
    links: NDArray[np.int64]
    languages: tuple[str, str]


@dataclass(frozen=True, slots=True)
class EncodedBitext(Sequence[EncodedPair]):
    """Sentence pairs as realignment needs them, in a few flat arrays.

    Sentence 2 i is the source side of pair i, sentence 2 i + 1 its target side.

    Attributes:
        subwords: The subwords of each sentence.
        words: For each sentence, the positions of its words' first subwords.
        links: For each sentence pair, pairs of (row of its source words, row of its target words), [links, 2].
        language: For each sentence pair, its place in `languages`, [pairs].
        languages: Codes of the source and the target language, one pair per language pair.
    """

    subwords: Ragged
    words: Ragged
    links: Ragged
    language: NDArray[np.int64]
    languages: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pairs: Sequence[EncodedPair]) -> EncodedBitext:
        """Put encoded sentence pairs together."""
        languages = tuple(dict.fromkeys(pair.languages for pair in pairs))
        return cls(
            subwords=Ragged.of([side for pair in pairs for side in (pair.source, pair.target)]),
            words=Ragged.of([side for pair in pairs for side in (pair.source_words, pair.target_words)]),
            links=Ragged.of([pair.links for pair in pairs]),
            language=np.array([languages.index(pair.languages) for pair in pairs], dtype=np.int64),
            languages=languages,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all parts as arrays, to be written to disk."""
        rows = {"subwords": self.subwords, "words": self.words, "links": self.links}
        return {
            **{f"{name}_values": part.values for name, part in rows.items()},
            **{f"{name}_starts": part.starts for name, part in rows.items()},
            "language": self.language,
            "languages": np.array(self.languages, dtype=np.str_).reshape(-1, 2),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> EncodedBitext:
        """Rebuild a bitext from the result of `arrays`; arrays on disk stay on disk."""
        rows = {
            name: Ragged(arrays[f"{name}_values"], arrays[f"{name}_starts"]) for name in ("subwords", "words", "links")
        }
        languages = tuple((source, target) for source, target in arrays["languages"].tolist())
        return cls(**rows, language=arrays["language"], languages=languages)

    def __len__(self) -> int:
        return len(self.language)

    def __getitem__(self, pair: int) -> EncodedPair:  # type: ignore[override]
        """Return one sentence pair."""
        pair = range(len(self))[pair]
        source, target = 2 * pair, 2 * pair + 1
        languages = self.languages[self.language[pair]]
        sides = self.subwords[source], self.subwords[target], self.words[source], self.words[target]
        return EncodedPair(*sides, links=self.links[pair], languages=languages)

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of subwords of each pair, both sides together, [pairs]."""
        return self.subwords.lengths().reshape(-1, 2).sum(axis=1)

    def positions(self) -> list[NDArray[np.int64]]:
        """Return the numbers of the sentence pairs, by language pair."""
        return [np.flatnonzero(self.language == number) for number in range(len(self.languages))]

    def batch(self, pairs: Sequence[int] | NDArray[np.int64]) -> AlignedBatch:
        """Put sentence pairs into one batch."""
        numbers = np.asarray(pairs, dtype=np.int64)
        sentences = np.concatenate([2 * numbers, 2 * numbers + 1])  # all sources, then all targets
        packed = Packed.take(self.subwords, sentences)
        lengths, n_words = self.subwords.lengths(sentences), self.words.lengths(sentences)
        words = self.words.take(sentences) + np.repeat(_starts(lengths), n_words)
        rows = _starts(n_words)  # of `words`, where each sentence begins
        offsets = np.stack([rows[: len(numbers)], rows[len(numbers) :]], axis=1)  # [batch, 2]
        links = self.links.take(numbers) + np.repeat(offsets, self.links.lengths(numbers), axis=0)
        return {
            "subwords": packed.subwords,
            "lengths": packed.lengths,
            "longest": packed.longest,
            "sentences": torch.from_numpy(sentences),
            "words": torch.from_numpy(words),
            "is_target": torch.arange(len(words)) >= int(n_words[: len(numbers)].sum()),
            "links": torch.from_numpy(links),
        }


def sides_of(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of both sentences of each pair in an `EncodedBitext`, [2 * pairs]."""
    return np.stack([2 * pairs, 2 * pairs + 1], axis=1).ravel()


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(lengths) - lengths


class AlignedBatch(TypedDict):
    """A batch of sentence pairs: the source sentences first, then their translations.

    Keys:
        subwords: All sentences, end to end, [subwords].
        lengths: The number of subwords of each sentence, [2 * batch].
        longest: The greatest length.
        sentences: The number of each sentence in its `EncodedBitext`, [2 * batch].
        words: The place of each word's first subword among `subwords`, [words].
        is_target: Whether a word belongs to a target sentence, [words].
        links: Pairs of (row of `words` in the source, row in the target), [links, 2].
    """

    subwords: Tensor
    lengths: Tensor
    longest: int
    sentences: Tensor
    words: Tensor
    is_target: Tensor
    links: Tensor


def move_batch(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """Move the tensors of a batch to a device, including the tensors of batches inside the batch."""
    return {name: _move(value, device) for name, value in batch.items()}


def _move(value: Any, device: Any) -> Any:
    if isinstance(value, Mapping):
        return move_batch(value, device)
    return value.to(device) if isinstance(value, Tensor) else value


def encode_pairs(
    tokenizer: PreTrainedTokenizerFast,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    max_length: int = 96,
    needs_links: bool = True,
    cache: bool = True,
) -> EncodedBitext:
    """Encode a bitext with its links. Pairs with an empty side or without a remaining link are skipped.

    Args:
        tokenizer: The encoder's tokenizer.
        bitext: Sentence pairs.
        alignments: The word alignments of the pairs, in the same order.
        max_length: The most subwords of a sentence; words beyond this length lose their links.
        needs_links: Whether to skip pairs without a link.
        cache: Whether to keep the result for the next time (cache.py says where).

    Raises:
        DataError: Something is not a sentence pair or a word alignment, their numbers differ, or a link is to a word
            that a sentence does not have.
    """
    bitext = to_bitext(bitext)
    links = to_alignments(alignments, bitext)

    def encode() -> dict[str, NDArray[Any]]:
        return _encode_pairs(tokenizer, bitext, links, max_length, needs_links=needs_links).arrays()

    if not cache:
        return EncodedBitext.from_arrays(encode())
    key = {
        "tokenizers": version("tokenizers"),
        "tokenizer": digest_of_tokenizer(tokenizer),
        "bitext": digest_of(bitext),
        "links": digest_of_arrays(links.links.values, links.links.starts),
        "max_length": max_length,
        "needs_links": needs_links,
    }
    return EncodedBitext.from_arrays(load_or_compute("encoded", key, encode))


def _encode_pairs(
    tokenizer: PreTrainedTokenizerFast,
    bitext: Sequence[SentencePair],
    alignments: Alignments,
    max_length: int,
    *,
    needs_links: bool,
) -> EncodedBitext:
    sources = encode_words(tokenizer, [pair.source for pair in bitext], max_length=max_length)
    targets = encode_words(tokenizer, [pair.target for pair in bitext], max_length=max_length)
    encoded = []
    with stage("encoding bitext", total=len(bitext)) as bar:
        for pair, alignment, source, target in zip(bitext, alignments, sources, targets, strict=True):
            links = _links_of_rows(select_links(pair, alignment), source.words, target.words)
            if len(links) or (not needs_links and len(source.words) and len(target.words)):
                item = EncodedPair(source.subwords, target.subwords, source.first, target.first, links, pair.languages)
                encoded.append(item)
            bar.advance()
    return EncodedBitext.of(encoded)


def _links_of_rows(
    links: list[tuple[int, int]], source_words: NDArray[np.int64], target_words: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Turn links between words into links between their rows, [links, 2]. Words that were cut off lose their links."""
    source_rows = {word: row for row, word in enumerate(source_words.tolist())}
    target_rows = {word: row for row, word in enumerate(target_words.tolist())}
    kept = [(source_rows[s], target_rows[t]) for s, t in links if s in source_rows and t in target_rows]
    return np.asarray(kept, dtype=np.int64).reshape(-1, 2)
