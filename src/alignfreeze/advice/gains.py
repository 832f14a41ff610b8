"""True gains told from estimated ones: how the two go together, and how sure one may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignfreeze.tasks.task import Task

RESAMPLES = 2_000

DRAWS = 4_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How estimated gains go with true ones, as found on the tuning languages of benchmarks/advice_quality.py.

    The defaults are those of part-of-speech tags, the embedded encoder, and pilots of a quarter of the steps, by which
    the gains of whole runs with the same seed were foretold (benchmarks/results/advice_quality_pilots.json). Half of a
    difference that is estimated is found in the truth. The spreads `error`, `between` and `shared` are one and a half
    times those that moments give, so that intervals hold as often as they say on the tuning languages.

    Attributes:
        slope: True gain by estimated gain.
        error: Standard deviation of what a true gain differs by from that, beside the noise of the sentence pairs.
        between: Standard deviation that true gains have over languages, presumed of few of them.
        shared: Standard deviation of that part of the error which a strategy has in all languages.
        expected: Gain in the mean over languages, before anything is known: those of the paper's strategies, for its
            three encoders on PoS, NER and NLI, have the mean 1.1 and the standard deviation 1.2 points.
        prior: The standard deviation of that.
    """

    slope: float = 0.48
    error: float = 0.009
    between: float = 0.012
    shared: float = 0.016
    expected: float = 0.011
    prior: float = 0.012


WHOLE_RUNS = Calibration(slope=0.07, error=0.014, between=0.015, shared=0.014)
"""Of whole runs, by whose models those with another seed were foretold (benchmarks/results/advice_quality.json). Little
of a difference that is estimated is found in the truth: after so many steps realignment knows held-out pairs better
than other text, as they are of the kind that it sees; and what one seed gains another need not."""


ENTITIES = Calibration(slope=0.07, error=0.056, between=0.073, shared=0.057, prior=0.034)
"""Of named entities, whose gains differ from seed to seed by more than from strategy to strategy: in the mean over five
languages by several points of F1. Of whole runs: the baseline's pilots of a quarter of the steps found next to no
entity in English."""


def calibration_of(task: Task, *, whole: bool = False) -> Calibration:
    """Return how estimated gains go with true ones, as far as that was measured.

    That is part-of-speech tags and named entities. Other labels get the more cautious one, that of entities.

    Args:
        task: What is learnt.
        whole: Whether the models are those of whole runs, not of pilots.
    """
    if task.name != "pos":
        return ENTITIES
    return WHOLE_RUNS if whole else Calibration()


def resample(counts: Floats, random: np.random.Generator, n: int = RESAMPLES) -> Floats:
    """Return estimates on sentence pairs drawn with replacement, the same ones for all, [resamples, strategies].

    Args:
        counts: Of each strategy and pair, [strategies, pairs, 2].
        random: Draws.
        n: How often.
    """
    pairs = counts.shape[1]
    drawn = random.multinomial(pairs, np.full(pairs, 1 / pairs), size=n).astype(np.float64)  # [resamples, pairs]
    sums = np.einsum("rp,spc->rsc", drawn, counts)  # [resamples, strategies, 2]
    whole = counts.sum(axis=1)  # [strategies, 2]
    # A draw without a label to carry over says nothing of its own.
    sums = np.where(sums[..., 1:] > 0, sums, whole)
    return sums[..., 0] / sums[..., 1]


def draw_gains(exact: Floats, values: Floats, calibration: Calibration, random: np.random.Generator) -> Floats:
    """Draw gains over the first strategy from what is known of them, [draws, languages, strategies].

    The gains of a language are normal around the mean over languages, which is normal around what is known of other
    encoders and tasks; estimates are normal
    around the gains, with the spread that resample sentence pairs show and that which estimates have by themselves
    (a hierarchical model; Gelman et al. 2013, chapter 5). All spreads are those of differences of strategies that
    differ by themselves: gains over one baseline go together.

    Args:
        exact: Estimates, [languages, strategies].
        values: The same on resample sentence pairs, [languages, resamples, strategies].
        calibration: How estimated gains go with true ones.
        random: Draws.
    """
    slope = calibration.slope
    gains = slope * (exact[:, 1:] - exact[:, :1])  # [languages, others]
    n_languages, others = gains.shape
    shape = (np.eye(others) + 1) / 2  # of differences from one baseline
    spread = slope * (values[:, :, 1:] - values[:, :, :1])  # [languages, resamples, others]
    noise = np.stack([np.atleast_2d(np.cov(rows, rowvar=False)) for rows in spread])
    noise = noise + shape * calibration.error**2
    between = shape * _variance_between(gains, noise, shape, calibration)
    weights = np.linalg.inv(noise + between)  # [languages, others, others]
    spread_of_mean = np.linalg.inv(weights.sum(axis=0))
    seen = spread_of_mean @ np.einsum("lij,lj->i", weights, gains)  # the mean over languages, as estimates have it
    # What estimates say too well, or too badly, of a strategy everywhere no number of languages tells.
    sure = np.linalg.inv(spread_of_mean + shape * calibration.shared**2)
    presumed = np.linalg.inv(shape * calibration.prior**2)
    covariance = np.linalg.inv(sure + presumed)
    middle = covariance @ (sure @ seen + presumed @ np.full(others, calibration.expected))
    means = random.multivariate_normal(middle, covariance, size=DRAWS, method="cholesky")  # [draws, others]
    found = np.zeros((DRAWS, n_languages, others + 1))
    for row in range(n_languages):
        share = between @ weights[row]  # what of a deviation from the mean is the language's own
        inner = between - share @ between
        own = random.multivariate_normal(np.zeros(others), inner, size=DRAWS, method="eigh")
        drawn = means + share @ (gains[row] - seen) + own
        # Strategies differ by less than means of draws do by chance: the mean is known, and is put in its place.
        found[:, row, 1:] = drawn - drawn.mean(axis=0) + middle + share @ (gains[row] - seen)
    return found


def _variance_between(gains: Floats, noise: Floats, shape: Floats, calibration: Calibration) -> float:
    """Return the variance of gains over languages beside noise, by moments; with few languages, what is presumed."""
    presumed = calibration.between**2
    n = len(gains)
    if n < 2:
        return presumed
    seen = np.trace(np.cov(gains, rowvar=False).reshape(shape.shape)) - np.trace(noise.mean(axis=0))
    found = max(0.0, float(seen) / float(np.trace(shape)))
    # As if so many more languages had been seen whose variance is the presumed one.
    return ((n - 1) * found + PRESUMED * presumed) / (n - 1 + PRESUMED)


PRESUMED = 5
"""The presumed spread of gains over languages counts like that of so many languages."""
