"""How a model is trained a second time, on target-language items too: the settings, and what a record keeps of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from pydantic import Field

from alignfreeze.experiment.names import TAUGHT
from alignfreeze.settings import Settings
from alignfreeze.training.history import TrainingHistory, chain

STRICTNESS = ("keep", "weigh down", "refuse")
"""What may happen to the labels of a language, the strictest last."""


class TeachingSettings(Settings):
    """Settings of the strategies whose models learn target-language items too.

    They are `projected` and `self-trained`, whose models are trained twice, and `translated`.
    """

    guard: bool = True
    """Refuse the labels of a language, or use only the best of them, if there are signs that they would do harm. The
    labels of tests are not used for that."""
    source_share: float = Field(default=0.5, gt=0, lt=1)
    """The share of the second training that belongs to items of the source language. The second training has the steps
    of the first, divided by this share. So the source language is seen as often as by the baseline. The one training of
    `translated` is as long as this second training."""
    models: int = Field(default=1, ge=1)
    """How many first models give the labels together. Their probabilities are averaged, and a label counts only if all
    of them give it. The first model has the seed of the run, and the seeds of the others are drawn with it."""
    max_pairs: int | None = Field(default=10_000, gt=0)
    """The most sentence pairs per language that get labels, drawn with the seed of the run. In Python, None means
    all."""

    def seeds_of(self, seed: int) -> list[int]:
        """Return the seeds of the first models: that of the run, then numbers that are drawn with it.

        Args:
            seed: The seed of the run.
        """
        # The numbers of a SeedSequence are the same in all versions of numpy.
        drawn = (np.random.SeedSequence([seed, number]).generate_state(1) for number in range(2, self.models + 1))
        return [seed, *(int(one[0]) for one in drawn)]

    def total_steps(self, steps: int) -> int:
        """Return the steps of the second training.

        Args:
            steps: The steps of the first training.
        """
        # The quotient of 3 and 0.3 is a little more than 10.
        return math.ceil(round(steps / self.source_share, 9))

    def count_steps(self, taught: str | None, steps: int) -> tuple[int, int]:
        """Return the steps of all first fine-tunings of a run, and those of the second fine-tuning, 0 without one.

        Args:
            taught: How the model learns target-language items; None if it learns none.
            steps: The steps of a fine-tuning in the source language alone.
        """
        if taught is None:
            return steps, 0
        if TAUGHT[taught].has_labels:
            return self.total_steps(steps), 0
        return self.models * steps, self.total_steps(steps)


@dataclass(frozen=True, slots=True)
class TaughtLanguage:
    """What was taught in a target language.

    Attributes:
        language: The code of the language.
        pairs: The sentence pairs that could get labels; translated items, or sentences of plain text.
        labelled: How many target sides have enough labels; how many translated items can be used.
        items: How many of these are learnt.
        coverage: The mean share of the words with a label, over the labelled target sides.
        decision: `keep`, `weigh down` (only the best are learnt) or `refuse`.
        sentence: The decision and its reason.
    """

    language: str
    pairs: int
    labelled: int
    items: int
    coverage: float
    decision: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a model has learnt target-language items.

    Attributes:
        first: The history of the training of the model that gave labels; of several models, their trainings as if each
            continued where the previous one ended. None if the labels were given.
        languages: What was taught in each target language. If all are refused, the first model is the final one.
    """

    first: TrainingHistory | None
    languages: tuple[TaughtLanguage, ...]

    @property
    def items(self) -> int:
        """How many target-language items are learnt."""
        return sum(one.items for one in self.languages)

    @property
    def kept_text(self) -> str:
        """How many items are learnt, and in how many languages all sure labels are kept, as text."""
        kept = sum(one.decision == "keep" for one in self.languages)
        n = len(self.languages)
        return f"{self.items:,} target-language items are learnt; the labels of {kept} of {n} languages are kept"

    @property
    def warnings(self) -> list[str]:
        """A sentence for each language whose labels are refused, or only partly used."""
        return [one.sentence for one in self.languages if one.decision != "keep"]


def join_teachings(several: Sequence[Teaching]) -> Teaching:
    """Return what the models of several seeds were taught, as if it were one model.

    Sentence pairs and items are those of all models. The decision on a language is the strictest of them.
    """
    by_language: dict[str, list[TaughtLanguage]] = {}
    for teaching in several:
        for one in teaching.languages:
            by_language.setdefault(one.language, []).append(one)
    firsts = [one.first for one in several if one.first is not None]
    return Teaching(chain(firsts) if firsts else None, tuple(map(_join_language, by_language.values())))


def _join_language(several: Sequence[TaughtLanguage]) -> TaughtLanguage:
    strictest = max(several, key=lambda one: STRICTNESS.index(one.decision))
    return replace(
        strictest,
        pairs=sum(one.pairs for one in several),
        labelled=sum(one.labelled for one in several),
        items=sum(one.items for one in several),
        coverage=fmean(one.coverage for one in several),
    )
