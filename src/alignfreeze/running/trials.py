"""The gains of a strategy in a language, by seed, and their variance over test sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""Numerator and denominator of a score for each test item, such as right words and all words, [items, 2]."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The gains of a strategy in a language.

    Attributes:
        gain: The mean gain.
        gains: The gain of each seed.
        sentence_variance: The variance of the mean gain over test sentences; 0 if it is not known.
        n_sentences: The number of test sentences; 0 if it is not known.
        seeds_each: How many seeds a gain is of: 1, or the size of the groups of seeds whose models are joined.
    """

    gain: float
    gains: Mapping[int, float]
    sentence_variance: float = 0.0
    n_sentences: int = 0
    seeds_each: int = 1


Groups = Mapping[int, Sequence[int]]
"""All seeds of a run that joins the models of several, by the first of them; empty if runs have one seed each."""


def average_groups(theirs: Mapping[int, float], groups: Groups) -> Mapping[int, float]:
    """Return the mean score of each group of seeds, by the first seed, to compare with runs that join these seeds.

    A group of which a seed is missing is left out. Without groups, the scores are returned unchanged.
    """
    if not groups:
        return theirs
    whole = {first: seeds for first, seeds in groups.items() if all(seed in theirs for seed in seeds)}
    return {first: fmean(theirs[seed] for seed in seeds) for first, seeds in whole.items()}


def average_group_counts(theirs: Mapping[int, Counts], groups: Groups) -> Mapping[int, Counts]:
    """Return the mean counts of each test item over each group of seeds, as `average_groups` does for scores."""
    if not groups:
        return theirs
    whole = {first: seeds for first, seeds in groups.items() if all(seed in theirs for seed in seeds)}
    alike = {first: [theirs[seed] for seed in seeds] for first, seeds in whole.items()}
    return {first: np.mean(found, axis=0) for first, found in alike.items() if len({one.shape for one in found}) == 1}


def try_strategy(
    ours: Mapping[int, float],
    theirs: Mapping[int, float],
    our_counts: Mapping[int, Counts],
    their_counts: Mapping[int, Counts],
    groups: Groups | None = None,
) -> Trial:
    """Return the gains of a strategy in a language.

    Seeds that both sides have are compared: another seed is another random start. If they have no seed in common, the
    seeds are paired in their order, and the gain is that of all seeds. A run that joins several seeds is compared with
    the mean of the baseline over these seeds.

    Args:
        ours: Scores of the strategy, by seed.
        theirs: Scores of the baseline, by seed.
        our_counts: Counts of each test item with the strategy, by seed; empty if they are not known.
        their_counts: The same with the baseline.
        groups: The seeds of each run of the strategy, if it joins several.
    """
    groups = groups or {}
    if groups:
        theirs, their_counts = average_groups(theirs, groups), average_group_counts(their_counts, groups)
    each = max(map(len, groups.values()), default=1)
    pairs = list(zip(*map(sorted, share_seeds(ours, theirs)), strict=False))
    gain = mean_gain(ours, theirs)
    counted = [(a, b) for a, b in pairs if a in our_counts and b in their_counts]
    gains = {a: ours[a] - theirs[b] for a, b in pairs}
    if len(counted) < len(pairs):
        return Trial(gain, gains, seeds_each=each)
    counts = [our_counts[a] for a, _ in counted], [their_counts[b] for _, b in counted]
    if len({one.shape for side in counts for one in side}) > 1:  # other items: their chance is not known
        return Trial(gain, gains, seeds_each=each)
    return Trial(gain, gains, vary_sentences(*counts), len(counts[0][0]), each)


def average_trials(mean: Trial, trials: Collection[Trial]) -> Trial:
    """Return the trial of a mean over languages, with the variance over the sentences of all languages.

    Args:
        mean: The gains of the mean over languages.
        trials: The trials of the languages.
    """
    if any(one.n_sentences == 0 for one in trials):
        return mean
    return replace(
        mean,
        sentence_variance=sum(one.sentence_variance for one in trials) / len(trials) ** 2,
        n_sentences=sum(one.n_sentences for one in trials),
    )


def mean_gain(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float:
    """Return the difference of two means over the common seeds; over all seeds if they have none in common."""
    our, their = (fmean(side.values()) for side in share_seeds(ours, theirs))
    return our - their


def share_seeds(
    ours: Mapping[int, float], theirs: Mapping[int, float]
) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Return the scores of the seeds that both sides have; all scores if they have no seed in common."""
    common = sorted(set(ours) & set(theirs))
    if not common:
        return ours, theirs
    return {seed: ours[seed] for seed in common}, {seed: theirs[seed] for seed in common}


def vary_sentences(ours: Sequence[Counts], theirs: Sequence[Counts]) -> float:
    """Return the variance of the difference of two scores over test items, by linearisation.

    Accuracy and F1 both divide a sum over items by another sum. Accuracy divides right words by all words. F1 divides
    twice the number of right entities by the predicted entities plus the true entities. Items count with the results of
    all seeds: other seeds are not other items (Särndal, Swensson and Wretman 1992, section 5.6).

    Args:
        ours: Counts of one model, for each seed.
        theirs: Counts of the other model, for each seed.

    Raises:
        ValueError: The numbers of items differ, or there is none.
    """
    shapes = {counts.shape for counts in (*ours, *theirs)}
    if len(shapes) != 1 or not len(ours[0]):
        raise ValueError(f"all models need the same number of test items, at least one; got {sorted(shapes)}")
    effects = np.mean([_effects_of(c) for c in ours], axis=0) - np.mean([_effects_of(c) for c in theirs], axis=0)
    n = len(effects)
    return float(np.var(effects) / max(1, n - 1))


def _effects_of(counts: Counts) -> NDArray[np.float64]:
    """Return how much each item moves a score, [items]; the mean is 0."""
    above, below = counts.sum(axis=0)
    if below == 0:
        return np.zeros(len(counts))
    return (counts[:, 0] - above / below * counts[:, 1]) / (below / len(counts))
