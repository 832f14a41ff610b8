"""How far can the estimates without labels, and the advice that is built on them, be trusted?

A study made by `alignfreeze run` with `keep_models` has the true scores of every strategy, seed and language. Here its
models predict for held-out sentence pairs, and what is estimated from that is compared with the truth. Predictions are
kept in the study's folder, so that this can be repeated as runs finish. Whatever is tuned for part-of-speech tags is
tuned on the languages in TUNING, and reported for all others. For entities there are too few languages: how sure one
may be of a gain in one language is told from the others.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))


from benchmarks import common
from benchmarks.studies.advice.calibration import calibrate_and_widen, calibrate_without_each
from benchmarks.studies.advice.estimated import COMBINED, combine, estimate_all, fit_combination
from benchmarks.studies.advice.figures import (
    TUNING,
    correlate_seeds,
    mean_gains,
    measure_ceilings,
    measure_correlations,
    measure_regrets,
    measure_regrets_of_tuning,
    measure_reliability,
)
from benchmarks.studies.advice.runs import SOURCE, group_by_task, read_runs, replace_predictions


def figure_text(figure):
    return f"{figure['value']:.2f} ({figure['low']:.2f} … {figure['high']:.2f})"


def print_task(outcome, facts, languages):
    seeds = ", ".join(map(str, outcome.seeds))
    print(f"\n## {outcome.task}: {', '.join(outcome.strategies)}; seeds {seeds}; {len(languages)} languages reported\n")
    print("True gains, in points: " + ", ".join(f"{s} {v:+.2f}" for s, v in facts["true mean gain"].items()) + "\n")
    rows = [
        (
            name,
            figure_text(c["accuracy"]),
            figure_text(c["gain"]),
            f"{c['gain within a strategy']:.2f}",
            " ".join(f"{100 * g:+.1f}" for g in c["mean gain"].values()),
        )
        for name, c in sorted(
            facts["correlations"].items(), key=lambda item: -np.nan_to_num(item[1]["accuracy"]["value"])
        )
    ]
    common.table(("estimate", "Spearman with accuracy", "with the gain", "within a strategy", "mean gain"), rows)
    print()
    rows = [
        (name, figure_text(r), f"{r['worst']:.1f}", f"{r['best chosen']:.0%}") for name, r in facts["regret"].items()
    ]
    common.table(("choice", "mean regret, points", "worst", "best chosen"), rows)
    if on_tuning := facts["regret on the tuning languages"]:
        print("\non the tuning languages: " + ", ".join(f"{name} {figure_text(r)}" for name, r in on_tuning.items()))
    own = facts["regret with seeds as they are"]
    print(
        "\nestimated of all seeds and tested with all: "
        + ", ".join(f"{name} {figure_text(r)}" for name, r in own.items())
    )
    for name, one in facts["with labels"].items():
        always = ", ".join(f"always {s} {v:.2f}" for s, v in one["always"].items())
        print(f"\nchosen by labels of {name}: regret {one['by labels']:.2f} on the rest, where {always}")
    print()
    reliable = facts["reliability"]
    rows = [
        (f"{r['from']:.1f} to {r['to']:.1f}", r["n"], f"{r['stated']:.2f}", f"{r['measured']:.2f}")
        for r in reliable["gains"]
    ]
    common.table(("probability of a gain", "n", "stated", "measured"), rows)
    print({name: value for name, value in reliable.items() if name != "gains"})
    again = ", ".join(f"{s} {rho:.2f}" for s, rho in facts["gains repeated with another seed"].items())
    print(f"true gains of one seed and of another, Spearman over languages: {again or 'one seed only'}")


def options_of_user():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of `alignfreeze run` with keep_models")
    parser.add_argument("held", type=Path, help="folder of held-out pairs, en-XX.en and en-XX.XX")
    parser.add_argument("bitext", type=Path, help="folder of the pairs that were realigned on, named likewise")
    parser.add_argument("--pilots", type=Path, help="estimate from this study's models, such as those of fewer steps")
    parser.add_argument("--layers", action="store_true", help="look into layers too, which takes hours")
    parser.add_argument("--most", type=int, default=1_000, help="predict for so many new runs at most")
    parser.add_argument("--strategies", nargs="+", help="look at these alone, while others are not complete")
    return parser.parse_args()


def select_runs(options):
    """Return the runs of the study, with the predictions of the pilots if there are any."""
    how = {"layers": options.layers, "most": options.most}
    runs = list(read_runs(options.study, options.held, **how))
    if options.pilots is not None:
        by_key = {(r.task, r.record.strategy, r.record.seed): r for r in read_runs(options.pilots, options.held, **how)}
        runs = [replace_predictions(run, by_key) for run in runs]
        runs = [run for run in runs if run is not None]
    if options.strategies:
        runs = [run for run in runs if run.record.strategy in options.strategies]
    return runs


def main():
    options = options_of_user()
    runs = select_runs(options)
    tasks = {outcome.task: outcome for outcome in group_by_task(runs, options.held, options.bitext)}
    if "pos" not in tasks:
        sys.exit("no baseline and realigned run of part-of-speech tags with the same seed are complete yet")
    pos = tasks["pos"]
    found = {task: estimate_all(outcome) for task, outcome in tasks.items()}
    tuned = calibrate_and_widen(pos.views(), list(TUNING))
    weights = fit_combination(pos, found["pos"], list(TUNING))
    found["pos"]["combined (tuned)"] = combine(found["pos"], weights)
    facts = {
        "tuning languages": list(TUNING),
        "calibrations": {"pos": tuned.facts},
        "combination": dict(zip(("constant", *COMBINED), map(float, weights), strict=True)),
        "tasks": {},
    }
    print("tuned on", " ".join(TUNING), "->", tuned)
    for task, outcome in tasks.items():
        languages = [code for code in outcome.languages if code not in TUNING]
        # Where there are languages to tune on, none of them is reported; otherwise each one is left out in turn.
        if task == "pos":
            calibrations = dict.fromkeys(outcome.languages, tuned.calibration)
        else:
            calibrations = calibrate_without_each(outcome.views(), languages, tuned.calibration.slope)
            every = calibrate_and_widen(outcome.views(), languages, tuned.calibration.slope)
            facts["calibrations"][task] = every.facts
            print(f"{task} ->", every)
        facts["tasks"][task] = facts_of_task(outcome, found[task], languages, calibrations)
        print_task(outcome, facts["tasks"][task], languages)
    name = "_".join(["advice_quality", *(["pilots"] if options.pilots else []), *(options.strategies or [])])
    common.keep(name, without_nan(facts))


def facts_of_task(outcome, found, languages, calibrations):
    """Return all figures of a task, for the languages that are reported."""
    rows, views = outcome.rows(languages), outcome.views()
    table, several = measure_regrets(views, languages, calibrations)
    return {
        "languages": languages,
        "strategies": outcome.strategies,
        "seeds": outcome.seeds,
        "true mean gain": mean_gains(outcome.strategies, outcome.truth[rows]),
        "true mean gain by seed": {
            seed: mean_gains(outcome.strategies, outcome.of_seed(seed)[rows]) for seed in outcome.seeds
        },
        "true scores of the source language": {
            f"{strategy} {seed}": outcome.runs[strategy, seed].scores[SOURCE]
            for strategy in outcome.strategies
            for seed in outcome.seeds
        },
        "correlations": measure_correlations(outcome, found, languages),
        "regret": table,
        "regret on the tuning languages": measure_regrets_of_tuning(views, calibrations),
        "with labels": measure_ceilings(outcome, languages),
        "regret with seeds as they are": measure_regrets([outcome], languages, calibrations)[0],
        "gains repeated with another seed": correlate_seeds(outcome, languages),
        "truth of other seeds than the estimates": len(outcome.seeds) > 1,
        "reliability": measure_reliability(views, several, languages),
        "advised for all": [{code: overall.strategy for code, (_, overall) in given.items()} for given in several],
        "advised": [
            {code: item.strategy for code, (item, _) in given.items() if item is not None} for given in several
        ],
    }


def without_nan(value):
    """Return a value for JSON: a number that is not known becomes null."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


if __name__ == "__main__":
    main()
