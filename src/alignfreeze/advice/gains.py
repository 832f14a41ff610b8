"""True gains, inferred from estimated ones with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alignfreeze.experiment.names import ENSEMBLE, PROJECTED, SEEDS, SELF_TRAINED, TRANSLATED
from alignfreeze.tasks.task import Task

RESAMPLES = 2_000
"""How often sentence pairs are resampled."""

DRAWS = 4_000
"""How often gains are drawn."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Addition:
    """What is known of a gain that joined seeds or target-language items add to that of a realignment.

    Attributes:
        expected: The mean gain over languages.
        between: Standard deviation of gains over languages.
        prior: Standard deviation of `expected` over encoders, data and seeds. Only one encoder was measured, so it is
            presumed to be that of the gains of realignment.
    """

    expected: float
    between: float
    prior: float


_JOINED = Addition(expected=0.024, between=0.0105, prior=0.012)
_UNKNOWN = Addition(expected=0, between=0.02, prior=0.012)
ADDITIONS: Mapping[str, Addition] = {
    SEEDS: _JOINED,
    ENSEMBLE: _JOINED,
    PROJECTED: Addition(expected=0.009, between=0.019, prior=0.012),
    SELF_TRAINED: _UNKNOWN,
    TRANSLATED: _UNKNOWN,
}
"""Additions for PoS tagging by their words, from four groups of three seeds, and three seeds with label projection."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How estimated gains relate to true ones on the tuning languages of benchmarks/studies/advice_quality.py.

    The defaults are for part-of-speech tags, the embedded encoder, and pilots of a quarter of the steps. There, pilots
    predicted the gains of whole runs with the same seed (benchmarks/results/advice_quality_pilots.json). A true
    difference is half of the estimated one. The method of moments gives spreads that are too small. So `error`,
    `between` and `shared` are one and a half times as large as its spreads. With these values, intervals hold as often
    as stated on the tuning languages.

    Attributes:
        slope: True gain divided by estimated gain.
        error: Standard deviation of a true gain around its prediction, without the noise of sentence pairs.
        between: Standard deviation of true gains over languages, presumed if there are few languages.
        shared: Standard deviation of the part of the error that a strategy has in all languages.
        expected: The mean gain over languages before anything is known. The gains of the paper's strategies, for its
            three encoders on PoS, NER and NLI, have the mean 1.1 and the standard deviation 1.2 points.
        prior: The standard deviation of `expected`.
        additions: What joined seeds and target-language items add to the gain of a realignment, by the word in the name
            of the strategy.
    """

    slope: float = 0.48
    error: float = 0.009
    between: float = 0.012
    shared: float = 0.016
    expected: float = 0.011
    prior: float = 0.012
    additions: Mapping[str, Addition] = field(default_factory=lambda: ADDITIONS, hash=False)


WHOLE_RUNS = Calibration(slope=0.07, error=0.014, between=0.015, shared=0.014)
"""For whole runs, which predicted whole runs with another seed (benchmarks/results/advice_quality.json). A true
difference is a small part of the estimated one. Realignment has trained on text like the held-out pairs, so it helps
there more than on other text. The gain of one seed also need not be the gain of another."""


ENTITIES = Calibration(
    slope=0.07,
    error=0.056,
    between=0.073,
    shared=0.057,
    prior=0.034,
    additions=dict.fromkeys(ADDITIONS, Addition(expected=0, between=0.073, prior=0.034)),
)
"""For named entities. Their gains differ more between seeds than between strategies: by several points of F1, in the
mean over five languages. Measured on whole runs: with a quarter of the steps, the baseline found almost no entity in
English."""


def calibration_of(task: Task, *, whole: bool = False) -> Calibration:
    """Return the calibration for a task.

    Calibrations were measured for part-of-speech tags and for named entities. Other tasks get the calibration of
    entities, which is more cautious.

    Args:
        task: What the models learn.
        whole: Whether the models are from whole runs instead of pilots.
    """
    if task.name != "pos":
        return ENTITIES
    return WHOLE_RUNS if whole else Calibration()


def resample(counts: Floats, random: np.random.Generator, n: int = RESAMPLES) -> Floats:
    """Return estimates on sentence pairs drawn with replacement, [resamples, strategies]. Strategies share the draws.

    Args:
        counts: Numerator and denominator of each strategy and pair, [strategies, pairs, 2].
        random: The generator for the draws.
        n: Number of resamples.
    """
    pairs = counts.shape[1]
    drawn = random.multinomial(pairs, np.full(pairs, 1 / pairs), size=n).astype(np.float64)  # [resamples, pairs]
    sums = np.einsum("rp,spc->rsc", drawn, counts)  # [resamples, strategies, 2]
    whole = counts.sum(axis=1)  # [strategies, 2]
    # A resample without a label to carry over is replaced by all pairs.
    sums = np.where(sums[..., 1:] > 0, sums, whole)
    return sums[..., 0] / sums[..., 1]


def draw_gains(exact: Floats, values: Floats, calibration: Calibration, random: np.random.Generator) -> Floats:
    """Draw true gains over the first strategy, given the estimates, [draws, languages, strategies].

    This is a hierarchical model (Gelman et al. 2013, chapter 5). The gains of a language are normal around their mean
    over languages. That mean is normal around the gains known from other encoders and tasks. Estimates are normal
    around the true gains. The spread of estimates is that of resampled sentence pairs plus a separate error. Gains over
    the same baseline are correlated; the covariance matrices of all spreads contain these correlations.

    Args:
        exact: Estimates, [languages, strategies].
        values: Estimates on resampled sentence pairs, [languages, resamples, strategies].
        calibration: How estimated gains relate to true ones.
        random: The generator for the draws.
    """
    slope = calibration.slope
    gains = slope * (exact[:, 1:] - exact[:, :1])  # [languages, others]
    n_languages, others = gains.shape
    shape = (np.eye(others) + 1) / 2  # correlations of differences from one baseline
    spread = slope * (values[:, :, 1:] - values[:, :, :1])  # [languages, resamples, others]
    noise = np.stack([np.atleast_2d(np.cov(rows, rowvar=False)) for rows in spread])
    noise = noise + shape * calibration.error**2
    between = shape * _estimate_variance(gains, noise, shape, calibration)
    weights = np.linalg.inv(noise + between)  # [languages, others, others]
    spread_of_mean = np.linalg.inv(weights.sum(axis=0))
    seen = spread_of_mean @ np.einsum("lij,lj->i", weights, gains)  # the estimated mean over languages
    # An error that a strategy has in all languages does not shrink with their number.
    sure = np.linalg.inv(spread_of_mean + shape * calibration.shared**2)
    presumed = np.linalg.inv(shape * calibration.prior**2)
    covariance = np.linalg.inv(sure + presumed)
    middle = covariance @ (sure @ seen + presumed @ np.full(others, calibration.expected))
    means = random.multivariate_normal(middle, covariance, size=DRAWS, method="cholesky")  # [draws, others]
    found = np.zeros((DRAWS, n_languages, others + 1))
    for row in range(n_languages):
        share = between @ weights[row]  # the part of a deviation from the mean that belongs to the language
        inner = between - share @ between
        own = random.multivariate_normal(np.zeros(others), inner, size=DRAWS, method="eigh")
        drawn = means + share @ (gains[row] - seen) + own
        # Strategies may differ by less than the noise in the mean of the draws, so the known mean replaces it.
        found[:, row, 1:] = drawn - drawn.mean(axis=0) + middle + share @ (gains[row] - seen)
    return found


def _estimate_variance(gains: Floats, noise: Floats, shape: Floats, calibration: Calibration) -> float:
    """Return the variance of gains over languages without noise, by moments, mixed with a presumed variance."""
    presumed = calibration.between**2
    n = len(gains)
    if n < 2:
        return presumed
    seen = np.trace(np.cov(gains, rowvar=False).reshape(shape.shape)) - np.trace(noise.mean(axis=0))
    found = max(0.0, float(seen) / float(np.trace(shape)))
    # As if `PRESUMED` more languages with the presumed variance had been seen.
    return ((n - 1) * found + PRESUMED * presumed) / (n - 1 + PRESUMED)


PRESUMED = 5
"""The presumed spread of gains counts as much as this many languages."""
