"""Natural language inference: does a hypothesis follow from a premise, contradict it, or neither?"""

from __future__ import annotations

from functools import partial

from alignfreeze.corpora.labelled import NLI
from alignfreeze.tasks.classification import CLASSIFICATION
from alignfreeze.tasks.metrics import measure_texts
from alignfreeze.tasks.reading import read_texts
from alignfreeze.tasks.task import Task

TASK = Task(
    name="nli",
    what="natural language inference, JSON lines or TSV",
    kind=CLASSIFICATION,
    read=partial(read_texts, labels=NLI, pairs=True),
    metrics=measure_texts,
    metric="accuracy",
    labels=NLI,
    needs_pairs=True,
    names_languages=True,
    usual_length=40,
)
