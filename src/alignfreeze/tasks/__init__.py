"""Stage 5: learn a task in English."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignfreeze.corpora.annotated import UPOS, TaggedSentence, read_conllu
from alignfreeze.corpora.columns import OUTSIDE, check_iob2, read_columns, read_iob2
from alignfreeze.corpora.hub import HUB, find_field, read_hub_rows
from alignfreeze.corpora.labelled import NLI, parse_labelled, read_labelled
from alignfreeze.corpora.questions import parse_questions, read_squad
from alignfreeze.errors import DataError
from alignfreeze.tasks.answering import ANSWERING
from alignfreeze.tasks.classification import CLASSIFICATION
from alignfreeze.tasks.kinds import Kind
from alignfreeze.tasks.metrics import Measure, of_answers, of_entities, of_texts, of_words
from alignfreeze.tasks.tagging import TAGGING


@dataclass(frozen=True, slots=True)
class Source:
    """Where items of a task are, and which are wanted.

    Attributes:
        place: A file, or `hub:OWNER/NAME/CONFIGURATION`.
        language: The language that is wanted of what holds several.
        split: Of the hub.
        most: Read no more than the first so many; None for all.
    """

    place: Path | str
    language: str | None = None
    split: str = "train"
    most: int | None = None

    @property
    def on_hub(self) -> bool:
        """Whether it is a data set of the hub."""
        return str(self.place).startswith(HUB)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rows of a data set of the hub, each with its place."""
        name = str(self.place)
        return ((f"{name}, row {n}", row) for n, row in enumerate(read_hub_rows(name, split=self.split), start=1))


@dataclass(frozen=True, slots=True)
class Task:
    """A task as data: what it is called, what it predicts, where its examples come from.

    Attributes:
        name: In settings and records.
        kind: What it does with a model.
        read: Reads items.
        metrics: Measures predictions; the first is the one that tables show.
        metric: Name of that one.
        labels: What it tells apart; None for what the training data have.
        what: What it is, in words.
    """

    name: str
    kind: Kind
    read: Callable[[Source], list[Any]]
    metrics: Callable[[Sequence[Any], Sequence[Any]], list[Measure]]
    metric: str
    labels: tuple[str, ...] | None
    what: str

    def labels_of(self, items: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels that a model for these training items needs; none for spans."""
        if self.labels is not None:
            return self.labels
        found = sorted({label for item in items for label in _labels_of(item)})
        if self.metrics is not of_entities:
            return tuple(found)
        kinds = dict.fromkeys(label[2:] for label in found if label != OUTSIDE)
        return (OUTSIDE, *(f"{begin}-{kind}" for kind in kinds for begin in "BI"))

    def check_labels(self, items: Sequence[Any], labels: Sequence[str], *, name: str) -> None:
        """Check that all labels of some items are among those of a model.

        Raises:
            DataError: One is not; the message says where.
        """
        if not labels:
            return
        for number, item in enumerate(items, start=1):
            for label in _labels_of(item):
                if label not in labels:
                    raise DataError(
                        f"{name}: item {number} has the label {label!r}, which the training data have nowhere; "
                        f"they have {', '.join(labels[:20])}"
                    )


def _labels_of(item: Any) -> Sequence[str]:
    if isinstance(item, TaggedSentence):
        return [tag for tag in item.tags if tag is not None]
    label = getattr(item, "label", None)
    return [] if label is None else [label]


_TAG_FIELDS = ("upos", "pos_tags", "ner_tags", "tags", "labels")


def _hub_sentences(source: Source, fields: tuple[str, ...]) -> list[TaggedSentence]:
    """Return sentences of the hub; an unknown tag counts as untagged.

    Raises:
        DataError: A row is not a list of words with a tag each.
    """
    sentences: list[TaggedSentence] = []
    for where, row in source.rows():
        words, tags = find_field(row, ("tokens", "words"), where=where), find_field(row, fields, where=where)
        if not isinstance(words, list) or not isinstance(tags, list) or not all(isinstance(w, str) for w in words):
            raise DataError(f"{where}: expected a list of words and one of tags")
        if len(words) != len(tags):
            raise DataError(f"{where}: {len(words)} words and {len(tags)} tags")
        sentences.append(TaggedSentence(tuple(words), tuple(None if tag == "_" else str(tag) for tag in tags)))
        if len(sentences) == source.most:
            break
    return sentences


def _read_pos(source: Source) -> list[TaggedSentence]:
    if source.on_hub:
        sentences = _hub_sentences(source, _TAG_FIELDS)
    else:
        sentences = read_conllu(source.place, max_sentences=source.most)
    if not any(tag is not None for sentence in sentences for tag in sentence.tags):
        raise DataError(f"{source.place}: no word has a tag (all are '_'); tagged sentences are needed")
    for number, sentence in enumerate(sentences, start=1):
        if wrong := [tag for tag in sentence.tags if tag is not None and tag not in UPOS]:
            raise DataError(f"{source.place}: sentence {number} has the tag {wrong[0]!r}; UPOS has {', '.join(UPOS)}")
    return sentences


def _read_entities(source: Source) -> list[TaggedSentence]:
    if not source.on_hub:
        return read_iob2(source.place, max_sentences=source.most)
    sentences = _hub_sentences(source, ("ner_tags", "tags", "labels"))
    for number, sentence in enumerate(sentences, start=1):
        place = f"{source.place}, sentence {number}"
        check_iob2((place, word, tag or "_") for word, tag in zip(sentence.words, sentence.tags, strict=True))
    return sentences


def _read_words(source: Source) -> list[TaggedSentence]:
    if source.on_hub:
        return _hub_sentences(source, ("tags", "labels", "ner_tags", "pos_tags", "upos"))
    return read_columns(source.place, max_sentences=source.most)


def _read_texts(source: Source, labels: Sequence[str] | None = None, *, pairs: bool = False) -> list[Any]:
    if source.on_hub:
        options = {"labels": labels, "pairs": pairs, "language": source.language, "most": source.most}
        return parse_labelled(source.rows(), name=str(source.place), **options)
    return read_labelled(source.place, labels=labels, pairs=pairs, language=source.language, max_texts=source.most)


def _read_questions(source: Source) -> list[Any]:
    if source.on_hub:
        return parse_questions(source.rows(), name=str(source.place), most=source.most)
    return read_squad(source.place, max_questions=source.most)


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("pos", TAGGING, _read_pos, of_words, "accuracy", UPOS, "part-of-speech tags, CoNLL-U"),
        Task("ner", TAGGING, _read_entities, of_entities, "f1", None, "named entities, IOB2"),
        Task(
            *("nli", CLASSIFICATION, partial(_read_texts, labels=NLI, pairs=True), of_texts, "accuracy", NLI),
            what="natural language inference, JSON lines or TSV",
        ),
        Task("qa", ANSWERING, _read_questions, of_answers, "f1", (), "extractive question answering, SQuAD JSON"),
        Task("tagging", TAGGING, _read_words, of_words, "accuracy", None, "any tags of words"),
        Task(
            "classification",
            CLASSIFICATION,
            _read_texts,
            of_texts,
            "accuracy",
            None,
            "any labels of texts, JSON lines or TSV",
        ),
    )
}
"""The tasks by name; adding one is a line."""
