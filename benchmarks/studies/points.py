"""What gives points, and not tenths? Sums up the runs of `experiments/points-pos.toml` and `points-ner.toml`.

    python benchmarks/studies/points.py FOLDER ... --machine B

The runs may come from several folders and machines: what is known of earlier ones stays in the results. The same seed
gives other numbers on another machine, so a run is compared with those of its machine where they are there. Choices are
tuned on the tuning languages; the others are reported. Averages of seeds are compared with the mean of their members.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean, stdev, variance

from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.experiment.names import split_joined
from alignfreeze.files import read_json
from alignfreeze.studies.results import read_records
from benchmarks import common

TUNING = ("ar", "bg", "de", "es", "fi", "ja", "ko", "lv", "th", "tr", "uk")
NAME = "points_pos"
STEPS = {"points-pos": 300, "points-ner": 800}  # of each fine-tuning in the settings files


def read_runs(folders, machine=""):
    """Return scores by language, and what was refused, by strategy and then by seeds, as `31+42+66` or `31 B`."""
    found = {}
    for folder in folders:
        for _, record in read_records(folder):
            metric, source = record.scores[0].metric, record.source_language
            scores = {one.language: one for one in record.scores if one.metric == metric and one.language != source}
            facts = {
                "steps": record.finetuning.steps,
                "seconds": round(sum(record.seconds.values()), 1),
                "scores": {code: round(one.value, 5) for code, one in sorted(scores.items())},
            }
            if record.teaching is not None:
                facts["refused"] = [one.language for one in record.teaching.languages if one.decision == "refuse"]
                facts["weighed down"] = [
                    one.language for one in record.teaching.languages if one.decision == "weigh down"
                ]
            seeds = f"{'+'.join(map(str, record.seeds))} {machine}".strip()
            found.setdefault(record.experiment, {}).setdefault(name_of(record), {})[seeds] = facts
    return found


def name_of(record):
    """Return the strategy of a run, with the settings in which runs of this study differ."""
    settings, parts = record.settings, [record.strategy]
    if record.teaching is not None:
        parts.append(f"{settings['teaching']['max_pairs']} pairs")
        projection = settings["projection"]
        parts.append(f"surest {projection['surest']}" if "surest" in projection else "probability 0.5")
        if (models := settings["teaching"].get("models", 1)) > 1:
            parts.append(f"{models} models")
    if record.realignment is not None:
        parts.append(f"realigned for {settings['realignment']['steps']} steps")
    if (steps := settings["finetuning"]["steps"]) != STEPS[record.experiment]:
        parts.append(f"fine-tuned for {steps} steps")
    if (last := settings["finetuning"]["average_last"]) is not None:
        parts.append(f"last {last} of ten snapshots")
    return ", ".join(parts)


def merge(known, found):
    """Put runs into what is known of earlier ones."""
    for experiment, strategies in found.items():
        for strategy, runs in strategies.items():
            known.setdefault(experiment, {}).setdefault(strategy, {}).update(runs)
    return known


def mean_of(run, languages):
    return 100 * fmean(run["scores"][code] for code in languages)


def split_languages(runs):
    """Return the tuning languages and the reported ones."""
    codes = list(next(iter(next(iter(runs.values())).values()))["scores"])
    return [code for code in codes if code in TUNING], [code for code in codes if code not in TUNING]


def gain_by_language(runs, strategy):
    """Return the gains over the baseline with the same seeds, as points by language."""
    gains = {}
    for seeds, run in runs[strategy].items():
        if theirs := singles_of(seeds, runs["baseline"]):
            for code, score in run["scores"].items():
                gains.setdefault(code, []).append(100 * (score - fmean(one["scores"][code] for one in theirs)))
    return {code: fmean(several) for code, several in gains.items()}


def singles_of(key, runs):
    """Return the runs with the seeds that a key names: those of its machine, or else those of any machine."""
    seeds, _, machine = key.partition(" ")
    found = []
    for seed in seeds.split("+"):
        same = [one for one in runs if one.partition(" ")[0] == seed]
        found += [runs[one] for one in sorted(same, key=lambda one: one.partition(" ")[2] != machine)[:1]]
    return found


def sum_up(runs):
    """Return the figures of each strategy: means, gains, the worst language, and the spread over seeds."""
    tuning, reported = split_languages(runs)
    facts = {}
    for strategy, several in runs.items():
        means = [mean_of(run, reported) for run in several.values()]
        facts[strategy] = {
            "runs": len(several),
            "tuning": round(fmean(mean_of(run, tuning) for run in several.values()), 3) if tuning else None,
            "reported": round(fmean(means), 3),
            "sd": round(stdev(means), 3) if len(means) > 1 else None,
        }
        if strategy != "baseline" and (gains := gain_by_language(runs, strategy)):
            worst = min(reported, key=gains.__getitem__)
            facts[strategy] |= {
                "gain, tuning": round(fmean(gains[code] for code in tuning), 3) if tuning else None,
                "gain, reported": round(fmean(gains[code] for code in reported), 3),
                "worst": [worst, round(gains[worst], 3)],
                "gains": {code: round(gain, 2) for code, gain in sorted(gains.items())},
            }
        name, *how = strategy.split(", ")
        member, joined = split_joined(name)
        if joined and (members := runs.get(", ".join([member, *how]))):
            facts[strategy]["over members"] = compare_with_members(several, members, reported)
    return facts


def compare_with_members(joined, members, languages):
    """Return how far joined models are above the mean of their members, and the ratio of standard deviations."""
    groups = [
        (run, theirs)
        for seeds, run in joined.items()
        if len(theirs := singles_of(seeds, members)) == len(seeds.split("+"))
    ]
    pairs = [(mean_of(run, languages), [mean_of(one, languages) for one in theirs]) for run, theirs in groups]
    if not pairs:
        return None
    found = {"gain": round(fmean(mean - fmean(theirs) for mean, theirs in pairs), 3), "groups": len(pairs)}
    if len(pairs) > 1:
        found["sd ratio of the mean"] = round((variance(m for m, _ in pairs) / variance(_flatten(pairs))) ** 0.5, 3)
        # A handful of groups say little about one standard deviation. All languages together say more.
        ours, theirs = (
            sum(variance(run["scores"][code] for run in several) for code in languages)
            for several in ([run for run, _ in groups], [one for _, theirs in groups for one in theirs])
        )
        found["sd ratio by language"] = round((ours / theirs) ** 0.5, 3)
    return found


def compare_freezing(runs):
    """Return how much better it is to put parts back after realignment than to freeze them meanwhile, in points.

    Seeds are paired, and the 95% interval is that of Student's t over seeds.
    """
    languages = split_languages(runs)[1]
    found = {}
    for frozen, reverted in (("front", "revert(full,front)"), ("back", "revert(full,back)")):
        theirs, ours = (runs.get(f"{name}, realigned for 300 steps", {}) for name in (frozen, reverted))
        pairs = [(run, other[0]) for seed, run in ours.items() if (other := singles_of(seed, theirs))]
        gains = [mean_of(run, languages) - mean_of(other, languages) for run, other in pairs]
        if len(gains) > 1:
            interval = stats.t.interval(0.95, len(gains) - 1, fmean(gains), stats.sem(gains))
            found[f"{reverted} over {frozen}"] = {
                "gain": round(fmean(gains), 2),
                "interval": [round(float(end), 2) for end in interval],
                "seeds": [round(gain, 2) for gain in gains],
            }
    return found


def _flatten(pairs):
    return [score for _, scores in pairs for score in scores]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=Path, nargs="*", help="folders of runs")
    parser.add_argument("--machine", default="", help="a letter for the machine of these runs; the first has none")
    chosen = parser.parse_args()
    known = (read_json(common.RESULTS / f"{NAME}.json") or {}).get("runs", {})
    runs = merge(known, read_runs(chosen.studies, chosen.machine))
    sums = {experiment: sum_up(strategies) for experiment, strategies in runs.items()}
    freezing = compare_freezing(runs["points-pos"])
    print(freezing)
    for experiment, facts in sums.items():
        print(experiment)
        keys = ("runs", "reported", "sd", "gain, tuning", "gain, reported")
        rows = [[name, *map(one.get, keys), " ".join(map(str, one.get("worst", ())))] for name, one in facts.items()]
        common.table(["strategy", "runs", "reported", "sd", "gain, tuning", "gain, reported", "worst"], rows)
    common.keep(NAME, {"runs": runs, "sums": sums, "frozen or put back": freezing})


if __name__ == "__main__":
    main()
