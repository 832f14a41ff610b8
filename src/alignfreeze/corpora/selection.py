"""Chooses sentence pairs of a bitext: filters, deduplication and a sample, in one pass."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from math import inf
from typing import Any, Generic, TypeVar

import langcodes
import regex
from pydantic import Field

from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.words import find_splitter
from alignfreeze.errors import SettingsError
from alignfreeze.languages import name_of, scripts_of, tag_fits
from alignfreeze.settings import Settings

Item = TypeVar("Item")

SURE_OF_LANGUAGE = 0.9
"""A side is left out if another language is more probable than this."""

_ALIKE = 10
"""Languages with a smaller distance (CLDR's) count as the same: Bokmål and Norwegian, Indonesian and Malay."""

_KEY_BYTES = 16
"""The bytes of a key: enough that different pairs never share one. Among 10 billion pairs the probability is 1e-19."""

Filter = Callable[[Texts], bool]
"""Returns whether to leave a pair out."""


class SelectionSettings(Settings):
    """Which sentence pairs of a bitext are used; by default all."""

    sample: int | None = Field(default=None, gt=0)
    """Use this many pairs, chosen at random with equal chances."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """The random start of the sample."""
    deduplicate: bool = False
    """Use a pair that occurs several times only once."""
    max_words: int | None = Field(default=None, gt=0)
    """Leave out pairs with more words than this on one side."""
    max_ratio: float | None = Field(default=None, ge=1)
    """Leave out pairs with more words than this on one side per word on the other side."""
    drop_identical: bool = False
    """Leave out pairs with the same text on both sides."""
    check_script: bool = False
    """Leave out pairs with a side whose letters mostly belong to a script that its language does not use."""
    check_language: bool = False
    """Leave out pairs with a side in another language, as recognised by py3langid (the extra `langid`)."""
    keep_best: float | None = Field(default=None, gt=0, le=1)
    """After all other filters, keep this share of the pairs: those with the most similar sentence vectors."""

    @property
    def keeps_lines(self) -> bool:
        """Whether every line is kept, even one with an empty side, so that files of links still fit."""
        return self.model_copy(update={"seed": 0}) == SelectionSettings()


@dataclass(frozen=True, slots=True)
class Selection:
    """The sentence pairs that were chosen, and why others were left out.

    Attributes:
        texts: The pairs, in the order of the files.
        read: The number of pairs that were read.
        left_out: The number of pairs that were left out, by reason.
        distinct: About how many different pairs a deduplicated sample was drawn from. The standard error is this number
            divided by the square root of the sample's size.
    """

    texts: list[Texts]
    read: int
    left_out: dict[str, int]
    distinct: int | None = None


def select(texts: Iterable[Texts], settings: SelectionSettings, *, languages: tuple[str, str]) -> Selection:
    """Choose sentence pairs from a stream. Memory grows with the pairs that are chosen, not with those that are read.

    Args:
        texts: The pairs.
        settings: Which pairs to use. `keep_best` needs an encoder and is not applied here.
        languages: Codes of the source and the target language.

    Raises:
        SettingsError: A filter needs a library that is not installed, or the library does not know the language.
    """
    if settings.keeps_lines:
        taken = list(texts)
        return Selection(taken, len(taken), {})
    left_out: Counter[str] = Counter()
    filters = _make_filters(settings, languages)
    read = 0

    def pass_filters() -> Iterator[tuple[int, Texts]]:
        nonlocal read
        for read, pair in enumerate(texts, start=1):
            for reason, leaves_out in filters.items():
                if leaves_out(pair):
                    left_out[reason] += 1
                    break
            else:
                yield read, pair

    passing = pass_filters()
    if settings.sample is None:
        kept = _drop_repeated(passing, left_out) if settings.deduplicate else passing
        taken = [pair for _, pair in kept]
        return Selection(taken, read, dict(left_out))
    sample = _Sample(settings.sample, settings.seed)
    for number, pair in passing:
        sample.offer(_to_bytes(pair) if settings.deduplicate else number.to_bytes(8), number, pair)
    taken = sample.list_members()
    not_taken = read - left_out.total() - len(taken)
    left_out["repeated, or not in the sample" if settings.deduplicate else "not in the sample"] = not_taken
    return Selection(taken, read, dict(left_out), sample.count_offered() if settings.deduplicate else None)


def spread_evenly(items: Sequence[Item], n: int) -> list[Item]:
    """Return n items at equal distances, beginning with the first; all items if there are no more than n."""
    n = min(n, len(items))
    return [items[number * len(items) // n] for number in range(n)]


class EvenSample(Generic[Item]):
    """An even sample of a stream whose length is not known, in the order of the stream.

    It holds every item at first, then every second one, then every fourth. Memory grows with the sample alone.

    Attributes:
        every: The items at multiples of this number are wanted now; others need not be added.
    """

    def __init__(self, most: int, *, most_weight: float = inf) -> None:
        """Begin without an item.

        Args:
            most: The most items.
            most_weight: The most that all items may weigh together.
        """
        self.most = most
        self.most_weight = most_weight
        self.every = 1
        self._items: list[tuple[Item, float]] = []
        self._weight = 0.0

    def add(self, item: Item, weight: float = 0.0) -> None:
        """Hold the next wanted item."""
        self._items.append((item, weight))
        self._weight += weight
        # Twice as many are held as are returned, so that halving leaves enough.
        while len(self._items) > max(2 * self.most, 1) or (self._weight > 2 * self.most_weight and self._items[1:]):
            self._items = self._items[::2]
            self._weight = sum(each for _, each in self._items)
            self.every *= 2

    def take(self) -> list[Item]:
        """Return the items: all of them if they are few and light enough, else as many as are, and at least one."""
        n = min(self.most, len(self._items))
        if self._weight > self.most_weight:
            n = min(n, max(1, int(self.most_weight * len(self._items) / self._weight)))
        return [item for item, _ in spread_evenly(self._items, n)]


def _to_bytes(pair: Texts) -> bytes:
    # No text holds a tab followed by a line break: it comes from a line, or from a column of a line.
    return "\t\n".join(pair).encode()


def _drop_repeated(pairs: Iterable[tuple[int, Texts]], left_out: Counter[str]) -> Iterator[tuple[int, Texts]]:
    seen: set[bytes] = set()
    for number, pair in pairs:
        key = blake2b(_to_bytes(pair), digest_size=_KEY_BYTES).digest()
        if key in seen:
            left_out["repeated"] += 1
        else:
            seen.add(key)
            yield number, pair


class _Sample:
    """A sample of the pairs that are offered: those with the smallest values of a hash, whose key is the seed.

    Every different pair has the same chance, no matter how often it is offered. No table of all pairs is needed. This
    is bottom-k sampling (Cohen and Kaplan 2007). Smaller values mean that more different pairs were offered.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed.to_bytes(8)
        self.members: dict[int, tuple[int, Texts]] = {}
        self.keys: list[int] = []  # negative, so that the greatest comes first in the heap
        self.turned_away = False
        self.greatest = b"\xff" * _KEY_BYTES  # the value of the member that is the next to go

    def offer(self, identity: bytes, number: int, pair: Texts) -> None:
        digest = blake2b(identity, digest_size=_KEY_BYTES, key=self.seed).digest()
        if digest > self.greatest:
            self.turned_away = True
            return
        key = int.from_bytes(digest)
        if key in self.members:
            return
        if len(self.keys) < self.size:
            heapq.heappush(self.keys, -key)
        else:
            self.turned_away = True
            del self.members[-heapq.heapreplace(self.keys, -key)]
        self.members[key] = (number, pair)
        if len(self.keys) == self.size:
            self.greatest = (-self.keys[0]).to_bytes(_KEY_BYTES)

    def list_members(self) -> list[Texts]:
        """Return the pairs, in the order in which they were offered."""
        return [pair for _, pair in sorted(self.members.values())]

    def count_offered(self) -> int:
        """Return about how many different pairs were offered; the exact number if all of them are in the sample."""
        if not self.turned_away:
            return len(self.keys)
        return round((self.size - 1) * 2 ** (8 * _KEY_BYTES) / -self.keys[0]) if self.size > 1 else 1


def _make_filters(settings: SelectionSettings, languages: tuple[str, str]) -> dict[str, Filter]:
    """Return the filters of the settings by the reason for which they leave a pair out, the fastest first."""
    filters: dict[str, Filter] = {"empty": lambda pair: not (pair[0].strip() and pair[1].strip())}
    if settings.drop_identical:
        filters["identical sides"] = lambda pair: pair[0].strip() == pair[1].strip()
    if settings.check_script:
        filters["wrong script"] = _filter_either(_make_script_test, languages)
    if settings.max_words or settings.max_ratio:
        filters |= _filter_by_words(settings, languages)
    if settings.check_language:
        filters["wrong language"] = _filter_either(_make_language_test, languages)
    return filters


def _filter_either(make_test: Callable[[str], Callable[[str], bool]], languages: tuple[str, str]) -> Filter:
    """Return a filter that leaves a pair out if one of its sides fails the test of its language."""
    tests = [make_test(language) for language in languages]
    return lambda pair: any(test(text) for test, text in zip(tests, pair, strict=True))


def _make_script_test(language: str) -> Callable[[str], bool]:
    own = regex.compile("[" + "".join(rf"\p{{Script={script}}}" for script in scripts_of(language)) + "]")
    letter = regex.compile(r"\p{L}")

    def is_other(text: str) -> bool:
        letters = letter.findall(text)
        return len(own.findall("".join(letters))) * 2 < len(letters)

    return is_other


def _make_language_test(language: str) -> Callable[[str], bool]:
    identifier = _load_identifier()
    base = langcodes.Language.get(language, normalize=False).language or language  # regions are not told apart
    if not any(tag_fits(label, base) for label in identifier.labels):
        raise SettingsError(
            f"check_language: the language identifier does not know {name_of(language)} ({language!r}); leave out "
            "check_language"
        )

    @cache
    def is_alike(found: str) -> bool:
        return langcodes.tag_distance(found, base) < _ALIKE

    def is_other(text: str) -> bool:
        found, probability = identifier.classify(text)
        return probability > SURE_OF_LANGUAGE and not is_alike(found)

    return is_other


def _load_identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise SettingsError("check_language needs an extra: pip install 'alignfreeze[langid]'") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _filter_by_words(settings: SelectionSettings, languages: tuple[str, str]) -> dict[str, Filter]:
    split = [find_splitter(language) for language in languages]

    def count_words(pair: Texts) -> list[int]:
        return sorted(len(words(text)) for words, text in zip(split, pair, strict=True))

    filters: dict[str, Filter] = {}
    if (most := settings.max_words) is not None:
        filters["too long"] = lambda pair: count_words(pair)[1] > most
    if (ratio := settings.max_ratio) is not None:
        filters["unequal lengths"] = lambda pair: count_words(pair)[1] > ratio * count_words(pair)[0]
    return filters
