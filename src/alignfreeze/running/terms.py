"""Key terms of the texts of an experiment. They show whether the bitext and the task data are of different domains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.corpora.terms import find_key_terms
from alignfreeze.experiment.planning import Plan
from alignfreeze.files import write_json
from alignfreeze.locks import hold_lock
from alignfreeze.stored import Stored
from alignfreeze.tasks.table import TASKS

TERMS = "terms.json"
"""The file with the key terms in the folder of an experiment."""

MOST_SENTENCES = 2_000
"""The most sentences of a text that are searched for key terms."""

Terms = dict[str, dict[str, list[str]]]

_TERMS = Stored[Terms](Terms, "the key terms of a study")

TRAIN = "train"
"""The name of the training data among the texts."""


def terms_of(plan: Plan) -> dict[str, list[str]]:
    """Return the key terms of the source side of each bitext, by its target language, and of the training data."""
    data, task = plan.data, TASKS[plan.settings.task]
    sides: dict[str, list[str]] = {}
    for language in dict.fromkeys(pair.languages[1] for pair in data.bitext):
        pairs = [pair for pair in data.bitext if pair.languages[1] == language]
        sides[language] = [" ".join(pair.source) for pair in spread_evenly(pairs, MOST_SENTENCES)]
    items: list[Any] = spread_evenly(data.train, MOST_SENTENCES)
    return find_key_terms({**sides, TRAIN: [task.texts_of(item)[0] for item in items]})


def keep_terms(out: Path, plans: Sequence[Plan]) -> None:
    """Write the key terms of experiments into their folder, by name. Key terms of other experiments stay."""
    found: dict[int, dict[str, list[str]]] = {}
    for plan in plans:
        if id(plan.data) not in found:  # experiments may share their data
            found[id(plan.data)] = terms_of(plan)
    with hold_lock(out / "locks" / "terms.lock"):  # other experiments may write theirs at the same time
        write_json(out / TERMS, read_terms(out) | {plan.settings.name: found[id(plan.data)] for plan in plans})


def read_terms(out: Path) -> Terms:
    """Return the key terms that `keep_terms` wrote into a folder, by experiment and text. There may be none."""
    return _TERMS.find(out / TERMS) or {}
