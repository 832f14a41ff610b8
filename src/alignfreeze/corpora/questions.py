"""Reads questions whose answers are spans of a text: SQuAD v1.1 JSON, the form of XQuAD, or the hub's JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from alignfreeze.corpora.json_lines import ARRAY, check_no_csv, parse_json, parse_object
from alignfreeze.corpora.labels import check_characters
from alignfreeze.decoding import LONGEST_DOCUMENT
from alignfreeze.errors import DataError, UnlabelledError
from alignfreeze.files import read_lines
from alignfreeze.progress import remark

_FIELDS = ("question", "context", "answers")


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
    """Read the questions of a SQuAD v1.1 JSON file, or of JSON lines in the form of the hub's `squad`.

    A line of the hub's form has `question`, `context` and `answers`, which has lists `text` and `answer_start`.

    Args:
        path: The file.
        max_questions: Read at most this many questions.

    Raises:
        DataError: The file cannot be read, is of neither form or holds no question; or an answer is not in its context.
    """
    path = Path(path)
    lines = ((number, line) for number, line in read_lines(path, longest=LONGEST_DOCUMENT) if line.strip())
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path}: no question with an answer found; the file is empty")
    lines = chain([first], lines)
    check_no_csv(path, *first, _FIELDS)
    rows = _read_rows(path, lines) if _is_row(first[1]) else read_articles(path, lines)
    return parse_questions(rows, name=str(path), most=max_questions)


def _is_row(line: str) -> bool:
    """Tell whether a line is a whole object, and not all of SQuAD in one line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return value is None or (isinstance(value, dict) and "data" not in value)


def _read_rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    for number, line in lines:
        row = parse_object(path, number, line)
        yield f"{path}, line {number}", None if row is None else {"id": str(number), **row}


def read_articles(
    path: Path, lines: Iterator[tuple[int, str]], *, labelled: bool = True
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the place and the fields of each question of a SQuAD document; without answers if they are not wanted.

    Raises:
        DataError: The lines are another kind of document, or answers are wanted and missing.
    """
    try:
        content: Any = parse_json("\n".join(line for _, line in lines))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    if _has_rows(content):
        raise DataError(f"{path}: {ARRAY}")
    try:
        rows = [
            (
                f"{path}, article {number}, question {qa.get('id')!r}",
                _to_row(qa, paragraph["context"], labelled=labelled),
            )
            for number, article in enumerate(content["data"], start=1)
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: not SQuAD v1.1 JSON (data, paragraphs, context, qas, answers): {type(error).__name__} {error}"
        ) from error
    yield from rows


def _has_rows(content: Any) -> bool:
    """Tell whether a JSON value is an array of questions."""
    return isinstance(content, list) and any(isinstance(row, dict) and "question" in row for row in content[:1])


def _to_row(qa: Mapping[str, Any], context: str, *, labelled: bool) -> dict[str, Any]:
    answers = qa["answers"] if labelled else []
    return {
        "id": qa["id"] if labelled else str(qa.get("id")),
        "question": qa["question"],
        "context": context,
        "answers": {
            "text": [answer["text"] for answer in answers],
            "answer_start": [answer["answer_start"] for answer in answers],
        },
    }


def parse_questions(
    rows: Iterator[tuple[str, Mapping[str, Any] | None]], *, name: str, most: int | None
) -> list[Question]:
    """Turn rows in the form of the hub's `squad` into questions.

    Args:
        rows: The place of each row, for messages, and its fields; None for a row that is null.
        name: The name of the data, for messages.
        most: Stop after this many questions; None for all.

    Raises:
        DataError: A row is wrong, or no question has an answer.
    """
    found: list[Question] = []
    skipped: dict[str, list[str]] = {"an answer": [], "a question, context or answers (null)": []}
    without_answer, with_null = skipped.values()
    for where, row in rows:
        if row is None or any(name in row and row[name] is None for name in _FIELDS):
            with_null.append(where)
            continue
        question = _parse_question(row, where=where)
        if not question.answers:
            without_answer.append(where)
            continue
        _check_answers(question, where=where)
        found.append(question)
        if len(found) == most:
            break
    for what, places in skipped.items():
        if places:
            first = places[0].removeprefix(f"{name}, ")
            remark(f"{name}: {len(places):,} questions without {what} are skipped, first {first}")
    if not found:
        null = f"; {with_null[0]}: question, context and answers must be texts, not null" if with_null else ""
        raise (UnlabelledError if without_answer else DataError)(f"{name}: no question with an answer found{null}")
    return found


def _parse_question(row: Mapping[str, Any], *, where: str) -> Question:
    try:
        answers, starts = row["answers"]["text"], row["answers"]["answer_start"]
        asked, context = row["question"], row["context"]
        if not isinstance(answers, list | tuple) or not isinstance(starts, list | tuple) or len(answers) != len(starts):
            raise TypeError("answers must be a list of texts, and every answer needs a start")
        if not all(isinstance(text, str) for text in (asked, context, *answers)):
            raise TypeError("question, context and answers must be texts")
        question = Question(str(row["id"]), asked, context, tuple(answers), tuple(map(_parse_start, starts)))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{where}: not a question in the form of SQuAD ({type(error).__name__} {error})") from error
    for text in (question.id, asked, context, *answers):
        check_characters(text, where=where)
    return question


def _parse_start(value: Any) -> int:
    is_whole = isinstance(value, int | str) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        shown = f"{value}" if isinstance(value, int | float) else type(value).__name__
        raise TypeError(f"answer_start must be a whole number, not {shown}")
    return int(value)


def _check_answers(question: Question, *, where: str) -> None:
    for answer, start in zip(question.answers, question.starts, strict=True):
        there = question.context[max(0, start) : max(0, start + len(answer))]
        if not answer.strip() or there != answer:
            raise DataError(
                f"{where}: the answer {answer!r} is not in its context at {start}; the text there is {there!r}"
            )
