"""Is advice right about strategies that join seeds or learn target-language items? True scores come from other seeds.

    python benchmarks/studies/points_advice.py FOLDER --group "23+17+7 B" --truth 31+42+66

The folder has the runs of one group of seeds of `experiments/points-pos.toml`, with predictions for held-out pairs. The
scores of the other group are those that `points.py` has kept. Only the languages that were not used for tuning count.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.advice.per_language import choose_strategies
from alignfreeze.evaluation.estimates import consensus
from alignfreeze.experiment.names import BASELINE
from alignfreeze.files import read_json
from benchmarks import common
from benchmarks.studies.points import NAME, TUNING, singles_of
from benchmarks.studies.points_features import agreement, read_folder

RESULT = "points_advice"


def true_scores(runs, key):
    """Return the scores of a group of seeds in points, by strategy and language; single runs as their mean."""
    found = {}
    for name, several in runs.items():
        strategy, *settings = name.split(", ")
        if settings not in ([], ["400 pairs", "surest 0.9"], ["realigned for 300 steps"]):
            continue
        theirs = [several[key]] if key in several else singles_of(key, several)
        if key in several or len(theirs) == len(key.split("+")):
            found[strategy] = {code: 100 * fmean(one["scores"][code] for one in theirs) for code in theirs[0]["scores"]}
    return found


def regret(truth, names, choice, languages):
    """Return the mean loss in points of a choice by language, against the best strategy of each language."""
    return fmean(max(truth[name][code] for name in names) - truth[choice[code]][code] for code in languages)


def judge(folder, key, other):
    """Compare the advice of a folder with the truth of a group of seeds; `other` is the group of the folder."""
    runs = read_json(common.RESULTS / f"{NAME}.json")["runs"]["points-pos"]
    choices = choose_strategies(folder)
    truth, theirs = true_scores(runs, key), true_scores(runs, other)
    names = [name for name in choices.advice.overall.estimated if name in truth and name in theirs]
    items = {item.language: item for item in choices.advice.languages if item.language not in TUNING}
    advised = {code: max(names, key=lambda name, item=item: item.estimated[name].gain) for code, item in items.items()}
    by_labels = {code: max(names, key=lambda name, code=code: theirs[name][code]) for code in items}
    cases = [
        (item.estimated[name], (truth[name][code] - truth[BASELINE][code]) / 100)
        for code, item in items.items()
        for name in names
        if name != BASELINE
    ]
    share = fmean(gain > 0 for _, gain in cases)
    return {
        "strategies": names,
        "languages": len(items),
        "regret of the advice": regret(truth, names, advised, items),
        "regret of true labels of the advice's seeds": regret(truth, names, by_labels, items),
        "regret of always": {name: regret(truth, names, dict.fromkeys(items, name), items) for name in names},
        "Brier score": fmean((one.better - (gain > 0)) ** 2 for one, gain in cases),
        "Brier score of the constant share": share * (1 - share),
        "within their 95% interval": fmean(one.interval[0] <= gain <= one.interval[1] for one, gain in cases),
        "stated and true": compare_probabilities(names, items, truth),
        "projected, estimated by links": measure_fooling(folder, truth, items),
    }


def measure_fooling(folder, truth, languages):
    """Compare how much better projected models agree with labels that baselines carry over links, and their gain.

    Args:
        folder: The folder of the runs, with baselines and projected models of the same seeds.
        truth: True scores in points, by strategy and language.
        languages: The languages.
    """
    models, _ = read_folder(folder)
    estimated, true = [], []
    for code in languages:
        single, taught = ([one[code] for one in models[name]] for name in (BASELINE, "projected"))
        labels = consensus(single)
        estimated.append(100 * (agreement(taught, labels) - agreement(single, labels)))
        true.append(truth["projected"][code] - truth[BASELINE][code])
    return {
        "more agreement": fmean(estimated),
        "true gain": fmean(true),
        "rank correlation": stats.spearmanr(estimated, true).statistic,
    }


def compare_probabilities(names, items, truth):
    """Return the mean stated probability of a gain by strategy, and the share of languages that gained."""
    found = {}
    for name in names:
        if name == BASELINE:
            continue
        gained = sum(truth[name][code] > truth[BASELINE][code] for code in items)
        interval = stats.binomtest(gained, len(items)).proportion_ci(method="exact")
        found[name] = {
            "stated": fmean(item.estimated[name].better for item in items.values()),
            "true": gained / len(items),
            "interval": [interval.low, interval.high],
        }
    return found


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the runs of one group of seeds")
    parser.add_argument("--group", required=True, help="that group as points.py names it, such as '23+17+7 B'")
    parser.add_argument("--truth", required=True, help="the group of the true scores, such as 31+42+66")
    chosen = parser.parse_args()
    found = rounded(judge(chosen.folder, chosen.truth, chosen.group))
    for name, value in found.items():
        print(f"{name}: {value}")
    known = read_json(common.RESULTS / f"{RESULT}.json") or {}
    known.pop("machine", None)
    common.keep(RESULT, {**known, f"{chosen.group}, truth from {chosen.truth}": found})


if __name__ == "__main__":
    main()
