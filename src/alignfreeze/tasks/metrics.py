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


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that says how good predictions are.

    Attributes:
        metric: What is measured.
        value: A share between 0 and 1.
        n: Of how many.
        unit: Of what.
    """

    metric: str
    value: float
    n: int
    unit: str


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


def of_words(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return the accuracy of tags."""
    value, n = accuracy(predicted, [item.tags for item in items])
    return [Measure("accuracy", value, n, "words")]


def of_entities(predicted: Sequence[Sequence[str | None]], items: Sequence[TaggedSentence]) -> list[Measure]:
    """Return F1 of whole entities, as seqeval counts them (conlleval's rules); a word without a tag is outside."""
    from seqeval.metrics import f1_score
    from seqeval.metrics.sequence_labeling import get_entities

    gold = [[tag or OUTSIDE for tag in item.tags] for item in items]
    found = [[tag or OUTSIDE for tag in tags] for tags in predicted]
    n = len(get_entities(gold))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing was predicted is said by the score
        score: Any = f1_score(gold, found, zero_division=0) if gold else float("nan")  # type: ignore[arg-type]
    return [Measure("f1", float(score), n, "entities")]


def of_texts(predicted: Sequence[str], items: Sequence[LabelledText]) -> list[Measure]:
    """Return the accuracy of labels."""
    value, n = accuracy([list(predicted)], [[item.label for item in items]])
    return [Measure("accuracy", value, n, "texts")]


def of_answers(predicted: Sequence[str], items: Sequence[Question]) -> list[Measure]:
    """Return F1 of words and exact match, as SQuAD's official script counts them, against the best of the answers.

    Of an answer without any word, such as "the", F1 is what the script of SQuAD 2 says: whether it is the same.
    """
    from torchmetrics.functional.text import squad

    found = squad(
        [{"prediction_text": answer, "id": str(number)} for number, answer in enumerate(predicted)],
        [
            {"answers": {"text": list(item.answers), "answer_start": list(item.starts)}, "id": str(number)}
            for number, item in enumerate(items)
        ],
    )
    names = {"f1": "f1", "exact match": "exact_match"}
    return [Measure(name, float(found[key]) / 100, len(items), "questions") for name, key in names.items()]
