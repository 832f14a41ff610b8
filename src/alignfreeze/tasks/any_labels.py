"""Classification of texts, or of pairs of texts, with the labels that the training data have."""

from __future__ import annotations

from alignfreeze.tasks.classification import CLASSIFICATION
from alignfreeze.tasks.metrics import measure_texts
from alignfreeze.tasks.reading import read_texts
from alignfreeze.tasks.task import Task

TASK = Task(
    name="classification",
    what="any labels of texts, JSON lines or TSV",
    kind=CLASSIFICATION,
    read=read_texts,
    metrics=measure_texts,
    metric="accuracy",
    names_languages=True,
    usual_length=40,
)
