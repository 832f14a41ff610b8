"""How far can the estimates without labels, and the advice that is built on them, be trusted?

A study made by `alignfreeze run` with `keep_models` has the true scores of every strategy, seed and language. Its
models predict for held-out sentence pairs here (once; kept in the study's folder, so that it can be run again as runs
finish), and what is estimated from that is compared with the truth. Whatever is tuned for part-of-speech tags, is tuned
on the languages in TUNING; those reported on are all others. Of entities there are too few languages for that: how sure
one may be of a gain in one of them is told from the others.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))


from alignfreeze.advice import advice
from alignfreeze.advice.pilots import Pilot
from alignfreeze.corpora.bitext import language_pairs, read_bitext
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation import estimates as e
from alignfreeze.evaluation.drift import Drift, measure_drift
from alignfreeze.evaluation.gradients import compare_gradients
from alignfreeze.evaluation.predictions import predict_pairs, read_predictions, write_predictions
from alignfreeze.evaluation.retrieval import Retrieval, best_layer, measure_retrieval, word_retrieval
from alignfreeze.experiment.held_out import align_held_out
from alignfreeze.experiment.records import RECORD, SENTENCES, RunRecord
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.files import make_folder, new_file, read_json, write_json
from alignfreeze.studies.statistics import CONFIDENCE
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from benchmarks import common
from benchmarks import estimates as more

TUNING = ("ar", "bg", "de", "es", "fi", "ja", "ko", "lv", "th", "tr", "uk")
"""Anything that is tuned, is tuned on these: seven families, seven scripts, none of the languages with entities."""

SOURCE = "en"
CACHED = "estimates"
"""The folder of a study in which the predictions of its models are kept."""

RESAMPLES = 1_000
GRADIENT_BATCHES = 2
LEAST_SHARED = 0.003
"""With three strategies the error that is common to all languages is hardly known; it is taken for at least this."""


# --- what is read and computed once ---------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run with its true scores, and what its model says of the held-out pairs."""

    name: str
    record: RunRecord
    parts: dict
    predictions: dict
    layers: dict | None

    @property
    def scores(self):
        metric = TASKS[self.task].metric
        return {score.language: score.value for score in self.record.scores if score.metric == metric}

    @property
    def task(self):
        return self.record.determined_by["settings"]["task"]


def held_out(folder, languages):
    """The sentence pairs that nothing was realigned on, of all languages."""
    return [
        pair
        for code in languages
        for pair in read_bitext(folder / f"en-{code}.en", folder / f"en-{code}.{code}", languages=(SOURCE, code))
    ]


def read_runs(study, held, *, layers, most):
    """The complete runs of a study; what their models predict is computed where it is not kept."""
    for folder in sorted((study / "runs").glob("*/")):
        if folder.name.startswith(".") or not (folder / "model").is_dir() or not (values := read_json(folder / RECORD)):
            continue
        record = RunRecord.from_json(values)
        settings = record.determined_by["settings"]
        place = make_folder(study / CACHED) / f"{folder.name}.npz"
        languages = [code for code in record.determined_by["languages"] if code != SOURCE]
        if not place.exists() and most > 0:
            most -= 1
            predict(folder, settings, held_out(held, languages), record.determined_by["encoder"]["name"], place)
        if place.exists():
            found = read_json(place.with_suffix(".json"))
            if layers and found is None:
                found = look_into(folder, record, held_out(held, languages), place)
            parts = json.loads((folder / SENTENCES).read_text())
            yield Run(folder.name, record, parts, read_predictions(place), found)


def task_model(folder, settings):
    kind = TASKS[settings["task"]].kind
    return load_task_model(folder / "model", kind.head, max_length=settings["finetuning"]["max_length"])


def predict(folder, settings, pairs, encoder, place):
    """Write what the model of a run says of the held-out pairs."""
    print(f"predicting: {folder.name}", file=sys.stderr)
    links = align_held_out(pairs, encoder=encoder, device="cpu")
    found = predict_pairs(task_model(folder, settings), TASKS[settings["task"]], pairs, links, device="cpu")
    with new_file(place) as path:
        write_predictions(path, found)


def look_into(folder, record, pairs, place):
    """Retrieval by layer, gradients and drift of the model of a run; they take longer than all else."""
    print(f"looking into layers: {folder.name}", file=sys.stderr)
    settings, name = record.determined_by["settings"], record.determined_by["encoder"]["name"]
    task = TASKS[settings["task"]]
    links = align_held_out(pairs, encoder=name, device="cpu")
    model = task_model(folder, settings)
    encoder = Encoder(folder.name, model.model.base_model, model.tokenizer)
    items = task.read(Source(Path(settings["data"]["train"])))
    cosines = {
        language: more.gradient_agreement(
            compare_gradients(
                model,
                task,
                items,
                [pairs[n] for n in numbers],
                [links[n] for n in numbers],
                batches=GRADIENT_BATCHES,
                device="cpu",
            )
        )
        for (_, language), numbers in language_pairs(pairs).items()
    }
    found = {
        "retrieval": [asdict(item) for item in measure_retrieval(encoder, pairs, links, device="cpu")],
        "gradients": cosines,
        "drift": [asdict(item) for item in measure_drift(load_encoder(name), encoder)],
    }
    write_json(place.with_suffix(".json"), found)
    return found


@dataclass(frozen=True)
class Outcome:
    """The runs of a task: all strategies with the same seeds, the baseline first.

    What is estimated is of the models of some seeds; what is true may be of others, as the run that is advised is
    another than the pilots.
    """

    task: str
    strategies: list
    seeds: list
    tested: list
    languages: list
    runs: dict  # by strategy and seed
    new: dict  # links of words that no realignment has seen, by language

    @property
    def truth(self):
        """True scores, mean over seeds, [languages, strategies]."""
        return np.mean([self.of_seed(seed) for seed in self.tested], axis=0)

    def views(self):
        """Each seed's estimates with another's truth; with one seed its own, which flatters."""
        pairs = [(a, b) for a in self.seeds for b in self.seeds if a != b]
        return [replace(self, seeds=[a], tested=[b]) for a, b in pairs] or [self]

    def of_seed(self, seed):
        return np.array([[self.runs[s, seed].scores[code] for s in self.strategies] for code in self.languages])

    def several(self, strategy, language):
        return [self.runs[strategy, seed].predictions[language] for seed in self.seeds]

    def pilots(self, languages, seeds=None):
        return [
            Pilot(s, seed, self.runs[s, seed].scores[SOURCE], {c: self.runs[s, seed].predictions[c] for c in languages})
            for s in self.strategies
            for seed in seeds or self.seeds
        ]

    def rows(self, languages):
        return [self.languages.index(code) for code in languages]


def outcomes(runs, held, bitext):
    """The runs by task; of seeds those that most strategies are there of."""
    for task in dict.fromkeys(run.task for run in runs):
        found = {(run.record.strategy, run.record.seed): run for run in runs if run.task == task}
        by_seed = {seed: {s for s, other in found if other == seed} for _, seed in found}
        most = max(by_seed.values(), key=len)
        if BASELINE not in most or len(most) < 2:
            continue
        strategies = [s for s in advice_order(found) if s in most]
        seeds = sorted(seed for seed, there in by_seed.items() if there >= most)
        languages = list(next(iter(found.values())).predictions)
        first = Pilot(BASELINE, 0, 0.0, next(iter(found.values())).predictions)
        new = {code: of_new_words(first, held, bitext, code) for code in languages}
        yield Outcome(task, strategies, seeds, seeds, languages, found, new)


def of_new_words(pilot, held, bitext, code):
    return more.new_words(pilot.predictions[code].links, held_out(held, [code]), held_out(bitext, [code]))


def advice_order(found):
    names = dict.fromkeys(s for s, _ in found)
    return [BASELINE, *(s for s in ("full", "front", "back") if s in names)] + [
        s for s in names if s not in {BASELINE, "full", "front", "back"}
    ]


# --- estimates --------------------------------------------------------------------------


def label_frequencies(outcome):
    settings = next(iter(outcome.runs.values())).record.determined_by["settings"]
    items = TASKS[outcome.task].read(Source(Path(settings["data"]["train"])))
    return Counter(tag for item in items for tag in getattr(item, "tags", [getattr(item, "label", None)]) if tag)


def all_estimates(outcome):
    """Each estimate, turned so that more is better, [languages, strategies]."""
    frequencies = label_frequencies(outcome)
    rows = {code: of_language(outcome, code, frequencies) for code in outcome.languages}
    found = {
        name: np.array([[rows[code][s][name] for s in outcome.strategies] for code in outcome.languages], dtype=float)
        for name in rows[outcome.languages[0]][BASELINE]
    }
    return found | of_layers(outcome)


def of_language(outcome, code, frequencies):
    groups = {s: outcome.several(s, code) for s in outcome.strategies}
    together = e.consensus([one for group in groups.values() for one in group])
    are_entities = together.are_entities
    weights = None if are_entities else more.label_weights(together, frequencies)

    def value(estimate, group):
        found = e.value_of(np.sum([estimate(one) for one in group], axis=0))
        return np.nan if found is None else found

    found = {}
    for s, group in groups.items():
        ours = {name: value(estimate, group) for name, estimate in more.ESTIMATES.items()}
        ours |= {"entropy": -ours["entropy"], "confidence shift": -ours["confidence shift"]}
        ours["label distance"] = -np.mean([e.label_distance(one) for one in group])
        ours["yardstick agreement"] = value(lambda one: e.projection_agreement(one, together), group)
        without = (
            None
            if are_entities
            else np.array([label not in advice.UNCOUNTED_LABELS for label in together.labels], float)
        )
        ours["yardstick without names"] = value(
            lambda one, without=without: e.projection_agreement(one, together, weights=without), group
        )
        ours["yardstick, new words"] = value(
            lambda one: e.projection_agreement(one, together, counted=outcome.new[code]), group
        )
        ours["consensus agreement"] = value(lambda one: more.consensus_agreement(one, together), group)
        if not are_entities:
            ours["weighted yardstick"] = value(
                lambda one: e.projection_agreement(one, together, weights=weights), group
            )
        ours["linked share"] = more.linked_share(together)
        best = ours["yardstick agreement" if are_entities else "weighted yardstick"]
        ours["agreement x linked"] = best * ours["linked share"]
        found[s] = ours
    return found


def of_layers(outcome):
    """Retrieval at the best layer, gradients and drift, where they were looked into."""
    seeds = [seed for seed in outcome.seeds if all(outcome.runs[s, seed].layers for s in outcome.strategies)]
    if not seeds:
        return {}
    runs = {(s, seed): outcome.runs[s, seed].layers for s in outcome.strategies for seed in seeds}
    looked = {key: [Retrieval(**item) for item in found["retrieval"]] for key, found in runs.items()}
    layer = best_layer([item for seed in seeds for item in looked[BASELINE, seed]])

    def mean(of):
        per = [[[of((s, seed), c) for seed in seeds] for s in outcome.strategies] for c in outcome.languages]
        return np.mean(per, axis=2)

    words = {key: word_retrieval(items, layer) for key, items in looked.items()}
    moved = {key: more.mean_drift([Drift(**item) for item in found["drift"]]) for key, found in runs.items()}
    return {
        f"word retrieval (layer {layer})": mean(lambda key, code: words[key][code]),
        "gradient agreement": mean(lambda key, code: runs[key]["gradients"][code]),
        "drift": mean(lambda key, code: -moved[key]),
    }


COMBINED = ("weighted yardstick", "linked share", "confidence shift", "label distance")


def combination(outcome, found, languages):
    """The weights of a linear combination, by least squares on some languages."""
    rows = outcome.rows(languages)
    features = np.stack([found[name][rows].ravel() for name in COMBINED], axis=1)
    design = np.column_stack([np.ones(len(features)), features])
    return np.linalg.lstsq(design, outcome.truth[rows].ravel(), rcond=None)[0]


def combined(found, weights):
    return weights[0] + sum(w * found[name] for w, name in zip(weights[1:], COMBINED, strict=True))


# --- figures ----------------------------------------------------------------------------


def spearman(ours, theirs):
    if np.isnan(ours).any() or np.ptp(ours) == 0:
        return np.nan
    return float(stats.spearmanr(ours.ravel(), theirs.ravel()).statistic)


def with_interval(figure, n, seed=0):
    """A figure of the languages of some rows, with its 95% interval over languages drawn again and again."""
    random = np.random.default_rng(seed)
    drawn = [figure(random.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"value": figure(np.arange(n)), "low": float(low), "high": float(high)}


def mean_gains(strategies, truth):
    """What each strategy truly gains in the mean over languages, in points; the truth is [languages, strategies]."""
    gains = [float(100 * (truth[:, n] - truth[:, 0]).mean()) for n in range(1, len(strategies))]
    return dict(zip(strategies[1:], gains, strict=True))


def correlations(outcome, found, languages):
    """Rank correlation of each estimate with accuracy, and of its gains with true gains."""
    rows = outcome.rows(languages)
    truth = outcome.truth[rows]
    gains = truth[:, 1:] - truth[:, :1]
    table = {}
    for name, values in found.items():
        ours = values[rows]
        theirs = ours[:, 1:] - ours[:, :1]
        table[name] = {
            "accuracy": with_interval(lambda n, ours=ours: spearman(ours[n], truth[n]), len(rows)),
            "gain": with_interval(lambda n, theirs=theirs: spearman(theirs[n], gains[n]), len(rows)),
            "gain within a strategy": float(
                np.mean([spearman(theirs[:, s], gains[:, s]) for s in range(gains.shape[1])])
            ),
            "mean gain": dict(zip(outcome.strategies[1:], map(float, theirs.mean(axis=0)), strict=True)),
        }
    return table


def truth_noise(outcome):
    """The variance of true gains over test sentences, [languages, strategies - 1]."""
    random = np.random.default_rng(0)
    found = np.zeros((len(outcome.languages), len(outcome.strategies) - 1))
    for row, code in enumerate(outcome.languages):
        parts = np.array([sum_of_parts(outcome, s, code) for s in outcome.strategies])
        values = advice.resample(parts, random, 500)
        found[row] = (values[:, 1:] - values[:, :1]).var(axis=0)
    return found


def sum_of_parts(outcome, strategy, code):
    metric = TASKS[outcome.task].metric
    return np.sum([np.array(outcome.runs[strategy, s].parts[code][metric], float) for s in outcome.tested], axis=0)


def calibrate(views, languages, slope=None):
    """How estimated gains go with true ones, on some languages: of each seed's pilots with another seed's runs.

    A slope that is given is not fitted: a few languages tell how far gains lie apart, but none.
    """
    random = np.random.default_rng(0)
    ours, truth, noise, theirs = [], [], [], []
    for outcome in views:
        rows = outcome.rows(languages)
        true = outcome.truth[rows]
        truth.append(true[:, 1:] - true[:, :1])
        noise.append(truth_noise(outcome)[rows])
        counts = [
            np.stack(advice.measure_agreement({s: outcome.several(s, code) for s in outcome.strategies}))
            for code in languages
        ]
        exact = np.array([[e.value_of(one) for one in several] for several in counts])
        ours.append(exact[:, 1:] - exact[:, :1])
        values = [advice.resample(one, random) for one in counts]
        theirs.append(np.array([(one[:, 1:] - one[:, :1]).var(axis=0) for one in values]))
    ours, truth, noise, theirs = map(np.array, (ours, truth, noise, theirs))  # [views, languages, strategies - 1]
    if slope is None:
        slope = float((ours * truth).sum() / max((ours**2 - theirs).sum(), 1e-9))
    rest = truth - slope * ours
    # Of each seed by itself: what one has in all languages another need not have.
    shared = float((rest.mean(axis=1) ** 2).mean()) ** 0.5
    # What all languages have in common is no error of each of them.
    error = max(0.0, float((rest**2 - noise - slope**2 * theirs).mean()) - shared**2) ** 0.5
    between = max(0.0, float((truth.var(axis=1, ddof=1) - noise.mean(axis=1)).mean())) ** 0.5
    known = advice.Calibration()
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
    """A calibration, by how much its spreads were widened, and how many of the 95% intervals then hold."""

    calibration: advice.Calibration
    factor: float
    held: float

    @property
    def facts(self):
        return asdict(self.calibration) | {"spreads widened by": self.factor, "intervals that then hold": self.held}


WIDER = (1.0, 1.25, 1.5, 1.75, 2.0)


def widened(calibration, views, languages):
    """The calibration with spreads so much wider that intervals hold as often as they say, on some languages.

    Spreads that are told from moments leave out that slope and means are themselves only estimated. Where no factor
    does, it is the least that does best.
    """
    best = None
    for factor in WIDER:
        spreads = {name: factor * getattr(calibration, name) for name in ("error", "between", "shared")}
        wider = replace(calibration, **spreads)
        several = [judged_by(outcome, dict.fromkeys(languages, wider)) for outcome in views]
        held = reliability(views, several, languages)["interval"]["measured"]
        print(f"spreads {factor} times as wide: {held:.3f} of the intervals hold", file=sys.stderr)
        if best is None or held > best.held:
            best = Tuned(wider, factor, held)
        if held >= CONFIDENCE:
            break
    return best


def calibrated(views, languages, slope=None):
    return widened(calibrate(views, languages, slope), views, languages)


def without_each(views, languages, slope):
    """A calibration for each language by all others: for a task that has none to spare for tuning."""
    return {
        code: calibrated(views, [other for other in languages if other != code], slope).calibration
        for code in languages
    }


def judged_by(outcome, calibrations):
    """The advice for each language with its own calibration, and for all together with the same: pairs by code."""
    codes = list(calibrations)
    pilots = outcome.pilots(codes)
    given = {}
    for calibration in dict.fromkeys(calibrations.values()):
        found = advice.judge_pilots(pilots, calibration=calibration)
        by_code = {item.language: item for item in found.languages}
        given |= {code: (by_code.get(code), found.overall) for code in codes if calibrations[code] == calibration}
    return given


def regrets(views, languages, calibrations):
    """What the advice and fixed choices lose against the best strategy of each language, in points; and the advice.

    Args:
        views: Estimates of some runs, truth of some.
        languages: Those reported.
        calibrations: By language.
    """
    lost = {}
    several = []
    for outcome in views:
        truth = 100 * outcome.truth[outcome.rows(languages)]
        given = judged_by(outcome, {code: calibrations[code] for code in languages})
        several.append(given)
        for name, chosen in choices(outcome, given, languages).items():
            columns = [outcome.strategies.index(s) for s in chosen]
            lost.setdefault(name, []).append(truth.max(axis=1) - truth[np.arange(len(truth)), columns])
    table = {}
    for name, rows in lost.items():
        one = np.array(rows)  # [views, languages]
        table[name] = with_interval(lambda n, one=one: float(one[:, n].mean()), one.shape[1])
        table[name] |= {"worst": float(one.max()), "best chosen": float((one == 0).mean())}
    return table, several


def regrets_of_tuning(views, calibrations):
    """The same on the languages that the rule of the advice was chosen by; nothing for a task without any of them."""
    languages = [code for code in views[0].languages if code in TUNING and code in calibrations]
    return regrets(views, languages, calibrations)[0] if languages else {}


def choices(outcome, given, languages):
    """The strategy that each way of choosing takes for each language."""

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


def ceilings(outcome, languages):
    """What labels would do: chosen by half of the test sentences or by another seed, tested on the rest, in points."""
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


def reliability(views, several, languages):
    """Stated probabilities of a gain, and how often there was one; the same of the reasons of the advice."""
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
                # The true gain itself is measured on some hundred sentences only: its own noise widens the interval.
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
        "advised": stated_and_measured(advised),
        "best": stated_and_measured(best),
        "interval": {"n": len(covered), "stated": 0.95, "measured": float(np.mean(covered))},
    }


def stated_and_measured(pairs):
    if not pairs:
        return {"n": 0, "stated": None, "measured": None}
    stated, measured = np.array(pairs, dtype=float).mean(axis=0).tolist()
    return {"n": len(pairs), "stated": stated, "measured": measured}


def repeated(outcome, languages):
    """Rank correlation over languages of a strategy's true gains with one seed and with another: what can be told."""
    rows = outcome.rows(languages)
    gains = [outcome.of_seed(seed)[rows] for seed in outcome.seeds]
    gains = [one[:, 1:] - one[:, :1] for one in gains]
    pairs = [(a, b) for n, a in enumerate(gains) for b in gains[n + 1 :]]
    return {
        s: float(np.mean([spearman(a[:, column], b[:, column]) for a, b in pairs]))
        for column, s in enumerate(outcome.strategies[1:])
        if pairs
    }


# --- what is printed and kept -----------------------------------------------------------


def shown(figure):
    return f"{figure['value']:.2f} ({figure['low']:.2f} … {figure['high']:.2f})"


def print_task(outcome, facts, languages):
    seeds = ", ".join(map(str, outcome.seeds))
    print(f"\n## {outcome.task}: {', '.join(outcome.strategies)}; seeds {seeds}; {len(languages)} languages reported\n")
    print("True gains, in points: " + ", ".join(f"{s} {v:+.2f}" for s, v in facts["true mean gain"].items()) + "\n")
    rows = [
        (
            name,
            shown(c["accuracy"]),
            shown(c["gain"]),
            f"{c['gain within a strategy']:.2f}",
            " ".join(f"{100 * g:+.1f}" for g in c["mean gain"].values()),
        )
        for name, c in sorted(
            facts["correlations"].items(), key=lambda item: -np.nan_to_num(item[1]["accuracy"]["value"])
        )
    ]
    common.table(("estimate", "Spearman with accuracy", "with the gain", "within a strategy", "mean gain"), rows)
    print()
    rows = [(name, shown(r), f"{r['worst']:.1f}", f"{r['best chosen']:.0%}") for name, r in facts["regret"].items()]
    common.table(("choice", "mean regret, points", "worst", "best chosen"), rows)
    if on_tuning := facts["regret on the tuning languages"]:
        print("\non the tuning languages: " + ", ".join(f"{name} {shown(r)}" for name, r in on_tuning.items()))
    own = facts["regret with seeds as they are"]
    print("\nestimated of all seeds and tested with all: " + ", ".join(f"{name} {shown(r)}" for name, r in own.items()))
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="folder of `alignfreeze run` with keep_models")
    parser.add_argument("held", type=Path, help="folder of held-out pairs, en-XX.en and en-XX.XX")
    parser.add_argument("bitext", type=Path, help="folder of the pairs that were realigned on, named likewise")
    parser.add_argument("--pilots", type=Path, help="estimate from this study's models, such as those of fewer steps")
    parser.add_argument("--layers", action="store_true", help="look into layers too, which takes hours")
    parser.add_argument("--most", type=int, default=1_000, help="predict for so many new runs at most")
    parser.add_argument("--strategies", nargs="+", help="look at these alone, while others are not complete")
    options = parser.parse_args()
    how = {"layers": options.layers, "most": options.most}
    runs = list(read_runs(options.study, options.held, **how))
    if options.pilots is not None:
        by_key = {(r.task, r.record.strategy, r.record.seed): r for r in read_runs(options.pilots, options.held, **how)}
        runs = [with_predictions(run, by_key) for run in runs]
        runs = [run for run in runs if run is not None]
    if options.strategies:
        runs = [run for run in runs if run.record.strategy in options.strategies]
    tasks = {outcome.task: outcome for outcome in outcomes(runs, options.held, options.bitext)}
    if "pos" not in tasks:
        sys.exit("no baseline and realigned run of part-of-speech tags with the same seed are complete yet")
    pos = tasks["pos"]
    found = {task: all_estimates(outcome) for task, outcome in tasks.items()}
    tuned = calibrated(pos.views(), list(TUNING))
    weights = combination(pos, found["pos"], list(TUNING))
    found["pos"]["combined (tuned)"] = combined(found["pos"], weights)
    facts = {
        "tuning languages": list(TUNING),
        "calibrations": {"pos": tuned.facts},
        "combination": dict(zip(("constant", *COMBINED), map(float, weights), strict=True)),
        "tasks": {},
    }
    print("tuned on", " ".join(TUNING), "->", tuned)
    for task, outcome in tasks.items():
        languages = [code for code in outcome.languages if code not in TUNING]
        rows = outcome.rows(languages)
        views = outcome.views()
        # Where there are languages to tune on, none of them is reported; else each one is left out in turn.
        if task == "pos":
            calibrations = dict.fromkeys(outcome.languages, tuned.calibration)
        else:
            calibrations = without_each(views, languages, tuned.calibration.slope)
            every = calibrated(views, languages, tuned.calibration.slope)
            facts["calibrations"][task] = every.facts
            print(f"{task} ->", every)
        table, several = regrets(views, languages, calibrations)
        facts["tasks"][task] = {
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
            "correlations": correlations(outcome, found[task], languages),
            "regret": table,
            "regret on the tuning languages": regrets_of_tuning(views, calibrations),
            "with labels": ceilings(outcome, languages),
            "regret with seeds as they are": regrets([outcome], languages, calibrations)[0],
            "gains repeated with another seed": repeated(outcome, languages),
            "truth of other seeds than the estimates": len(outcome.seeds) > 1,
            "reliability": reliability(views, several, languages),
            "advised for all": [{code: overall.strategy for code, (_, overall) in given.items()} for given in several],
            "advised": [
                {code: item.strategy for code, (item, _) in given.items() if item is not None} for given in several
            ],
        }
        print_task(outcome, facts["tasks"][task], languages)
    name = "_".join(["advice_quality", *(["pilots"] if options.pilots else []), *(options.strategies or [])])
    common.keep(name, without_nan(facts))


def without_nan(value):
    """A value as JSON has it: what cannot be told is null."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def with_predictions(run, by_key):
    other = by_key.get((run.task, run.record.strategy, run.record.seed))
    return None if other is None else Run(run.name, run.record, run.parts, other.predictions, other.layers)


if __name__ == "__main__":
    main()
