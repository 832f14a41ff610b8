"""Metrics: predictions and gold labels in, a number with its denominator out."""

from __future__ import annotations

from collections.abc import Sequence


def accuracy(predicted: Sequence[Sequence[str | None]], gold: Sequence[Sequence[str | None]]) -> tuple[float, int]:
    """Return the share of labelled words whose label is predicted, and how many words are labelled.

    Args:
        predicted: A label a word, None where there is no prediction, which counts as wrong.
        gold: A label a word, None where a word is not labelled, which does not count.

    Raises:
        ValueError: A sentence has another number of predictions than of words.
    """
    right = total = 0
    for guesses, labels in zip(predicted, gold, strict=True):
        for guess, label in zip(guesses, labels, strict=True):
            if label is not None:
                total += 1
                right += guess == label
    return (right / total if total else float("nan")), total
