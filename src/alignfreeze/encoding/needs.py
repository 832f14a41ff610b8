"""Which subwords languages need, by their texts or by lists of their words."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

from tokenizers import Encoding
from tokenizers.decoders import ByteLevel
from transformers import PreTrainedTokenizerFast

from alignfreeze.encoding.subwords import LONE_SPACES, SENTENCES_AT_ONCE, lone_space

_HELD = 10
"""One text in so many is held out, to see how new texts fare."""

_RARE = 1e-5
"""Characters that are a smaller share of a text do not belong to the alphabet of its language."""

_AFTER_SIGNS = 20
"""One word in so many follows a sign without a space."""

_SAMPLE = 200
"""Texts that are kept, to compare the outputs of two models."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the texts of a language need.

    Attributes:
        counts: How often each subword occurs, in texts that are not held out.
        held: How often each word occurs in the texts that are held out, by its subwords. A list of words is its own
            test.
        characters: How often each character occurs.
        sample: Some of the texts.
        is_list: Whether the texts are a list of words.
    """

    counts: Counter[int] = field(default_factory=Counter)
    held: Counter[tuple[int, ...]] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)
    is_list: bool = False

    def count_all(self) -> Counter[int]:
        """Return how often each subword occurs, in all texts."""
        counts = Counter(self.counts)
        if not self.is_list:
            for word, n in self.held.items():
                for subword in word:
                    counts[subword] += n
        return counts


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well some subwords serve a language.

    Attributes:
        subwords: The share of running subwords that are kept.
        split_otherwise: The share of running words of which a subword is not kept, so that they are split otherwise.
    """

    subwords: float
    split_otherwise: float


def count_in_texts(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Needs:
    """Count what running texts need. Every tenth text is held out.

    A word is what stands between two spaces. In a language without spaces, it is a sentence or a part of one.
    """
    found = Needs()
    for chunk in _batched(texts):
        found.sample.extend(chunk[: _SAMPLE - len(found.sample)])
        found.characters.update(chain.from_iterable(chunk))
        held = chunk[::_HELD]
        del chunk[::_HELD]
        found.counts.update(chain.from_iterable(encoding.ids for encoding in _encode(tokenizer, chunk)))
        found.held.update(_split_into_words(tokenizer, held))
    return found


def count_in_list(tokenizer: PreTrainedTokenizerFast, frequencies: Iterable[tuple[str, int]]) -> Needs:
    """Count what the words of a list need, by their frequencies.

    A word after a sign, such as a quotation mark, may be split otherwise than a word after a space. Both count.
    """
    found = Needs(is_list=True)
    for chunk in _batched(frequencies):
        words, counts = zip(*chunk, strict=True)
        found.sample.extend(words[: _SAMPLE - len(found.sample)])
        for encoding, n in zip(_encode(tokenizer, words), counts, strict=True):
            found.held[tuple(encoding.ids)] += n
            _add(found.counts, encoding.ids, n)
        for encoding, n in zip(_encode(tokenizer, [f"({word}" for word in words]), counts, strict=True):
            _add(found.counts, encoding.ids, max(1, n // _AFTER_SIGNS))
        for word, n in chunk:
            _add(found.characters, word, n)
    return found


def _add(counts: Counter[T], items: Iterable[T], n: int) -> None:
    for item in items:
        counts[item] += n


def _encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Encoding]:
    """Encode texts without special subwords. The tokenizer of the library is several times as fast as its wrapper."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # each call of the wrapper sets these two again
    backend.no_padding()
    return backend.encode_batch(list(texts), add_special_tokens=False)


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, SENTENCES_AT_ONCE)):
        yield chunk


def _split_into_words(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Iterator[tuple[int, ...]]:
    """Yield the subwords of each word that stands between two spaces."""
    for text, encoding in zip(texts, _encode(tokenizer, texts), strict=True):
        spaces = [0]
        for character in text:
            spaces.append(spaces[-1] + character.isspace())
        words: dict[int, list[int]] = {}
        for subword, (_, end) in zip(encoding.ids, encoding.offsets, strict=True):
            words.setdefault(spaces[end], []).append(subword)
        yield from map(tuple, words.values())


def choose_subwords(
    tokenizer: PreTrainedTokenizerFast, needs: Iterable[Needs], *, most: int, with_held: bool = True
) -> set[int]:
    """Choose the subwords that languages need.

    First come those that occur, the most frequent ones of each language first. If there is room left, further ones
    follow in the order of the vocabulary, which is that of frequency in most tokenizers: those that are written in the
    alphabet of one of the languages.

    Args:
        tokenizer: The tokenizer.
        needs: What each language needs.
        most: The most subwords.
        with_held: Whether the texts that are held out count too.
    """
    needs = list(needs)
    shares: dict[int, float] = {}
    for need in needs:
        counts = need.count_all() if with_held else need.counts
        total = counts.total()
        for subword, n in counts.items():
            shares[subword] = max(shares.get(subword, 0.0), n / total)
    chosen = sorted(shares, key=lambda subword: (-shares[subword], subword))[:most]
    room = most - len(chosen)
    return {*chosen, *islice(_list_written(tokenizer, needs, without=set(chosen)), room)} if room else set(chosen)


def _list_written(
    tokenizer: PreTrainedTokenizerFast, needs: Iterable[Needs], *, without: Collection[int]
) -> Iterator[int]:
    """Yield the subwords that are written in the alphabet of one of the languages, in the order of the vocabulary."""
    alphabets = [_find_alphabet(tokenizer, need.characters) for need in needs]
    read = _reader_of(tokenizer)
    for subword, number in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        if number not in without and any(alphabet.issuperset(read(subword)) for alphabet in alphabets):
            yield number


def _find_alphabet(tokenizer: PreTrainedTokenizerFast, characters: Mapping[str, int]) -> frozenset[str]:
    """Return the characters of a language in both cases, as the tokenizer normalises them, and what is in ASCII."""
    enough = _RARE * sum(characters.values())
    normalizer = tokenizer.backend_tokenizer.normalizer
    found = {character for character, n in characters.items() if n >= enough and not character.isspace()}
    found |= {form for character in found for form in character.upper() + character.lower()}
    if normalizer is not None:
        found |= set(normalizer.normalize_str("".join(sorted(found))))
    return frozenset(found | set(string.digits + string.punctuation))


def _reader_of(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], str]:
    """Return a function that gives the characters that a subword stands for, without marks of spaces and beginnings."""
    prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None) or ""
    lone = lone_space(tokenizer)
    mark = "" if lone is None else str(tokenizer.convert_ids_to_tokens(lone))
    if mark == LONE_SPACES["ByteLevel"]:
        decoder = ByteLevel()  # parts of characters become a sign that is in no alphabet
        return lambda subword: decoder.decode([subword]).strip()
    return lambda subword: subword.removeprefix(prefix).replace(mark, "")


def measure_coverage(needs: Needs, kept: Collection[int]) -> Coverage:
    """Return how well the kept subwords serve a language."""
    n_subwords = n_words = known = whole = 0
    for word, n in needs.held.items():
        found = sum(subword in kept for subword in word)
        n_subwords += n * len(word)
        known += n * found
        n_words += n
        whole += n * (found == len(word))
    return Coverage(known / max(n_subwords, 1), 1 - whole / max(n_words, 1))
