"""What is known of gains before any pilot, from those of other encoders and tasks: the prior."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from alignfreeze.advice.additions import add_up, root_of, words_of
from alignfreeze.advice.gains import DRAWS, Addition, Calibration, Floats
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.strategies import Strategy

PRIOR_DRAWS = 100_000
"""How often the prior is drawn for the probability that no strategy gains."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The probabilities that the prior alone gives, in a language or in the mean over languages.

    Attributes:
        gains: That a strategy gains over the baseline, by strategy.
        no_gain: That no strategy gains.
    """

    gains: Mapping[str, float]
    no_gain: float

    @classmethod
    def of(cls, calibration: Calibration, strategies: Sequence[Strategy], *, n_languages: int = 1) -> Prior:
        """Return the probabilities for several strategies.

        Args:
            calibration: The means of gains before anything is known, and their spreads.
            strategies: The strategies without the baseline.
            n_languages: Number of languages in the mean.
        """
        # A mean over languages is like one language whose gains are less spread.
        calibration = _narrow(calibration, n_languages)
        gains = {str(one): _probability_of_gain(_parts_of(one, calibration)) for one in strategies}
        if len(gains) == 1:
            return cls(gains, 1 - next(iter(gains.values())))
        drawn = draw_gains_before(strategies, calibration, n=PRIOR_DRAWS)
        return cls(gains, float((drawn <= 0).all(axis=-1).mean()))


def draw_gains_before(strategies: Sequence[Strategy], calibration: Calibration, *, n: int = DRAWS) -> Floats:
    """Draw true gains of strategies over the baseline in one language from the prior alone, [draws, strategies].

    Args:
        strategies: The strategies.
        calibration: The means of gains before anything is known, and their spreads.
        n: Number of draws.
    """
    roots = [BASELINE, *dict.fromkeys(str(root) for one in strategies if (root := root_of(one)).realigns)]
    random = np.random.default_rng(0)
    drawn = draw_prior(1, len(roots) - 1, calibration, random, n=n)
    return add_up(drawn, roots, strategies, calibration, random)[:, 0]


def _narrow(calibration: Calibration, n_languages: int) -> Calibration:
    """Return the calibration for means over languages: gains are spread less between them."""
    share = 1 / math.sqrt(n_languages)
    additions = {word: replace(one, between=share * one.between) for word, one in calibration.additions.items()}
    return replace(calibration, between=share * calibration.between, additions=additions)


def _parts_of(strategy: Strategy, calibration: Calibration) -> list[Calibration | Addition]:
    """Return what is known of each part of the gain of a strategy: of its realignment, and of what is added."""
    added = [calibration.additions[word] for word in words_of(strategy)]
    return [calibration, *added] if strategy.realigns else [*added]


def _probability_of_gain(parts: Sequence[Calibration | Addition]) -> float:
    """Return the prior probability of a gain that is the sum of independent normal ones."""
    spread = math.sqrt(sum(one.prior**2 + one.between**2 for one in parts))
    return float(stats.norm.cdf(sum(one.expected for one in parts) / spread))


def draw_prior(
    n_languages: int, others: int, calibration: Calibration, random: np.random.Generator, *, n: int = DRAWS
) -> Floats:
    """Draw true gains over the baseline from the prior alone, [draws, languages, strategies].

    Args:
        n_languages: Number of languages.
        others: Number of strategies besides the baseline.
        calibration: The mean of gains before anything is known, and their spreads.
        random: The generator for the draws.
        n: Number of draws.
    """
    found = np.zeros((n, n_languages, others + 1))
    if not others:
        return found
    shape, zeros = _correlations(others), np.zeros(others)
    means = random.multivariate_normal(zeros, shape * calibration.prior**2, size=(n, 1), method="cholesky")
    own = random.multivariate_normal(zeros, shape * calibration.between**2, size=(n, n_languages))
    drawn = means + own
    # Strategies do not differ in the prior, so its mean replaces that of the draws.
    found[..., 1:] = drawn - drawn.mean(axis=0) + calibration.expected
    return found


def distrust(draws: Floats, weak: Sequence[int], calibration: Calibration, random: np.random.Generator) -> Floats:
    """Replace gains from pilots that are too weak to be believed by gains from the prior.

    Without a baseline that can be believed, all gains are replaced. Otherwise, gains of a weak strategy are replaced
    where they are more probable than by the prior.

    Args:
        draws: Drawn gains over the baseline, [draws, languages, strategies].
        weak: The places of the weak strategies among all; the baseline is the first.
        calibration: The mean of gains before anything is known, and their spreads.
        random: The generator for the draws.
    """
    before = draw_prior(draws.shape[1], draws.shape[2] - 1, calibration, random)
    if 0 in weak:
        return before
    favoured = (draws > 0).mean(axis=0) > _probability_of_gain([calibration])  # [languages, strategies]
    is_weak = np.isin(np.arange(draws.shape[2]), weak)
    return np.where(favoured & is_weak, before, draws)


def _correlations(others: int) -> Floats:
    """Return the correlations of differences from one baseline."""
    return (np.eye(others) + 1) / 2
