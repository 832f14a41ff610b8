"""Words to subwords, by an encoder's own tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from alignfreeze.encoding.checking import cutting_at_the_end

LONE_SPACES = {"Metaspace": "▁", "ByteLevel": "Ġ"}
"""The subword that stands for a space alone, by the kind of tokenizer."""

SENTENCES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class EncodedWords:
    """The subwords of a sentence, or of a window of a long sentence, and the words that they belong to.

    Attributes:
        sentence: The number of the sentence.
        subwords: The numbers of the subwords, special ones included, [subwords].
        words: The numbers of the words whose first subword is here, ascending, [words].
        first: The positions of these first subwords, [words].
        word_of: The number of each subword's word; -1 for special subwords, [subwords].
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

    SentencePiece tokenizers put a lone `▁` before a word whose first piece has no such mark. This `▁` is removed after
    truncation, so that the first subword of a word belongs to the word alone. The reference code does the same
    (realignment_task.py, label_alignment.py). The lone `Ġ` of byte-level tokenizers is removed in the same way.

    Args:
        tokenizer: The encoder's tokenizer.
        sentences: The words of each sentence.
        max_length: The most subwords, special ones included.
        windows: Continue long sentences in further windows, instead of cutting them off.
        as_tokenized: Leave the lone space where the tokenizer puts it.

    Yields:
        One item per sentence, or one per window, in order.
    """
    lone = None if as_tokenized else lone_space(tokenizer)
    spaced = _needs_spaces(tokenizer)
    for start in range(0, len(sentences), SENTENCES_AT_ONCE):
        chunk = sentences[start : start + SENTENCES_AT_ONCE]
        with cutting_at_the_end(tokenizer):
            encoding = tokenizer(
                [_put_spaces(words) if spaced else list(words) for words in chunk],
                is_split_into_words=True,
                truncation=True,
                max_length=max_length,
                return_overflowing_tokens=windows,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
        origin = encoding["overflow_to_sample_mapping"] if windows else range(len(chunk))
        seen = (-1, -1)  # a sentence, and the last of its words whose first subword was seen
        for row, sentence in enumerate(origin):
            item = _words_of(start + sentence, encoding["input_ids"][row], encoding.word_ids(row), lone, seen)
            if len(item.words):
                seen = (item.sentence, int(item.words[-1]))
            yield item


def _put_spaces(words: Sequence[str]) -> list[str]:
    return [word if place == 0 else f" {word}" for place, word in enumerate(words)]


def lone_space(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """Return the number of the subword for a lone space; None if the tokenizer does not mark words with spaces."""
    backend = tokenizer.backend_tokenizer
    states = [part.__getstate__() for part in (backend.pre_tokenizer, backend.normalizer) if part is not None]
    for kind, piece in LONE_SPACES.items():
        # The tokenizer of Gemma and mmBERT replaces spaces in its normalizer.
        if any(kind.encode() in state or f'"{piece}"'.encode() in state for state in states):
            return backend.token_to_id(piece)  # `get_vocab` would list all 250,000 pieces, in a quarter of a second
    return None


def _needs_spaces(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Return whether words need a space before them. Without spaces, the tokenizer would read them as one word."""

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
    # The rest of a word that began in the previous window has no first subword here.
    begun = seen[1] if seen[0] == sentence else -1
    new = numbers > begun
    return EncodedWords(sentence, ids, numbers[new], first[new].astype(np.int64), words)


def digest_of_tokenizer(tokenizer: PreTrainedTokenizerFast) -> str:
    """Return a digest of all that determines the subwords of a text."""
    backend = tokenizer.backend_tokenizer
    # Each call sets these two again; they do not belong to the tokenizer.
    backend.no_truncation()
    backend.no_padding()
    return hashlib.blake2b(backend.to_str().encode(), digest_size=32).hexdigest()
