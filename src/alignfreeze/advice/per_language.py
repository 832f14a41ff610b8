"""Choose models of complete runs for each language from estimates without labels, and measure the gain of choosing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alignfreeze.advice.choices import StrategyChoice, StrategyChoices
from alignfreeze.advice.gains import calibration_of
from alignfreeze.advice.judging import Advice, judge_pilots
from alignfreeze.advice.pilots import Pilot
from alignfreeze.errors import DataError
from alignfreeze.evaluation.predictions import PREDICTIONS, check_estimable, read_predictions
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.records import MODEL, RunRecord
from alignfreeze.progress import remark
from alignfreeze.running.doubts import doubts_of, learnt_nothing
from alignfreeze.running.scores import Values, interval_of_gain
from alignfreeze.studies.results import read_records, results_of
from alignfreeze.tasks.table import TASKS

SHARED_PARTS = (Part.PRECISION, Part.TASK, Part.FINETUNING, Part.TESTS, Part.PAIRS)
"""The parts that runs must share so that one can choose among their models, the baseline included."""


def choose_strategies(folder: Path) -> StrategyChoices:
    """Choose a strategy for each language among the complete runs of a folder.

    Args:
        folder: The folder of `alignfreeze run`, for an experiment with `bitext.held_out`.

    Raises:
        DataError: No run has predictions for held-out pairs, or runs with predictions differ in their settings.
    """
    records = list(read_records(folder))
    for _, record in records:
        check_estimable(TASKS[record.task])
    if joined := list(dict.fromkeys(record.strategy for _, record in records if len(record.seeds) > 1)):
        remark(f"{', '.join(joined)}: left out of the choice, which compares runs of one seed each")
    if taught := list(dict.fromkeys(record.strategy for _, record in records if record.teaching is not None)):
        remark(
            f"{', '.join(taught)}: left out, because these models learn labels of target languages, and advice judges "
            "models by labels that go over links"
        )
    records = [(place, record) for place, record in records if record.teaching is None and len(record.seeds) == 1]
    runs = [(place.parent, record) for place, record in records if (place.parent / PREDICTIONS).is_file()]
    if not runs:
        raise DataError(
            f"{folder}: no run here has predictions for held-out sentence pairs; set bitext.held_out, such as "
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
            f"{folder}: there is nothing to choose from; needed: a seed with a run of the baseline and "
            f"a run of each other strategy; found: {', '.join(sorted(f'{s} {seed}' for s, seed in by_key))}"
        )
    pilots = [
        Pilot(
            strategy,
            seed,
            None,
            read_predictions(by_key[strategy, seed][0] / PREDICTIONS),
            is_weak=learnt_nothing([by_key[strategy, seed][1]]),
        )
        for strategy in strategies
        for seed in seeds
    ]
    found = {key: by_key[key] for key in by_key if key[1] in seeds}
    first = runs[0][1]
    task = first.task
    advice = judge_pilots(pilots, calibration=calibration_of(TASKS[task], whole=True))
    title = f"{first.experiment}: {task} with {first.encoder}"
    doubts = tuple(doubt.sentence for doubt in doubts_of([record for _, record in found.values()]))
    return replace(_summarise_choices(title, task, advice, found), doubts=doubts)


def _check_alike(folder: Path, records: Sequence[RunRecord]) -> None:
    """Check that runs differ only in strategy and seed."""
    setups = {result.setup for record in records if record.sees_bitext for result in results_of(record, str(folder))}
    shared = {record.identity.digest_of(*SHARED_PARTS) for record in records}
    if len(setups) > 1 or len(shared) > 1:
        raise DataError(
            f"{folder}: holds runs that differ in more than strategy and seed, such as in settings, training data, "
            "tests or held-out pairs, so no choice among the runs is possible; run each experiment, and each value of "
            "a [grid], into a separate folder"
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

    def average_scores(strategy_of: Callable[[StrategyChoice], str]) -> Values:
        """Return the mean score over languages by seed, if each language uses the strategy of its choice."""
        return {
            seed: statistics.fmean(scores[strategy_of(one), seed][one.language] for one in tested) for seed in seeds
        }

    singles = {name: average_scores(lambda _, name=name: name) for name in strategies}
    single = max(strategies, key=lambda name: statistics.fmean(singles[name].values()))
    ours = average_scores(lambda one: one.strategy)
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
    """Return the true scores of a run by language, in its most important metric."""
    metric = record.scores[0].metric if record.scores else None
    return {score.language: score.value for score in record.scores if score.metric == metric}
