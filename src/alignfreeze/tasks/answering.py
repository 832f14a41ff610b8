"""Extractive question answering: the span of a context that answers a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.corpora.labels import check_characters
from alignfreeze.corpora.questions import Question
from alignfreeze.corpora.words import Splitter
from alignfreeze.encoding.checking import cutting_at_the_end
from alignfreeze.encoding.packed import Layout
from alignfreeze.encoding.packing import encode
from alignfreeze.errors import DataError, show_value
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.heads import SPANS
from alignfreeze.tasks.kept_items import keep_question
from alignfreeze.tasks.kinds import SUBWORDS_AT_ONCE, Examples, Joint, Kind, PlainItems, run_sorted
from alignfreeze.tasks.models import TaskModel

N_BEST = 20
"""The number of best beginnings and best ends whose combinations are considered."""

LONGEST_ANSWER = 30
"""The most subwords of an answer."""

LONGEST_QUESTION = 64
"""The most subwords of a question. The rest is cut off, so that the context has enough room."""

QUESTIONS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Window:
    """A question with a part of its context.

    Attributes:
        question: The number of the question.
        subwords: Subwords of question and context, and the special ones, [subwords].
        types: 1 for subwords of the context, else 0, [subwords]; None for models without this input.
        places: Where each subword of the context begins and ends, in characters, [subwords, 2]; -1 for other subwords.
    """

    question: int
    subwords: NDArray[np.int64]
    types: NDArray[np.int64] | None
    places: NDArray[np.int64]


def windows_of(task_model: TaskModel, items: Sequence[Question]) -> Iterator[Window]:
    """Yield each question with its context. A long context is split into windows that overlap."""
    tokenizer = task_model.tokenizer
    room = max(1, task_model.max_length // 2 - 4)
    shortened = min(LONGEST_QUESTION, room)
    # Windows must share fewer subwords than the longest question leaves for the context.
    stride = max(0, min(task_model.stride, task_model.max_length - shortened - 8))
    for start in range(0, len(items), QUESTIONS_AT_ONCE):
        chunk = items[start : start + QUESTIONS_AT_ONCE]
        with cutting_at_the_end(tokenizer):
            encoding = tokenizer(
                [_cut(tokenizer, item.question.strip(), shortened) for item in chunk],
                [item.context for item in chunk],
                truncation="only_second",
                max_length=task_model.max_length,
                stride=stride,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                return_attention_mask=False,
                return_token_type_ids=task_model.has_types,
            )
        for row, number in enumerate(encoding["overflow_to_sample_mapping"]):
            inside = np.array([side == 1 for side in encoding.sequence_ids(row)])
            places = np.where(inside[:, None], np.asarray(encoding["offset_mapping"][row]), -1)
            types = np.asarray(encoding["token_type_ids"][row]) if task_model.has_types else None
            yield Window(start + number, np.asarray(encoding["input_ids"][row], dtype=np.int64), types, places)


def _cut(tokenizer: Any, question: str, most: int) -> str:
    places = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return question if len(places) <= most else question[: places[most - 1][1]]


def examples_of(task_model: TaskModel, items: Sequence[Question]) -> Examples:
    """Return model inputs, labelled with the places of the first and the last subword of the first answer.

    In a window without the answer, both are the place of the first subword, which is a special one.
    """
    found = list(windows_of(task_model, items))
    return Examples(
        Ragged.of([window.subwords for window in found]),
        Ragged.of([np.array(_span(window, items[window.question])) for window in found]),
        Ragged.of([window.types for window in found if window.types is not None]) if task_model.has_types else None,
    )


def _span(window: Window, question: Question) -> tuple[int, int]:
    answer = question.answers[0]
    # A space at an edge of the answer is in no subword, or in a subword that extends beyond the answer.
    start = question.starts[0] + len(answer) - len(answer.lstrip())
    end = start + len(answer.strip())
    inside = np.flatnonzero((window.places[:, 1] > start) & (window.places[:, 0] < end) & (window.places[:, 0] >= 0))
    # An answer that a window cuts is not in the window.
    whole = len(inside) and window.places[inside[0], 0] <= start and window.places[inside[-1], 1] >= end
    return (int(inside[0]), int(inside[-1])) if whole else (0, 0)


def _both(output: Any) -> Tensor:
    """Return the logits for beginning and end, [..., subwords, 2]."""
    return torch.stack([output.start_logits, output.end_logits], dim=-1)


span_logits = partial(encode, read=_both)
"""Runs a model with a head for spans, [subwords, 2]."""


def loss_of_spans(logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum over windows of the mean cross-entropy of beginning and end, and the number of windows.

    Args:
        logits: [subwords, 2].
        labels: Places of the first and the last subword of the answer, window by window, [2 * windows].
        lengths: The number of subwords of each window, [windows].
    """
    layout = Layout.of(lengths, int(lengths.max()), len(logits))
    hidden = ~layout.mask[:, 0, 0, :, None]  # [windows, longest, 1]
    rows = layout.unpack(logits).masked_fill(hidden, -torch.inf)  # [windows, longest, 2]
    loss = F.cross_entropy(rows, labels.view(-1, 2), reduction="sum") / 2
    return loss, lengths.new_tensor(len(lengths))


def predict(
    task_model: TaskModel,
    items: Sequence[Question],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> list[str]:
    """Answer each question with the best span of its context, over all windows.

    Args:
        task_model: The fine-tuned model.
        items: Questions with their contexts, in any languages.
        at_once: The most subwords at once. A higher number needs more memory, and is faster on a GPU.
        bar: Counts the questions that are done.
    """
    found = list(windows_of(task_model, items))
    best = _BestAnswers(items)
    for number, logits in _run_windows(task_model, items, found, at_once=at_once, bar=bar):
        best.add(found[number], logits)
    return best.answers


def window_logits(
    task_model: TaskModel,
    items: Sequence[Question],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> Ragged:
    """Return the logits for beginning and end of each window of each question, [subwords, 2] per window.

    Args:
        task_model: The fine-tuned model.
        items: Questions with their contexts, in any languages.
        at_once: The most subwords at once.
        bar: Counts the questions that are done.
    """
    found = list(windows_of(task_model, items))
    rows = [np.zeros((len(window.subwords), 2), dtype=np.float32) for window in found]
    for number, logits in _run_windows(task_model, items, found, at_once=at_once, bar=bar):
        rows[number] = logits
    return Ragged.of(rows, dtype=np.float32)


def decode(task_model: TaskModel, items: Sequence[Question], logits: Ragged) -> list[str]:
    """Answer each question with the best span of its context, over all windows.

    Args:
        task_model: A fine-tuned model with the tokenizer that made the windows.
        items: Questions with their contexts.
        logits: The logits for beginning and end, [subwords, 2] per window.
    """
    best = _BestAnswers(items)
    for number, window in enumerate(windows_of(task_model, items)):
        best.add(window, logits[number])
    return best.answers


class _BestAnswers:
    """The best answers so far, while windows are read."""

    def __init__(self, items: Sequence[Question]) -> None:
        self.items = items
        self.best: list[tuple[float, str]] = [(-np.inf, "")] * len(items)

    @property
    def answers(self) -> list[str]:
        """One answer per question; empty without any span."""
        return [answer for _, answer in self.best]

    def add(self, window: Window, logits: NDArray[np.float32]) -> None:
        """Keep the best span of a window if it is better than that of the windows before."""
        score, start, end = best_span(logits, window.places)
        # The order of windows does not depend on the batches, so that ties do not depend on them either.
        if score > self.best[window.question][0]:
            self.best[window.question] = (score, self.items[window.question].context[start:end].strip())


def _run_windows(
    task_model: TaskModel, items: Sequence[Question], found: Sequence[Window], *, at_once: int, bar: Bar | None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the number of each window, and its logits for beginning and end, [subwords, 2]."""
    types = [window.types for window in found if window.types is not None] if task_model.has_types else None
    waiting = np.bincount([window.question for window in found], minlength=len(items))
    subwords = [window.subwords for window in found]
    for numbers, logits in run_sorted(task_model, span_logits, subwords, types, at_once=at_once):
        pieces = logits.float().split([len(subwords[number]) for number in numbers])
        for number, values in zip(numbers, pieces, strict=True):
            yield number, values.cpu().numpy()
            question = found[number].question
            waiting[question] -= 1
            if bar is not None and not waiting[question]:
                bar.advance()


def best_span(logits: NDArray[np.float32], places: NDArray[np.int64]) -> tuple[float, int, int]:
    """Return the score of the best span of a window, and where it begins and ends in the context, in characters.

    Args:
        logits: Logits for beginning and end, [subwords, 2].
        places: Where each subword of the context begins and ends, [subwords, 2]; -1 for other subwords.
    """
    inside = np.flatnonzero(places[:, 0] >= 0)
    if not len(inside):
        return -np.inf, 0, 0
    starts, ends = (inside[np.argsort(-logits[inside, side], kind="stable")[:N_BEST]] for side in (0, 1))
    scores = logits[starts, 0][:, None] + logits[ends, 1]  # [starts, ends]
    lengths = ends - starts[:, None] + 1
    scores = np.where((lengths > 0) & (lengths <= LONGEST_ANSWER), scores, -np.inf)
    start, end = np.unravel_index(scores.argmax(), scores.shape)
    if scores[start, end] == -np.inf:
        return -np.inf, 0, 0
    return float(scores[start, end]), int(places[starts[start], 0]), int(places[ends[end], 1])


def item_without_answers(value: Any, _: Splitter, where: str) -> Question:
    """Return a question and its context, as a pair or in a row, without answers.

    Raises:
        DataError: It is something else.
    """
    row: Any = dict(zip(("question", "context"), value, strict=False)) if isinstance(value, list | tuple) else value
    asked, context = (row.get("question"), row.get("context")) if isinstance(row, Mapping) else (None, None)
    if not isinstance(asked, str) or not isinstance(context, str):
        raise DataError(f"{where}: expected a question and its context, both texts, got {show_value(value)}")
    for text in (asked, context):
        check_characters(text, where=where)
    return Question(str(row.get("id", where)), asked, context, (), ())


def _row(item: Question, answer: str) -> dict[str, Any]:
    return {"question": item.question, "context": item.context, "answer": answer}


ANSWERING = Kind(
    head=SPANS,
    item_name="questions",
    texts=lambda item: (item.context, item.question),
    labels=lambda _: (),
    examples=examples_of,
    logits=span_logits,
    loss=loss_of_spans,
    predict=predict,
    joint=Joint(window_logits, decode),
    splits=True,
    overlaps=True,
    plain=PlainItems(
        example="{'question': ..., 'context': ..., 'answers': {'text': [...], 'answer_start': [...]}}",
        unlabelled=item_without_answers,
        row=_row,
    ),
    keep=keep_question,
)
"""A span of a context for each question."""
