"""Estimates of scores and of their differences from a few labelled items, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Interval = tuple[float, float]

ERRORS = 0.05
"""How often an interval may miss the true value."""

FEWEST = 3
"""Fewer labelled items have no interval."""

TUNED_FOR = 30
"""After about this many items, an interval for any time is narrowest in proportion."""


@dataclass(frozen=True, slots=True)
class Presumed:
    """How much one presumed draw counts in the spread of estimates.

    In that draw one model is right and the other wrong wherever they differ. Without it, the first few labels could
    agree by chance, and an interval would have no width. The values were chosen by simulation (docs/decisions).

    Attributes:
        once: In an interval after a number of labels that was decided before.
        always: In an interval that holds at any time.
    """

    once: float
    always: float


OF_SUMS, OF_RATIOS = Presumed(once=0.05, always=0.5), Presumed(once=0.3, always=1.5)
"""Ratios such as F1 vary more than their first labels show."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What labels say about units on which all models agree, of which one per item is labelled.

    Attributes:
        right: How right the checked unit of each labelled item is; 0 without such a unit, [labelled].
        units: How many units of the item it stands for, [labelled].
        all_units: Number of such units in the text.
    """

    right: Floats
    units: Floats
    all_units: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What labels of the first drawn items say about the scores of several models on all items of a text.

    A score is a ratio of two sums over items, such as right words and all words. For F1 these are twice the right
    entities, and the entities of the model and of the truth together.

    Attributes:
        numerators: What each labelled item adds to the numerators, [labelled, models].
        denominators: What each labelled item adds to the denominators, [labelled, models].
        known_numerators: The parts of the numerators that are known without labels, [models].
        known_denominators: The parts of the denominators that are known without labels, [models].
        left: The share of the sizes of all items that is left before each draw, also before those that nobody has
            labelled yet, [drawn].
        shares: The share of each drawn item, [drawn].
        most: How far a single draw would move the difference of two numerators, as a root mean square, if one model was
            right and the other wrong wherever they differ; for a single model, if it was wrong everywhere, [models,
            models].
        checks: What is added to all numerators; None if `numerators` has everything.
        presumed: How much a presumed draw counts.
    """

    numerators: Floats
    denominators: Floats
    known_numerators: Floats
    known_denominators: Floats
    left: Floats
    shares: Floats
    most: Floats
    checks: Checks | None = None
    presumed: Presumed = OF_SUMS

    def __len__(self) -> int:
        return len(self.numerators)

    @property
    def is_whole(self) -> bool:
        """Whether all items that can be drawn are labelled."""
        return len(self) == len(self.left)

    @property
    def weights(self) -> Floats:
        """The weight of the estimate of each draw, [drawn]: from a small rest it is the more certain."""
        return self.left**-2.0

    def sum_up(self, counts: Floats) -> tuple[Floats, Floats]:
        """Return the sums over all items, [sums], and one estimate for each draw, [labelled, sums].

        Args:
            counts: What each labelled item adds to the sums, [labelled, sums].
        """
        n = len(self)
        each = sum_up(counts, self.left[:n], self.shares[:n])
        return counts.sum(axis=0) if self.is_whole else np.average(each, axis=0, weights=self.weights[:n]), each

    def average_checks(self) -> tuple[float, Floats] | None:
        """Return how right checked units are on average, and the weight of each check, [labelled]; None without any."""
        checks = self.checks
        if checks is None or not checks.units.any():
            return None
        (right, units), _ = self.sum_up(np.stack([checks.right * checks.units, checks.units], axis=1))
        n = len(self)
        reached = np.ones(n) if self.is_whole else self.weights[:n] * self.left[:n] / self.shares[:n]
        return float(right / units), checks.units * reached

    def first(self, n: int) -> Evidence:
        """Return what the labels of the first n items say."""
        checks = self.checks and Checks(self.checks.right[:n], self.checks.units[:n], self.checks.all_units)
        return replace(self, numerators=self.numerators[:n], denominators=self.denominators[:n], checks=checks)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated score or difference of scores; all are shares.

    Attributes:
        value: The estimate.
        interval: The 95% interval, if the number of labels was decided before; None with fewer than three items.
        at_any_time: The 95% interval that holds however often one looks, and whenever one stops; None with fewer than
            three items.
    """

    value: float
    interval: Interval | None = None
    at_any_time: Interval | None = None

    def add(self, other: Estimate) -> Estimate:
        """Return the sum with an independent estimate; the squares of half widths add up (Zou and Donner 2008)."""
        if None in (self.interval, other.interval, self.at_any_time, other.at_any_time):
            return Estimate(self.value + other.value)
        pairs = ((self.interval, other.interval), (self.at_any_time, other.at_any_time))
        return Estimate(self.value + other.value, *(self._add_widths(other, *pair) for pair in pairs))  # type: ignore

    def within(self, lowest: float, highest: float) -> Estimate:
        """Return the estimate without what is not possible."""
        value = min(highest, max(lowest, self.value))
        if self.interval is None or self.at_any_time is None:
            return Estimate(value)
        cut = [(max(lowest, low), min(highest, high)) for low, high in (self.interval, self.at_any_time)]
        return Estimate(value, *cut)

    def _add_widths(self, other: Estimate, ours: Interval, theirs: Interval) -> Interval:
        value = self.value + other.value
        low, high = (math.hypot(self.value - ours[side], other.value - theirs[side]) for side in (0, 1))
        return value - low, value + high


def sum_up(counts: Floats, left: Floats, shares: Floats) -> Floats:
    """Return one estimate of the sum over all items for each draw, [drawn, sums].

    The estimate of a draw is what was drawn before, and this item in proportion to what was left. Each one is unbiased,
    given the draws before it (Des Raj 1956, section 3).

    Args:
        counts: What each drawn item adds to the sums, [drawn, sums].
        left: The share of the sizes of all items that was left before each draw, [drawn].
        shares: The share of each drawn item, [drawn].
    """
    before = np.cumsum(counts, axis=0) - counts
    return before + counts * (left / shares)[:, None]


class Estimates:
    """The scores of several models, and their differences.

    Attributes:
        n: Number of labelled items.
        scores: The estimated scores, [models].
        covariance: The covariance of the scores without what is common to all models, with one presumed draw, [models,
            models]; zero if all items are labelled.
    """

    def __init__(self, evidence: Evidence) -> None:
        """Estimate the scores.

        Args:
            evidence: What labels of at least one item say.
        """
        self.n = len(evidence)
        self._is_whole = evidence.is_whole
        self._all_weights = evidence.weights  # [drawn]
        self._weights = self._all_weights[: self.n]  # [labelled]
        sums = [evidence.sum_up(counts) for counts in (evidence.numerators, evidence.denominators)]
        (above, numerators), (below, denominators) = sums
        above, numerators = above + evidence.known_numerators, numerators + evidence.known_numerators
        below, denominators = below + evidence.known_denominators, denominators + evidence.known_denominators
        self._presumed = evidence.presumed
        safe = np.where(below > 0, below, 1.0)
        self._own = np.where(below > 0, above / safe, 0.0)  # [models]
        # A ratio varies as this linear function does (Särndal, Swensson and Wretman 1992, section 5.5).
        self._deviations = (numerators - self._own * denominators) / safe  # [labelled, models]
        self._most = evidence.most / safe.mean()
        self._common = _estimate_common(evidence, float(safe.mean()))
        self.scores = self._own + (0.0 if self._common is None else self._common.value)
        self.covariance = self._covariance()

    def score(self, model: int) -> Estimate | None:
        """Return the estimated score of a model; None if nothing is known of units on which all models agree."""
        if self._common is None:
            return None
        own = self._estimate(self._own[model], self._deviations[:, model], self._most[model, model])
        return own.add(self._common).within(0.0, 1.0)

    def difference(self, model: int, other: int, *, errors: float = ERRORS) -> Estimate:
        """Return how much a model is above another one.

        Args:
            model: The number of the model.
            other: The number of the other model.
            errors: How often the interval may miss the true difference.
        """
        deviations = self._deviations[:, model] - self._deviations[:, other]
        return self._estimate(self._own[model] - self._own[other], deviations, self._most[model, other], errors)

    def half_width(self, model: int, other: int, n: int, *, errors: float = ERRORS) -> float:
        """Return half the width of the interval of a difference that holds at any time, once n items are labelled."""
        if n >= len(self._all_weights):
            return 0.0
        deviations = self._deviations[:, model] - self._deviations[:, other]
        variance = self._sum_squares(deviations) / (self.n - 1)
        presumed = self._presumed.always * self._most[model, other] ** 2 / (n - 1)
        return math.sqrt((variance + presumed) / float(self._all_weights[:n].sum())) * widen(n, errors)

    def _estimate(self, value: float, deviations: Floats, most: float, errors: float = ERRORS) -> Estimate:
        value = float(value)
        if self._is_whole:
            return Estimate(value, (value, value), (value, value))
        if self.n < FEWEST:
            return Estimate(value)
        seen = self._sum_squares(deviations)
        once = self._error(seen + self._presumed.once * most**2) * float(special.stdtrit(self.n - 1, 1 - errors / 2))
        always = self._error(seen + self._presumed.always * most**2) * widen(self.n, errors)
        return Estimate(value, (value - once, value + once), (value - always, value + always))

    def _sum_squares(self, deviations: Floats) -> float:
        return float((self._weights * deviations**2).sum())

    def _error(self, squares: float) -> float:
        """Return the standard error of a weighted mean with this sum of weighted squares."""
        return math.sqrt(squares / (self.n - 1) / float(self._weights.sum()))

    def _covariance(self) -> Floats:
        if self._is_whole:
            return np.zeros_like(self._most)
        scaled = self._deviations * np.sqrt(self._weights)[:, None]
        apart = np.where(np.eye(len(self._most)) > 0, 0.0, self._most)
        presumed = np.diag((apart**2).max(axis=1) / 2)
        return (scaled.T @ scaled + presumed) / max(1, self.n - 1) / float(self._weights.sum())


def _estimate_common(evidence: Evidence, denominator: float) -> Estimate | None:
    """Return what units on which all models agree add to each score; None if none of them is labelled.

    Wrong ones are rare, so that their number is far from normal. The interval is Wilson's (1927) for as many
    independent units as weigh the same (Kish 1965, section 11.7).
    """
    checks = evidence.checks
    if checks is None or not checks.all_units:
        return Estimate(0.0, (0.0, 0.0), (0.0, 0.0))
    found = evidence.average_checks()
    if found is None:
        return None
    share, weights = min(1.0, max(0.0, found[0])), found[1]
    if evidence.is_whole:
        unseen = float((checks.units * (checks.units - 1)).sum())
        n = float(checks.units.sum()) ** 2 / unseen if unseen else math.inf
    else:
        n = float(weights.sum() ** 2 / (weights**2).sum())
    part = checks.all_units / denominator
    if len(evidence) < FEWEST:
        return Estimate(share * part)
    ends = (wilson(share, n, quantile) for quantile in (float(special.ndtri(1 - ERRORS / 2)), widen(len(evidence))))
    return Estimate(share * part, *((low * part, high * part) for low, high in ends))


def estimate_gain(evidence: Evidence) -> Estimate:
    """Return how much the second of two models is above the first.

    Args:
        evidence: What labels say of the two models. Its checks say how much more right the second model is on units
            that stand for others, from -1 to 1.
    """
    gain = Estimates(replace(evidence, checks=None)).difference(1, 0)
    found = evidence.average_checks()
    if evidence.checks is None or found is None:
        return gain
    mean, weights = found
    n = len(evidence)
    # One unit stands for others of its item, so that this part varies also if all items are labelled.
    seen = float((weights**2 * (evidence.checks.right - mean) ** 2).sum())
    one = float((weights**2).mean())
    part = evidence.checks.all_units / float(evidence.known_denominators.mean())
    presumed, ends = evidence.presumed, []
    for times, quantile in (
        (presumed.once, float(special.stdtrit(n - 1, 1 - ERRORS / 2))),
        (presumed.always, widen(n)),
    ):
        width = quantile * math.sqrt(seen + times * one) / float(weights.sum())
        ends.append((part * (mean - width), part * (mean + width)))
    return gain.add(Estimate(part * mean, *ends))


def widen(n: int, errors: float = ERRORS) -> float:
    """Return how many standard errors an interval needs that holds at any time, after n draws.

    It is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), theorem 2.2.
    """
    scale = (-2 * math.log(errors) + math.log(-2 * math.log(errors)) + 1) / TUNED_FOR
    grown = n * scale + 1
    return math.sqrt(2 * grown / (n * scale) * math.log(math.sqrt(grown) / errors))


def wilson(share: float, n: float, quantile: float) -> Interval:
    """Return Wilson's interval of a share of n independent units (1927)."""
    extra = quantile**2 / n
    middle = (share + extra / 2) / (1 + extra)
    half = quantile / (1 + extra) * math.sqrt(share * (1 - share) / n + extra / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)
