"""Tagging of words with the tags that the training data have."""

from __future__ import annotations

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.columns import read_columns
from alignfreeze.tasks.metrics import measure_tags
from alignfreeze.tasks.reading import read_row_sentences
from alignfreeze.tasks.tagging import TAGGING
from alignfreeze.tasks.task import Source, Task


def read(source: Source) -> list[TaggedSentence]:
    """Read sentences of a file with one word and its tag in each line, of the hub, or of rows in memory.

    Raises:
        DataError: The data cannot be read.
    """
    if source.has_rows:
        return read_row_sentences(source, ("tags", "labels", "ner_tags", "pos_tags", "upos"))
    return read_columns(source.place, max_sentences=source.most)


TASK = Task(
    name="tagging",
    what="any tags of words",
    kind=TAGGING,
    read=read,
    metrics=measure_tags,
    metric="accuracy",
    usual_length=25,
)
