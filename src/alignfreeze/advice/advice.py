"""Which strategy to take for which language, and how sure one may be of it, without labels there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from alignfreeze.advice.gains import Calibration, Floats, calibration_of, draw_gains, resample
from alignfreeze.advice.pilots import (
    Pilot,
    estimate_pilot_cost,
    fit_budget,
    least_fraction_of,
    run_pilots,
    shorten,
    split_data,
)
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.estimates import (
    Addends,
    confidence_shift,
    consensus,
    entropy,
    label_distance,
    projection_agreement,
    value_of,
)
from alignfreeze.evaluation.predictions import Predictions, check_estimable
from alignfreeze.experiment.planning import anchor_paths, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import BASELINE, Strategy
from alignfreeze.studies.statistics import CONFIDENCE
from alignfreeze.tasks.table import TASKS

FRACTION = 0.25
"""Of the steps of the whole experiment, that pilots take unless they are told otherwise."""

UNCOUNTED_LABELS = frozenset({"PROPN"})
"""Labels of words that do not count: sentence pairs repeat the same few names, which realignment learns by heart. With
them estimated gains hardly go with true ones (benchmarks/results/advice_quality.json)."""

SURE_PROBABILITY = 0.75
"""A gain over the baseline that is less probable is said not to be sure, and what may be the best as probably is named.
The greatest expected gain is advised all the same: on the tuning languages of the study that loses 0.94 points against
the best of each language from pilots and 0.72 from whole runs, to realign with sure gains alone 0.96 and 1.44."""

AdviceVerdict = Literal["better", "likely better", "baseline"]
"""Why a strategy is advised: it is better than the baseline; it is expected to be, but that is not sure; of no strategy
a gain over the baseline is expected."""


@dataclass(frozen=True, slots=True)
class StrategyEstimate:
    """What is estimated of a strategy in a language.

    Attributes:
        agreement: Of its labels with those that all strategies together give the source side, carried over the links.
        own: The same with the labels that its own models give the source side.
        entropy: How undecided its models are, between 0 and 1.
        confidence_shift: How much surer they are on the source side.
        label_distance: How unlike the shares of labels on the two sides are, between 0 and 1.
        gain: What it is expected to gain over the baseline, in accuracy or F1; 0 for the baseline.
        interval: Where the gain lies with 95% probability.
        better: How probable a gain is.
        best: How probable it is that no other strategy gains more.
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


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is advised for a language, or for all together.

    Attributes:
        language: Its code; None for all languages.
        strategy: The advised one.
        verdict: Why.
        confidence: How probable it is that the strategy is better than the baseline; of the baseline, that none is.
        best: How probable it is that no other strategy is better.
        rivals: Other strategies that may be the best as well.
        estimated: By strategy, the baseline first.
        n: Held-out sentence pairs.
    """

    language: str | None
    strategy: str
    verdict: AdviceVerdict
    confidence: float
    best: float
    rivals: tuple[str, ...]
    estimated: Mapping[str, StrategyEstimate]
    n: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What pilots come to.

    Attributes:
        languages: A recommendation a target language.
        overall: That for all of them together.
        seeds: Of the pilots.
        source_scores: On held-out items of the source language, by strategy; empty where there is nothing to score.
        doubts: What cannot be right in those scores, with the probable cause.
        silent: Languages that nothing can be estimated of, as no label could be carried over.
    """

    languages: tuple[Recommendation, ...]
    overall: Recommendation
    seeds: tuple[int, ...]
    source_scores: Mapping[str, float]
    doubts: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdviceOutcome:
    """Advice, and how it came about.

    Attributes:
        advice: The advice.
        settings: Of the whole experiment, every default filled in.
        pilots: Steps of the pilots: of fine-tuning and of realignment.
        fraction: Of the steps of the whole experiment.
        recommended: Of the run that is advised, with paths that hold wherever its file lies.
    """

    advice: Advice
    settings: ExperimentSettings
    pilots: tuple[int, int]
    fraction: float
    recommended: ExperimentSettings


def advise(
    settings: ExperimentSettings,
    *,
    base: Path,
    out: Path,
    fraction: float = FRACTION,
    budget: float | None = None,
    held_out: int | None = None,
    n_seeds: int = 1,
) -> AdviceOutcome:
    """Do short runs of the strategies of an experiment, and advise one for each language and for all of them.

    No labels of a target language are read; the baseline is among the strategies in any case.

    Args:
        settings: The experiment.
        base: The folder at which its relative paths start.
        out: Keeps what the pilots predict, so that the same call goes on from there.
        fraction: Of the steps, that the pilots take.
        budget: Minutes that they may take; the fraction is then as great as they allow, but no greater than given.
        held_out: Sentence pairs a language that nothing is realigned on.
        n_seeds: How many of the experiment's seeds the pilots have.

    Raises:
        SettingsError: There is nothing to advise on, or the fraction or the budget does not do.
        DataError: Something is wrong with the files, or there are too few sentence pairs.
    """
    check_estimable(TASKS[settings.task])
    if settings.bitext is None:
        raise SettingsError(
            "advice needs [bitext]: estimates go by sentence pairs that are held out of realignment; name their files"
        )
    strategies = list(dict.fromkeys([Strategy.parse(BASELINE), *settings.strategies]))
    if len(strategies) == 1:
        raise SettingsError(
            f"strategies: only {BASELINE!r} is there; name what it is to be compared with, such as full"
        )
    seeds = list(dict.fromkeys(settings.seeds))[:n_seeds]
    settings = settings.model_copy(update={"strategies": strategies})
    whole = plan(settings, base=base, tests=False)
    steps = whole.finetuning_steps
    shorten(whole.settings, fraction, finetuning_steps=steps)  # a wrong fraction is said before anything is computed
    data, held = split_data(whole, most=held_out)
    if budget is not None and (cost := estimate_pilot_cost(whole, len(data.held), n_seeds=len(seeds))) is not None:
        least = least_fraction_of(whole.settings, finetuning_steps=steps)
        # A smaller fraction than the least one takes no fewer steps.
        fraction = min(fraction, fit_budget(cost, budget=budget, least=least, most=max(least, fraction)))
    short = shorten(whole.settings, fraction, finetuning_steps=steps)
    pilots = run_pilots(short, whole, data, held, seeds=seeds, out=out)
    advice = judge_pilots(pilots, calibration=calibration_of(TASKS[settings.task]))
    return AdviceOutcome(
        advice,
        whole.settings,
        (short.finetuning.steps or 0, short.realignment.steps or 0),
        fraction,
        recommended(settings, advice, base=base),
    )


def recommended(settings: ExperimentSettings, advice: Advice, *, base: Path) -> ExperimentSettings:
    """Return the experiment with the advised strategy alone, and paths that hold wherever its file lies."""
    found = settings.model_copy(
        update={"name": f"{settings.name}: advised", "strategies": [Strategy.parse(advice.overall.strategy)]}
    )
    return anchor_paths(found, base)


def judge_pilots(
    pilots: Sequence[Pilot],
    *,
    calibration: Calibration | None = None,
    seed: int = 0,
) -> Advice:
    """Turn what pilots predict into advice.

    The labels that all pilots together give the source side are carried over the links, and each strategy is measured
    by them: the yardstick is the same for all, so that a difference is one of the target side. The gains of a language
    are drawn towards the mean over languages by as much as sentence pairs leave them uncertain.

    Args:
        pilots: Of the baseline and at least one other strategy, with the same seeds each.
        calibration: How estimated gains go with true ones.
        seed: Of the draws.

    Raises:
        DataError: Nothing can be estimated of any language.
    """
    calibration = calibration or Calibration()
    strategies = list(dict.fromkeys(pilot.strategy for pilot in pilots))
    strategies = [BASELINE, *(name for name in strategies if name != BASELINE)]
    by_strategy = {name: [pilot for pilot in pilots if pilot.strategy == name] for name in strategies}
    counts = {
        language: np.stack(
            count_agreement({name: _predictions_of(several, language) for name, several in by_strategy.items()})
        )
        for language in pilots[0].predictions
    }
    spoken = [language for language, found in counts.items() if found[..., 1].sum(axis=1).all()]
    if not spoken:
        raise DataError(
            "no label could be carried over the links of the held-out pairs in any language: the models have learnt "
            "too little, or there are too few pairs; take more steps (--fraction), or hold out more"
        )
    random = np.random.default_rng(seed)
    values = np.stack([resample(counts[language], random) for language in spoken])  # [languages, resamples, strategies]
    exact = np.array([[value_of(one) for one in counts[language]] for language in spoken])  # [languages, strategies]
    draws = draw_gains(exact, values, calibration, random)  # [draws, languages, strategies]
    estimated = [
        {
            name: _estimate_strategy(
                exact[row, column], _predictions_of(by_strategy[name], language), draws[:, row], column
            )
            for column, name in enumerate(strategies)
        }
        for row, language in enumerate(spoken)
    ]
    recommended = [
        recommend(language, estimated[row], draws[:, row], n=counts[language].shape[1])
        for row, language in enumerate(spoken)
    ]
    together = draws.mean(axis=1)
    over_all = {
        name: _average_estimates([row[name] for row in estimated], together, column)
        for column, name in enumerate(strategies)
    }
    return Advice(
        languages=tuple(recommended),
        overall=recommend(None, over_all, together, n=sum(item.n for item in recommended)),
        seeds=tuple(dict.fromkeys(pilot.seed for pilot in pilots)),
        source_scores={
            name: _mean_of(scores) for name in strategies if (scores := _source_scores_of(by_strategy[name]))
        },
        doubts=tuple(f"{pilot.strategy}, seed {pilot.seed}: {doubt}" for pilot in pilots for doubt in pilot.doubts),
        silent=tuple(language for language in counts if language not in spoken),
    )


def count_agreement(several: Mapping[str, Sequence[Predictions]]) -> list[Addends]:
    """Return how far the target side of each strategy has the labels that all together give the source side.

    Args:
        several: The predictions for one language, of each seed, by strategy.

    Returns:
        The sum over seeds of each strategy's counts, [pairs, 2].
    """
    together = consensus([one for group in several.values() for one in group])
    weights = np.array([float(label not in UNCOUNTED_LABELS) for label in together.labels])
    return [
        np.sum([projection_agreement(one, together, weights=weights) for one in group], axis=0)
        for group in several.values()
    ]


def _estimate_strategy(
    agreement: float, several: Sequence[Predictions], draws: Floats, column: int
) -> StrategyEstimate:
    gains = draws[:, column]
    low, high = np.quantile(gains, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])

    def summed(estimate: Callable[[Predictions], Addends]) -> float | None:
        return value_of(np.sum([estimate(one) for one in several], axis=0))

    return StrategyEstimate(
        agreement=float(agreement),
        own=summed(projection_agreement),
        entropy=summed(entropy),
        confidence_shift=summed(confidence_shift),
        label_distance=_mean_of([label_distance(one) for one in several]),
        gain=float(gains.mean()),
        interval=(float(low), float(high)),
        better=float((gains > 0).mean()),
        best=float((draws.argmax(axis=1) == column).mean()),
    )


def _average_estimates(several: Sequence[StrategyEstimate], draws: Floats, column: int) -> StrategyEstimate:
    """Return the means over languages, and what is drawn of them."""
    gains = draws[:, column]
    low, high = np.quantile(gains, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return StrategyEstimate(
        agreement=_mean_of([one.agreement for one in several]),
        own=_mean_of([one.own for one in several if one.own is not None]),
        entropy=_mean_of([one.entropy for one in several if one.entropy is not None]),
        confidence_shift=_mean_of([one.confidence_shift for one in several if one.confidence_shift is not None]),
        label_distance=_mean_of([one.label_distance for one in several]),
        gain=float(gains.mean()),
        interval=(float(low), float(high)),
        better=float((gains > 0).mean()),
        best=float((draws.argmax(axis=1) == column).mean()),
    )


def recommend(
    language: str | None, estimated: Mapping[str, StrategyEstimate], draws: Floats, *, n: int
) -> Recommendation:
    """Choose the strategy with the greatest expected gain; the baseline where none is expected.

    Args:
        language: Its code; None for all languages.
        estimated: By strategy, the baseline first.
        draws: Gains, [draws, strategies].
        n: Held-out sentence pairs.
    """
    names = list(estimated)
    chosen = max(names, key=lambda name: estimated[name].gain)
    confidence = estimated[chosen].best if chosen == BASELINE else estimated[chosen].better
    verdict: AdviceVerdict = (
        "baseline" if chosen == BASELINE else "better" if confidence >= SURE_PROBABILITY else "likely better"
    )
    column = names.index(chosen)
    rivals = tuple(
        name
        for place, name in enumerate(names)
        if name != chosen and float((draws[:, place] > draws[:, column]).mean()) > 1 - SURE_PROBABILITY
    )
    return Recommendation(language, chosen, verdict, confidence, estimated[chosen].best, rivals, estimated, n)


def _source_scores_of(pilots: Sequence[Pilot]) -> list[float]:
    return [pilot.source_score for pilot in pilots if pilot.source_score is not None]


def _predictions_of(pilots: Sequence[Pilot], language: str) -> list[Predictions]:
    return [pilot.predictions[language] for pilot in pilots]


def _mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
