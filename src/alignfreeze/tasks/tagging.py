"""A label for each word: part-of-speech tagging, named entities, and any other tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.hub import find_field
from alignfreeze.corpora.labelled import FIRST
from alignfreeze.corpora.labels import check_characters
from alignfreeze.corpora.marked import UnusableLineError, find_entities, mark_entities, read_marked
from alignfreeze.corpora.words import Splitter
from alignfreeze.encoding.packing import encode
from alignfreeze.encoding.subwords import encode_words
from alignfreeze.errors import DataError, show_value
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.kept_items import keep_sentence
from alignfreeze.tasks.kinds import (
    IGNORED,
    SUBWORDS_AT_ONCE,
    Examples,
    Joint,
    Kind,
    LineForm,
    PairLabeller,
    PlainItems,
    is_by_unit,
    run_sorted,
)
from alignfreeze.tasks.models import TaskModel


def examples_of(task_model: TaskModel, items: Sequence[TaggedSentence]) -> Examples:
    """Return model inputs. The label of a tagged word is at the word's first subword."""
    numbers = {label: number for number, label in enumerate(task_model.labels)}
    subwords, labels = [], []
    words = [item.words for item in items]
    for item in encode_words(task_model.tokenizer, words, max_length=task_model.max_length, windows=True):
        tags = items[item.sentence].tags
        row = np.full(len(item.subwords), IGNORED)
        row[item.first] = [IGNORED if (tag := tags[word]) is None else numbers[tag] for word in item.words]
        if (row != IGNORED).any():
            subwords.append(item.subwords)
            labels.append(row)
    return Examples(Ragged.of(subwords), Ragged.of(labels))


def loss_of_words(logits: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the cross-entropies of labelled words, and their number.

    Args:
        logits: [subwords, labels].
        labels: One number per subword, `IGNORED` for a subword without a label, [subwords].
    """
    return F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum"), (labels != IGNORED).sum()


def predict(
    task_model: TaskModel,
    sentences: Sequence[Sequence[str]],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> list[list[str | None]]:
    """Label each word of each sentence; a word without a subword gets None.

    Args:
        task_model: The fine-tuned model.
        sentences: The words of each sentence, in any languages.
        at_once: The most subwords at once. A higher number needs more memory, and is faster on a GPU.
        bar: Counts the sentences that are done.
    """
    labels = task_model.labels
    predicted: list[list[str | None]] = [[None] * len(sentence) for sentence in sentences]
    for sentence, words, logits in _run_words(task_model, sentences, at_once=at_once, bar=bar):
        for word, label in zip(words.tolist(), logits.argmax(dim=-1).tolist(), strict=True):
            predicted[sentence][word] = labels[label]
    return predicted


def predict_probabilities(
    task_model: TaskModel,
    items: Sequence[TaggedSentence],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> Ragged:
    """Return the probability of each label for each word, [words, labels] per sentence; NaN without a subword.

    Args:
        task_model: The fine-tuned model.
        items: Sentences, in any languages; their tags are not used.
        at_once: The most subwords at once.
        bar: Counts the sentences that are done.
    """
    sentences = [item.words for item in items]
    rows = [np.full((len(words), len(task_model.labels)), np.nan, dtype=np.float32) for words in sentences]
    for sentence, words, logits in _run_words(task_model, sentences, at_once=at_once, bar=bar):
        rows[sentence][words] = logits.float().softmax(dim=-1).numpy()
    return Ragged.of(rows, dtype=np.float32)


def decode(task_model: TaskModel, items: Sequence[TaggedSentence], probabilities: Ragged) -> list[list[str | None]]:
    """Return the most probable label of each word of each sentence; None for a word without a subword.

    Args:
        task_model: A fine-tuned model with these labels.
        items: The sentences.
        probabilities: The probability of each label for each word, [words, labels] per sentence; NaN without a subword.
    """
    labels = task_model.labels
    rows = (probabilities[number] for number in range(len(items)))
    return [[None if np.isnan(word).any() else labels[int(word.argmax())] for word in row] for row in rows]


def _run_words(
    task_model: TaskModel, sentences: Sequence[Sequence[str]], *, at_once: int, bar: Bar | None
) -> Iterator[tuple[int, NDArray[np.int64], Tensor]]:
    """Yield the number of a sentence, numbers of its words, and outputs for their first subwords, [words, labels].

    A long sentence is yielded once per window.
    """
    encoded = list(encode_words(task_model.tokenizer, sentences, max_length=task_model.max_length, windows=True))
    done: set[int] = set()
    for numbers, logits in run_sorted(task_model, encode, [item.subwords for item in encoded], at_once=at_once):
        here = logits.cpu()
        start = 0
        for number in numbers:
            item = encoded[number]
            yield item.sentence, item.words, here[start + item.first]
            start += len(item.subwords)
            done.add(item.sentence)
        if bar is not None:
            bar.advance(len(done))
            done.clear()


def _predict_items(
    task_model: TaskModel,
    items: Sequence[TaggedSentence],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> list[list[str | None]]:
    return predict(task_model, [item.words for item in items], at_once=at_once, bar=bar)


def items_of_pairs(pairs: Sequence[SentencePair], _: bool) -> list[TaggedSentence]:
    """Return all source sides, then all target sides, as sentences without tags."""
    sides = [pair.source for pair in pairs] + [pair.target for pair in pairs]
    return [TaggedSentence(words, (None,) * len(words)) for words in sides]


def relabel(item: TaggedSentence, tags: Sequence[str | None]) -> TaggedSentence:
    """Return a sentence with other tags."""
    return replace(item, tags=tuple(tags))


def item_without_tags(value: Any, split: Splitter, where: str) -> TaggedSentence:
    """Return a text, a list of words, or the words of a row, as a sentence without tags.

    Raises:
        DataError: It is something else, or the row has no such field.
    """
    if isinstance(value, Mapping):
        value = find_field(dict(value), ("tokens", "words", *FIRST), where=where)
    elif is_by_unit(value):
        value = [word for word, _ in value]
    elif len(value) == 2 and all(isinstance(part, list | tuple) for part in value):
        value = value[0]  # words with their tags
    if isinstance(value, str):
        value = split(check_characters(value, where=where))
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise DataError(f"{where}: expected a text or a list of words, got {show_value(value)}")
    return TaggedSentence(tuple(value), (None,) * len(value))


def read_line(item: TaggedSentence, line: str, split: Splitter) -> TaggedSentence:
    """Return a translated line as a sentence with the entities of the sentence that was translated.

    Raises:
        UnusableLineError: The line does not fit, or nothing is known of a word, which may be part of an entity.
    """
    if None in item.tags:
        raise UnusableLineError(f"{item.words[item.tags.index(None)]!r} has no tag in the training data")
    return read_marked(line, [kind for kind, _ in find_entities(item.tags)], split)


def _row(item: TaggedSentence, labels: Sequence[str | None]) -> dict[str, Any]:
    return {"words": list(item.words), "labels": list(labels)}


TAGGING = Kind(
    head=WORDS,
    item_name="sentences",
    texts=lambda item: (item.words,),
    labels=lambda item: item.tags,
    examples=examples_of,
    logits=encode,
    loss=loss_of_words,
    predict=_predict_items,
    joint=Joint(predict_probabilities, decode),
    pair_labeller=PairLabeller(items_of_pairs, WordAlignment.one_to_one, predict_probabilities, relabel),
    splits=True,
    place=lambda item, word: f"line {item.lines[word]}" if item.lines else "",
    plain=PlainItems(
        tuples=(("tokens", "tags"),),
        by_unit=True,
        example="(['the', 'dog'], ['DET', 'NOUN']) or {'tokens': ['the', 'dog'], 'tags': ['DET', 'NOUN']}",
        unlabelled=item_without_tags,
        row=_row,
    ),
    keep=keep_sentence,
    lines=LineForm(lambda item, space: mark_entities(item, space=space), read_line, needs_entities=True),
)
"""A label for each word."""
