"""A label for each text or pair of texts: natural language inference, and any other classification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.labelled import LabelledText, find_texts
from alignfreeze.corpora.marked import UnusableLineError
from alignfreeze.corpora.words import Splitter
from alignfreeze.encoding.checking import cutting_at_the_end
from alignfreeze.encoding.packing import classify
from alignfreeze.encoding.subwords import SENTENCES_AT_ONCE
from alignfreeze.errors import DataError, show_value
from alignfreeze.languages import has_spaces
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.heads import TEXTS
from alignfreeze.tasks.kept_items import keep_text
from alignfreeze.tasks.kinds import (
    SUBWORDS_AT_ONCE,
    Examples,
    Joint,
    Kind,
    LineForm,
    PairLabeller,
    PlainItems,
    Text,
    run_sorted,
)
from alignfreeze.tasks.models import TaskModel

Encoded = tuple[NDArray[np.int64], NDArray[np.int64] | None]
"""Subwords, and for each subword 1 if it belongs to the second of two texts, else 0."""


def _encode_texts(task_model: TaskModel, texts: Sequence[LabelledText]) -> Iterator[Encoded]:
    """Yield the subwords of texts. If a pair is too long, the longer text is cut first."""
    for start in range(0, len(texts), SENTENCES_AT_ONCE):
        # The tokenizer takes single texts or pairs, not both at once.
        for is_pair, group in groupby(texts[start : start + SENTENCES_AT_ONCE], lambda item: item.second is not None):
            yield from _encode_alike(task_model, list(group), is_pair=is_pair)


def _encode_alike(task_model: TaskModel, texts: Sequence[LabelledText], *, is_pair: bool) -> Iterator[Encoded]:
    with cutting_at_the_end(task_model.tokenizer) as tokenizer:
        encoding = tokenizer(
            [item.text for item in texts],
            [item.second or "" for item in texts] if is_pair else None,
            truncation=True,
            max_length=task_model.max_length,
            return_attention_mask=False,
            return_token_type_ids=task_model.has_types,
        )
    for number, subwords in enumerate(encoding["input_ids"]):
        types = np.asarray(encoding["token_type_ids"][number]) if task_model.has_types else None
        yield np.asarray(subwords, dtype=np.int64), types


def examples_of(task_model: TaskModel, items: Sequence[LabelledText]) -> Examples:
    """Return model inputs, each with the number of its label."""
    numbers = {label: number for number, label in enumerate(task_model.labels)}
    encoded = list(_encode_texts(task_model, items))
    return Examples(
        Ragged.of([subwords for subwords, _ in encoded]),
        Ragged.of([np.array([numbers[item.label]]) for item in items]),
        Ragged.of([types for _, types in encoded if types is not None]) if task_model.has_types else None,
    )


def loss_of_texts(logits: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the cross-entropies of texts, and their number.

    Args:
        logits: [sentences, labels].
        labels: [sentences].
    """
    return F.cross_entropy(logits, labels, reduction="sum"), labels.new_tensor(len(labels))


def predict(
    task_model: TaskModel,
    items: Sequence[LabelledText],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> list[str]:
    """Label each text.

    Args:
        task_model: The fine-tuned model.
        items: Texts or pairs of texts, in any languages.
        at_once: The most subwords at once. A higher number needs more memory, and is faster on a GPU.
        bar: Counts the texts that are done.
    """
    labels = task_model.labels
    predicted = [""] * len(items)
    for numbers, logits in _run_texts(task_model, items, at_once=at_once, bar=bar):
        for number, label in zip(numbers, logits.argmax(dim=-1).tolist(), strict=True):
            predicted[number] = labels[label]
    return predicted


def predict_probabilities(
    task_model: TaskModel,
    items: Sequence[LabelledText],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> Ragged:
    """Return the probability of each label for each text, [1, labels] per text.

    Args:
        task_model: The fine-tuned model.
        items: Texts or pairs of texts, in any languages; their labels are not used.
        at_once: The most subwords at once.
        bar: Counts the texts that are done.
    """
    found = np.zeros((len(items), len(task_model.labels)), dtype=np.float32)
    for numbers, logits in _run_texts(task_model, items, at_once=at_once, bar=bar):
        found[numbers] = logits.float().softmax(dim=-1).cpu().numpy()
    return Ragged(found, np.arange(len(items) + 1, dtype=np.int64))


def decode(task_model: TaskModel, items: Sequence[LabelledText], probabilities: Ragged) -> list[str]:
    """Return the most probable label of each text.

    Args:
        task_model: A fine-tuned model with these labels.
        items: The texts.
        probabilities: The probability of each label, [1, labels] per text.
    """
    return [task_model.labels[int(probabilities[number][0].argmax())] for number in range(len(items))]


def _run_texts(
    task_model: TaskModel, items: Sequence[LabelledText], *, at_once: int, bar: Bar | None
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield numbers of texts, and the outputs of the model for them, [texts, labels]."""
    encoded = list(_encode_texts(task_model, items))
    types = [kinds for _, kinds in encoded if kinds is not None] if task_model.has_types else None
    subwords = [one for one, _ in encoded]
    for numbers, logits in run_sorted(task_model, classify, subwords, types, at_once=at_once):
        yield numbers, logits
        if bar is not None:
            bar.advance(len(numbers))


def items_of_pairs(pairs: Sequence[SentencePair], two_texts: bool) -> list[LabelledText]:
    """Return each sentence as a text without a label: all source sides, then all target sides.

    Args:
        pairs: Sentence pairs of one language pair.
        two_texts: Whether an item is a sentence with the next sentence. The first sentence follows the last one.
    """
    items = []
    for side, code in enumerate(pairs[0].languages):
        space = " " if has_spaces(code) else ""
        texts = [space.join((pair.source, pair.target)[side]) for pair in pairs]
        following = [*texts[1:], texts[0]] if two_texts else [None] * len(texts)
        items += [LabelledText(text, second, "") for text, second in zip(texts, following, strict=True)]
    return items


def relabel(item: LabelledText, labels: Sequence[str | None]) -> LabelledText:
    """Return a text with another label, the first one; empty if that is None."""
    return replace(item, label=labels[0] or "")


def _texts(item: LabelledText) -> tuple[Text, ...]:
    return (item.text,) if item.second is None else (item.text, item.second)


def item_without_label(value: Any, _: Splitter, where: str) -> LabelledText:
    """Return a text, a pair of texts, or the texts of a row, without a label.

    Raises:
        DataError: It is something else, the row has no such field, or its text is missing.
    """
    if isinstance(value, list | tuple) and len(value) == 2:
        value = {"text": value[0], "text2": value[1]}
    elif isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: expected a text or a pair of texts, got {show_value(value)}")
    text, second = find_texts(value, pairs=False, where=where)
    if text is None:
        raise DataError(f"{where}: the text is missing")
    return LabelledText(text, second, "")


def write_line(item: LabelledText, _: str) -> str:
    """Return a text as a line; two texts have a tab between them."""
    return "\t".join(" ".join(str(text).split()) for text in _texts(item))


def read_line(item: LabelledText, line: str, _: Splitter) -> LabelledText:
    """Return a translated line with the label of the text that was translated.

    Raises:
        UnusableLineError: A text is missing, or there is one too many.
    """
    texts, wanted = [text.strip() for text in line.split("\t")], len(_texts(item))
    if len(texts) != wanted:
        raise UnusableLineError(f"it has {len(texts)} texts separated by tabs, and {wanted} are expected")
    if not all(texts):
        raise UnusableLineError("a text is empty")
    return LabelledText(texts[0], texts[1] if wanted > 1 else None, item.label)


def _row(item: LabelledText, label: str) -> dict[str, Any]:
    return {"text": item.text, **({} if item.second is None else {"text2": item.second}), "label": label}


_WHOLE = WordAlignment(frozenset({(0, 0)}))
"""The text of one side translates the text of the other side."""

CLASSIFICATION = Kind(
    head=TEXTS,
    item_name="texts",
    texts=_texts,
    labels=lambda item: (item.label,),
    examples=examples_of,
    logits=classify,
    loss=loss_of_texts,
    predict=predict,
    joint=Joint(predict_probabilities, decode),
    pair_labeller=PairLabeller(items_of_pairs, lambda _: _WHOLE, predict_probabilities, relabel),
    place=lambda item, _: item.place,
    plain=PlainItems(
        tuples=(("text", "label"), ("text", "text2", "label")),
        example="('a text', 'its label') or {'text': 'a text', 'label': 'its label'}",
        unlabelled=item_without_label,
        row=_row,
    ),
    keep=keep_text,
    lines=LineForm(write_line, read_line),
)
"""A label for each text."""
