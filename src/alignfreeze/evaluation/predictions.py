"""Predictions of a fine-tuned model for sentence pairs that it was not realigned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignfreeze.alignment.links import WordAlignment, to_alignments
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.corpora.given import to_bitext
from alignfreeze.encoding.devices import check_device
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.kinds import PairLabeller
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

PREDICTIONS = "predictions.npz"
"""The file with the predictions for held-out pairs, in the folder of a run."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a model for both sides of the sentence pairs of one language.

    A unit is what has a label: a word, or a text.

    Attributes:
        language: Code of the target language.
        labels: The labels that the model can predict.
        source: Probabilities of the labels for the units of each source side, [units, labels] per pair. A word without
            a subword that the model sees has NaN.
        target: The same for each target side.
        links: Units that translate each other and have no other link, [links, 2] per pair.
        are_entities: Whether labels mark entities in IOB2, so that spans of words count.
        agreed: For predictions of several models, whether all give a unit of the source side its label, [units, 1] per
            pair; None for predictions of one model.
    """

    language: str
    labels: tuple[str, ...]
    source: Ragged
    target: Ragged
    links: Ragged
    are_entities: bool = False
    agreed: Ragged | None = None

    def __len__(self) -> int:
        return len(self.links)


def predict_pairs(
    task_model: TaskModel,
    task: Task,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    two_texts: bool = True,
    device: str = "auto",
    title: str = "predicting for held-out pairs",
) -> list[Predictions]:
    """Run a model once over both sides of a bitext; return one value per language pair, in the order of the bitext.

    For a task on words, the units are words, and only one-to-one links count. For a task on texts, an item is a
    sentence or two neighbouring sentences. An item of one side is the translation of an item of the other side.

    Args:
        task_model: A fine-tuned model.
        task: What the model has learnt.
        bitext: Sentence pairs that the model was not realigned on, of one or several language pairs.
        alignments: The word alignments of these pairs, in the same order; not used for texts.
        two_texts: Whether items of a task on texts are pairs of texts, as in NLI.
        device: Where the model runs.
        title: What this is called while it runs.

    Raises:
        SettingsError: The task has no labels that links could carry, or the device does not exist.
        DataError: The bitext is empty, or a word alignment does not fit its sentence pair.
    """
    labeller = check_estimable(task)
    if not bitext:
        raise DataError("an estimate needs sentence pairs, but the bitext is empty")
    bitext = to_bitext(bitext)
    alignments = to_alignments(alignments, bitext)
    groups = group_by_languages(bitext)
    several = {languages: [bitext[number] for number in numbers] for languages, numbers in groups.items()}
    items = [item for pairs in several.values() for item in labeller.items(pairs, two_texts)]
    found = predict_items(task_model, task, items, device=device, title=title)
    predictions, start = [], 0
    for languages, numbers in groups.items():
        n = len(numbers)
        source, target = (_rows(found, range(first, first + n)) for first in (start, start + n))
        links = [np.array(sorted(labeller.links(alignments[number]).links), dtype=np.int32) for number in numbers]
        rows = Ragged.of([one.reshape(-1, 2) for one in links])
        labels = tuple(task_model.labels)
        predictions.append(Predictions(languages[1], labels, source, target, rows, task.marks_entities))
        start += 2 * n
    return predictions


def predict_items(task_model: TaskModel, task: Task, items: Sequence[Any], *, device: str, title: str) -> Ragged:
    """Return how probable each label is for the units of items, [units, labels] per item.

    Args:
        task_model: A fine-tuned model.
        task: What the model has learnt.
        items: Items of the task; their labels do not count.
        device: Where the model runs.
        title: What this is called while it runs.

    Raises:
        SettingsError: The task labels neither words nor texts, or the device does not exist.
    """
    labeller = check_estimable(task)
    task_model.model.to(check_device(device))  # type: ignore[arg-type]
    with stage(title, total=len(items)) as bar:
        return labeller.probabilities(task_model, items, bar=bar)


def check_estimable(task: Task) -> PairLabeller:
    """Return the function that labels sentence pairs for a task.

    Raises:
        SettingsError: The task has no labels that links could carry from one side of a pair to the other.
    """
    if task.kind.pair_labeller is None:
        raise SettingsError(
            f"quality cannot be estimated without labels for the task {task.name!r}: neither words nor texts of a "
            "sentence pair get labels in it that links could carry over; advice is for tasks that label words or texts"
        )
    return task.kind.pair_labeller


def _rows(found: Ragged, rows: range) -> Ragged:
    return Ragged.of([found[row] for row in rows], dtype=found.values.dtype)


_PARTS = ("source", "target", "links")


def write_predictions(path: Path, several: Sequence[Predictions]) -> None:
    """Write the predictions of a model for sentence pairs; half precision is enough for probabilities."""
    found: dict[str, Any] = {
        "labels": np.array(several[0].labels),
        "are_entities": np.array(several[0].are_entities),
        "languages": np.array([one.language for one in several]),
    }
    for one in several:
        for part in _PARTS:
            rows: Ragged = getattr(one, part)
            found[f"{one.language} {part}"] = rows.values.astype(np.int32 if part == "links" else np.float16)
            found[f"{one.language} {part} starts"] = rows.starts
    with path.open("wb") as file:
        np.savez(file, **found)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Read the predictions of a model for sentence pairs, by language.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        return _predictions(path)
    except Exception as error:  # a damaged archive may raise anything, down to lack of memory
        raise DataError(
            f"{path}: not the predictions of a run for held-out pairs ({error}); remove the folder of the run and "
            "repeat the run"
        ) from error


def _predictions(path: Path) -> dict[str, Predictions]:
    with np.load(path) as found:
        labels, are_entities = tuple(map(str, found["labels"])), bool(found["are_entities"])
        several = {}
        for language in map(str, found["languages"]):
            rows = [Ragged(found[f"{language} {part}"], found[f"{language} {part} starts"]) for part in _PARTS]
            several[language] = Predictions(language, labels, *rows, are_entities=are_entities)
            _check_rows(several[language])
    return several


def _check_rows(found: Predictions) -> None:
    """Check that the arrays of a language fit together.

    Raises:
        ValueError: They do not.
    """
    width = len(found.labels)
    for rows, columns, kind in ((found.source, width, "f"), (found.target, width, "f"), (found.links, 2, "iu")):
        starts = rows.starts
        if rows.values.ndim != 2 or rows.values.shape[1] != columns or rows.values.dtype.kind not in kind:
            raise ValueError(f"{found.language}: an array has the shape {rows.values.shape}")
        is_list = starts.ndim == 1 and starts.dtype.kind == "i" and len(starts) > 0
        if not is_list or starts[0] or starts[-1] != len(rows.values) or (np.diff(starts) < 0).any():
            raise ValueError(f"{found.language}: rows do not fit their array")
    if not len(found.source) == len(found.target) == len(found.links):
        raise ValueError(f"{found.language}: the numbers of rows differ")
    pairs = np.repeat(np.arange(len(found.links)), found.links.lengths())
    most = np.stack([found.source.lengths()[pairs], found.target.lengths()[pairs]], axis=1)  # [links, 2]
    if ((found.links.values < 0) | (found.links.values >= most)).any():
        raise ValueError(f"{found.language}: a link is to no unit")
