"""What is known of gains before any pilot, from the gains of other encoders and tasks: the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from alignfreeze.advice.gains import DRAWS, Calibration, Floats

POINTS = 64
"""At so many points the integral over the shared half of the variance is computed."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The probabilities that the prior alone gives, in a language or in the mean over languages.

    Attributes:
        gain: That a strategy gains over the baseline. It is the same for all strategies.
        no_gain: That no strategy gains.
    """

    gain: float
    no_gain: float

    @classmethod
    def of(cls, calibration: Calibration, others: int, *, n_languages: int = 1) -> Prior:
        """Return the probabilities for several strategies.

        Args:
            calibration: The mean of gains before anything is known, and their spreads.
            others: Number of strategies besides the baseline.
            n_languages: Number of languages in the mean.
        """
        spread = math.sqrt(calibration.prior**2 + calibration.between**2 / n_languages)
        mean = calibration.expected / spread
        # Half of the variance is that of the baseline, which all gains share. Given that half, gains are independent.
        nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
        no_gains = stats.norm.cdf(nodes - mean * math.sqrt(2)) ** others
        return cls(gain=float(stats.norm.cdf(mean)), no_gain=float(weights @ no_gains / weights.sum()))


def draw_prior(n_languages: int, others: int, calibration: Calibration, random: np.random.Generator) -> Floats:
    """Draw true gains over the baseline from the prior alone, [draws, languages, strategies].

    Args:
        n_languages: Number of languages.
        others: Number of strategies besides the baseline.
        calibration: The mean of gains before anything is known, and their spreads.
        random: The generator for the draws.
    """
    shape, zeros = _correlations(others), np.zeros(others)
    means = random.multivariate_normal(zeros, shape * calibration.prior**2, size=(DRAWS, 1), method="cholesky")
    own = random.multivariate_normal(zeros, shape * calibration.between**2, size=(DRAWS, n_languages))
    drawn = means + own
    found = np.zeros((DRAWS, n_languages, others + 1))
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
    favoured = (draws > 0).mean(axis=0) > Prior.of(calibration, 1).gain  # [languages, strategies]
    is_weak = np.isin(np.arange(draws.shape[2]), weak)
    return np.where(favoured & is_weak, before, draws)


def _correlations(others: int) -> Floats:
    """Return the correlations of differences from one baseline."""
    return (np.eye(others) + 1) / 2
