"""Predictions as lines of text, in standard forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alignfreeze.corpora.annotated import UNTAGGED
from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.unlabelled import Unlabelled
from alignfreeze.corpora.word_lines import CONLLU_COLUMNS
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.predicting import row_of
from alignfreeze.settings import check_known
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.task import Task

_UPOS_COLUMN = 3


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its prediction.

    Attributes:
        task: What is predicted.
        text: The text as it was read.
        item: The text as an item of the task.
        prediction: The tags of its words, its label, or the answer.
    """

    task: Task
    text: Unlabelled
    item: Any
    prediction: Any

    @property
    def row(self) -> dict[str, Any]:
        """The text and its prediction by name."""
        return row_of(self.task, self.item, self.prediction)


def _to_conllu(labelled: Sequence[Labelled]) -> Iterator[str]:
    """Yield sentences in CoNLL-U with the tags as UPOS. What else a sentence in CoNLL-U has stays."""
    for one in labelled:
        tags = iter(one.prediction)
        for line in one.text.lines or _new_conllu(one.item.words):
            columns = line.split("\t")
            if not line.startswith("#") and columns[0].isdecimal():
                columns[_UPOS_COLUMN] = next(tags) or UNTAGGED
            yield "\t".join(columns)
        yield ""


def _new_conllu(words: Sequence[str]) -> Iterator[str]:
    yield f"# text = {' '.join(map(_in_one_column, words))}"
    for number, word in enumerate(words, start=1):
        yield "\t".join([str(number), _in_one_column(word), *[UNTAGGED] * (CONLLU_COLUMNS - 2)])


def _in_one_column(word: str) -> str:
    """Return a word that may have spaces in it, but no tab and no line end."""
    return " ".join(word.split()) or UNTAGGED


def _to_columns(labelled: Sequence[Labelled]) -> Iterator[str]:
    """Yield one word and its tag per line, and an empty line after each sentence."""
    for one in labelled:
        missing = OUTSIDE if one.task.marks_entities else UNTAGGED
        for word, tag in zip(one.item.words, one.prediction, strict=True):
            yield f"{_in_one_column(word)}\t{tag or missing}"
        yield ""


def _to_tsv(labelled: Sequence[Labelled]) -> Iterator[str]:
    """Yield one text per line, with the prediction in the last column; tabs and line ends in texts become spaces."""
    for one in labelled:
        yield "\t".join(" ".join(str(value).split()) for value in one.row.values())


def _to_json(labelled: Sequence[Labelled]) -> Iterator[str]:
    for one in labelled:
        yield json.dumps(one.row, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Form:
    write: Callable[[Sequence[Labelled]], Iterator[str]]
    fits: Callable[[Task], bool]
    names_columns: bool = False


OUTPUTS: dict[str, _Form] = {
    "conllu": _Form(_to_conllu, lambda task: task.name == "pos"),
    "iob2": _Form(_to_columns, lambda task: task.kind.head is WORDS),
    "tsv": _Form(_to_tsv, lambda task: task.kind.head is not WORDS, names_columns=True),
    "jsonl": _Form(_to_json, lambda _: True),
}
"""Forms of predictions by name; the first one that fits a task is its usual one."""


def choose_output(task: Task, name: str | None) -> str:
    """Return the form in which the predictions of a task are written.

    Raises:
        SettingsError: There is no such form, or it does not fit the task.
    """
    fitting = [form for form, how in OUTPUTS.items() if how.fits(task)]
    if name is not None and check_known(name, OUTPUTS, "form of predictions") not in fitting:
        raise SettingsError(f"the task {task.name!r} has no form {name!r}; choose one of {', '.join(fitting)}")
    return name or fitting[0]


def write_labelled(chunks: Iterator[list[Labelled]], form: str) -> Iterator[str]:
    """Yield the lines of predictions, chunk by chunk.

    Args:
        chunks: Texts with their predictions.
        form: A name in `OUTPUTS`.
    """
    how = OUTPUTS[form]
    names: list[str] = []
    for chunk in chunks:
        if how.names_columns:
            if not names:
                names = list(chunk[0].row)
                yield "\t".join(names)
            _check_columns(chunk, names)
        yield from how.write(chunk)


def _check_columns(labelled: Sequence[Labelled], names: Sequence[str]) -> None:
    """Check that all texts have the same columns.

    Raises:
        DataError: One has a second text, and the texts before it have none; or the other way round.
    """
    for one in labelled:
        if list(one.row) != list(names):
            raise DataError(
                f"{one.text.place}: this text has the columns {', '.join(one.row)}, and those before have "
                f"{', '.join(names)}; give all texts a second one, or none, or take --to jsonl"
            )
