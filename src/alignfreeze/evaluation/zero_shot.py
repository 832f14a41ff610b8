"""Tests a fine-tuned model in languages without training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, overload

from transformers import PreTrainedTokenizerBase

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.lending import visiting
from alignfreeze.errors import DataError, EncoderError
from alignfreeze.evaluation.checks import find_doubts
from alignfreeze.evaluation.keeping import keep_items
from alignfreeze.evaluation.scores import Score
from alignfreeze.languages import name_of
from alignfreeze.progress import remark, stage
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.given import to_task, to_tests
from alignfreeze.tasks.kept_items import KeptItem
from alignfreeze.tasks.metrics import Parts
from alignfreeze.tasks.models import Given, TaskModel, to_task_model
from alignfreeze.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of testing a model in all languages.

    Attributes:
        scores: One score per language and metric, in the order of the languages; the most important metric comes first.
        doubts: Signs that a result cannot be right, with the probable cause.
        parts: What each test item adds to a score, by language and metric.
        kept: The first test items of each language, with the predictions.
    """

    scores: tuple[Score, ...]
    doubts: tuple[str, ...]
    parts: Mapping[str, Mapping[str, Parts]]
    kept: tuple[KeptItem, ...] = ()


class Scores(Tabular, Sequence[Score]):
    """The scores of a model: one per language and metric.

    Attributes:
        doubts: Signs that scores cannot be right, and why a language has no score.
    """

    def __init__(self, scores: Iterable[Score], doubts: Iterable[str] = ()) -> None:
        self._scores = tuple(scores)
        self.doubts = tuple(doubts)

    def warnings(self) -> Sequence[str]:
        """Return the doubts."""
        return self.doubts

    def __len__(self) -> int:
        return len(self._scores)

    @overload
    def __getitem__(self, place: int) -> Score: ...
    @overload
    def __getitem__(self, place: slice) -> Scores: ...
    def __getitem__(self, place: int | slice) -> Score | Scores:
        """Return one score, or several."""
        return Scores(self._scores[place]) if isinstance(place, slice) else self._scores[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Scores({list(self._scores)})"

    def rows(self) -> list[dict[str, Any]]:
        """Return each score with its language, metric, value and denominator."""
        return [asdict(score) for score in self._scores]


def evaluate(
    task_model: Given,
    task: str | Task,
    tests: Mapping[str, Any],
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    device: Device = "auto",
) -> Scores:
    """Test a model in several languages; return one score per language and metric.

    A language whose items have no labels, or labels that the model does not know, has no score. A remark says so, and
    so it does if a score cannot be right.

    Args:
        task_model: The fine-tuned model, its folder, or a model of transformers or peft with a head.
        task: What the model has learnt: a task or its name.
        tests: Test items by language code. The items of a language may be a list of items, or anything else that
            `to_items` takes, such as a data set, a data frame, a list of dicts or a path.
        tokenizer: The tokenizer of a model of transformers.
        device: `auto`, or a device as torch names it.

    Raises:
        SettingsError: The device does not exist here, or there is no such task.
        EncoderError: The model predicts other labels than the task has.
        DataError: No language can be scored: its items have no labels, or labels that the model does not know.
    """
    learnt = to_task(task)
    model = to_task_model(task_model, learnt.kind.head, tokenizer=tokenizer)
    outcome = assess(model, learnt, tests, device=device)
    for doubt in outcome.doubts:
        remark(doubt)
    return Scores(outcome.scores, outcome.doubts)


def assess(
    task_model: TaskModel,
    task: Task,
    tests: Mapping[str, Any],
    *,
    source: str | None = None,
    device: Device = "auto",
    predict: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
) -> Outcome:
    """Test a model in several languages, and look for results that cannot be right.

    A language whose items have no labels, or labels that the model does not know, has a doubt and no score.

    Args:
        task_model: The fine-tuned model.
        task: What the model has learnt: a task or its name.
        tests: Test items by language code, as in `evaluate`.
        source: The language of the training data.
        device: `auto`, `cpu`, `cuda` or `mps`.
        predict: Predicts for test items in the place of the model, as one of several that predict together.

    Raises:
        SettingsError: The device does not exist here.
        EncoderError: The model predicts other labels than the task has.
        DataError: No language can be scored: its items have no labels, or labels that the model does not know.
    """
    if task.labels and not set(task_model.labels) <= set(task.labels):
        raise EncoderError(
            f"the model predicts {', '.join(sorted(task_model.labels)[:20])}; the task {task.name!r} has "
            f"{', '.join(sorted(task.labels)[:20])}; was the model fine-tuned on another task?"
        )
    tests, unscored = _split_scored(task_model, task, to_tests(task, tests))
    device = check_device(device)
    check_finite("the model", task_model.model)
    # One stream of all languages, so that sentences of similar length run together across languages.
    stream = [item for items in tests.values() for item in items]
    if predict is not None:
        predicted = iter(predict(stream))
    else:
        with visiting(task_model.model, device), stage("testing", total=len(stream)) as bar:
            predicted = iter(task.kind.predict(task_model, stream, bar=bar))
    scores: list[Score] = []
    doubted = [_no_score(language, reason) for language, reason in unscored.items()]
    parts: dict[str, dict[str, Parts]] = {}
    kept: list[KeptItem] = []
    for language, items in tests.items():
        guesses = list(islice(predicted, len(items)))
        measures = task.metrics(guesses, items)
        if not measures[0].n:
            doubted.append(_no_score(language, f"nothing to divide by: 0 {measures[0].unit}"))
            continue
        parts[language] = {measure.metric: measure.parts for measure in measures}
        kept += keep_items(task, language, items, guesses, measures[0])
        scores += [Score(language, m.metric, m.value, m.n, m.unit) for m in measures]
        doubted += find_doubts(
            language, measures, guesses, items, task=task, task_model=task_model, is_source=language == source
        )
    return Outcome(tuple(scores), tuple(doubted), parts, tuple(kept))


def _split_scored(
    task_model: TaskModel, task: Task, tests: Mapping[str, Sequence[Any]]
) -> tuple[dict[str, Sequence[Any]], dict[str, str]]:
    """Return the test items of the languages that can be scored, and why the others cannot.

    Raises:
        DataError: No language can be scored.
    """
    labels = [] if task.labels is not None and not task.labels else task_model.labels
    reasons = {code: task.why_unscored(items, labels, name=f"test {code}") for code, items in tests.items()}
    unscored = {code: reason for code, reason in reasons.items() if reason is not None}
    if tests and len(unscored) == len(tests):
        raise DataError("\n".join(unscored.values()))
    return {code: items for code, items in tests.items() if code not in unscored}, unscored


def _no_score(language: str, reason: str) -> str:
    return f"{name_of(language)}: there is no score ({reason})"
