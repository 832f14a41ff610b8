"""How estimates and advice go with true scores: rank correlations, regrets, and how sure one may be."""

from itertools import pairwise

import numpy as np
from scipy import stats

from alignfreeze.advice import gains, judging
from alignfreeze.experiment.names import BASELINE
from alignfreeze.tasks.table import TASKS

TUNING = ("ar", "bg", "de", "es", "fi", "ja", "ko", "lv", "th", "tr", "uk")
"""The languages for tuning: seven families, seven scripts, and none of the languages with entities."""

RESAMPLES = 1_000


def spearman(ours, theirs):
    if np.isnan(ours).any() or np.ptp(ours) == 0:
        return np.nan
    return float(stats.spearmanr(ours.ravel(), theirs.ravel()).statistic)


def add_interval(figure, n, seed=0):
    """Return a figure of the languages of some rows, and its 95% interval over languages drawn with replacement."""
    random = np.random.default_rng(seed)
    drawn = [figure(random.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"value": figure(np.arange(n)), "low": float(low), "high": float(high)}


def mean_gains(strategies, truth):
    """Return the true gain of each strategy in the mean over languages, in points; truth is [languages, strategies]."""
    gains = [float(100 * (truth[:, n] - truth[:, 0]).mean()) for n in range(1, len(strategies))]
    return dict(zip(strategies[1:], gains, strict=True))


def measure_correlations(outcome, found, languages):
    """Return the rank correlation of each estimate with accuracy, and of its gains with true gains."""
    rows = outcome.rows(languages)
    truth = outcome.truth[rows]
    gains = truth[:, 1:] - truth[:, :1]
    table = {}
    for name, values in found.items():
        ours = values[rows]
        theirs = ours[:, 1:] - ours[:, :1]
        table[name] = {
            "accuracy": add_interval(lambda n, ours=ours: spearman(ours[n], truth[n]), len(rows)),
            "gain": add_interval(lambda n, theirs=theirs: spearman(theirs[n], gains[n]), len(rows)),
            "gain within a strategy": float(
                np.mean([spearman(theirs[:, s], gains[:, s]) for s in range(gains.shape[1])])
            ),
            "mean gain": dict(zip(outcome.strategies[1:], map(float, theirs.mean(axis=0)), strict=True)),
        }
    return table


def truth_noise(outcome):
    """Return the variance of true gains over test sentences, [languages, strategies - 1]."""
    random = np.random.default_rng(0)
    found = np.zeros((len(outcome.languages), len(outcome.strategies) - 1))
    for row, code in enumerate(outcome.languages):
        parts = np.array([sum_of_parts(outcome, s, code) for s in outcome.strategies])
        values = gains.resample(parts, random, 500)
        found[row] = (values[:, 1:] - values[:, :1]).var(axis=0)
    return found


def sum_of_parts(outcome, strategy, code):
    metric = TASKS[outcome.task].metric
    return np.sum([np.array(outcome.runs[strategy, s].parts[code][metric], float) for s in outcome.tested], axis=0)


def judge_languages(outcome, calibrations):
    """Return by code the advice for a language with its own calibration, and for all languages with the same one."""
    codes = list(calibrations)
    pilots = outcome.pilots(codes)
    given = {}
    for calibration in dict.fromkeys(calibrations.values()):
        found = judging.judge_pilots(pilots, calibration=calibration)
        by_code = {item.language: item for item in found.languages}
        given |= {code: (by_code.get(code), found.overall) for code in codes if calibrations[code] == calibration}
    return given


def measure_regrets(views, languages, calibrations):
    """Return what advice and fixed choices lose against the best strategy of each language, in points; and the advice.

    Args:
        views: Outcomes with the estimates of some runs and the truth of others.
        languages: The languages that are reported.
        calibrations: The calibration of each language.
    """
    lost = {}
    several = []
    for outcome in views:
        truth = 100 * outcome.truth[outcome.rows(languages)]
        given = judge_languages(outcome, {code: calibrations[code] for code in languages})
        several.append(given)
        for name, chosen in list_choices(outcome, given, languages).items():
            columns = [outcome.strategies.index(s) for s in chosen]
            lost.setdefault(name, []).append(truth.max(axis=1) - truth[np.arange(len(truth)), columns])
    table = {}
    for name, rows in lost.items():
        one = np.array(rows)  # [views, languages]
        table[name] = add_interval(lambda n, one=one: float(one[:, n].mean()), one.shape[1])
        table[name] |= {"worst": float(one.max()), "best chosen": float((one == 0).mean())}
    return table, several


def measure_regrets_of_tuning(views, calibrations):
    """Return the regrets on the languages by which the rule of the advice was chosen; nothing if a task has none."""
    languages = [code for code in views[0].languages if code in TUNING and code in calibrations]
    return measure_regrets(views, languages, calibrations)[0] if languages else {}


def list_choices(outcome, given, languages):
    """Return the strategies that each way of choosing takes, one per language."""

    def taken(code, verdicts):
        item, _ = given[code]
        return item.strategy if item is not None and item.verdict in verdicts else BASELINE

    found = {
        "advice": [taken(code, {"better", "likely better"}) for code in languages],
        "advice, where it is sure": [taken(code, {"better"}) for code in languages],
        "advice for all together": [given[code][1].strategy for code in languages],
    }
    fixed = {f"always {name}" if name != BASELINE else "never": name for name in outcome.strategies}
    return found | {title: [name] * len(languages) for title, name in fixed.items()}


def measure_ceilings(outcome, languages):
    """Return the regret, in points, of choosing by labels: those of half of the test sentences, or of another seed."""
    rows = outcome.rows(languages)
    found = {}

    def halves():
        for first, second in ((0, 1), (1, 0)):
            sides = []
            for half in (first, second):
                parts = [
                    [sum_of_parts(outcome, s, c)[half::2].sum(axis=0) for s in outcome.strategies] for c in languages
                ]
                sums = np.array(parts)
                sides.append(sums[..., 0] / np.maximum(sums[..., 1], 1))
            yield sides

    found["half of the test sentences"] = _chosen(halves(), outcome.strategies)
    if len(outcome.seeds) > 1:
        pairs = [(a, b) for a in outcome.seeds for b in outcome.seeds if a != b]
        sides = ((outcome.of_seed(a)[rows], outcome.of_seed(b)[rows]) for a, b in pairs)
        found["another seed"] = _chosen(sides, outcome.strategies)
    return found


def _chosen(sides, strategies):
    chosen, fixed = [], []
    for by, on in sides:
        best = on.max(axis=1)
        chosen.append(100 * (best - on[np.arange(len(on)), by.argmax(axis=1)]).mean())
        fixed.append(100 * (best[:, None] - on).mean(axis=0))
    means = dict(zip(strategies, np.mean(fixed, axis=0).tolist(), strict=True))
    return {"by labels": float(np.mean(chosen)), "always": means}


BINS = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


def measure_reliability(views, several, languages):
    """Compare the stated probabilities of a gain with how often there was one; likewise for what is advised."""
    stated, true, covered, advised, best = [], [], [], [], []
    for outcome, given in zip(views, several, strict=True):
        truth = outcome.truth[outcome.rows(languages)]
        noise = truth_noise(outcome)[outcome.rows(languages)]
        for row, code in enumerate(languages):
            item, _ = given[code]
            if item is None:
                continue
            gains = truth[row] - truth[row, 0]
            for column, s in enumerate(outcome.strategies[1:], start=1):
                stated.append(item.estimated[s].better)
                true.append(gains[column] > 0)
                low, high = item.estimated[s].interval
                # The true gain is measured on some hundred sentences: its own noise widens the interval.
                half = 1.96 * ((high - low) ** 2 / 3.92**2 + noise[row, column - 1]) ** 0.5
                covered.append(abs(gains[column] - (low + high) / 2) <= half)
            chosen = outcome.strategies.index(item.strategy)
            best.append((item.best, truth[row].argmax() == chosen))
            if item.verdict == "better":
                advised.append((item.confidence, gains[chosen] > 0))
    stated, true = np.array(stated), np.array(true, dtype=float)
    rows = []
    for low, high in pairwise(BINS):
        inside = (stated >= low) & ((stated < high) | (high == 1))
        if inside.any():
            means = {"stated": float(stated[inside].mean()), "measured": float(true[inside].mean())}
            rows.append({"from": low, "to": high, "n": int(inside.sum()), **means})
    return {
        "gains": rows,
        "brier": float(((stated - true) ** 2).mean()),
        "brier of the share of gains": float(true.mean() * (1 - true.mean())),
        "advised": mean_pair(advised),
        "best": mean_pair(best),
        "interval": {"n": len(covered), "stated": 0.95, "measured": float(np.mean(covered))},
    }


def mean_pair(pairs):
    if not pairs:
        return {"n": 0, "stated": None, "measured": None}
    stated, measured = np.array(pairs, dtype=float).mean(axis=0).tolist()
    return {"n": len(pairs), "stated": stated, "measured": measured}


def correlate_seeds(outcome, languages):
    """Return the rank correlation over languages of each strategy's true gains with one seed and with another."""
    rows = outcome.rows(languages)
    gains = [outcome.of_seed(seed)[rows] for seed in outcome.seeds]
    gains = [one[:, 1:] - one[:, :1] for one in gains]
    pairs = [(a, b) for n, a in enumerate(gains) for b in gains[n + 1 :]]
    return {
        s: float(np.mean([spearman(a[:, column], b[:, column]) for a, b in pairs]))
        for column, s in enumerate(outcome.strategies[1:])
        if pairs
    }
