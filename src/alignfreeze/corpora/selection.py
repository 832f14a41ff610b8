"""Which sentence pairs of a bitext are taken: filters, deduplication and a sample, in one pass."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, TypeVar

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
"""How probable another language must be before a side is left out."""

_ALIKE = 10
"""Languages whose distance (CLDR's) is less are not told apart: Bokmål and Norwegian, Indonesian and Malay."""

_KEY_BYTES = 16
"""So that unlike pairs never share a key: among 10 billion the probability is 1e-19."""

Filter = Callable[[Texts], bool]
"""Tells whether a pair is left out."""


class SelectionSettings(Settings):
    """Which sentence pairs of a bitext are taken; by default all of them."""

    sample: int | None = Field(default=None, gt=0)
    """Take so many pairs at random, each with the same chance."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the sample."""
    deduplicate: bool = False
    """Take a pair that occurs again only once."""
    max_words: int | None = Field(default=None, gt=0)
    """Most words on a side."""
    max_ratio: float | None = Field(default=None, ge=1)
    """Most words on one side for each word on the other."""
    drop_identical: bool = False
    """Leave out pairs whose two sides are the same text."""
    check_script: bool = False
    """Leave out pairs with a side whose letters are mostly of a script that its language is not written in."""
    check_language: bool = False
    """Leave out pairs with a side that is in another language (by py3langid: the extra `langid`)."""
    keep_best: float | None = Field(default=None, gt=0, le=1)
    """After all else keep this share of the pairs: those whose two sides have the most similar sentence vectors."""

    @property
    def keeps_lines(self) -> bool:
        """Whether each line stays, even one with an empty side, so that files of links keep their fit."""
        return self.model_copy(update={"seed": 0}) == SelectionSettings()


@dataclass(frozen=True, slots=True)
class Selection:
    """The sentence pairs that were taken, and what became of the others.

    Attributes:
        texts: The pairs, in the order in which they came.
        read: How many pairs there were.
        left_out: How many were left out, by reason.
        distinct: How many unlike pairs a deduplicated sample was taken from: an estimate, whose standard error is
            this number divided by the square root of the sample's size.
    """

    texts: list[Texts]
    read: int
    left_out: dict[str, int]
    distinct: int | None = None


def select(texts: Iterable[Texts], settings: SelectionSettings, *, languages: tuple[str, str]) -> Selection:
    """Take sentence pairs from a stream; memory grows with what is taken, not with what is read.

    Args:
        texts: The pairs.
        settings: Which ones; `keep_best` is left to those who have an encoder.
        languages: Codes of the source and the target language.

    Raises:
        SettingsError: A filter needs a library that is not there, or does not know the language.
    """
    if settings.keeps_lines:
        taken = list(texts)
        return Selection(taken, len(taken), {})
    left_out: Counter[str] = Counter()
    filters = _filters(settings, languages)
    read = 0

    def passing() -> Iterator[tuple[int, Texts]]:
        nonlocal read
        for read, pair in enumerate(texts, start=1):
            reason = next((reason for reason, leaves_out in filters.items() if leaves_out(pair)), None)
            if reason is None:
                yield read, pair
            else:
                left_out[reason] += 1

    if settings.sample is None:
        taken = [pair for _, pair in (_once(passing(), left_out) if settings.deduplicate else passing())]
        return Selection(taken, read, dict(left_out))
    sample = _Sample(settings.sample, settings.seed)
    for number, pair in passing():
        sample.offer(_identity(pair) if settings.deduplicate else number.to_bytes(8), number, pair)
    taken = sample.taken()
    not_taken = read - left_out.total() - len(taken)
    left_out["repeated, or not in the sample" if settings.deduplicate else "not in the sample"] = not_taken
    return Selection(taken, read, dict(left_out), sample.offered() if settings.deduplicate else None)


def spread_evenly(items: Sequence[Item], n: int) -> list[Item]:
    """Return exactly n items at equal distances from the first on, or all where there are no more."""
    n = min(n, len(items))
    return [items[number * len(items) // n] for number in range(n)]


def _identity(pair: Texts) -> bytes:
    # No text holds a tab and a line break in this order, as a line of a file has one or the other.
    return "\t\n".join(pair).encode()


def _once(pairs: Iterable[tuple[int, Texts]], left_out: Counter[str]) -> Iterator[tuple[int, Texts]]:
    seen: set[bytes] = set()
    for number, pair in pairs:
        key = blake2b(_identity(pair), digest_size=_KEY_BYTES).digest()
        if key in seen:
            left_out["repeated"] += 1
        else:
            seen.add(key)
            yield number, pair


class _Sample:
    """The pairs with the smallest values of a hash that the seed keys, met once each.

    Every unlike pair has the same chance, however often it comes, and no table of all that was seen is needed:
    bottom-k sampling (Cohen and Kaplan 2007). How small the values are tells how many unlike pairs there were.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed.to_bytes(8)
        self.members: dict[int, tuple[int, Texts]] = {}
        self.keys: list[int] = []  # negative, so that the first of the heap is the greatest
        self.turned_away = False

    def offer(self, identity: bytes, number: int, pair: Texts) -> None:
        key = int.from_bytes(blake2b(identity, digest_size=_KEY_BYTES, key=self.seed).digest())
        if key in self.members:
            return
        if len(self.keys) < self.size:
            heapq.heappush(self.keys, -key)
        else:
            self.turned_away = True
            if key > -self.keys[0]:
                return
            del self.members[-heapq.heapreplace(self.keys, -key)]
        self.members[key] = (number, pair)

    def taken(self) -> list[Texts]:
        """Return the pairs in the order in which they came."""
        return [pair for _, pair in sorted(self.members.values())]

    def offered(self) -> int:
        """Return about how many unlike pairs were offered; exactly, if all of them were taken."""
        if not self.turned_away:
            return len(self.keys)
        return round((self.size - 1) * 2 ** (8 * _KEY_BYTES) / -self.keys[0]) if self.size > 1 else 1


def _filters(settings: SelectionSettings, languages: tuple[str, str]) -> dict[str, Filter]:
    """Return the filters that the settings ask for, by the reason that they stand for; the quick ones first."""
    filters: dict[str, Filter] = {"empty": lambda pair: not (pair[0].strip() and pair[1].strip())}
    if settings.drop_identical:
        filters["identical sides"] = lambda pair: pair[0].strip() == pair[1].strip()
    if settings.check_script:
        filters["wrong script"] = _either(_in_other_script, languages)
    if settings.max_words or settings.max_ratio:
        filters |= _by_words(settings, languages)
    if settings.check_language:
        filters["wrong language"] = _either(_in_other_language, languages)
    return filters


def _either(test_of: Callable[[str], Callable[[str], bool]], languages: tuple[str, str]) -> Filter:
    """Return a filter that leaves out a pair if the test of either language holds for its side."""
    tests = [test_of(language) for language in languages]
    return lambda pair: any(test(text) for test, text in zip(tests, pair, strict=True))


def _in_other_script(language: str) -> Callable[[str], bool]:
    own = regex.compile("[" + "".join(rf"\p{{Script={script}}}" for script in scripts_of(language)) + "]")
    letter = regex.compile(r"\p{L}")

    def other(text: str) -> bool:
        letters = letter.findall(text)
        return len(own.findall("".join(letters))) * 2 < len(letters)

    return other


def _in_other_language(language: str) -> Callable[[str], bool]:
    identifier = _identifier()
    base = langcodes.Language.get(language, normalize=False).language or language  # regions are not told apart
    if not any(tag_fits(label, base) for label in identifier.labels):
        raise SettingsError(
            f"check_language: the identifier does not know {name_of(language)} ({language!r}); leave it off"
        )

    @cache
    def alike(found: str) -> bool:
        return langcodes.tag_distance(found, base) < _ALIKE

    def other(text: str) -> bool:
        found, probability = identifier.classify(text)
        return probability > SURE_OF_LANGUAGE and not alike(found)

    return other


def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise SettingsError("check_language needs the extra: pip install 'alignfreeze[langid]'") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _by_words(settings: SelectionSettings, languages: tuple[str, str]) -> dict[str, Filter]:
    split = [find_splitter(language) for language in languages]

    def counts(pair: Texts) -> list[int]:
        return sorted(len(words(text)) for words, text in zip(split, pair, strict=True))

    filters: dict[str, Filter] = {}
    if (most := settings.max_words) is not None:
        filters["too long"] = lambda pair: counts(pair)[1] > most
    if (ratio := settings.max_ratio) is not None:
        filters["unequal lengths"] = lambda pair: counts(pair)[1] > ratio * counts(pair)[0]
    return filters
