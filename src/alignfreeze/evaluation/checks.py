"""Finds results that cannot be right, and names the probable cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from alignfreeze.evaluation.scores import LEARNT_NOTHING
from alignfreeze.languages import name_of
from alignfreeze.tasks.metrics import Measure
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

LITTLE = 0.01
"""A model has learnt nothing if its accuracy is at most this much above the share of the commonest label.

An accuracy that is as near to 1 as this is not doubted.
"""

ENOUGH = 20
"""Predictions per label that are needed to distinguish another order of labels from chance."""

REORDERED_GAIN = 0.3
"""If another order of the labels raises the accuracy by this much, this is not chance."""

UNKNOWN = 0.3
"""If more than this share of the subwords is unknown, the tokenizer does not know the language."""

SAMPLED = 300
"""About this many items of a language are searched for unknown subwords."""


def find_doubts(
    language: str,
    measures: Sequence[Measure],
    predicted: Sequence[Any],
    items: Sequence[Any],
    *,
    task: Task,
    task_model: TaskModel,
    is_source: bool,
) -> Iterator[str]:
    """Yield the reasons to doubt the outcome of a language, one sentence each.

    Args:
        language: The code of the language.
        measures: The scores of the language, the most important one first.
        predicted: One prediction per item.
        items: The test items.
        task: What the model has learnt.
        task_model: The fine-tuned model.
        is_source: Whether the language is that of the training data.
    """
    name = name_of(language)
    share = _unknown_share(task, task_model, items)
    if share > UNKNOWN:
        yield (
            f"{name}: {share:.0%} of its subwords are unknown to the tokenizer; "
            "the model can predict little in this language; use a model whose vocabulary has its script"
        )
    main = measures[0]
    if main.metric == "f1" and main.value == 0:
        yield (
            f"{name}: F1 is 0, nothing was found; {LEARNT_NOTHING} (too few steps, or too low a learning "
            "rate), or the test file and the training file spell the labels differently"
        )
    pairs = [(str(guess), str(label)) for guess, label in _pairs(task, predicted, items)]
    if main.metric != "accuracy" or not pairs:
        return
    label, count = Counter(label for _, label in pairs).most_common(1)[0]
    if is_source and main.value <= min(count / len(pairs) + LITTLE, 1 - LITTLE):
        yield (
            f"{name}: an accuracy of {main.value:.1%} is no better than to say {label!r} each time "
            f"({count / len(pairs):.1%}); {LEARNT_NOTHING}: use more steps or another learning rate"
        )
    enough = len(pairs) >= ENOUGH * len({name for pair in pairs for name in pair})
    if enough and (reordered := _best_order(pairs)) > main.value + REORDERED_GAIN:
        yield (
            f"{name}: with the labels in another order {reordered:.1%} would be right instead of {main.value:.1%}; "
            "the labels (id2label in the model's config.json) are probably not in the order of the training"
        )


def _pairs(task: Task, predicted: Sequence[Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield prediction and gold label of each labelled word or text."""
    for prediction, item in zip(predicted, items, strict=True):
        if labels := task.kind.labels(item):
            guesses = [prediction] if isinstance(prediction, str) else prediction
            yield from ((guess, label) for guess, label in zip(guesses, labels, strict=True) if label is not None)


def _best_order(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the accuracy that the best renaming of the predicted labels would have."""
    names = {name: number for number, name in enumerate(dict.fromkeys(name for pair in pairs for name in pair))}
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, ([names[guess] for guess, _ in pairs], [names[label] for _, label in pairs]), 1)
    return confusion[linear_sum_assignment(confusion, maximize=True)].sum() / len(pairs)


def _unknown_share(task: Task, task_model: TaskModel, items: Sequence[Any]) -> float:
    """Return the share of unknown subwords in a sample of the items."""
    unknown = task_model.tokenizer.unk_token_id
    if unknown is None:
        return 0.0
    step = max(1, len(items) // SAMPLED)
    texts = [" ".join(task.texts_of(item)) for item in items[::step]]
    numbers: Any = task_model.tokenizer(texts, add_special_tokens=False)["input_ids"]
    counts: Mapping[bool, int] = Counter(number == unknown for row in numbers for number in row)
    return counts[True] / max(1, sum(counts.values()))
