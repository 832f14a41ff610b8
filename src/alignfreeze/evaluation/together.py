"""Lets several fine-tuned models predict together: the mean of their probabilities decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.lending import visiting
from alignfreeze.errors import SettingsError
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.kinds import Joint
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task


def check_joint(task: Task) -> Joint:
    """Return how models of a task predict together.

    Raises:
        SettingsError: They cannot.
    """
    if task.kind.joint is None:
        raise SettingsError(
            f"models of the task {task.name!r} cannot predict together: its kind has no `joint`, which says what the "
            "mean of their outputs is; use seeds(...) instead, the mean of their weights"
        )
    return task.kind.joint


def predict_together(
    models: Iterable[TaskModel], task: Task, items: Sequence[Any], *, device: Device = "auto"
) -> list[Any]:
    """Return what several models predict together, one prediction per item.

    The probabilities of each word or text are averaged before the best label is chosen; for answers, the logits of
    beginnings and ends. The models are requested one by one, so that with a generator few are in memory at once.

    Args:
        models: One or more models with the same tokenizer and labels; the first one is held until the end.
        task: What they have learnt.
        items: Items of the task.
        device: `auto`, or a device as torch names it.

    Raises:
        SettingsError: Models of this task cannot predict together, or the device does not exist here.
        ValueError: There is no model, or the models have different labels.
    """
    joint, place = check_joint(task), check_device(device)
    first: TaskModel | None = None
    mean: Any = None
    for number, model in enumerate(models):
        first = first or model
        if model.labels != first.labels:
            raise ValueError(f"models that predict together need the same labels: {model.labels} and {first.labels}")
        check_finite("the model", model.model)
        with visiting(model.model, place), stage("testing", total=len(items)) as bar:
            outputs = joint.outputs(model, items, bar=bar)
        # A running mean: that of equal numbers is this number, bit by bit.
        mean = outputs if mean is None else _move_towards(mean, outputs, 1 / (number + 1))
    if first is None:
        raise ValueError("no model is given")
    return joint.decode(first, items, mean)


def _move_towards(mean: Ragged, other: Ragged, share: float) -> Ragged:
    return Ragged(mean.values + (other.values - mean.values) * mean.values.dtype.type(share), mean.starts)
