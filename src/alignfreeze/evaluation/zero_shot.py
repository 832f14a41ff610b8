"""Tests a fine-tuned model in languages it saw no task data of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import check_device
from alignfreeze.errors import DataError, EncoderError
from alignfreeze.progress import stage
from alignfreeze.tasks import Task
from alignfreeze.tasks.metrics import accuracy
from alignfreeze.tasks.tagging import TaskModel, predict


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model does in a language.

    Attributes:
        language: Its code.
        metric: What is measured.
        value: A share between 0 and 1.
        n: Its denominator: labelled words.
    """

    language: str
    metric: str
    value: float
    n: int


def evaluate(
    task_model: TaskModel,
    task: Task,
    tests: Mapping[str, Sequence[TaggedSentence]],
    *,
    device: str = "auto",
) -> list[Score]:
    """Return one score a language, in the order given.

    Args:
        task_model: The fine-tuned model.
        task: What it was trained for.
        tests: Test sentences by language code.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        SettingsError: The device does not exist here.
        EncoderError: The model predicts other labels than the task has.
        DataError: The test sentences of a language have no labels.
    """
    if set(task_model.labels) != set(task.labels):
        raise EncoderError(
            f"the model predicts {', '.join(sorted(task_model.labels)[:20])}, "
            f"the task {task.name!r} has {', '.join(sorted(task.labels)[:20])}; was it fine-tuned on another task?"
        )
    task_model.model.to(check_device(device))  # type: ignore[arg-type]
    scores = []
    # One stream of all languages, so that sentences of like length meet across them.
    stream = [sentence for sentences in tests.values() for sentence in sentences]
    with stage("testing", total=len(stream)) as bar:
        predicted = iter(predict(task_model, [sentence.words for sentence in stream], bar=bar))
    for language, sentences in tests.items():
        guesses = list(islice(predicted, len(sentences)))
        value, n = accuracy(guesses, [sentence.tags for sentence in sentences])
        if not n:
            raise DataError(f"the test sentences of {language!r} have no labels to compare with")
        scores.append(Score(language, task.metric, value, n))
    return scores
