"""A score, as it stands in records."""

from __future__ import annotations

from dataclasses import dataclass

LEARNT_NOTHING = "the model has learnt nothing"
"""Stands in each doubt about a model whose outcome is no better than chance."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a model in a language.

    Attributes:
        language: The code of the language.
        metric: The name of the metric.
        value: A share between 0 and 1.
        n: The denominator of the share.
        unit: What the denominator counts: words, entities, texts, questions.
    """

    language: str
    metric: str
    value: float
    n: int
    unit: str = "words"
