"""Stage 5: learn a task in English."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alignfreeze.corpora.annotated import UPOS, TaggedSentence, read_conllu
from alignfreeze.errors import DataError


@dataclass(frozen=True, slots=True)
class Task:
    """A task as data: what it is called, what it predicts, where its examples come from.

    Attributes:
        name: In settings and records.
        labels: What a word can be labelled as.
        read: Reads a file of examples; its second parameter bounds their number.
        metric: What a score of it measures.
    """

    name: str
    labels: tuple[str, ...]
    read: Callable[[Path, int | None], list[TaggedSentence]]
    metric: str


def _read_pos(path: Path, max_sentences: int | None) -> list[TaggedSentence]:
    sentences = read_conllu(path, max_sentences=max_sentences)
    if not any(tag is not None for sentence in sentences for tag in sentence.tags):
        raise DataError(f"{path}: no word has a tag (all are '_'); tagged sentences are needed")
    return sentences


TASKS = {"pos": Task(name="pos", labels=UPOS, read=_read_pos, metric="accuracy")}
"""The tasks by name."""
