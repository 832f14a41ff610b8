"""Metrics, which turn predictions and gold labels into numbers with denominators."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.questions import Question

Parts = tuple[tuple[float, float], ...]
"""What each item adds to the numerator and to the denominator of a score. The score is the quotient of both sums."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that says how good predictions are.

    Attributes:
        metric: The name of the metric.
        value: A share between 0 and 1.
        n: The denominator of the share.
        unit: What the denominator counts.
        parts: What each item adds to the share.
    """

    metric: str
    value: float
    n: int
    unit: str
    parts: Parts


def accuracy(predicted: Sequence[Sequence[str | None]], gold: Sequence[Sequence[str | None]]) -> tuple[float, Parts]:
    """Return the share of labelled words that are right, and the numbers of right and labelled words per sentence.

    Args:
        predicted: One label per word; None, for no prediction, counts as wrong.
        gold: One label per word; a word with None has no label and does not count.

    Raises:
        ValueError: A sentence has more or fewer predictions than words.
    """
    parts = []
    for guesses, labels in zip(predicted, gold, strict=True):
        labelled = [(guess, label) for guess, label in zip(guesses, labels, strict=True) if label is not None]
        parts.append((sum(guess == label for guess, label in labelled), len(labelled)))
    total = sum(n for _, n in parts)
    return (sum(right for right, _ in parts) / total if total else float("nan")), tuple(parts)


def measure_tags(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return the accuracy of tags."""
    value, parts = accuracy(predicted, [item.tags for item in items])
    return [Measure("accuracy", value, int(sum(n for _, n in parts)), "words", parts)]


def measure_entities(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return F1 of whole entities, counted by seqeval (the rules of conlleval); a word without a tag is outside.

    What is predicted for a word without a gold tag does not count.
    """
    from seqeval.metrics import f1_score
    from seqeval.metrics.sequence_labeling import get_entities

    gold = [[tag or OUTSIDE for tag in item.tags] for item in items]
    found = [
        [(guess if tag is not None else None) or OUTSIDE for guess, tag in zip(guesses, item.tags, strict=True)]
        for guesses, item in zip(predicted, items, strict=True)
    ]
    pairs = [(set(get_entities(ours)), set(get_entities(theirs))) for ours, theirs in zip(found, gold, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns if nothing is predicted; the score already shows this
        score: Any = f1_score(gold, found, zero_division=0) if gold else float("nan")  # type: ignore[arg-type]
    parts = tuple((2 * len(ours & theirs), len(ours) + len(theirs)) for ours, theirs in pairs)
    return [Measure("f1", float(score), sum(len(theirs) for _, theirs in pairs), "entities", parts)]


def measure_texts(predicted: Sequence[str], items: Sequence[LabelledText]) -> list[Measure]:
    """Return the accuracy of labels."""
    value, parts = accuracy([[label] for label in predicted], [[item.label] for item in items])
    return [Measure("accuracy", value, len(parts), "texts", parts)]


def measure_answers(predicted: Sequence[str], items: Sequence[Question]) -> list[Measure]:
    """Return F1 of words and exact match, counted like the official script of SQuAD, against the best answer.

    For an answer without any word, such as "the", F1 is that of the script of SQuAD 2: 1 for the same answer, else 0.
    """
    from torchmetrics.functional.text import squad

    found = [
        squad(
            [{"prediction_text": answer, "id": "0"}],
            [{"answers": {"text": list(item.answers), "answer_start": list(item.starts)}, "id": "0"}],
        )
        for answer, item in zip(predicted, items, strict=True)
    ]
    measures = []
    for name, key in {"f1": "f1", "exact match": "exact_match"}.items():
        parts = tuple((float(one[key]) / 100, 1) for one in found)
        value = sum(score for score, _ in parts) / len(parts) if parts else float("nan")
        measures.append(Measure(name, value, len(parts), "questions", parts))
    return measures
