"""Results that cannot be right, said with their probable cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from alignfreeze.languages import name_of
from alignfreeze.tasks.metrics import Measure
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

LITTLE = 0.01
"""An accuracy no further above the share of the commonest label has learnt nothing, unless it is as near to 1."""

ENOUGH = 20
"""So many predictions a label are needed to tell an order of labels from chance."""

REORDERED_GAIN = 0.3
"""So much more would be right with the labels in another order: too much to be chance."""

UNKNOWN = 0.3
"""Share of unknown subwords from which a tokenizer is said not to know a language."""

SAMPLED = 300
"""Items of a language whose subwords are looked at."""


def doubts(
    language: str,
    measures: Sequence[Measure],
    predicted: Sequence[Any],
    items: Sequence[Any],
    *,
    task: Task,
    task_model: TaskModel,
    is_source: bool,
) -> Iterator[str]:
    """Yield what is suspicious in the outcome of a language, one sentence each.

    Args:
        language: Its code.
        measures: Its scores, the one that matters first.
        predicted: A prediction an item.
        items: The test items.
        task: What the model has learnt.
        task_model: The fine-tuned model.
        is_source: Whether it is the language of the training data.
    """
    name = name_of(language)
    share = _unknown_share(task, task_model, items)
    if share > UNKNOWN:
        yield (
            f"{name}: {share:.0%} of its subwords are unknown to the tokenizer; "
            "the model can say little of this language, take one whose vocabulary has its script"
        )
    main = measures[0]
    if main.metric == "f1" and main.value == 0:
        yield (
            f"{name}: F1 is 0, nothing was found; the model has learnt nothing (too few steps, or too low a learning "
            "rate), or the labels of the test file are written otherwise than those of the training file"
        )
    pairs = [(str(guess), str(label)) for guess, label in _pairs(task, predicted, items)]
    if main.metric != "accuracy" or not pairs:
        return
    label, count = Counter(label for _, label in pairs).most_common(1)[0]
    if is_source and main.value <= min(count / len(pairs) + LITTLE, 1 - LITTLE):
        yield (
            f"{name}: an accuracy of {main.value:.1%} is no better than to say {label!r} each time "
            f"({count / len(pairs):.1%}); the model has learnt nothing: take more steps or another learning rate"
        )
    enough = len(pairs) >= ENOUGH * len({name for pair in pairs for name in pair})
    if enough and (reordered := _best_order(pairs)) > main.value + REORDERED_GAIN:
        yield (
            f"{name}: with the labels in another order {reordered:.1%} would be right instead of {main.value:.1%}; "
            "the model's labels (id2label in its config.json) are probably not in the order it was trained with"
        )


def _pairs(task: Task, predicted: Sequence[Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield prediction and gold label of every labelled word or text."""
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
