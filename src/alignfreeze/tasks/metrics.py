"""Metrics: predictions and gold labels in, numbers with their denominators out."""

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
"""Of each item what a score adds up above and below its line: the score is the sum of the one by that of the other."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that says how good predictions are.

    Attributes:
        metric: What is measured.
        value: A share between 0 and 1.
        n: Of how many.
        unit: Of what.
        parts: What each item adds to it.
    """

    metric: str
    value: float
    n: int
    unit: str
    parts: Parts


def accuracy(predicted: Sequence[Sequence[str | None]], gold: Sequence[Sequence[str | None]]) -> tuple[float, Parts]:
    """Return the share of labelled words whose label is predicted, and right and labelled words of each sentence.

    Args:
        predicted: A label a word, None where there is no prediction, which counts as wrong.
        gold: A label a word, None where a word is not labelled, which does not count.

    Raises:
        ValueError: A sentence has another number of predictions than of words.
    """
    parts = []
    for guesses, labels in zip(predicted, gold, strict=True):
        labelled = [(guess, label) for guess, label in zip(guesses, labels, strict=True) if label is not None]
        parts.append((sum(guess == label for guess, label in labelled), len(labelled)))
    total = sum(n for _, n in parts)
    return (sum(right for right, _ in parts) / total if total else float("nan")), tuple(parts)


def of_words(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return the accuracy of tags."""
    value, parts = accuracy(predicted, [item.tags for item in items])
    return [Measure("accuracy", value, int(sum(n for _, n in parts)), "words", parts)]


def of_entities(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return F1 of whole entities, as seqeval counts them (conlleval's rules); a word without a tag is outside."""
    from seqeval.metrics import f1_score
    from seqeval.metrics.sequence_labeling import get_entities

    gold = [[tag or OUTSIDE for tag in item.tags] for item in items]
    found = [[tag or OUTSIDE for tag in tags] for tags in predicted]
    pairs = [(set(get_entities(ours)), set(get_entities(theirs))) for ours, theirs in zip(found, gold, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing was predicted is said by the score
        score: Any = f1_score(gold, found, zero_division=0) if gold else float("nan")  # type: ignore[arg-type]
    parts = tuple((2 * len(ours & theirs), len(ours) + len(theirs)) for ours, theirs in pairs)
    return [Measure("f1", float(score), sum(len(theirs) for _, theirs in pairs), "entities", parts)]


def of_texts(predicted: Sequence[str], items: Sequence[LabelledText]) -> list[Measure]:
    """Return the accuracy of labels."""
    value, parts = accuracy([[label] for label in predicted], [[item.label] for item in items])
    return [Measure("accuracy", value, len(parts), "texts", parts)]


def of_answers(predicted: Sequence[str], items: Sequence[Question]) -> list[Measure]:
    """Return F1 of words and exact match, as SQuAD's official script counts them, against the best of the answers.

    Of an answer without any word, such as "the", F1 is what the script of SQuAD 2 says: whether it is the same.
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
