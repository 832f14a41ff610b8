"""The tasks by name. Other people's packages may add tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignfreeze.registry import Table

if TYPE_CHECKING:
    from alignfreeze.tasks.task import Task

TASKS: Table[Task] = Table(
    "task",
    {
        "pos": "alignfreeze.tasks.pos:TASK",
        "ner": "alignfreeze.tasks.ner:TASK",
        "nli": "alignfreeze.tasks.nli:TASK",
        "qa": "alignfreeze.tasks.qa:TASK",
        "tagging": "alignfreeze.tasks.any_tags:TASK",
        "classification": "alignfreeze.tasks.any_labels:TASK",
    },
)
"""The tasks by name. A new task is a file and a line. Each task is imported at first use."""


def register_task(task: Task) -> None:
    """Add a task. Afterwards settings and commands accept its name.

    A package that adds a task when it is imported names its module as an entry point of the group `alignfreeze`.

    Args:
        task: The task, of a kind in `tagging`, `classification` or `answering`, or of a kind of its own.

    Raises:
        ValueError: There is a task of this name already.
    """
    TASKS.add(task.name, task)
