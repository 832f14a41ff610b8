"""Turns whatever a caller holds into a task, items of a task, and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignfreeze.corpora.hub import HUB
from alignfreeze.corpora.rows import rows_of
from alignfreeze.corpora.words import find_splitter
from alignfreeze.encoding.encoder import ORIGIN
from alignfreeze.errors import DataError, EncoderError, SettingsError, UnlabelledError, show_value
from alignfreeze.external.datasets import is_dataset_dict
from alignfreeze.languages import check_language, name_of
from alignfreeze.progress import remark
from alignfreeze.settings import check_known
from alignfreeze.stored import Excerpt, Stored
from alignfreeze.tasks.heads import head_of_model
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, Task


def to_task(task: str | Task) -> Task:
    """Return a task, which may be given by its name.

    Raises:
        SettingsError: There is no such task.
    """
    if isinstance(task, str):
        return TASKS[check_known(task, TASKS, "task")]
    if not isinstance(task, Task):
        raise SettingsError(f"expected a task or its name, such as 'pos', got {show_value(task)}")
    return task


def to_items(
    task: Task, data: Any, *, language: str | None = None, split: str | None = None, name: str = "training data"
) -> Sequence[Any]:
    """Turn whatever holds labelled items of a task into items. A list of items is returned unchanged.

    Rows are read in the same way as those of the hub: `tokens` with `tags`, `ner_tags` or `upos`; `text`, or `premise`
    and `hypothesis`, with `label`; `question`, `context` and `answers`.

    Args:
        task: The task.
        data: A list of items of the task, or anything that yields them: dicts with these fields, tuples such as
            (words, tags) and (text, label), or lists of (word, tag). Or a `Dataset` or `IterableDataset` of the library
            `datasets`, whose numbers of labels become names; a frame of pandas or polars, in which a missing value is
            no label; a path; or the name of a data set on the hub.
        language: The language that is wanted, if the data hold several languages.
        split: The split of a data set of the hub, by default `train`; or of a `DatasetDict`.
        name: What the data are called in messages.

    Raises:
        DataError: Something else is given, or an item is none of the task; the message says where.
    """
    if isinstance(data, str | Path):
        return task.read(Source(data, language, split or "train"))
    items, rows = _open(task, data, split=split, name=name)
    if rows is None:
        first = next(iter(items), None)
        if first is None or _is_item(task, first) or not isinstance(first, Mapping | list | tuple):
            _check_items(task, items, name=name)
            return items
        rows = _rows_of_items(task, items, name=name)
    return task.read(Source(name, language, held=rows))


def to_tests(task: Task, tests: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Turn the test data of several languages into items by language.

    Args:
        task: The task.
        tests: Whatever `to_items` takes by language code, such as a `DatasetDict`. In rows with a field `language`,
            those of another language are skipped.

    Raises:
        DataError: Something else is given, or an item is none of the task; the message says where.
    """
    if not isinstance(tests, Mapping):
        raise DataError(f"tests: expected {task.kind.item_name} by language code, got {show_value(tests)}")
    if wrong := [language for language in tests if not isinstance(language, str)]:
        raise DataError(f"tests: {show_value(wrong[0])} is no language code; expected a text such as 'de'")
    for language in tests:
        try:
            name_of(language)
        except ValueError:
            raise DataError(f"tests: {language!r} is no language code; expected a text such as 'de'") from None
    return {language: _to_test(task, language, data) for language, data in tests.items()}


def _to_test(task: Task, language: str, data: Any) -> Sequence[Any]:
    try:
        return to_items(task, data, language=language, split="test", name=f"test {language}")
    except UnlabelledError as error:
        remark(str(error))
        return []


def to_unlabelled(
    task: Task, data: Any, *, language: str | None = None, split: str | None = None, name: str = "data"
) -> Sequence[Any]:
    """Turn whatever holds texts into items of a task, for predictions. Labels are not needed.

    Args:
        task: The task.
        data: Texts, lists of words, pairs of texts, or what `to_items` takes. The path of a file is a `Path`, because a
            text is a text.
        language: The language of the texts. Tasks that label words need it to split texts into words.
        split: The split of a data set of the hub, by default `test`; or of a `DatasetDict`.
        name: What the data are called in messages.

    Raises:
        DataError: Something else is given, or a text cannot be split without its language.
        SettingsError: There is no such language, or items of the task need labels.
    """
    if isinstance(data, Path) or (isinstance(data, str) and data.startswith(HUB)):
        return task.read(Source(data, language, split or "test"))
    if isinstance(data, str):
        raise DataError(f"{name}: got the text {data[:60]!r}; give a list of texts, or a pathlib.Path for a file")
    items, rows = _open(task, data, split=split, name=name)
    make = task.kind.plain.unlabelled
    split_text = find_split(language, name=name)
    found = []
    for number, item in enumerate(items if rows is None else rows, start=1):
        where = f"{name}, item {number}" if rows is None else f"{name}, row {number}"
        if rows is None and _is_item(task, item):
            found.append(item)
        elif make is None:
            raise SettingsError(
                f"{where}: the task {task.name!r} needs {task.kind.item_name} as its reader returns them"
            )
        elif isinstance(item, str | list | tuple | Mapping):
            found.append(make(item, split_text, where))
        else:
            raise DataError(
                f"{where} is {show_value(item)}; expected a text, a list of words or a dict with named fields"
            )
    return found


def find_split(language: str | None, *, name: str) -> Callable[[str], tuple[str, ...]]:
    """Return the function that splits texts of a language. Without a language, the function asks for one.

    Raises:
        SettingsError: There is no such language.
    """
    if language is not None:
        return find_splitter(check_language(language))

    def ask(_: str) -> tuple[str, ...]:
        raise DataError(
            f"{name}: texts are split into words by their language; give it, as in language='de' or --language de"
        )

    return ask


def _open(task: Task, data: Any, *, split: str | None, name: str) -> tuple[Sequence[Any], Iterator[Any] | None]:
    """Return the items of an object, or else its rows.

    Raises:
        DataError: It has neither.
    """
    if split is not None and is_dataset_dict(data):
        if split not in data:
            raise DataError(f"{name}: there is no split {split!r}; found {', '.join(data)}")
        data = data[split]
    rows = rows_of(data, name=name)
    if rows is not None:
        return (), rows
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise DataError(
            f"{name}: expected a list of {task.kind.item_name}, a data set, a data frame or a path; "
            f"got {show_value(data)}"
        )
    return (data if isinstance(data, Sequence) else list(data)), None


def _rows_of_items(task: Task, items: Sequence[Any], *, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield dicts and tuples as rows with named fields."""
    for number, item in enumerate(items, start=1):
        row = task.kind.plain.to_row(item)
        if row is None:
            raise _wrong_item(task, item, number, name=name)
        yield row


def _wrong_item(task: Task, item: Any, number: int, *, name: str) -> DataError:
    example = task.kind.plain.example
    what = f", such as {example}" if example else " as its reader returns them"
    return DataError(
        f"{name}: item {number} is {show_value(item)}; the task {task.name!r} needs {task.kind.item_name}{what}"
    )


def _is_item(task: Task, item: Any) -> bool:
    """Tell whether a value has the texts and labels of an item of a task."""
    try:
        texts, _ = task.kind.texts(item), task.kind.labels(item)
    except (AttributeError, TypeError, IndexError, KeyError):
        return False
    return all(isinstance(text, str) or _is_words(text) for text in texts)


def _is_words(text: Any) -> bool:
    return isinstance(text, Sequence) and all(isinstance(word, str) for word in text)


def _check_items(task: Task, items: Sequence[Any], *, name: str) -> None:
    """Check that values are items of a task, with labels that the task can have.

    Raises:
        DataError: Something else is among them; the message says where.
    """
    for number, item in enumerate(items, start=1):
        if not _is_item(task, item):
            raise _wrong_item(task, item, number, name=name)
        for label in task.kind.labels(item):
            if label is not None and (problem := task.problem_of(label)):
                raise DataError(f"{name}: item {number} has the label {label!r}; {problem}")


class _Origin(Excerpt):
    task: str


_RECORD = Stored[_Origin](_Origin, "the record of a training")


def task_of(task_model: TaskModel) -> Task:
    """Return the task that a model has learnt, as its record tells, or else its head and its labels.

    Raises:
        SettingsError: No known task has such a head.
    """
    folder = getattr(task_model.model, "name_or_path", "")
    record = _RECORD.find(Path(folder) / ORIGIN) if folder else None
    # The record may be that of a model whose encoder learnt another task afterwards.
    if record is not None and record.task in TASKS and fits(TASKS[record.task], task_model):
        return TASKS[record.task]
    best = max(TASKS.values(), key=lambda task: _rate(task, task_model))
    if not fits(best, task_model):
        raise SettingsError(
            f"no task is known for a {type(task_model.model).__name__}; give the task, as in task='pos'"
        )
    return best


def fits(task: Task, task_model: TaskModel) -> bool:
    """Tell whether a model may have learnt a task, by its head and its labels."""
    return _rate(task, task_model) > 0


def _rate(task: Task, task_model: TaskModel) -> int:
    """Return how well a task fits a model; 0 if it does not fit."""
    try:
        model_class = task.kind.head.model_class(task_model.model.config)
    except EncoderError:
        return 0
    if not isinstance(task_model.model, model_class) and head_of_model(task_model.model) is not task.kind.head:
        return 0
    if task.labels:
        return 3 if set(task.labels) == set(task_model.labels) else 0
    if task.marks_entities:
        return 0 if any(task.problem_of(label) for label in task_model.labels) else 2
    return 1
