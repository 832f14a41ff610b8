"""Scores in the forms that the hub reads: in the data of a card, and in files for leaderboards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.utils import yaml_dump

from alignfreeze.corpora.hub import HUB
from alignfreeze.evaluation.scores import Score
from alignfreeze.files import write_lines
from alignfreeze.languages import name_of
from alignfreeze.tasks.task import Task

ENTRIES = ".eval_results"
"""The folder in a model folder in which the hub looks for scores."""


@dataclass(frozen=True, slots=True)
class HubTest:
    """The data set on the hub that the test items of a language come from.

    Attributes:
        name: OWNER/NAME.
        config: The configuration; None if the data set has only one.
        split: The split.
        is_whole: Whether all of its items were used.
    """

    name: str
    config: str | None
    split: str
    is_whole: bool = True

    @classmethod
    def parse(cls, place: str, *, split: str, is_whole: bool = True) -> Self:
        """Read `hub:OWNER/NAME/CONFIG/SPLIT`; the split given apart counts if the place names none."""
        owner, name, *rest = place.removeprefix(HUB).split("/")
        own = rest[1] if len(rest) > 1 else split
        return cls(f"{owner}/{name}", rest[0] if rest else None, own, is_whole)


def card_results(task: Task, scores: Iterable[Score], tests: Mapping[str, HubTest]) -> list[EvalResult]:
    """Return scores in the form of the data of a card (`model-index`).

    Args:
        task: The task.
        scores: The scores.
        tests: The test items that come from the hub, by language. Items from files have a name of their own.
    """
    results = []
    for score in scores:
        found = tests.get(score.language)
        results.append(
            EvalResult(
                task_type=task.kind.head.pipeline,
                dataset_type=f"{task.name}-{score.language}" if found is None else found.name,
                dataset_name=f"{task.what} ({name_of(score.language)})",
                dataset_config=None if found is None else found.config,
                dataset_split=None if found is None else found.split,
                metric_type=score.metric.replace(" ", "_"),
                metric_value=round(score.value, 4),
            )
        )
    return results


def leaderboard_entries(
    scores: Sequence[Score], tests: Mapping[str, HubTest], *, source: str
) -> dict[str, list[EvalResultEntry]]:
    """Return the main score of each language for leaderboards, by data set.

    A leaderboard belongs to a configuration of a data set. A score has no entry if its test items are from files, or
    only a part of the data set, or if two languages share a configuration: it would be no score of the whole.

    Args:
        scores: The scores; the first of each language is the main one.
        tests: The test items that come from the hub, by language.
        source: The language that the model was fine-tuned in.
    """
    entries: dict[str, list[EvalResultEntry]] = {}
    main = {score.language: score for score in reversed(scores)}
    named = [(test.name, test.config) for test in tests.values()]
    for language, test in tests.items():
        score = main.get(language)
        if score is None or not test.is_whole or named.count((test.name, test.config)) > 1:
            continue
        how = f"fine-tuned in {name_of(source)}{'' if language == source else ', zero-shot'}"
        entry = EvalResultEntry(
            dataset_id=test.name,
            # The id of a task in the data set's eval.yaml, which is that of the configuration by custom.
            task_id=test.config or "default",
            value=round(score.value, 4),
            notes=f"{score.metric}, {name_of(language)}, split {test.split}, {how}",
        )
        entries.setdefault(test.name, []).append(entry)
    return entries


def write_leaderboard_entries(folder: Path, entries: Mapping[str, list[EvalResultEntry]]) -> None:
    """Write entries into a model folder: one file per data set, since the hub refuses or takes a file as a whole.

    Raises:
        OutputError: The folder cannot be written.
    """
    for name, rows in entries.items():
        text = yaml_dump(eval_result_entries_to_yaml(rows))
        write_lines(folder / ENTRIES / f"{name.replace('/', '--')}.yaml", text.splitlines())
