"""Part-of-speech tagging with the 17 tags of Universal Dependencies."""

from __future__ import annotations

from alignfreeze.corpora.annotated import UPOS, TaggedSentence, read_conllu
from alignfreeze.errors import DataError, UnlabelledError
from alignfreeze.tasks.metrics import measure_tags
from alignfreeze.tasks.reading import read_row_sentences
from alignfreeze.tasks.tagging import TAGGING
from alignfreeze.tasks.task import Source, Task


def read(source: Source) -> list[TaggedSentence]:
    """Read sentences of a CoNLL-U file, of the hub or of rows in memory.

    Raises:
        DataError: The data cannot be read, no word has a tag, or a tag is not one of UPOS.
    """
    if source.has_rows:
        sentences = read_row_sentences(source, ("upos", "pos_tags", "ner_tags", "tags", "labels"))
    else:
        sentences = read_conllu(source.place, max_sentences=source.most)
    if not any(tag is not None for sentence in sentences for tag in sentence.tags):
        raise UnlabelledError(f"{source.place}: no word has a tag (all are '_'); tagged sentences are needed")
    for number, sentence in enumerate(sentences, start=1):
        if wrong := [tag for tag in sentence.tags if tag is not None and tag not in UPOS]:
            raise DataError(f"{source.place}: sentence {number} has the tag {wrong[0]!r}; UPOS has {', '.join(UPOS)}")
    return sentences


TASK = Task(
    name="pos",
    what="part-of-speech tags, CoNLL-U",
    kind=TAGGING,
    read=read,
    metrics=measure_tags,
    metric="accuracy",
    labels=UPOS,
    usual_length=25,
)
