"""Named entities of any kinds, in IOB2."""

from __future__ import annotations

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.columns import check_iob2, read_iob2
from alignfreeze.tasks.metrics import measure_entities
from alignfreeze.tasks.reading import read_row_sentences
from alignfreeze.tasks.tagging import TAGGING
from alignfreeze.tasks.task import Source, Task


def read(source: Source) -> list[TaggedSentence]:
    """Read sentences of an IOB2 file, of the hub or of rows in memory.

    Raises:
        DataError: The data cannot be read, or the tags are not IOB2.
    """
    if not source.has_rows:
        return read_iob2(source.place, max_sentences=source.most)
    sentences = read_row_sentences(source, ("ner_tags", "tags", "labels"))
    for number, sentence in enumerate(sentences, start=1):
        place = f"{source.place}, sentence {number}"
        check_iob2((place, word, tag) for word, tag in zip(sentence.words, sentence.tags, strict=True))
    return sentences


TASK = Task(
    name="ner",
    what="named entities, IOB2",
    kind=TAGGING,
    read=read,
    metrics=measure_entities,
    metric="f1",
    marks_entities=True,
    usual_length=12,
)
