"""Lets a fine-tuned model label the texts of files, without holding them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from alignfreeze.corpora.unlabelled import Unlabelled, read_unlabelled
from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.lending import visiting
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.labelled_lines import Labelled, choose_output, write_labelled
from alignfreeze.progress import stage
from alignfreeze.tasks.given import find_split, task_of, to_task
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
    chosen = None if task is None else to_task(task)
    model = to_task_model(task_model, chosen and chosen.kind.head)
    learnt = chosen or task_of(model)
    check_finite("the model", model.model)
    if learnt.kind.plain.unlabelled is None:
        raise SettingsError(f"the task {learnt.name!r} cannot label plain texts")
    output = choose_output(learnt, to)
    texts = (text for file in files for text in read_unlabelled(file, form=form))
    chunks = _label(model, learnt, texts, language=language, device=check_device(device))
    return write_labelled(chunks, output)


def _label(
    model: TaskModel, task: Task, texts: Iterator[Unlabelled], *, language: str | None, device: str
) -> Iterator[list[Labelled]]:
    """Yield texts with their predictions in chunks."""
    make = task.kind.plain.unlabelled
    assert make is not None
    split = find_split(language, name="these files")
    with visiting(model.model, device), stage("predicting") as bar:
        while chunk := list(islice(texts, _AT_ONCE)):
            items = [make(text.value, split, text.place) for text in chunk]
            predictions = task.kind.predict(model, items)
            yield [Labelled(task, *one) for one in zip(chunk, items, predictions, strict=True)]
            bar.advance()
