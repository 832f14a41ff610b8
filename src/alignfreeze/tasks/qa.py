"""Extractive question answering: the answer to a question is a span of a text."""

from __future__ import annotations

from alignfreeze.corpora.questions import Question, parse_questions, read_squad
from alignfreeze.tasks.answering import ANSWERING
from alignfreeze.tasks.metrics import measure_answers
from alignfreeze.tasks.task import Source, Task


def read(source: Source) -> list[Question]:
    """Read questions of a SQuAD file, of the hub or of rows in memory.

    Raises:
        DataError: The data cannot be read, or an answer is not in its context.
    """
    if source.has_rows:
        # Questions need no name of their own.
        rows = ((where, {"id": str(number), **row}) for number, (where, row) in enumerate(source.rows(), start=1))
        return parse_questions(rows, name=str(source.place), most=source.most)
    return read_squad(source.place, max_questions=source.most)


TASK = Task(
    name="qa",
    what="extractive question answering, SQuAD JSON",
    kind=ANSWERING,
    read=read,
    metrics=measure_answers,
    metric="f1",
    labels=(),
)
