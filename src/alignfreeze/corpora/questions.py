"""Reads questions whose answers are spans of a text: SQuAD v1.1 JSON, the form of XQuAD."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.errors import DataError, UnlabelledError
from alignfreeze.files import read_lines
from alignfreeze.progress import remark


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a text, with its answers.

    Attributes:
        id: The name of the question in the data set.
        question: The question.
        context: The text that holds the answers.
        answers: The answers that people gave; each answer is right.
        starts: The position of each answer in the context, in characters.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]


def read_squad(path: Path | str, *, max_questions: int | None = None) -> list[Question]:
    """Read the questions of a SQuAD v1.1 JSON file.

    Args:
        path: The file.
        max_questions: Read at most this many questions.

    Raises:
        DataError: The file cannot be read, is not SQuAD JSON or holds no question; or an answer is not in its context.
    """
    path = Path(path)
    text = "\n".join(line for _, line in read_lines(path))
    try:
        articles = json.loads(text)["data"]
        rows = [
            (f"{path}, article {number}, question {qa.get('id')!r}", _to_row(qa, paragraph["context"]))
            for number, article in enumerate(articles, start=1)
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not SQuAD v1.1 JSON (data, paragraphs, context, qas, answers): {type(error).__name__} {error}"
        ) from error
    return parse_questions(iter(rows), name=str(path), most=max_questions)


def _to_row(qa: Mapping[str, Any], context: str) -> dict[str, Any]:
    answers = qa["answers"]
    return {
        "id": qa["id"],
        "question": qa["question"],
        "context": context,
        "answers": {
            "text": [answer["text"] for answer in answers],
            "answer_start": [answer["answer_start"] for answer in answers],
        },
    }


def parse_questions(rows: Iterator[tuple[str, Mapping[str, Any]]], *, name: str, most: int | None) -> list[Question]:
    """Turn rows in the form of the hub's `squad` into questions.

    Args:
        rows: The place of each row, for messages, and its fields.
        name: The name of the data, for messages.
        most: Stop after this many questions; None for all.

    Raises:
        DataError: A row is wrong, or no question has an answer.
    """
    found: list[Question] = []
    unanswerable = 0
    for where, row in rows:
        try:
            answers, starts = row["answers"]["text"], row["answers"]["answer_start"]
            asked, context = row["question"], row["context"]
            if not all(isinstance(text, str) for text in (asked, context, *answers)) or len(answers) != len(starts):
                raise TypeError("question, context and answers must be texts, and every answer needs a start")
            question = Question(str(row["id"]), asked, context, tuple(answers), tuple(map(int, starts)))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: not a question in the form of SQuAD ({type(error).__name__} {error})") from error
        if not question.answers:
            unanswerable += 1
            continue
        for answer, start in zip(question.answers, question.starts, strict=True):
            there = question.context[max(0, start) : start + len(answer)]
            if not answer.strip() or there != answer:
                raise DataError(
                    f"{where}: the answer {answer!r} is not in its context at {start}; the text there is {there!r}"
                )
        found.append(question)
        if len(found) == most:
            break
    if unanswerable:
        remark(f"{name}: {unanswerable:,} questions without an answer are skipped")
    if not found:
        raise (UnlabelledError if unanswerable else DataError)(f"{name}: no question with an answer found")
    return found
