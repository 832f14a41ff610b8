"""How estimated gains go with true ones, measured on some languages."""

import sys
from dataclasses import asdict, dataclass, replace

import numpy as np

from alignfreeze.advice import gains, judging
from alignfreeze.evaluation import estimates as e
from alignfreeze.running.scores import CONFIDENCE
from benchmarks.studies.advice.figures import judge_languages, measure_reliability, truth_noise

LEAST_SHARED = 0.003
"""The least error that all languages have in common; three strategies hardly show it."""


def calibrate(views, languages, slope=None):
    """Measure how estimated gains of each seed go with true gains of another seed, on some languages.

    A slope that is given is not fitted: few languages show how far gains lie apart, but no slope.
    """
    random = np.random.default_rng(0)
    ours, truth, noise, theirs = [], [], [], []
    for outcome in views:
        rows = outcome.rows(languages)
        true = outcome.truth[rows]
        truth.append(true[:, 1:] - true[:, :1])
        noise.append(truth_noise(outcome)[rows])
        counts = [
            np.stack(judging.count_agreement({s: outcome.several(s, code) for s in outcome.strategies}))
            for code in languages
        ]
        exact = np.array([[e.value_of(one) for one in several] for several in counts])
        ours.append(exact[:, 1:] - exact[:, :1])
        values = [gains.resample(one, random) for one in counts]
        theirs.append(np.array([(one[:, 1:] - one[:, :1]).var(axis=0) for one in values]))
    ours, truth, noise, theirs = map(np.array, (ours, truth, noise, theirs))  # [views, languages, strategies - 1]
    if slope is None:
        slope = float((ours * truth).sum() / max((ours**2 - theirs).sum(), 1e-9))
    rest = truth - slope * ours
    # Each seed by itself: an error in all languages with one seed need not come again with another.
    shared = float((rest.mean(axis=1) ** 2).mean()) ** 0.5
    # The error that all languages have in common is not counted again for each of them.
    error = max(0.0, float((rest**2 - noise - slope**2 * theirs).mean()) - shared**2) ** 0.5
    between = max(0.0, float((truth.var(axis=1, ddof=1) - noise.mean(axis=1)).mean())) ** 0.5
    known = gains.Calibration()
    # Gains of one seed in the mean over languages may lie further apart than the published ones, of five seeds.
    prior = float(((truth.mean(axis=1) - known.expected) ** 2).mean()) ** 0.5
    return replace(
        known,
        slope=slope,
        error=error,
        between=between,
        shared=max(shared, LEAST_SHARED),
        prior=max(prior, known.prior),
    )


@dataclass(frozen=True)
class Tuned:
    """A calibration, the factor that its spreads were widened by, and the share of 95% intervals that then hold."""

    calibration: gains.Calibration
    factor: float
    held: float

    @property
    def facts(self):
        return asdict(self.calibration) | {"spreads widened by": self.factor, "intervals that then hold": self.held}


WIDER = (1.0, 1.25, 1.5, 1.75, 2.0)


def widen_spreads(calibration, views, languages):
    """Widen the spreads of a calibration until intervals hold as often as they say, on some languages.

    Spreads from moments are too narrow, because slope and means are estimates themselves. Where no factor is enough,
    the smallest of the best ones is taken.
    """
    best = None
    for factor in WIDER:
        spreads = {name: factor * getattr(calibration, name) for name in ("error", "between", "shared")}
        wider = replace(calibration, **spreads)
        several = [judge_languages(outcome, dict.fromkeys(languages, wider)) for outcome in views]
        held = measure_reliability(views, several, languages)["interval"]["measured"]
        print(f"spreads {factor} times as wide: {held:.3f} of the intervals hold", file=sys.stderr)
        if best is None or held > best.held:
            best = Tuned(wider, factor, held)
        if held >= CONFIDENCE:
            break
    return best


def calibrate_and_widen(views, languages, slope=None):
    return widen_spreads(calibrate(views, languages, slope), views, languages)


def calibrate_without_each(views, languages, slope):
    """Calibrate for each language by all others: for a task without languages to spare for tuning."""
    return {
        code: calibrate_and_widen(views, [other for other in languages if other != code], slope).calibration
        for code in languages
    }
