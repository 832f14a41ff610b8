"""Turns the predictions of pilots, or of complete runs, into advice for each language, with its probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignfreeze.advice.additions import add_up, root_of
from alignfreeze.advice.gains import DRAWS, Calibration, Floats, draw_gains, resample
from alignfreeze.advice.pilots import Pilot
from alignfreeze.advice.prior import Prior, distrust
from alignfreeze.errors import DataError
from alignfreeze.evaluation.estimates import (
    Addends,
    confidence_shift,
    consensus,
    entropy,
    label_distance,
    projection_agreement,
    value_of,
)
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.experiment.names import BASELINE, realigns
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.running.doubts import gather_doubts
from alignfreeze.running.scores import CONFIDENCE

UNCOUNTED_LABELS = frozenset({"PROPN"})
"""Labels that do not count in estimates. Sentence pairs repeat the same few names, which realignment learns by heart.
If names count, estimated gains hardly correlate with true ones (benchmarks/results/advice_quality.json)."""

SURE_PROBABILITY = 0.75
"""A gain over the baseline is called sure from this probability on. Below it, other possible best strategies are named.

The strategy with the greatest expected gain is advised even if its gain is not sure. On the tuning languages of the
study, this loses 0.94 points against the best strategy of each language with pilots, and 0.72 with whole runs. Advising
only sure gains loses 0.96 and 1.44."""

AdviceVerdict = Literal["better", "likely better", "baseline"]
"""Why a strategy is advised. `better`: its gain over the baseline is sure. `likely better`: a gain is expected, but not
sure. `baseline`: no strategy is expected to gain, so the baseline is advised."""


@dataclass(frozen=True, slots=True)
class StrategyEstimate:
    """The estimates for a strategy in a language.

    If a strategy joins seeds or learns target-language items, agreement, entropy, shift and distance are those of the
    strategy to which it adds that: those of `full` for `seeds(full+projected)`.

    Attributes:
        agreement: Agreement of its labels with those that all strategies together give the source side.
        own: Agreement of its labels with those that its own models give the source side.
        entropy: How undecided its models are, between 0 and 1.
        confidence_shift: How much surer its models are on the source side.
        label_distance: How different the shares of labels on the two sides are, between 0 and 1.
        gain: The expected gain over the baseline, in accuracy or F1; 0 for the baseline.
        interval: The interval that contains the gain with 95% probability.
        better: The probability of a gain.
        best: The probability that no other strategy gains more.
        prior: The probability of a gain before any pilot; 0 for the baseline.
    """

    agreement: float
    own: float | None
    entropy: float | None
    confidence_shift: float | None
    label_distance: float
    gain: float
    interval: tuple[float, float]
    better: float
    best: float
    prior: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The advice for a language, or for all languages together.

    Attributes:
        language: Code of the language; None for all languages.
        strategy: The advised strategy.
        verdict: Why the strategy is advised.
        confidence: The probability that the strategy is better than the baseline. If the baseline is advised: the
            probability that no strategy is better.
        prior: What `confidence` was before any pilot.
        best: The probability that no other strategy is better.
        rivals: Other strategies that may be the best.
        estimated: The estimates by strategy, the baseline first.
        n: Number of held-out sentence pairs.
        is_believed: Whether the pilots of the strategy are strong enough to be believed.
        is_judged: Whether pilots say anything about the strategy. They do not if it realigns nothing.
    """

    language: str | None
    strategy: str
    verdict: AdviceVerdict
    confidence: float
    prior: float
    best: float
    rivals: tuple[str, ...]
    estimated: Mapping[str, StrategyEstimate]
    n: int
    is_believed: bool = True
    is_judged: bool = True


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice from pilots.

    Attributes:
        languages: One recommendation per target language.
        overall: The recommendation for all languages together.
        seeds: The seeds of the pilots.
        source_scores: Scores on held-out items of the source language, by strategy; empty without such items.
        doubts: Signs that these scores cannot be right, with the probable cause.
        silent: Languages without any estimate, as no label could be carried over.
        weak: Strategies with pilots that are too weak to be believed. If the baseline is one of them, no pilot is
            believed, and the advice is that of the prior alone.
    """

    languages: tuple[Recommendation, ...]
    overall: Recommendation
    seeds: tuple[int, ...]
    source_scores: Mapping[str, float]
    doubts: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


def judge_pilots(
    pilots: Sequence[Pilot],
    *,
    strategies: Sequence[Strategy] | None = None,
    calibration: Calibration | None = None,
    seed: int = 0,
) -> Advice:
    """Turn the predictions of pilots into advice.

    All pilots together label the source side, and these labels are carried over the links. Each strategy is measured by
    how well its labels of the target side agree with the carried labels. The measure is the same for all strategies,
    so a difference comes from the target side. Gains of a language shrink towards the mean over languages. They shrink
    more for a language with fewer sentence pairs.

    Pilots that are too weak do not change what is known before: no gain is then more probable than by the prior alone.

    What joined seeds and target-language items add to a gain is not estimated, but known from a study.

    Args:
        pilots: Pilots of the baseline and of other strategies, with the same seeds each. None of them joins seeds or
            learns target-language items.
        strategies: The strategies to judge. There are pilots of each, or of the one to which it adds something. By
            default those of the pilots.
        calibration: How estimated gains relate to true ones.
        seed: The seed of the draws.

    Raises:
        DataError: There is no estimate for any language.
    """
    calibration = calibration or Calibration()
    roots = list(dict.fromkeys([BASELINE, *(pilot.strategy for pilot in pilots)]))
    judged = list(dict.fromkeys(map(Strategy.parse, [BASELINE, *(strategies or roots)])))
    root_by_name = {str(strategy): str(root_of(strategy)) for strategy in judged}
    by_root = {name: [pilot for pilot in pilots if pilot.strategy == name] for name in roots}
    predictions = {
        language: {name: [pilot.predictions[language] for pilot in several] for name, several in by_root.items()}
        for language in pilots[0].predictions
    }
    counts = {language: np.stack(count_agreement(several)) for language, several in predictions.items()}
    spoken = [language for language, found in counts.items() if found[..., 1].sum(axis=1).all()]
    if not spoken:
        raise DataError(
            "no label could be carried over the links of the held-out pairs in any language: the models have learnt "
            "too little, or there are too few pairs; train for more steps (--fraction), or hold out more pairs"
        )
    random = np.random.default_rng(seed)
    weak = tuple(name for name in roots if any(pilot.is_weak for pilot in by_root[name]))
    exact = np.array([[value_of(one) for one in counts[language]] for language in spoken])  # [languages, roots]
    several = [counts[language] for language in spoken]
    draws = _draw_gains_of_roots(exact, several, [roots.index(name) for name in weak], calibration, random)
    draws = add_up(draws, roots, judged, calibration, random)  # [draws, languages, strategies]
    believed = [name for name, root in root_by_name.items() if BASELINE not in weak and root not in weak]
    here, everywhere = (Prior.of(calibration, judged[1:], n_languages=n) for n in (1, len(spoken)))
    estimates = [
        {
            name: _estimate_strategy(
                float(exact[row, roots.index(root)]),
                predictions[language][root],
                _summarise_gains(name, draws[:, row], column, here, is_believed=name in believed),
            )
            for column, (name, root) in enumerate(root_by_name.items())
        }
        for row, language in enumerate(spoken)
    ]
    recommendations = [
        recommend(language, estimates[row], draws[:, row], here, believed=believed, n=counts[language].shape[1])
        for row, language in enumerate(spoken)
    ]
    together = draws.mean(axis=1)
    overall = {
        name: _average_estimates(
            [row[name] for row in estimates],
            _summarise_gains(name, together, column, everywhere, is_believed=name in believed),
        )
        for column, name in enumerate(root_by_name)
    }
    scores = {
        name: [pilot.source_score for pilot in several if pilot.source_score is not None]
        for name, several in by_root.items()
    }
    return Advice(
        languages=tuple(recommendations),
        overall=recommend(
            None, overall, together, everywhere, believed=believed, n=sum(item.n for item in recommendations)
        ),
        seeds=tuple(dict.fromkeys(pilot.seed for pilot in pilots)),
        source_scores={name: _mean_of(several) for name, several in scores.items() if several},
        doubts=tuple(
            doubt.sentence for doubt in gather_doubts([(f"{p.strategy}, seed {p.seed}", p.doubts) for p in pilots])
        ),
        silent=tuple(language for language in counts if language not in spoken),
        weak=weak,
    )


def _draw_gains_of_roots(
    exact: Floats,
    counts: Sequence[Floats],
    weak: Sequence[int],
    calibration: Calibration,
    random: np.random.Generator,
) -> Floats:
    """Draw the true gains of the strategies that have pilots, [draws, languages, roots]; the baseline is the first."""
    values = np.stack([resample(found, random) for found in counts])  # [languages, resamples, roots]
    n_languages, n_roots = exact.shape
    if n_roots == 1:
        return np.zeros((DRAWS, n_languages, n_roots))
    draws = draw_gains(exact, values, calibration, random)
    return distrust(draws, weak, calibration, random) if weak else draws


def count_agreement(several: Mapping[str, Sequence[Predictions]]) -> list[Addends]:
    """Compare the target side of each strategy with the labels that all strategies together give the source side.

    Args:
        several: The predictions for one language: one value per seed, by strategy.

    Returns:
        For each strategy, numerator and denominator of its agreement, summed over seeds, [pairs, 2].
    """
    together = consensus([one for group in several.values() for one in group])
    weights = np.array([float(label not in UNCOUNTED_LABELS) for label in together.labels])
    return [
        np.sum([projection_agreement(one, together, weights=weights) for one in group], axis=0)
        for group in several.values()
    ]


def _estimate_strategy(agreement: float, several: Sequence[Predictions], gains: Mapping[str, Any]) -> StrategyEstimate:
    """Return the estimates for a strategy in a language, from one prediction per seed."""

    def add_up(estimate: Callable[[Predictions], Addends]) -> float | None:
        return value_of(np.sum([estimate(one) for one in several], axis=0))

    return StrategyEstimate(
        agreement=agreement,
        own=add_up(projection_agreement),
        entropy=add_up(entropy),
        confidence_shift=add_up(confidence_shift),
        label_distance=_mean_of([label_distance(one) for one in several]),
        **gains,
    )


def _average_estimates(several: Sequence[StrategyEstimate], gains: Mapping[str, Any]) -> StrategyEstimate:
    """Return the means of estimates over languages, with a summary of the drawn mean gains."""
    names = ("agreement", "own", "entropy", "confidence_shift", "label_distance")
    known = {name: [value for one in several if (value := getattr(one, name)) is not None] for name in names}
    means: dict[str, Any] = {name: _mean_of(values) if values else None for name, values in known.items()}
    return StrategyEstimate(**means, **gains)


def _summarise_gains(name: str, draws: Floats, column: int, prior: Prior, *, is_believed: bool) -> dict[str, Any]:
    """Summarise the drawn gains of a strategy, which are a column of [draws, strategies]."""
    gains = draws[:, column]
    low, high = np.quantile(gains, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    before = prior.gains.get(name, 0.0)
    # The draws of a strategy that realigns nothing are those of the prior, which is known without them.
    better = float((gains > 0).mean()) if realigns(name) else before
    return {
        "gain": float(gains.mean()),
        "interval": (float(low), float(high)),
        "better": better if is_believed else min(better, before),
        "best": float((draws.argmax(axis=1) == column).mean()),
        "prior": before,
    }


def recommend(
    language: str | None,
    estimated: Mapping[str, StrategyEstimate],
    draws: Floats,
    prior: Prior,
    *,
    believed: Sequence[str],
    n: int,
) -> Recommendation:
    """Choose the strategy with the greatest expected gain; the baseline if no gain is expected.

    Args:
        language: Code of the language; None for all languages.
        estimated: The estimates by strategy, the baseline first.
        draws: Drawn gains, [draws, strategies].
        prior: What the prior alone says.
        believed: The strategies with pilots that are strong enough to be believed.
        n: Number of held-out sentence pairs.
    """
    names = list(estimated)
    # Where the prior alone speaks, all strategies have its gain, and the one that agrees best is as good as any.
    chosen = max(names, key=lambda name: (round(estimated[name].gain, 9), estimated[name].agreement))
    column = names.index(chosen)
    rivals = tuple(
        name
        for place, name in enumerate(names)
        if name != chosen and float((draws[:, place] > draws[:, column]).mean()) > 1 - SURE_PROBABILITY
    )
    verdict: AdviceVerdict = "baseline"
    best, before = estimated[chosen].best, prior.no_gain
    confidence = best if chosen in believed else min(best, before)
    if chosen != BASELINE:
        confidence, before = estimated[chosen].better, estimated[chosen].prior
        verdict = "better" if confidence >= SURE_PROBABILITY and chosen in believed else "likely better"
    is_judged = chosen == BASELINE or realigns(chosen)
    return Recommendation(
        language, chosen, verdict, confidence, before, best, rivals, estimated, n, chosen in believed, is_judged
    )


def _mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values)
