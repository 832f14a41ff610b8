"""Lets a fine-tuned model label the texts of files, without holding them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from alignfreeze.corpora.unlabelled import Unlabelled, read_unlabelled
from alignfreeze.corpora.words import Splitter
from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.lending import visiting
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.labelled_lines import Labelled, choose_output, write_labelled
from alignfreeze.progress import stage
from alignfreeze.tasks.given import find_split, fits, task_of, to_task
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.models import TaskModel, to_task_model
from alignfreeze.tasks.task import Task

_AT_ONCE = 512
"""Texts that are held and labelled together."""


def predict_files(
    task_model: Path | TaskModel,
    files: Sequence[Path],
    *,
    task: str | Task | None = None,
    language: str | None = None,
    form: str | None = None,
    to: str | None = None,
    device: Device = "auto",
) -> Iterator[str]:
    """Yield lines with the predictions of a fine-tuned model for the texts of files, one file after the other.

    What is wrong with the model or the settings is said before the first line.

    Args:
        task_model: The fine-tuned model, or its folder.
        files: The files, plain or compressed.
        task: What the model has learnt: a task or its name. By default its record, or its head and labels tell.
        language: The language of the texts. It is required if words of texts are labelled, to find the words.
        form: The form of the files, a name in `alignfreeze.corpora.unlabelled.FORMS`; by default each file tells.
        to: The form of the lines, a name in `alignfreeze.evaluation.labelled_lines.OUTPUTS`. By default CoNLL-U for
            part-of-speech tags, IOB2 for other tags, else columns separated by tabs.
        device: `auto`, or a device as torch names it.

    Raises:
        SettingsError: There is no such task, language, form or device.
        EncoderError: The model is something else.
        DataError: A file cannot be read, a line is wrong, or texts cannot be split into words without their language.
    """
    if missing := [str(file) for file in files if not file.exists()]:
        raise DataError(f"no such file: {', '.join(missing)}")
    chosen = None if task is None else to_task(task)
    model = to_task_model(task_model, chosen and chosen.kind.head)
    learnt = chosen or task_of(model)
    if not fits(learnt, model):
        raise SettingsError(
            f"the task {learnt.name!r} does not fit a model with the labels {', '.join(model.labels[:8])}; "
            f"it has learnt {task_of(model).name!r}"
        )
    check_finite("the model", model.model)
    if learnt.kind.plain.unlabelled is None:
        raise SettingsError(f"the task {learnt.name!r} cannot label plain texts")
    output = choose_output(learnt, to)
    has_pairs = learnt.kind.head is not WORDS
    texts = (text for file in files for text in read_unlabelled(file, form=form, pairs=has_pairs))
    split = find_split(language, name=", ".join(map(str, files)))
    chunks = _label(model, learnt, texts, split, device=check_device(device))
    return write_labelled(chunks, output)


def _label(
    model: TaskModel, task: Task, texts: Iterator[Unlabelled], split: Splitter, *, device: str
) -> Iterator[list[Labelled]]:
    """Yield texts with their predictions in chunks."""
    with visiting(model.model, device), stage("predicting") as bar:
        while chunk := list(islice(texts, _AT_ONCE)):
            items = [_to_item(task, text, split) for text in chunk]
            predictions = task.kind.predict(model, items)
            yield [Labelled(task, *one) for one in zip(chunk, items, predictions, strict=True)]
            bar.advance()


def _to_item(task: Task, text: Unlabelled, split: Splitter) -> Any:
    """Return a text as an item of a task.

    Raises:
        DataError: It is something else, or one text where the task needs two.
    """
    make = task.kind.plain.unlabelled
    assert make is not None
    item = make(text.value, split, text.place)
    if task.needs_pairs and len(task.kind.texts(item)) < 2:
        raise DataError(f"{text.place}: the task {task.name!r} needs two texts; put a tab between them")
    return item
