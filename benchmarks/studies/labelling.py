"""How many labels choose a model, and do the intervals hold? Simulated: the labels of test data are hidden.

    python benchmarks/studies/labelling.py

The predictions are those that `points_labels.py` has kept, of eight models for 100 test sentences. For the coverage of
intervals they are those of `label_predictions.py`, of fewer models for 200 sentences. Sentences are drawn again and
again, and labels are revealed as `alignfreeze label` asks for them. Drawing where models differ is compared with
drawing sentences uniformly and labelling all their words; both choose with the same prior. The 22 languages that were
not used for tuning count.
"""

import argparse
import gzip
import json
import sys
from dataclasses import replace
from itertools import chain
from operator import eq
from pathlib import Path
from statistics import fmean, median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.experiment.names import BASELINE
from alignfreeze.files import read_json, write_json
from alignfreeze.labelling.budget import spread_items
from alignfreeze.labelling.counting import collect_evidence
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.estimates import FEWEST, Estimates
from alignfreeze.labelling.matching import Labelled
from alignfreeze.labelling.sampling import Sampling
from alignfreeze.labelling.settling import find_prior, update
from alignfreeze.tasks.table import TASKS
from benchmarks import common
from benchmarks.studies.label_predictions import NAME as PREDICTIONS
from benchmarks.studies.label_predictions import read_truth
from benchmarks.studies.points import TUNING
from benchmarks.studies.points_labels import NAME as POINTS

RESULT = "labelling"
MARGIN = 0.005
SIZES = (3, 5, 7, 10, 14, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160)
COVERED = (5, 10, 30, 100)
WANTED = 0.9


def read_predictions(name):
    """Return the languages, and a function that returns what models predict for one and the true tags."""
    found = np.load(common.RESULTS / f"{name}.npz")
    labels, strategies = list(map(str, found["labels"])), list(map(str, found["strategies"]))
    codes = [name.split()[1] for name in found if name.startswith("lengths ")]

    def read(code):
        ends = np.cumsum(found[f"lengths {code}"])[:-1]
        several = {
            name: [tuple(labels[one] for one in row) for row in np.split(found[f"{name} {code}"], ends)]
            for name in strategies
        }
        # A run keeps no more than the first words of a very long sentence.
        lengths = found[f"lengths {code}"].tolist()
        return several, [one.tags[:n] for one, n in zip(read_truth(code), lengths, strict=False)], labels

    return [code for code in codes if code not in TUNING], read


def read_entities(folder):
    """Return the languages, and a function as `read_predictions` does, for the runs of a study of named entities."""
    found, truths = {}, {}
    for place in sorted((folder / "runs").glob("[!.]*")):
        with gzip.open(place / "test_items.jsonl.gz", "rt", encoding="utf-8") as file:
            items = [json.loads(line) for line in file]
        for item in items:
            of = found.setdefault(item["language"], {}).setdefault(place.name.rpartition("-")[0], [])
            of.append(tuple(item["predicted"]))
        truths |= {
            code: [tuple(one["right"]) for one in items if one["language"] == code]
            for code in {item["language"] for item in items}
        }
    labels = sorted({label for several in truths.values() for tags in several for label in tags})
    return [code for code in found if code != "en"], lambda code: (found[code], truths[code], labels)


def draw(code, several, truth, labels, *, seed, uniform, task="pos"):
    """Draw sentences; return the drawing, and the evidence of labels for all of them."""
    items = [TaggedSentence(("w",) * len(tags), (None,) * len(tags)) for tags in truth]
    models = dict.fromkeys(several, "")
    drawing = Drawing.draw(TASKS[task], code, items, several, models=models, labels=labels, seed=seed)
    if uniform:
        order = np.random.default_rng(seed).permutation(len(truth))
        sampling = Sampling(tuple(order.tolist()), (1 / len(truth),) * len(truth))
        drawing = replace(drawing, sampling=sampling, checks=(None,) * len(truth))
    return drawing, collect_evidence(drawing, [truth[place] for place in drawing.sampling.order])


def scores_of(several, truth):
    """Return the true accuracy of each model."""
    flat = list(chain.from_iterable(truth))
    return np.array([fmean(map(eq, flat, chain.from_iterable(one))) for one in several.values()])


def count_labels(drawing, *, uniform):
    """Return how many labels the first n sentences need, for each n."""
    order = drawing.sampling.order
    counts = [len(drawing.differing[place]) if uniform else len(drawing.asked(n)) for n, place in enumerate(order)]
    return np.cumsum(counts)


def choose(code, read, *, draws, uniform):
    """Simulate the choice after some numbers of sentences."""
    several, truth, labels = read(code)
    true = scores_of(several, truth)
    prior = find_prior("pos", list(several))
    sizes = [n for n in SIZES if n <= len(truth)]
    regrets, needed = np.zeros((draws, len(sizes))), np.zeros((draws, len(sizes)))
    for seed in range(draws):
        drawing, evidence = draw(code, several, truth, labels, seed=seed, uniform=uniform)
        counts = count_labels(drawing, uniform=uniform)
        for column, wanted in enumerate(sizes):
            n = min(wanted, len(drawing.sampling.order))
            mean, _ = update(prior, Estimates(evidence.first(n)))
            regrets[seed, column] = true.max() - true[mean.argmax()]
            needed[seed, column] = counts[n - 1]
    enough = (regrets <= MARGIN).mean(axis=0)
    # From the first size on from which the choice stays good often enough.
    settled = next(n for n in range(len(sizes) + 1) if (enough[n:] >= WANTED).all())
    return {
        "sentences": sizes[settled] if settled < len(sizes) else None,
        "labels": round(float(needed[:, settled].mean()), 1) if settled < len(sizes) else None,
        "regret": {n: round(100 * float(value), 3) for n, value in zip(sizes, regrets.mean(axis=0), strict=True)},
        "within": {n: round(float(value), 3) for n, value in zip(sizes, enough, strict=True)},
        "prior": round(100 * float(true.max() - true[prior[0].argmax()]), 2),
        "baseline": round(100 * float(true.max() - true[list(several).index(BASELINE)]), 2),
        "all labels": sum(map(len, truth)),
    }


def cover(code, read, *, draws, start, task="pos"):
    """Simulate how often intervals hold, at some sizes and at all times up to 30 sentences."""
    several, truth, labels = read(code)
    _, everything = draw(code, several, truth, labels, seed=0, uniform=False, task=task)
    true = Estimates(everything).scores if task == "ner" else scores_of(several, truth)
    pairs = [(a, b) for a in range(len(true)) for b in range(a)]
    hits = {name: [] for name in [*(f"{what} {n}" for n in COVERED for what in ("score", "difference")), "any time"]}
    for seed in range(start, start + draws):
        _, evidence = draw(code, several, truth, labels, seed=seed, uniform=False, task=task)
        for n in COVERED:
            found = Estimates(evidence.first(min(n, len(evidence))))
            hits[f"score {n}"].append([holds(found.score(a).interval, true[a]) for a in range(len(true))])
            hits[f"difference {n}"].append(
                [holds(found.difference(a, b).interval, true[a] - true[b]) for a, b in pairs]
            )
        always = np.ones(len(pairs), dtype=bool)
        for n in range(FEWEST, 31):
            found = Estimates(evidence.first(n))
            always &= [holds(found.difference(a, b).at_any_time, true[a] - true[b]) for a, b in pairs]
        hits["any time"].append(always)
    return {name: np.mean(rows, axis=0) for name, rows in hits.items()}


def spread(codes, read, *, draws, total):
    """Simulate a budget of sentences for all languages: the same for each, spread at once, or a third first.

    Returns:
        The mean regret in points of each way, and how many sentences languages got.
    """
    studies = {code: read(code) for code in codes}
    true = {code: scores_of(several, truth) for code, (several, truth, _) in studies.items()}
    prior = find_prior("pos", list(next(iter(studies.values()))[0]))
    regrets = {"equal": [], "at once": [], "in two parts": []}
    counts = []
    for seed in range(draws):
        drawn = {code: draw(code, *study, seed=seed, uniform=False) for code, study in studies.items()}

        def labelled(code, n, drawn=drawn):
            drawing, _ = drawn[code]
            truths = [studies[code][1][place] for place in drawing.sampling.order[:n]]
            return drawing, (Labelled(drawing, frozenset(range(n)), tuple(truths)) if n else None)

        first = spread_items({code: labelled(code, 0) for code in codes}, total // 3)
        more = spread_items({code: labelled(code, n) for code, n in first.items()}, total - total // 3)
        ways = {
            "equal": dict.fromkeys(codes, total // len(codes)),
            "at once": spread_items({code: labelled(code, 0) for code in codes}, total),
            "in two parts": {code: first[code] + more[code] for code in codes},
        }
        counts.append(sorted(ways["in two parts"].values()))
        for way, several in ways.items():
            lost = []
            for code, n in several.items():
                mean = prior[0] if n < FEWEST else update(prior, Estimates(drawn[code][1].first(n)))[0]
                lost.append(100 * (true[code].max() - true[code][mean.argmax()]))
            regrets[way].append(fmean(lost))
    found = {way: round(fmean(several), 3) for way, several in regrets.items()}
    return {"sentences": total, "draws": draws, **found, "shares": np.mean(counts, axis=0).round(1).tolist()}


def holds(interval, value):
    """Tell whether an interval holds a value, up to rounding."""
    return interval[0] - 1e-9 <= value <= interval[1] + 1e-9


def summarise_coverage(codes, read, *, draws, task="pos"):
    """Return how often intervals hold, over all languages and pairs of models."""
    several = {code: cover(code, read, draws=draws, start=10_000, task=task) for code in codes}
    summary = {}
    for name in next(iter(several.values())):
        shares = np.concatenate([one[name] for one in several.values()])
        by_language = {code: round(float(one[name].mean()), 4) for code, one in several.items()}
        summary[name] = {"mean": round(float(shares.mean()), 4), "lowest": round(float(shares.min()), 3), **by_language}
        print(name, summary[name]["mean"], "languages", min(by_language.values()), "to", max(by_language.values()))
    return {"draws": draws * len(codes), **summary}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200, help="draws per language")
    parser.add_argument("--only", choices=["choice", "coverage", "budget"])
    parser.add_argument("--entities", type=Path, help="only the coverage of F1, from a study of named entities")
    chosen = parser.parse_args()
    path = common.RESULTS / f"{RESULT}.json"
    result = read_json(path) if path.exists() else {}
    if chosen.entities is not None:
        codes, read = read_entities(chosen.entities)
        result["coverage of F1"] = summarise_coverage(codes, read, draws=chosen.draws, task="ner")
        write_json(path, result)
        return
    codes, read = read_predictions(POINTS)
    if chosen.only in {None, "budget"}:
        result["budget"] = [spread(codes, read, draws=chosen.draws // 4, total=n * len(codes)) for n in (10, 20)]
        for one in result["budget"]:
            print({name: value for name, value in one.items() if name != "shares"})
    if chosen.only in {None, "choice"}:
        ours = {code: choose(code, read, draws=chosen.draws, uniform=False) for code in codes}
        uniform = {code: choose(code, read, draws=chosen.draws, uniform=True) for code in codes}
        result["choice"] = {"draws": chosen.draws, "ours": ours, "uniform": uniform}
        for name, several in (("ours", ours), ("uniform", uniform)):
            labels = median(one["labels"] or one["all labels"] for one in several.values())
            sentences = median(one["sentences"] or 200 for one in several.values())
            print(f"{name}: median {labels:.0f} labels, {sentences:.0f} sentences")
            for n in (5, 10, 20, 30, 50):
                print(f"  {n} sentences: regret {fmean(one['regret'][n] for one in several.values()):.3f}")
        print(f"prior alone: regret {fmean(one['prior'] for one in ours.values()):.3f}")
    if chosen.only in {None, "coverage"}:
        result["coverage"] = summarise_coverage(*read_predictions(PREDICTIONS), draws=chosen.draws)
    write_json(path, result)


if __name__ == "__main__":
    main()
