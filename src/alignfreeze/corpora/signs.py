"""Signs that columns of words hold something else: words that are left out of a treebank."""

from __future__ import annotations

from collections.abc import Sequence

from alignfreeze.errors import DataError
from alignfreeze.progress import remark

_LEFT_OUT = "_"
"""What stands for each word in treebanks whose text may not be given away."""


def check_left_out(name: str, sentences: Sequence[Sequence[str]]) -> None:
    """Check that the words of sentences are not left out; say how many sentences have none.

    Args:
        name: The name of the data, for messages.
        sentences: The words of each sentence.

    Raises:
        DataError: All words are `_`.
    """
    without = [number for number, words in enumerate(sentences, 1) if len(words) > 1 and set(words) == {_LEFT_OUT}]
    if without and all(word == _LEFT_OUT for words in sentences for word in words):
        raise DataError(
            f"{name}: every word is '_': the text is left out of these data. "
            "Merge the text into them first; the README of the treebank says how"
        )
    if without:
        remark(
            f"{name}: the words of {len(without):,} sentences are left out ('_'), first in sentence {without[0]:,}; "
            "merge the text into them first, or remove them"
        )
