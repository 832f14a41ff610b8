"""Tells without labels whether the projected labels of a language would do harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import cohen_kappa_score

from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.evaluation.projection import CarriedLabels
from alignfreeze.languages import name_of

Labels = Sequence[str | None]
"""The labels of the units of an item; None for a unit without one."""

COMMON = 0.1
"""A word is common in texts if it stands in at least this share of their sentences."""

FEWEST_SENTENCES = 20
"""With fewer sentences, nothing is said about common words."""

MOST_STRANGE = 0.2
"""If this share of the words is common in the texts of a language, but not in its bitext, its labels are refused."""

LEAST_AGREEMENT = 0.3
"""If projected labels agree with those of the model no better than this, the labels of a language are refused."""

HALFWAY = 0.5
"""From this risk on, a language is weighed down."""

Decision = Literal["keep", "weigh down", "refuse"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be known about the projected labels of a language without labels of that language.

    Attributes:
        agreement: How well projected labels agree with the model's own labels of the same units, beyond chance: Cohen's
            kappa. 1 is perfect, 0 is chance. None if no label was carried.
        contradicted: For each projected label the share of its units that the model labels otherwise.
        shares: How different the shares of projected and own labels are, 0 to 1 (Jensen-Shannon divergence, base 2).
        neighbours: How different pairs of neighbouring labels are from those of the training data, 0 to 1. Languages
            differ in this by nature. None for texts.
        strange: The share of the words in texts of the language that are common there, but never occur in the bitext.
            None if that is not known.
        strange_words: These words, the commonest first.
    """

    agreement: float | None
    contradicted: Mapping[str, float]
    shares: float
    neighbours: float | None = None
    strange: float | None = None
    strange_words: tuple[str, ...] = ()

    @property
    def risk(self) -> float:
        """How near a language is to being refused: from 0, no reason for doubt, to 1, refused."""
        risks = [0.0 if self.strange is None else self.strange / MOST_STRANGE]
        risks.append(1.0 if self.agreement is None else (1 - self.agreement) / (1 - LEAST_AGREEMENT))
        return min(1.0, max(risks))


@dataclass(frozen=True, slots=True)
class Guarded:
    """What happens to the projected labels of a language, and why.

    Attributes:
        language: The code of the language.
        decision: `keep`, `weigh down` (only the best are used) or `refuse`.
        share: The share of the items that is used, for `Projection.thin`.
        risk: From 0, no reason for doubt, to 1, refused.
        sentence: Decision and reason, for people.
    """

    language: str
    decision: Decision
    share: float
    risk: float
    sentence: str


PROJECTED_LABELS = "projected labels"
"""What labels are called in sentences."""


def judge_evidence(language: str, evidence: Evidence, *, labels: str = PROJECTED_LABELS) -> Guarded:
    """Decide what happens to the projected labels of a language.

    Up to half of the risk at which a language is refused, all labels are kept. From there to the refusal, the share
    that is used falls from one to zero.

    Args:
        language: The code of the language.
        evidence: What is known about its labels.
        labels: What the labels are called in the sentence.
    """
    risk = evidence.risk
    name = name_of(language)
    if risk < HALFWAY:
        return Guarded(language, "keep", 1.0, risk, f"{name}: {labels} are kept.")
    if risk < 1:
        share = (1 - risk) / (1 - HALFWAY)
        what = f"only the best {share:.0%} of the {labels} are used"
        return Guarded(language, "weigh down", share, risk, f"{name}: {what}: {_explain(evidence)}.")
    return Guarded(language, "refuse", 0.0, risk, f"{name}: {labels} are refused: {_explain(evidence)}.")


def _explain(evidence: Evidence) -> str:
    """Return the evidence that makes the risk."""
    if evidence.agreement is None:
        return "there is no label of which the model is sure enough, or none that a link could carry"
    strange = evidence.strange
    if strange is not None and strange / MOST_STRANGE >= (1 - evidence.agreement) / (1 - LEAST_AGREEMENT):
        words = ", ".join(repr(word) for word in evidence.strange_words[:3])
        return (
            f"{strange:.0%} of the words of its texts are common there, but never occur in the bitext ({words}), "
            "so the bitext cuts words otherwise"
        )
    worst = max(evidence.contradicted, key=lambda label: evidence.contradicted[label])
    return (
        f"they agree little with what the model itself says of the same words (kappa {evidence.agreement:.2f}; "
        f"of {worst}, {evidence.contradicted[worst]:.0%} are contradicted), so links or translations may be wrong"
    )


def find_evidence(
    predictions: Predictions,
    carried: Sequence[CarriedLabels],
    *,
    training: Iterable[Labels] = (),
    bitext: Sequence[Sequence[str]] = (),
    texts: Sequence[Sequence[str]] = (),
) -> Evidence:
    """Gather what can be known about the projected labels of a language without labels of that language.

    Args:
        predictions: Predictions of the model for the sentence pairs of the language.
        carried: The labels that `carry_labels` gives for these predictions.
        training: The labels of the training items of the source language.
        bitext: The words of the target sides of the sentence pairs.
        texts: The words of sentences of the language as the model will get them, such as those of its tests. Their
            labels are not used. With few sentences, or without words of the bitext, nothing is said of strange words.
    """
    own = own_labels(predictions)
    both = [
        (label, guess)
        for one, guesses in zip(carried, own, strict=True)
        for label, guess in zip(one.labels, guesses, strict=True)
        if label is not None and guess is not None
    ]
    strange = find_strange_words(texts, bitext)
    seen = sum(1 for words in texts for word in words if _has_letter(word))
    labels = [one.labels for one in carried]
    has_neighbours = any(len(row) > 1 for row in labels)
    return Evidence(
        agreement=agree(both),
        contradicted=contradictions(both),
        shares=distance(Counter(label for label, _ in both), Counter(guess for _, guess in both)),
        neighbours=distance(neighbours(labels), neighbours(training)) if has_neighbours else None,
        strange=None if strange is None else sum(strange.values()) / max(1, seen),
        strange_words=() if strange is None else tuple(strange),
    )


def own_labels(predictions: Predictions) -> list[list[str | None]]:
    """Return the label that the model gives to each unit of each target side; None for a word that it does not see."""
    rows = []
    for number in range(len(predictions)):
        side = predictions.target[number].astype(np.float64)
        unseen = np.isnan(side).any(axis=1)
        best = np.where(unseen, -1, np.nan_to_num(side).argmax(axis=1))
        rows.append([None if label < 0 else predictions.labels[label] for label in best.tolist()])
    return rows


def agree(both: Sequence[tuple[str, str]]) -> float | None:
    """Return how well two labellings agree beyond chance: Cohen's kappa. None without units.

    Labellings that give all units the same one label agree perfectly.
    """
    if not both:
        return None
    first, second = zip(*both, strict=True)
    return 1.0 if len({*first, *second}) == 1 else float(cohen_kappa_score(first, second))


def contradictions(both: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return for each first label the share of its units whose second label is another."""
    counts: dict[str, Counter[bool]] = {}
    for label, guess in both:
        counts.setdefault(label, Counter())[label != guess] += 1
    return {label: found[True] / found.total() for label, found in sorted(counts.items())}


def neighbours(rows: Iterable[Labels]) -> Counter[tuple[str, str]]:
    """Count pairs of neighbouring labels; a unit without a label parts its neighbours."""
    return Counter(
        (one, other) for row in rows for one, other in pairwise(row) if one is not None and other is not None
    )


def distance(first: Counter[Any], second: Counter[Any]) -> float:
    """Return how different the shares of two counts are: the Jensen-Shannon divergence (Lin 1991), base 2.

    The result is between 0 (the same shares, or nothing counted) and 1 (nothing in common).
    """
    if not first or not second:
        return 0.0
    keys = list(first | second)
    rows = [[count[key] for key in keys] for count in (first, second)]
    return float(np.nan_to_num(jensenshannon(*rows, base=2))) ** 2


def find_strange_words(texts: Sequence[Sequence[str]], bitext: Sequence[Sequence[str]]) -> dict[str, int] | None:
    """Return words that are common in texts but never occur in a bitext, with their numbers, the commonest first.

    Common words are mostly function words, which every bitext of some size has. If they never occur, the two cut words
    in different ways: Hebrew treebanks cut the article off its noun, and most bitext does not. Upper and lower case do
    not count, and neither do words without a letter. A word is common if it stands in every tenth sentence.

    Args:
        texts: The words of each sentence.
        bitext: The words of each sentence of the bitext in the same language.

    Returns:
        The words; None if there are too few sentences to tell.
    """
    if min(len(texts), len(bitext)) < FEWEST_SENTENCES:
        return None
    known = {word.casefold() for words in bitext for word in words}
    sentences = [[word.casefold() for word in words if _has_letter(word)] for words in texts]
    in_sentences = Counter(word for words in sentences for word in set(words))
    common = {word for word, n in in_sentences.items() if n >= COMMON * len(sentences)}
    counts = Counter(word for words in sentences for word in words if word in common - known)
    return dict(counts.most_common())


def _has_letter(word: str) -> bool:
    return any(letter.isalpha() for letter in word)
