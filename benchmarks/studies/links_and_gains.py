"""Do better word links change what realignment gains?

Reads a folder of `alignfreeze run links_and_gains.toml`, whose runs differ in the aligner alone. For each strategy it
gives the gain over the baseline by language and aligner, and the difference between the aligners. Verdicts and
intervals are those of `alignfreeze compare`: over seeds and test sentences, corrected for languages and strategies.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.records import SENTENCES
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.running.counts import read_counts
from alignfreeze.running.trials import average_trials, try_strategy
from alignfreeze.running.verdicts import judge_gains, points_text, verdict_text
from alignfreeze.studies.results import read_records
from benchmarks import common

MEAN = "mean"


def read_models(study):
    """Return scores by language and counts of test sentences, by strategy and aligner, then by seed."""
    found = {}
    for file, record in read_records(study):
        metric, source = record.scores[0].metric, record.source_language
        scores = {one.language: one.value for one in record.scores if one.metric == metric and one.language != source}
        counts = {code: by_metric[metric] for code, by_metric in read_counts(file.parent / SENTENCES).items()}
        links = record.identity.settings.get(Part.LINKS, {})
        key = (record.strategy, None if record.strategy == BASELINE else links["alignment.aligner"])
        found.setdefault(key, {})[record.seed] = (scores, counts)
    return found


def try_all(ours, theirs):
    """Return the trials of runs against others by language, and that of the mean; the same seeds are compared."""
    seeds = sorted(set(ours) & set(theirs))
    languages = sorted(ours[seeds[0]][0])
    by_language = {}
    for code in languages:
        scores = [{seed: runs[seed][0][code] for seed in seeds} for runs in (ours, theirs)]
        counts = [{seed: runs[seed][1][code] for seed in seeds} for runs in (ours, theirs)]
        by_language[code] = try_strategy(*scores, *counts)
    means = [{seed: fmean(runs[seed][0].values()) for seed in seeds} for runs in (ours, theirs)]
    return by_language | {MEAN: average_trials(try_strategy(*means, {}, {}), by_language.values())}


def judge_all(pairs):
    """Return the judgements of several comparisons by name, then by language and for the mean."""
    trials = {name: try_all(*both) for name, both in pairs.items()}
    by_language = {code: {name: rows[code] for name, rows in trials.items()} for code in next(iter(trials.values()))}
    mean = {MEAN: by_language.pop(MEAN)}
    judged = judge_gains(by_language) | judge_gains(mean)
    return {name: {code: row[name] for code, row in judged.items()} for name in trials}


def facts_of(models):
    """Return scores, gains by strategy and aligner, and the differences that the aligner makes."""
    baseline = models[BASELINE, None]
    aligners = sorted({aligner for _, aligner in models if aligner})
    columns = {}
    for aligner in aligners:
        pairs = {s: (runs, baseline) for (s, a), runs in models.items() if a == aligner}
        columns |= {f"{name}, {aligner}": judged for name, judged in judge_all(pairs).items()}
    first, *others = aligners
    for other in others:
        pairs = {s: (runs, models[s, other]) for (s, a), runs in models.items() if a == first and (s, other) in models}
        columns |= {f"{name}: {first} - {other}": judged for name, judged in judge_all(pairs).items()}
    return columns


def scores_of(models):
    return {
        strategy if aligner is None else f"{strategy}, {aligner}": {
            str(seed): {code: round(score, 5) for code, score in scores.items()}
            for seed, (scores, _) in sorted(runs.items())
        }
        for (strategy, aligner), runs in sorted(models.items(), key=str)
    }


def plain(judged):
    facts = {"verdict": judged.verdict, "gain": round(100 * judged.gain, 3)}
    if judged.interval is not None:
        facts["interval"] = [round(100 * end, 3) for end in judged.interval]
    return facts


def cell(judged):
    return points_text(judged.gain) if judged.interval is None else verdict_text(judged).split(";")[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="the folder of `alignfreeze run links_and_gains.toml`")
    models = read_models(parser.parse_args().study)
    columns = facts_of(models)
    languages = list(next(iter(columns.values())))
    common.table(["language", *columns], [[code, *(cell(one[code]) for one in columns.values())] for code in languages])
    judged = {name: {code: plain(one) for code, one in column.items()} for name, column in columns.items()}
    common.keep("links_and_gains", {"scores": scores_of(models), "points": judged})


if __name__ == "__main__":
    main()
