"""Verdicts: does a strategy help a language, and if that is not known, what would settle it?

The gains of a strategy differ between languages and seeds. As in a mixed model, a gain has four parts: the true gain in
the language, an effect of the seed that all languages share, an effect of the seed in this language alone, and the
chance of the test sentences. Their variances give the uncertainty of a mean gain (docs/decisions/13-verdicts.md).
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from alignfreeze.columns import to_signed
from alignfreeze.running.trials import Trial

Verdict = Literal["helps", "hurts", "no difference", "cannot tell"]

VERDICTS: tuple[Verdict, ...] = ("helps", "hurts", "no difference", "cannot tell")

VERDICT_TEXTS: dict[Verdict, str] = {
    "helps": "helps",
    "hurts": "hurts",
    "no difference": "no difference worth having",
    "cannot tell": "cannot tell yet",
}
"""The verdicts in words."""

MARGIN = 0.005
"""A smaller gain or loss is not worth having, unless the user says otherwise: half a point."""

ERRORS = 0.05
"""How often any interval of a comparison may miss the true gain."""

SHARED_ERRORS, SHARED_ERRORS_ALONE = 0.5, 0.8
"""The part of these errors that is for the effect of seeds on all languages; the rest is for everything else.

For one language, or one mean, everything else is the chance of the test sentences, which is small as a rule.
"""

MOST_SEEDS = 50
"""More seeds than this are no proposal."""

MOST_SENTENCES = 100
"""More than this many times the test sentences are no proposal."""

PRIOR_SEEDS = 3.0
"""How many degrees of freedom the other languages have in the variance of one language.

Languages differ so much in their variance over seeds that the others say little. Smyth's estimate (2004) is
between 1.9 and 3.1 in those of the paper's tables that have more than twelve languages.
"""

FEWEST_SEEDS = 2
"""With a single seed, at least this many more are proposed."""

NO_WIDTH = 1e-9
"""A narrower interval comes from rounding."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a strategy in a language, or in the mean over languages.

    Attributes:
        verdict: Whether the strategy helps.
        gain: The mean gain over the baseline; a share.
        interval: 95% confidence interval of the gain, over seeds and test sentences together. It is corrected for the
            number of languages and strategies: in 95% of comparisons all intervals cover the true gain. None with
            fewer than two seeds.
        more_seeds: About how many more seeds would settle what cannot be told yet; None if seeds alone would not.
        more_sentences: About how many more test sentences would; None if sentences alone would not.
        fewest_seeds: How many more seeds are needed at least, if there is no interval.
    """

    verdict: Verdict
    gain: float
    interval: tuple[float, float] | None
    more_seeds: int | None = None
    more_sentences: int | None = None
    fewest_seeds: int = FEWEST_SEEDS


@dataclass(frozen=True, slots=True)
class _Errors:
    """How often one interval may miss the true gain.

    An effect that all languages share is one chance event per strategy. An effect in one language alone is one event
    per strategy and language.

    Attributes:
        shared: Because of the effect that all languages share.
        own: Because of the rest.
    """

    shared: float
    own: float


@dataclass(frozen=True, slots=True)
class _Spread:
    """The uncertainty of a gain, in its parts.

    Attributes:
        shared: Variance over seeds of the effect that all languages share.
        own: Variance over seeds of the effect in the language alone.
        seeds: Number of seeds.
        weight: Degrees of freedom of a variance per seed above the first.
        languages: Number of languages.
        sentences: Variance of the mean gain over test sentences.
        n_sentences: Number of test sentences.
    """

    shared: float
    own: float
    seeds: int
    weight: float
    languages: int
    sentences: float
    n_sentences: int

    def half_width(self, errors: _Errors, *, more_seeds: int = 0, times_sentences: float = 1.0) -> float:
        """Return half the width of the interval.

        Each part has an interval by Student's t with its own degrees of freedom, and the squares of their half widths
        add up (Zou and Donner 2008). One common number of degrees of freedom (Satterthwaite) would trust a part that is
        small by chance.

        Args:
            errors: How often the interval may miss the true gain.
            more_seeds: Seeds that are added.
            times_sentences: How many times as many test sentences there are.
        """
        seeds = self.seeds + more_seeds
        free = (seeds - 1) * self.weight
        moderated = min(PRIOR_SEEDS + free, max(1, self.languages - 1) * free)
        items = max(1.0, self.n_sentences * times_sentences - 1)
        return math.sqrt(
            self.shared / seeds * _quantile(free, errors.shared) ** 2
            + self.own / seeds * _quantile(moderated, errors.own) ** 2
            + self.sentences / times_sentences * _quantile(items, errors.own) ** 2
        )


def _quantile(freedom: float, errors: float) -> float:
    """Return the quantile of Student's t that is exceeded, on either side, as often as `errors` says."""
    return float(special.stdtrit(freedom, 1 - errors / 2))


def judge_gains(
    trials: Mapping[str, Mapping[str, Trial]], *, margin: float = MARGIN
) -> dict[str, dict[str, Judgement]]:
    """Judge each strategy in each language.

    Args:
        trials: The gains by language and strategy. The verdicts are corrected for the number of both.
        margin: A gain or loss within this share is not worth having.
    """
    strategies = list(dict.fromkeys(name for row in trials.values() for name in row))
    rows = {name: {code: row[name] for code, row in trials.items() if name in row} for name in strategies}
    # A mean of several seeds varies less than one seed, so each kind has its own spread.
    kinds = {name: max(one.seeds_each for one in row.values()) for name, row in rows.items()}
    spreads: dict[str, dict[str, _Spread]] = {}
    for kind in set(kinds.values()):
        spreads |= _measure_spreads({name: row for name, row in rows.items() if kinds[name] == kind})
    part = SHARED_ERRORS if len(trials) > 1 else SHARED_ERRORS_ALONE
    errors = _Errors(
        shared=ERRORS * part / max(1, len(rows)),
        own=ERRORS * (1 - part) / max(1, sum(map(len, rows.values()))),
    )
    return {
        code: {name: _judge(one, spreads[name].get(code), errors, margin) for name, one in row.items()}
        for code, row in trials.items()
    }


def _measure_spreads(rows: Mapping[str, Mapping[str, Trial]]) -> dict[str, dict[str, _Spread]]:
    """Return the uncertainty of each gain with at least two seeds, by strategy and language.

    A variance is the mean over the strategies, times how restless the strategy is: the ratio of its variances to the
    mean, in all languages together. All strategies share the baseline, so K of them are worth only 4 K / (K + 3)
    independent ones.
    """
    parts = {name: found for name, row in rows.items() if (found := _split_variance(row)) is not None}
    if not parts:
        return {name: {} for name in rows}
    weight = 4 * len(parts) / (len(parts) + 3)
    pooled = float(np.mean([one for one, _ in parts.values()]))
    codes = list(dict.fromkeys(code for _, own in parts.values() for code in own))
    own = {code: float(np.mean([own[code] for _, own in parts.values() if code in own])) for code in codes}
    seeds = min(len(one.gains) for name in parts for one in rows[name].values() if len(one.gains) > 1)
    usual = _moderate(own, (seeds - 1) * weight)
    spreads: dict[str, dict[str, _Spread]] = {name: {} for name in rows}
    for name, (measured, variances) in parts.items():
        restless = _compare_variances(variances, own)
        for code, one in rows[name].items():
            if len(one.gains) > 1:
                spreads[name][code] = _Spread(
                    max(measured, pooled * restless),
                    usual[code] * restless,
                    len(one.gains),
                    weight,
                    len(codes),
                    one.sentence_variance,
                    one.n_sentences,
                )
    return spreads


def _compare_variances(variances: Mapping[str, float], usual: Mapping[str, float]) -> float:
    """Return how many times as great the variances of a strategy are as those of all strategies together."""
    ratios = [variance / usual[code] for code, variance in variances.items() if usual[code] > 0]
    return float(np.mean(ratios)) if ratios else 1.0


def _split_variance(row: Mapping[str, Trial]) -> tuple[float, dict[str, float]] | None:
    """Return the variance over seeds that languages share, and that of each language alone; None with one seed.

    The shared part is the variance of the mean over languages. It holds a small share of the other part too, so that it
    is rather too large.
    """
    several = {code: one.gains for code, one in row.items() if len(one.gains) > 1}
    if not several:
        return None
    seeds = list(dict.fromkeys(seed for gains in several.values() for seed in gains))
    table = np.array([[gains.get(seed, np.nan) for seed in seeds] for gains in several.values()])  # [languages, seeds]
    table -= np.nanmean(table, axis=1, keepdims=True)
    means = np.nanmean(table, axis=0)  # [seeds]
    shared = float(np.sum(means**2) / (len(seeds) - 1))
    n = len(several)
    if n == 1:
        return shared, dict.fromkeys(several, 0.0)
    own = np.nansum((table - means) ** 2, axis=1) / (np.isfinite(table).sum(axis=1) - 1) * n / (n - 1)
    return shared, dict(zip(several, own.tolist(), strict=True))


def _moderate(variances: Mapping[str, float], free: float) -> dict[str, float]:
    """Draw the variance of each language towards that of usual languages (Smyth 2004, with a fixed prior).

    Args:
        variances: Variances by language.
        free: Their degrees of freedom.
    """
    known = np.array(list(variances.values()))
    if len(known) < 2 or not known.any():
        return dict(variances)
    floor = 1e-5 * float(np.median(known[known > 0]))  # the logarithm of zero would outweigh all languages
    centre = np.log(np.maximum(known, floor)).mean() - _mean_log(free) + _mean_log(PRIOR_SEEDS)
    drawn = (PRIOR_SEEDS * math.exp(centre) + free * known) / (PRIOR_SEEDS + free)
    return dict(zip(variances, drawn.tolist(), strict=True))


def _mean_log(free: float) -> float:
    """Return the mean logarithm of a chi-squared number divided by its degrees of freedom."""
    return float(special.digamma(free / 2)) - math.log(free / 2)


def _judge(trial: Trial, spread: _Spread | None, errors: _Errors, margin: float) -> Judgement:
    unknown = Judgement("cannot tell", trial.gain, None, fewest_seeds=FEWEST_SEEDS * trial.seeds_each)
    if spread is None:
        return unknown
    half = spread.half_width(errors)
    if half < NO_WIDTH < abs(trial.gain):  # seeds that change nothing are no seeds
        return unknown
    verdict = decide(trial.gain, half, margin)
    interval = (trial.gain - half, trial.gain + half)
    if verdict != "cannot tell":
        return Judgement(verdict, trial.gain, interval)
    observations, sentences = _find_needs(trial.gain, spread, errors, margin)
    seeds = None if observations is None else observations * trial.seeds_each
    return Judgement(verdict, trial.gain, interval, seeds, sentences)


def decide(gain: float, half: float, margin: float) -> Verdict:
    """Return the verdict on a gain, from half the width of its interval."""
    if abs(gain) + half <= margin:
        return "no difference"
    if abs(gain) <= half:
        return "cannot tell"
    return "helps" if gain > 0 else "hurts"


def _find_needs(gain: float, spread: _Spread, errors: _Errors, margin: float) -> tuple[int | None, int | None]:
    """Return about how many more seeds, and how many more sentences, settle a verdict if the gain stays as it is."""

    def is_settled(half: float) -> bool:
        return decide(gain, half, margin) != "cannot tell"

    # The more seeds or sentences, the narrower the interval: the first that settles it is found by halving.
    seeds = 1 + bisect(
        range(1, MOST_SEEDS + 1), False, key=lambda more: is_settled(spread.half_width(errors, more_seeds=more))
    )
    n = spread.n_sentences
    items = 1 + bisect(
        range(1, MOST_SENTENCES * n + 1),
        False,
        key=lambda more: is_settled(spread.half_width(errors, times_sentences=1 + more / n)),
    )
    return seeds if seeds <= MOST_SEEDS else None, items if items <= MOST_SENTENCES * n else None


def verdict_text(judged: Judgement) -> str:
    """Return a verdict in words, with what would settle it: `cannot tell yet; about 4 more seeds`."""
    words = VERDICT_TEXTS[judged.verdict]
    return f"{words}; {needs_text(judged)}" if judged.verdict == "cannot tell" else words


def needs_text(judged: Judgement) -> str:
    """Return what would settle a verdict that cannot be told yet."""
    if judged.interval is None:
        return f"at least {judged.fewest_seeds} more seeds"
    if judged.more_seeds is not None:
        return f"about {judged.more_seeds} more seed{'s' if judged.more_seeds > 1 else ''}"
    if judged.more_sentences is not None:
        return f"about {judged.more_sentences:,} more test sentences"
    return "many more seeds and test sentences"


def points_text(share: float) -> str:
    """Return a gain in points: `+0.7`."""
    return to_signed(100 * share)


def interval_text(interval: tuple[float, float]) -> str:
    """Return an interval in points: `-1.1 to +1.7`."""
    return " to ".join(map(points_text, interval))
