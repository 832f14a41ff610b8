"""Names for words that say nothing about their spelling.

Libraries for word alignment give some words a meaning of their own, such as `NULL`, and write words into files in which
a space ends a word. A text may contain any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

UNSEEN = "unseen"
"""The name of every word that has no number."""


class WordNames:
    """Names the words of one language by numbers, in the order in which they first occur.

    Attributes:
        names: The name of each word.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.names = {word: str(number) for number, word in enumerate(dict.fromkeys(words))}

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]]) -> Self:
        """Name all words of some sentences."""
        return cls(word for words in sentences for word in words)

    def rename(self, words: Sequence[str]) -> list[str]:
        """Return the name of each word of a sentence."""
        return [self.names.get(word, UNSEEN) for word in words]
