"""What the data of an experiment say of a model: texts of its languages, and points on its tests."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.experiment.data import read_data
from alignfreeze.experiment.given import ExperimentLike, to_experiment
from alignfreeze.progress import gathering_remarks
from alignfreeze.tasks.given import fits
from alignfreeze.tasks.heads import head_of_model
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Study:
    """The data of an experiment.

    Attributes:
        name: The name of its file, or `experiment`.
        task: Its task.
        languages: Codes of its languages, the source language first.
        texts: Texts by language, of all data but the tests. A language that is only tested has none.
        tests: Test items by language.
        digests: Digests of the files by their roles.
    """

    name: str
    task: Task
    languages: tuple[str, ...]
    texts: Mapping[str, Sequence[str]]
    tests: Mapping[str, Sequence[Any]]
    digests: Mapping[str, str]


def read_study(experiment: ExperimentLike) -> Study:
    """Read the data of an experiment.

    Raises:
        SettingsError: Some settings are wrong; the message names all of them.
        DataError: Files are missing or wrong.
    """
    settings, base = to_experiment(experiment)
    task, source = TASKS[settings.task], settings.source_language
    with gathering_remarks():
        data = read_data(settings, base=base)
    texts: dict[str, list[str]] = {}
    items = {source: data.train, **{code: one.items for code, one in data.translations.items()}}
    for code, several in items.items():
        texts.setdefault(code, []).extend(text for item in several for text in task.texts_of(item))
    for pair in data.bitext:
        for code, words in zip(pair.languages, (pair.source, pair.target), strict=True):
            texts.setdefault(code, []).append(" ".join(words))
    for code, sentences in data.plain.items():
        texts.setdefault(code, []).extend(map(" ".join, sentences))
    name = os.path.basename(experiment) if isinstance(experiment, str | os.PathLike) else "experiment"  # noqa: PTH119
    codes = dict.fromkeys((source, *settings.languages))
    tests = {code: items for code, items in data.tests.items() if items and code not in data.unscored}
    return Study(name, task, tuple(codes), texts, tests, {file.role: file.digest for file in data.files})


def check_measurable(study: Study, model: Encoder | TaskModel) -> None:
    """Check that a model can do the tests of a study.

    Raises:
        SettingsError: It is an encoder without a head, or it has learnt another task.
    """
    if isinstance(model, Encoder):
        raise SettingsError(
            f"{study.name}: its tests are of {study.task.what}, and this encoder has learnt no task; give a fine-tuned "
            "model, or leave the experiment out"
        )
    if not fits(study.task, model):
        raise SettingsError(f"{study.name}: its tests are of {study.task.what}, which this model has not learnt")


def reload(model: TaskModel, folder: Path) -> TaskModel:
    """Return the model in a folder that was made from another one, with the limits of that one."""
    head = head_of_model(model.model)
    assert head is not None
    return load_task_model(folder, head, max_length=model.max_length, stride=model.stride)


def measure_loss(
    study: Study, before: TaskModel, after: TaskModel, *, device: str = "auto"
) -> dict[str, dict[str, float]]:
    """Return how many points a model loses on the tests of a study when it is changed, by language.

    The points are those of the most important metric, from 0 to 100.

    Args:
        study: The study.
        before: The model as it was.
        after: The model that was made from it.
        device: Where both run.
    """
    first, second = (_score(study, model, device) for model in (before, after))
    return {
        code: {"before": first[code], "after": second[code], "loss": first[code] - second[code]}
        for code in first
        if code in second
    }


def _score(study: Study, model: TaskModel, device: str) -> dict[str, float]:
    """Return the points of a model by language."""
    points: dict[str, float] = {}
    for score in assess(model, study.task, study.tests, device=device).scores:
        points.setdefault(score.language, 100 * score.value)  # the most important metric comes first
    return points
