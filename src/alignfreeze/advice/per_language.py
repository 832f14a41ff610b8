"""Which of the models of complete runs to take for which language, by estimates without labels, and what that gains."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignfreeze.advice.advice import Advice, calibration_of, judge_pilots
from alignfreeze.advice.pilots import Pilot
from alignfreeze.errors import DataError
from alignfreeze.evaluation.predictions import PREDICTIONS, check_estimable, read_predictions
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.records import MODEL, RunRecord
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.studies.results import read_records, results_of
from alignfreeze.studies.statistics import Values, interval_of_gain
from alignfreeze.tasks.table import TASKS

SHARED_PARTS = (Part.PRECISION, Part.TASK, Part.FINETUNING, Part.TESTS, Part.PAIRS)
"""What runs have in common among whose models one may choose, the baseline included."""


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """The strategy that is taken for a language at evaluation time, and what its models score.

    Attributes:
        language: Its code.
        strategy: That with the greatest gain that estimates let expect.
        scores: True scores by strategy, mean over seeds; empty without test data.
        models: The folders of the models of the strategy, where they were kept.
    """

    language: str
    strategy: str
    scores: Mapping[str, float]
    models: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class StrategyChoices:
    """What it comes to, to choose among complete runs for each language.

    Attributes:
        title: Of the runs: experiment, task and encoder.
        task: Its name.
        advice: What is estimated.
        languages: A choice a target language.
        chosen: The mean true score over languages of what was chosen; None without test data.
        single: The strategy that has the best mean true score of all for all languages, and that score.
        best: The mean over languages of the best strategy of each: what labels of each would have chosen.
        gain: Of choosing over the best single strategy.
        interval: Where that gain lies with 95% confidence, over seeds; None where that cannot be said.
    """

    title: str
    task: str
    advice: Advice
    languages: tuple[StrategyChoice, ...]
    chosen: float | None
    single: tuple[str, float] | None
    best: float | None
    gain: float | None
    interval: tuple[float, float] | None


def choose_strategies(folder: Path) -> StrategyChoices:
    """Choose a strategy for each language among the complete runs of a folder.

    Args:
        folder: Of `alignfreeze run`, whose experiment has `bitext.held_out`.

    Raises:
        DataError: No run kept what its model says of held-out pairs, or runs of several kinds did.
    """
    records = list(read_records(folder))
    for _, record in records:
        check_estimable(TASKS[record.task])
    runs = [(place.parent, record) for place, record in records if (place.parent / PREDICTIONS).is_file()]
    if not runs:
        raise DataError(
            f"{folder}: no run of it has said what it makes of held-out sentence pairs; set bitext.held_out, such as "
            "bitext.held_out = 100, and run the experiment"
        )
    _check_alike(folder, [record for _, record in runs])
    by_key = {(record.strategy, record.seed): (place, record) for place, record in runs}
    strategies = list(dict.fromkeys(strategy for strategy, _ in by_key))
    seeds = [
        seed
        for seed in dict.fromkeys(seed for _, seed in by_key)
        if all((strategy, seed) in by_key for strategy in strategies)
    ]
    if BASELINE not in strategies or len(strategies) == 1 or not seeds:
        raise DataError(
            f"{folder}: there is nothing to choose from: runs of the baseline and of another strategy, with the same "
            f"seed each, are needed; there are {', '.join(sorted(f'{s} {seed}' for s, seed in by_key))}"
        )
    pilots = [
        Pilot(strategy, seed, None, read_predictions(by_key[strategy, seed][0] / PREDICTIONS))
        for strategy in strategies
        for seed in seeds
    ]
    found = {key: by_key[key] for key in by_key if key[1] in seeds}
    first = runs[0][1]
    task = first.task
    advice = judge_pilots(pilots, calibration=calibration_of(TASKS[task], whole=True))
    title = f"{first.experiment}: {task} with {first.encoder}"
    return _summarise_choices(title, task, advice, found)


def _check_alike(folder: Path, records: Sequence[RunRecord]) -> None:
    """Check that runs differ in strategy and seed alone."""
    setups = {
        result.setup for record in records if not record.is_baseline for result in results_of(record, str(folder))
    }
    shared = {record.identity.digest_of(*SHARED_PARTS) for record in records}
    if len(setups) > 1 or len(shared) > 1:
        raise DataError(
            f"{folder}: holds runs that differ in more than strategy and seed, such as in settings, training data, "
            "tests or held-out pairs, so that there is no choice among them; run the experiment in question, and the "
            "values of a [grid] one by one, into a folder of its own"
        )


def _summarise_choices(
    title: str, task: str, advice: Advice, runs: Mapping[tuple[str, int], tuple[Path, RunRecord]]
) -> StrategyChoices:
    scores = {key: _true_scores_of(record) for key, (_, record) in runs.items()}
    seeds = advice.seeds
    strategies = list(advice.overall.estimated)
    languages = []
    for item in advice.languages:
        assert item.language is not None
        true = {
            name: statistics.fmean(scores[name, seed][item.language] for seed in seeds)
            for name in strategies
            if all(item.language in scores[name, seed] for seed in seeds)
        }
        folders = (runs[item.strategy, seed][0] / MODEL for seed in seeds)
        models = tuple(path for path in folders if path.is_dir())
        languages.append(StrategyChoice(item.language, item.strategy, true, models))
    tested = [choice for choice in languages if len(choice.scores) == len(strategies)]
    if not tested:
        return StrategyChoices(title, task, advice, tuple(languages), None, None, None, None, None)

    def of(taken: Callable[[StrategyChoice], str]) -> Values:
        """Return the mean score over languages by seed, with the strategy that is taken for each language."""
        return {seed: statistics.fmean(scores[taken(one), seed][one.language] for one in tested) for seed in seeds}

    singles = {name: of(lambda _, name=name: name) for name in strategies}
    single = max(strategies, key=lambda name: statistics.fmean(singles[name].values()))
    ours = of(lambda one: one.strategy)
    chosen, theirs = (statistics.fmean(values.values()) for values in (ours, singles[single]))
    return StrategyChoices(
        title=title,
        task=task,
        advice=advice,
        languages=tuple(languages),
        chosen=chosen,
        single=(single, theirs),
        best=statistics.fmean(max(one.scores.values()) for one in tested),
        gain=chosen - theirs,
        interval=interval_of_gain(ours, singles[single]),
    )


def _true_scores_of(record: RunRecord) -> dict[str, float]:
    """Return the true scores of a run by language, by the metric that matters first."""
    metric = record.scores[0].metric if record.scores else None
    return {score.language: score.value for score in record.scores if score.metric == metric}
