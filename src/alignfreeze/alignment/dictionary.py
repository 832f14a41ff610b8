"""Word alignment by bilingual word lists."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from alignfreeze.alignment.aligners import AlignerKind, Resources, WordAligner
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.cleaning import show_word
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines

Dictionary = Mapping[str, frozenset[str]]
"""The translations of each source word, all as `fold` returns them."""


def fold(word: str) -> str:
    """Return the form in which words are looked up: in lower case, composed (NFC), without invisible characters."""
    return unicodedata.normalize("NFC", show_word(word).lower())


def read_dictionary(path: Path | str) -> Dictionary:
    """Read a bilingual word list: one source word and one target word per line, as in MUSE.

    Args:
        path: The file; a space or a tab separates the two words.

    Raises:
        DataError: The file cannot be read or is empty, or a line does not have two words.
    """
    path = Path(path)
    translations: defaultdict[str, set[str]] = defaultdict(set)
    for number, line in read_lines(path):
        if not line.strip():
            continue
        words = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        if len(words) != 2 or not all(word.strip() for word in words):
            problem = (
                f"expected a source word and a target word, separated by a space or tab, found {len(words)} part(s)"
            )
            raise DataError.at(path, number, problem)
        source, target = (fold(word.strip()) for word in words)
        translations[source].add(target)
    if not translations:
        raise DataError(f"{path}: no word pair found; is this a bilingual word list?")
    return {source: frozenset(targets) for source, targets in translations.items()}


class DictionaryAligner(WordAligner):
    """Links words that are translations of each other without ambiguity.

    The target word must be the only one in its sentence that translates the source word. The source word must be the
    only one in its sentence that the target word translates (the paper, section 3.2).
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary: defaultdict[str, set[str]] = defaultdict(set)
        for source, targets in dictionary.items():
            self.dictionary[fold(source)] |= set(map(fold, targets))

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment per pair, in the same order."""
        return [self._link(pair) for pair in bitext]

    def _link(self, pair: SentencePair) -> WordAlignment:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(pair.target):
            places[fold(word)].append(place)
        links = [
            (source, target)
            for source, word in enumerate(pair.source)
            for translation in self.dictionary.get(fold(word), ())
            for target in places.get(translation, ())
        ]
        return WordAlignment(frozenset(links)).one_to_one()


def measure_coverage(dictionary: Dictionary, bitext: Iterable[SentencePair]) -> float:
    """Return the share of the source words of a bitext, without punctuation, that a word list translates."""
    words = Counter(fold(word) for pair in bitext for word in pair.source if any(map(str.isalnum, word)))
    sources = set(map(fold, dictionary))
    known = sum(count for word, count in words.items() if word in sources)
    return known / max(1, words.total())


def _make(_: AlignmentSettings, resources: Resources, languages: tuple[str, str]) -> DictionaryAligner:
    return DictionaryAligner(resources.dictionaries[languages])


DICTIONARY = AlignerKind(_make, needs_dictionaries=True, libraries=("alignfreeze",))
