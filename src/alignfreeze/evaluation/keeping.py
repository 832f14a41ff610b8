"""Keeps the first test items of each language with what a model predicted, for readers of the result."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError
from alignfreeze.files import read_lines, write_lines
from alignfreeze.stored import Stored
from alignfreeze.tasks.kept_items import KeptItem
from alignfreeze.tasks.metrics import Measure
from alignfreeze.tasks.task import Task

TEST_ITEMS = "test_items.jsonl.gz"
"""The file with the first test items of each language and the predictions for them, in the folder of a run."""

MOST_ITEMS = 200
"""How many items of a language are kept, from the first one on."""

_ITEM = Stored[KeptItem](KeptItem, "a test item that a run of this version kept")


def keep_items(
    task: Task, language: str, items: Sequence[Any], predicted: Sequence[Any], measure: Measure
) -> list[KeptItem]:
    """Return the first test items of a language with their predictions; none if the kind of task keeps none.

    Args:
        task: What the model has learnt.
        language: The code of the language.
        items: The test items.
        predicted: One prediction per item.
        measure: The most important metric, with what each item adds to it.
    """
    keep = task.kind.keep
    if keep is None:
        return []
    firsts = zip(items[:MOST_ITEMS], predicted, measure.parts, strict=False)
    kept = [keep(language, item, guess, float(score)) for item, guess, (score, _) in firsts]
    return [item for item in kept if item.right]  # a sentence may have no word


def write_items(path: Path, items: Iterable[KeptItem]) -> None:
    """Write test items, one JSON object per line; the file is compressed as its name says, and whole or not there.

    Raises:
        OutputError: The file cannot be written.
    """
    lines = (json.dumps(asdict(item), ensure_ascii=False) for item in items)
    # Texts of objects in memory may hold half a character, which must not end a run of hours.
    write_lines(path, (line.encode("utf-8", "replace").decode() for line in lines))


def read_items(path: Path) -> Mapping[str, Sequence[KeptItem]]:
    """Read the test items that a run kept, by language. Of each language at most `MOST_ITEMS` are read.

    Raises:
        DataError: The file is missing or damaged, or holds something else.
    """
    found: dict[str, list[KeptItem]] = {}
    for number, line in read_lines(path):
        item = _ITEM.parse(line, f"{path}, line {number}")
        labelled = len(item.words) if item.words else 1
        if len(item.predicted) != labelled or (item.words and len(item.right) != labelled) or not item.right:
            raise DataError.at(path, number, "the labels of a test item do not fit its words or texts")
        several = found.setdefault(item.language, [])
        if len(several) < MOST_ITEMS:
            several.append(item)
    return found
