"""What can be had without an encoder: the score of the commonest label, and of a table of the words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from alignfreeze.languages import name_of
from alignfreeze.tasks.metrics import Measure
from alignfreeze.tasks.task import Task

ERRORS = 2
"""Scores that are further apart than this many standard errors differ clearly."""


def doubt_weakness(
    language: str, measure: Measure, items: Sequence[Any], train: Sequence[Any], *, task: Task
) -> str | None:
    """Return why a model is implausibly weak in the language of its training data; None if it is not.

    A pretrained encoder that has begun to learn a task is clearly above the commonest label. It is also not below a
    table that holds the commonest label of each word of the training data, and knows nothing of language.

    Args:
        language: The code of the source language.
        measure: The most important score of the model on the items.
        items: Labelled items of the source language, on which the model was not trained.
        train: Training items.
        task: What the model has learnt.
    """
    floor, table = score_of_table(task, [], items), score_of_table(task, train, items)
    margin = ERRORS * math.sqrt(measure.value * (1 - measure.value) / measure.n)
    score = f"{name_of(language)}: {measure.metric} {measure.value:.1%}"
    remedy = "the models are too weak to learn from: use more steps, or check the encoder"
    if measure.value - margin <= floor < 1:
        return f"{score} is not clearly above saying {_find_commonest(task, items)!r} each time ({floor:.1%}); {remedy}"
    if measure.value + margin < table:
        return f"{score} is below what a table of the words of the training data reaches ({table:.1%}); {remedy}"
    return None


def make_table(task: Task, train: Sequence[Any]) -> dict[str, str]:
    """Return the commonest label of each word of training items; nothing if whole texts have labels."""
    by_word: dict[str, Counter[str]] = defaultdict(Counter)
    for item in train:
        for word, label in zip(_words_of(task, item), task.kind.labels(item), strict=False):
            if label is not None:
                by_word[word][label] += 1
    return {word: labels.most_common(1)[0][0] for word, labels in by_word.items()}


def _find_commonest(task: Task, items: Sequence[Any]) -> str:
    labels = Counter(label for item in items for label in task.kind.labels(item) if label is not None)
    ((commonest, _),) = labels.most_common(1)
    return commonest


def score_of_table(task: Task, train: Sequence[Any], items: Sequence[Any]) -> float:
    """Return the most important score of saying the commonest label of each word, in the training data.

    Other words, and whole texts, get the commonest label of the items.

    Args:
        task: What is to be learnt.
        train: Training items; without any, each word gets the commonest label of the items.
        items: Labelled items.
    """
    table, otherwise = make_table(task, train), _find_commonest(task, items)
    words = [_words_of(task, item) for item in items]
    guesses = [[table.get(word, otherwise) for word in several] if several else otherwise for several in words]
    return task.metrics(guesses, items)[0].value


def _words_of(task: Task, item: Any) -> Sequence[str]:
    """Return the words of an item; none if it is a text that has one label as a whole."""
    text, *_ = task.kind.texts(item)
    return () if isinstance(text, str) else text
