"""Reads translated training data, and writes the lines of training data that are to be translated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.corpora.marked import UnusableLineError
from alignfreeze.corpora.words import find_splitter
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import read_lines
from alignfreeze.languages import check_language, has_spaces, name_of
from alignfreeze.progress import remark
from alignfreeze.tasks.kinds import LineForm
from alignfreeze.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Translation:
    """Training data in a target language.

    Attributes:
        items: The items, with labels.
        n_lines: How many items or lines there were, including those that are left out.
    """

    items: Sequence[Any]
    n_lines: int


def check_lines(task: Task) -> LineForm:
    """Return the form of a task's items as lines of plain text.

    Raises:
        SettingsError: They have no such form.
    """
    form = task.kind.lines
    if form is None or (form.needs_entities and not task.marks_entities):
        raise SettingsError(
            f"translations.text: a line of plain text does not say which words have the labels of the task "
            f"{task.name!r}; give files with labels, in the form of the training data, with translations.train"
        )
    return form


def mark_items(task: Task, items: Sequence[Any], *, language: str = "en") -> list[str]:
    """Return training items as lines for a translator, one line per item, in their order.

    Entities are marked in the order in which they stand: the first by `<a>` and `</a>`, the next by `<b>` and `</b>`.
    Two texts of an item have a tab between them.

    Args:
        task: The task of the items.
        items: Training items.
        language: The code of their language.

    Raises:
        SettingsError: Items of the task have no such form.
    """
    form, space = check_lines(task), " " if has_spaces(check_language(language)) else ""
    return [form.write(item, space) for item in items]


def read_translated_lines(
    task: Task, path: Path, train: Sequence[Any], *, language: str, more: bool = False
) -> Translation:
    """Read lines that are the translations of training items, in their order; they get the labels of these items.

    A line that does not fit its item is left out, and a remark says how many are.

    Args:
        task: The task of the items.
        path: The file.
        train: The training items.
        language: The code of the language of the lines.
        more: Whether the file may have more lines than there are items, because only the first items were read.

    Raises:
        SettingsError: Items of the task have no such form.
        DataError: The file cannot be read, its number of lines is not that of the items, or no line can be used.
    """
    form, split = check_lines(task), find_splitter(check_language(language))
    lines = [line for _, line in read_lines(path)]
    if len(lines) < len(train) or (len(lines) > len(train) and not more):
        raise DataError(
            f"{path}: {len(lines):,} lines, but there are {len(train):,} training items, and line i must be the "
            "translation of item i; `alignfreeze mark` writes the lines to translate"
        )
    items: list[Any] = []
    problems: list[str] = []
    for number, (item, line) in enumerate(zip(train, lines, strict=False), start=1):
        try:
            items.append(form.read(item, line, split))
        except UnusableLineError as error:
            problems.append(f"line {number}: {error}")
    if not items:
        raise DataError(f"{path}: none of the {len(train):,} lines can be used; {problems[0]}")
    if problems:
        verb = "is" if len(problems) == 1 else "are"
        remark(
            f"{name_of(language)}: {len(problems):,} of {len(train):,} translated lines {verb} left out, first "
            f"{problems[0]} ({path})"
        )
    return Translation(items, len(train))


def check_labels(task: Task, items: Sequence[Any], train: Sequence[Any], *, name: str) -> Translation:
    """Return translated training data whose labels are all among those of the training data.

    Args:
        task: The task of the items.
        items: The translated items, with their own labels.
        train: The training items of the source language.
        name: What the translated items are called in a message.

    Raises:
        DataError: A label does not occur in the training data, or no item has a label.
    """
    if all(label is None for item in items for label in task.kind.labels(item)):
        raise DataError(
            f"{name}: none of the {len(items):,} items has a label; expected labelled items, as for training"
        )
    if problem := task.find_unknown(items, task.labels_of(train), name=name):
        raise DataError(problem)
    return Translation(items, len(items))


def read_plain(path: Path, *, language: str) -> list[tuple[str, ...]]:
    """Read the words of plain sentences, one sentence per line; empty lines are skipped.

    Raises:
        DataError: The file cannot be read, or has no sentence.
    """
    split = find_splitter(check_language(language))
    sentences = [words for _, line in read_lines(path) if (words := split(line))]
    if not sentences:
        raise DataError(f"{path}: no sentence found; expected plain text in {name_of(language)}, one sentence per line")
    return sentences
