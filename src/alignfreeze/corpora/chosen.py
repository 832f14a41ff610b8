"""Bitext of one or several language pairs: the request, the chosen sentence pairs, and a summary of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from alignfreeze.corpora.bitext import BitextReader, SentencePair, choose_pairs, split_into_words
from alignfreeze.corpora.drawn import digest_once
from alignfreeze.corpora.selection import Selection, SelectionSettings
from alignfreeze.progress import gathering_remarks


@dataclass(frozen=True, slots=True)
class BitextRequest:
    """Bitext that is still to be read.

    Attributes:
        readers: Where the sentence pairs come from; several readers may be of one language pair.
        selection: Which sentence pairs each reader gives.
        pretokenized: Whether the words are already separated by spaces.
    """

    readers: Sequence[BitextReader]
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    pretokenized: bool = False

    @property
    def files(self) -> list[Path]:
        """All files that are read."""
        return [path for reader in self.readers for path in reader.paths]

    def digests(self) -> dict[str, list[str]]:
        """Return the digests of the files of each language pair."""
        found: dict[str, list[str]] = {}
        for reader in self.readers:
            found.setdefault(f"bitext {'-'.join(reader.languages)}", []).extend(digest_once(reader.paths))
        return found

    def choose(self) -> list[ChosenBitext]:
        """Read sentence pairs and choose among them. `encoding.requests.keep_best` does what needs an encoder.

        Raises:
            DataError: A file cannot be read, or no pair is left.
        """
        with gathering_remarks():
            return [ChosenBitext(reader, choose_pairs(reader, self.selection)) for reader in self.readers]

    def split(self, chosen: Iterable[ChosenBitext]) -> list[SentencePair]:
        """Split chosen sentence pairs into words, one reader after the other."""
        sides = ((bitext.selection.texts, bitext.reader.languages) for bitext in chosen)
        split = (split_into_words(texts, languages=pair, pretokenized=self.pretokenized) for texts, pair in sides)
        return list(chain.from_iterable(split))


@dataclass(frozen=True, slots=True)
class ChosenBitext:
    """The sentence pairs that were chosen from one reader.

    Attributes:
        reader: The source of the pairs.
        selection: The pairs as texts.
    """

    reader: BitextReader
    selection: Selection

    def facts(self) -> dict[str, Any]:
        """Return the facts for a summary about these pairs."""
        reader, selection = self.reader, self.selection
        facts: dict[str, Any] = {
            "languages": "-".join(reader.languages),
            "forms": sorted({form for form, _ in reader.parts}) or ["hub"],
            "sentence_pairs_read": selection.read,
            "sentence_pairs": len(selection.texts),
            "left_out": selection.left_out,
        }
        if selection.distinct is not None:
            facts["unlike_sentence_pairs_about"] = selection.distinct
        return facts | ({"notes": reader.notes} if reader.notes else {})


def sum_up(chosen: Sequence[ChosenBitext]) -> dict[str, Any]:
    """Return one summary of bitext from several readers of one language pair."""
    first, *others = (bitext.facts() for bitext in chosen)
    for facts in others:
        for name, value in facts.items():
            if isinstance(value, int):
                first[name] = first.get(name, 0) + value
            elif isinstance(value, dict):
                first[name] = dict(Counter(first.get(name, {})) + Counter(value))
            elif isinstance(value, list):
                first[name] = list(dict.fromkeys([*first.get(name, []), *value]))
    return first
