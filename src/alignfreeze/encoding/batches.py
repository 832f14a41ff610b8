"""Words to subwords, and sentence pairs to batches of tensors that lie end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import Alignments, WordAlignment, links_for_realignment
from alignfreeze.cache import cached_arrays
from alignfreeze.corpora.bitext import SentencePair, digest_of
from alignfreeze.encoding.packed import Packed
from alignfreeze.files import digest_of_arrays
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged

LONE_SPACES = {"Metaspace": "▁", "ByteLevel": "Ġ"}
"""The piece that stands for a space alone, by the kind of tokenizer."""

SENTENCES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class EncodedWords:
    """Subwords of a sentence, or of a window of a long one, and the words they belong to.

    Attributes:
        sentence: Number of the sentence it comes from.
        subwords: Subword numbers, special ones included, [subwords].
        words: Numbers of the words whose first subword is here, ascending, [words].
        first: Positions of those first subwords, [words].
        word_of: Number of the word of each subword; -1 for the special ones, [subwords].
    """

    sentence: int
    subwords: NDArray[np.int64]
    words: NDArray[np.int64]
    first: NDArray[np.int64]
    word_of: NDArray[np.int64]


def encode_words(
    tokenizer: PreTrainedTokenizerFast,
    sentences: Sequence[Sequence[str]],
    *,
    max_length: int,
    windows: bool = False,
    as_tokenized: bool = False,
) -> Iterator[EncodedWords]:
    """Encode sentences that are already split into words.

    A lone `▁`, which SentencePiece tokenizers put before a word whose first
    piece has no such mark, is removed after truncation, so that the first
    subword of a word says something about it (the reference code's
    realignment_task.py and label_alignment.py); likewise the lone `Ġ` of
    byte-level tokenizers.

    Args:
        tokenizer: The encoder's tokenizer.
        sentences: Words of each sentence.
        max_length: Most subwords, special ones included.
        windows: Carry what is beyond `max_length` over to another window, instead of leaving it out.
        as_tokenized: Leave the lone space where the tokenizer puts it.

    Yields:
        One item a sentence, or one a window of it, in order.
    """
    lone = None if as_tokenized else lone_space(tokenizer)
    spaced = _joined_by_spaces(tokenizer)
    for start in range(0, len(sentences), SENTENCES_AT_ONCE):
        chunk = sentences[start : start + SENTENCES_AT_ONCE]
        encoding = tokenizer(
            [_with_spaces(words) if spaced else list(words) for words in chunk],
            is_split_into_words=True,
            truncation=True,
            max_length=max_length,
            return_overflowing_tokens=windows,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        origin = encoding["overflow_to_sample_mapping"] if windows else range(len(chunk))
        seen = (-1, -1)  # sentence, and its last word whose first subword was met
        for row, sentence in enumerate(origin):
            item = _words_of(start + sentence, encoding["input_ids"][row], encoding.word_ids(row), lone, seen)
            if len(item.words):
                seen = (item.sentence, int(item.words[-1]))
            yield item


def _with_spaces(words: Sequence[str]) -> list[str]:
    return [word if place == 0 else f" {word}" for place, word in enumerate(words)]


def lone_space(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """Return the number of the piece for a space alone when the tokenizer marks the beginnings of words by spaces."""
    backend = tokenizer.backend_tokenizer
    states = [part.__getstate__() for part in (backend.pre_tokenizer, backend.normalizer) if part is not None]
    for kind, piece in LONE_SPACES.items():
        # Gemma's tokenizer, which mmBERT has, replaces spaces in its normalizer.
        if any(kind.encode() in state or f'"{piece}"'.encode() in state for state in states):
            return tokenizer.get_vocab().get(piece)
    return None


def _joined_by_spaces(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Tell whether words that are given one by one need a space before them, lest the tokenizer glue them together."""

    def numbers(text: str | list[str]) -> list[int]:
        return tokenizer(text, is_split_into_words=isinstance(text, list), add_special_tokens=False)["input_ids"]

    running = numbers("a b")
    return running != numbers(["a", "b"]) and running == numbers(["a", " b"])


def _words_of(
    sentence: int, subwords: list[int], word_ids: list[int | None], lone: int | None, seen: tuple[int, int]
) -> EncodedWords:
    ids = np.asarray(subwords, dtype=np.int64)
    words = np.asarray([-1 if word is None else word for word in word_ids], dtype=np.int64)
    if lone is not None:
        kept = ids != lone
        ids, words = ids[kept], words[kept]
    numbers, first = np.unique(words, return_index=True)
    # The rest of a word that the window before began is not a first subword.
    begun = seen[1] if seen[0] == sentence else -1
    new = numbers > begun
    return EncodedWords(sentence, ids, numbers[new], first[new].astype(np.int64), words)


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A sentence pair as realignment needs it.

    Attributes:
        source: Subwords of the source sentence, [subwords].
        target: Subwords of the target sentence, [subwords].
        source_words: Position of each source word's first subword, [words].
        target_words: Position of each target word's first subword, [words].
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
        subwords: Of each sentence.
        words: Positions in the sentence of each word's first subword.
        links: Of each pair: (row of its source words, row of its target words), [links, 2].
        language: Of each pair its place in `languages`, [pairs].
        languages: Codes of the source and the target language.
    """

    subwords: Ragged
    words: Ragged
    links: Ragged
    language: NDArray[np.int64]
    languages: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pairs: Sequence[EncodedPair]) -> EncodedBitext:
        """Put sentence pairs together."""
        languages = tuple(dict.fromkeys(pair.languages for pair in pairs))
        return cls(
            subwords=Ragged.of([side for pair in pairs for side in (pair.source, pair.target)]),
            words=Ragged.of([side for pair in pairs for side in (pair.source_words, pair.target_words)]),
            links=Ragged.of([pair.links for pair in pairs]),
            language=np.array([languages.index(pair.languages) for pair in pairs], dtype=np.int64),
            languages=languages,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what it consists of, to be kept on disk."""
        rows = {"subwords": self.subwords, "words": self.words, "links": self.links}
        return {
            **{f"{name}_values": part.values for name, part in rows.items()},
            **{f"{name}_starts": part.starts for name, part in rows.items()},
            "language": self.language,
            "languages": np.array(self.languages, dtype=np.str_).reshape(-1, 2),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> EncodedBitext:
        """Rebuild it from what `arrays` returned; arrays on disk stay there."""
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
        """Return the subwords of each pair, both sides together, [pairs]."""
        return self.subwords.lengths().reshape(-1, 2).sum(axis=1)

    def positions(self) -> list[NDArray[np.int64]]:
        """Return the numbers of the pairs of each language pair."""
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
    """Return the numbers of the sentences of pairs in an `EncodedBitext`, [2 * pairs]."""
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
        words: Place of each word's first subword among `subwords`, [words].
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
    """Move the tensors of a batch to a device, those of batches inside it too."""
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
    """Encode a bitext with its links; pairs that are left without a link, or with an empty side, are skipped.

    Args:
        tokenizer: The encoder's tokenizer.
        bitext: Sentence pairs.
        alignments: Their word alignments, in the same order.
        max_length: Most subwords a sentence; words beyond lose their links.
        needs_links: Whether to skip pairs without a link.
        cache: Read what was encoded before of the same, and keep what is encoded (cache.py says where).

    Raises:
        ValueError: There are not as many alignments as pairs.
    """
    if len(bitext) != len(alignments):
        raise ValueError(f"got {len(bitext)} sentence pairs and {len(alignments)} alignments; there must be one a pair")
    links = alignments if isinstance(alignments, Alignments) else Alignments.of(alignments)

    def encode() -> dict[str, NDArray[Any]]:
        return _encode_pairs(tokenizer, bitext, links, max_length, needs_links=needs_links).arrays()

    if not cache:
        return EncodedBitext.from_arrays(encode())
    key = {
        "tokenizers": version("tokenizers"),
        "tokenizer": _digest_of_tokenizer(tokenizer),
        "bitext": digest_of(bitext),
        "links": digest_of_arrays(links.links.values, links.links.starts),
        "max_length": max_length,
        "needs_links": needs_links,
    }
    return EncodedBitext.from_arrays(cached_arrays("encoded", key, encode))


def _digest_of_tokenizer(tokenizer: PreTrainedTokenizerFast) -> str:
    backend = tokenizer.backend_tokenizer
    # What the last call has set, and the next sets anew.
    backend.no_truncation()
    backend.no_padding()
    return hashlib.blake2b(backend.to_str().encode(), digest_size=32).hexdigest()


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
            links = _links_of_rows(links_for_realignment(pair, alignment), source.words, target.words)
            if len(links) or (not needs_links and len(source.words) and len(target.words)):
                item = EncodedPair(source.subwords, target.subwords, source.first, target.first, links, pair.languages)
                encoded.append(item)
            bar.advance()
    return EncodedBitext.of(encoded)


def _links_of_rows(
    links: list[tuple[int, int]], source_words: NDArray[np.int64], target_words: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Turn links between words into links between the rows that hold them, [links, 2]; lost words lose theirs."""
    source_rows = {word: row for row, word in enumerate(source_words.tolist())}
    target_rows = {word: row for row, word in enumerate(target_words.tolist())}
    kept = [(source_rows[s], target_rows[t]) for s, t in links if s in source_rows and t in target_rows]
    return np.asarray(kept, dtype=np.int64).reshape(-1, 2)
