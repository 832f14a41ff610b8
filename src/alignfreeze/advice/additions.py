"""What joined seeds and target-language items add to the gain of a realignment: known from a study, not estimated.

Estimates cannot judge them. A model that has learnt labels which went over links agrees too well with such labels
(docs/points.md), and pilots have too few seeds to join. So each adds a gain of its own, whose mean and spread were
measured (benchmarks/studies/points.py, tuning languages).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alignfreeze.advice.gains import Calibration, Floats
from alignfreeze.experiment.strategies import Strategy


def root_of(strategy: Strategy) -> Strategy:
    """Return the strategy without what is added to it: that of single models which learn no target-language items."""
    return strategy.of_one_seed.of_first_model


def words_of(strategy: Strategy) -> list[str]:
    """Return the words for what a strategy adds to its root."""
    return [word for word in (strategy.taught, strategy.joined) if word is not None]


def add_up(
    draws: Floats,
    roots: Sequence[str],
    strategies: Sequence[Strategy],
    calibration: Calibration,
    random: np.random.Generator,
) -> Floats:
    """Return drawn gains of strategies: those of their roots, and what is added, [draws, languages, strategies].

    Strategies share what they have in common: `projected` and `seeds(projected)` add the same draw for `projected`.

    Args:
        draws: Drawn gains of the roots over the baseline, [draws, languages, roots].
        roots: The names of the roots.
        strategies: The strategies.
        calibration: What is known of additions.
        random: The generator for the draws.
    """
    n, n_languages, _ = draws.shape
    drawn = {}
    for word in dict.fromkeys(word for strategy in strategies for word in words_of(strategy)):
        one = calibration.additions[word]
        found = random.normal(0, one.prior, size=(n, 1)) + random.normal(0, one.between, size=(n, n_languages))
        drawn[word] = found - found.mean(axis=0) + one.expected
    return np.stack(
        [
            draws[..., roots.index(str(root_of(strategy)))] + sum(drawn[word] for word in words_of(strategy))
            for strategy in strategies
        ],
        axis=-1,
    )
