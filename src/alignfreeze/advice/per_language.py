"""Choose models of complete runs for each language from estimates without labels, and measure the gain of choosing."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alignfreeze.advice.additions import root_of
from alignfreeze.advice.choices import StrategyChoice, StrategyChoices
from alignfreeze.advice.gains import calibration_of
from alignfreeze.advice.judging import Advice, judge_pilots
from alignfreeze.advice.pilots import Pilot
from alignfreeze.errors import DataError
from alignfreeze.evaluation.predictions import PREDICTIONS, check_estimable, read_predictions
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.names import BASELINE, is_added_to
from alignfreeze.experiment.records import MODEL, RunRecord
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.progress import remark
from alignfreeze.running.doubts import doubts_of, learnt_nothing
from alignfreeze.running.scores import Values, interval_of_gain
from alignfreeze.studies.results import read_records, results_of
from alignfreeze.tasks.table import TASKS

SHARED_PARTS = (Part.PRECISION, Part.TASK, Part.FINETUNING, Part.TESTS, Part.PAIRS)
"""The parts that runs must share so that one can choose among their models, the baseline included."""


Seeds = tuple[int, ...]
"""The seeds of a run: one, or all those whose models are joined."""

Runs = Mapping[str, Mapping[Seeds, tuple[Path, RunRecord]]]
"""The folder and the record of each run, by strategy and seeds."""


def choose_strategies(folder: Path) -> StrategyChoices:
    """Choose a strategy for each language among the complete runs of a folder.

    Args:
        folder: The folder of `alignfreeze run`, for an experiment with `bitext.held_out`.

    Raises:
        DataError: No run has predictions for held-out pairs, or runs with predictions differ in their settings.
    """
    records = [(place.parent, record) for place, record in read_records(folder)]
    for _, record in records:
        check_estimable(TASKS[record.task])
    judged = [
        (place, record)
        for place, record in records
        if not is_added_to(record.strategy) and (place / PREDICTIONS).is_file()
    ]
    if not judged:
        raise DataError(
            f"{folder}: no run here has predictions for held-out sentence pairs; set bitext.held_out, such as "
            "bitext.held_out = 100, and run the experiment"
        )
    added = [(place, record) for place, record in records if is_added_to(record.strategy)]
    _check_alike(folder, [record for _, record in judged], [record for _, record in added])
    runs = _find_runs(folder, judged, added)
    pilots = [
        Pilot(name, seeds[0], None, read_predictions(place / PREDICTIONS), is_weak=learnt_nothing([record]))
        for name, several in runs.items()
        if not is_added_to(name)
        for seeds, (place, record) in several.items()
    ]
    first = judged[0][1]
    calibration = calibration_of(TASKS[first.task], whole=True)
    advice = judge_pilots(pilots, strategies=[Strategy.parse(name) for name in runs], calibration=calibration)
    title = f"{first.experiment}: {first.task} with {first.encoder}"
    doubts = doubts_of([record for several in runs.values() for _, record in several.values()])
    choices = _summarise_choices(title, first.task, advice, runs)
    return replace(choices, doubts=tuple(doubt.sentence for doubt in doubts))


def _check_alike(folder: Path, judged: Sequence[RunRecord], added: Sequence[RunRecord]) -> None:
    """Check that runs differ only in strategy and seed."""
    setups = {result.setup for record in judged if record.sees_bitext for result in results_of(record, str(folder))}
    shared = {record.identity.digest_of(*SHARED_PARTS) for record in [*judged, *added]}
    several = Counter((record.strategy, record.seeds) for record in added)
    if len(setups) > 1 or len(shared) > 1 or max(several.values(), default=1) > 1:
        raise DataError(
            f"{folder}: holds runs that differ in more than strategy and seed, such as in settings, training data, "
            "tests or held-out pairs, so no choice among the runs is possible; run each experiment, and each value of "
            "a [grid], into a separate folder"
        )


def _find_runs(folder: Path, judged: Sequence[tuple[Path, RunRecord]], added: Sequence[tuple[Path, RunRecord]]) -> Runs:
    """Return the runs to choose from: the judged ones with the seeds that all of them have, and those added to these.

    Raises:
        DataError: There is no choice.
    """
    by_key = {(record.strategy, record.seed): (place, record) for place, record in judged}
    names = list(dict.fromkeys(name for name, _ in by_key))
    common = [
        seed for seed in dict.fromkeys(seed for _, seed in by_key) if all((name, seed) in by_key for name in names)
    ]
    runs: dict[str, dict[Seeds, tuple[Path, RunRecord]]] = {
        name: {(seed,): by_key[name, seed] for seed in common} for name in names
    }
    for place, record in added:
        if str(root_of(Strategy.parse(record.strategy))) in names and set(common).issuperset(record.seeds):
            runs.setdefault(record.strategy, {})[record.seeds] = (place, record)
    if left_out := sorted({record.strategy for _, record in added} - set(runs)):
        remark(
            f"{', '.join(left_out)}: left out of the choice, because single runs of the same seeds are missing here, "
            "of the strategy without what is joined or learnt"
        )
    if BASELINE not in names or len(runs) == 1 or not common:
        raise DataError(
            f"{folder}: there is nothing to choose from; needed: a seed with a run of the baseline and "
            f"a run of each other strategy; found: {', '.join(sorted(f'{name} {seed}' for name, seed in by_key))}"
        )
    return runs


def _summarise_choices(title: str, task: str, advice: Advice, runs: Runs) -> StrategyChoices:
    scores = {
        name: {seeds: _true_scores_of(record) for seeds, (_, record) in several.items()}
        for name, several in runs.items()
    }
    languages = []
    for item in advice.languages:
        assert item.language is not None
        true = {
            name: statistics.fmean(one[item.language] for one in several.values())
            for name, several in scores.items()
            if all(item.language in one for one in several.values())
        }
        folders = (place / MODEL for place, _ in runs[item.strategy].values())
        models = tuple(path for path in folders if path.is_dir())
        languages.append(StrategyChoice(item.language, item.strategy, true, models))
    tested = [choice for choice in languages if len(choice.scores) == len(runs)]
    if not tested:
        return StrategyChoices(title, task, advice, tuple(languages), None, None, None, None, None)

    def average_scores(strategy_of: Callable[[StrategyChoice], str]) -> float:
        """Return the mean score over languages, if each language uses the strategy of its choice."""
        return statistics.fmean(one.scores[strategy_of(one)] for one in tested)

    single = max(runs, key=lambda name: average_scores(lambda _: name))
    chosen, theirs = average_scores(lambda one: one.strategy), average_scores(lambda _: single)
    return StrategyChoices(
        title=title,
        task=task,
        advice=advice,
        languages=tuple(languages),
        chosen=chosen,
        single=(single, theirs),
        best=statistics.fmean(max(one.scores.values()) for one in tested),
        gain=chosen - theirs,
        interval=_interval_over_seeds(scores, tested, single),
    )


def _interval_over_seeds(
    scores: Mapping[str, Mapping[Seeds, Mapping[str, float]]], tested: Sequence[StrategyChoice], single: str
) -> tuple[float, float] | None:
    """Return the 95% interval of the gain over the best single strategy; None if not all have the same seeds."""
    if len({tuple(several) for several in scores.values()}) > 1:
        return None

    def by_seed(strategy_of: Callable[[StrategyChoice], str]) -> Values:
        return {
            seeds[0]: statistics.fmean(scores[strategy_of(one)][seeds][one.language] for one in tested)
            for seeds in scores[single]
        }

    return interval_of_gain(by_seed(lambda one: one.strategy), by_seed(lambda _: single))


def _true_scores_of(record: RunRecord) -> dict[str, float]:
    """Return the true scores of a run by language, in its most important metric."""
    metric = record.scores[0].metric if record.scores else None
    return {score.language: score.value for score in record.scores if score.metric == metric}
