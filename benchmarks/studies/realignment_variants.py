"""What averaged encoders, fewer realignment languages and early stopping gain or lose.

Reads folders of `alignfreeze run` and says, for each variant (strategy, choice of languages, stopping), the mean true
score over the target languages, also of those that were realigned on and of the others, and the difference from a
reference variant with the same seeds, with its 95% interval over languages that are drawn again and again.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))


from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.names import BASELINE
from alignfreeze.files import digest_of_json
from alignfreeze.studies.results import read_records
from benchmarks import common

RESAMPLES = 5_000


def name_of(record, *, with_steps):
    """Return what a run is a run of, without its seed; its steps are told where runs differ in them."""
    settings = record.settings
    parts = [record.strategy]
    if record.strategy != BASELINE:
        if choice := settings["bitext"].get("choice"):
            draw = f", draw {choice['seed']}" if choice["by"] == "random" else ""
            parts.append(f"{choice['n']} languages by {choice['by']}{draw}")
        if stopping := settings["realignment"].get("stopping"):
            parts.append(f"stopped by {stopping['by']}")
        elif with_steps:
            parts.append(f"{settings['realignment']['steps']} steps")
    return ", ".join(parts)


def by_variant(records):
    """Return the runs of each variant; those that differ in anything else are refused."""
    realigned = [record for record in records if record.strategy != BASELINE]
    if (
        len({record.identity.digest_of(Part.PRECISION, Part.TASK, Part.FINETUNING, Part.TESTS) for record in records})
        > 1
        or len({digest_of_json(common_to_realigned(record)) for record in realigned}) > 1
        or any(len(digests) > 1 for digests in digests_by_role(realigned).values())
    ):
        sys.exit("the runs differ in more than strategy, seed, steps, stopping and choice of languages")
    settings = [record.settings["realignment"] for record in realigned]
    with_steps = len({one["steps"] for one in settings if not one.get("stopping")}) > 1
    found = {}
    for record in records:
        found.setdefault(name_of(record, with_steps=with_steps), []).append(record)
    for name, several in found.items():
        if len({record.seed for record in several}) < len(several):
            sys.exit(f"several runs of {name!r} have the same seed: name folders with one of them")
    return found


OF_ALL = (Part.PRECISION, Part.TASK, Part.FINETUNING, Part.TESTS)
"""What all runs have in common, the baseline included."""

NAMED = ("realignment.steps", "realignment.stopping", "bitext.languages", "bitext.held_out")
"""Settings that are part of a variant's name, or that come with it."""


def common_to_realigned(record):
    """Beside that; which bitext is used of those that there are is part of the name."""
    return {
        name: value
        for part in (Part.PAIRS, Part.LINKS, Part.REALIGNMENT)
        for name, value in record.identity.settings.get(part, {}).items()
        if not name.startswith(NAMED)
    }


def digests_by_role(records):
    """The digests that files of each role have, of those that are realigned on."""
    found = {}
    for record in records:
        for role, digest in record.identity.files_of(Part.PAIRS, Part.LINKS).items():
            found.setdefault(role, set()).add(digest)
    return found


def scores_of(record):
    metric, source = record.scores[0].metric, record.source_language
    return {
        score.language: score.value for score in record.scores if score.metric == metric and score.language != source
    }


def difference(ours, theirs, languages):
    """The mean difference in points over languages and common seeds, with its interval over languages."""
    seeds = sorted(set(ours) & set(theirs))
    if not seeds or not languages:
        return None
    values = 100 * np.mean([[ours[s][c] - theirs[s][c] for c in languages] for s in seeds], axis=0)
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high), "seeds": seeds}


def facts_of(runs, reference):
    """Return the figures of each variant."""
    languages = sorted(next(iter(reference.values())))
    found = {}
    for name, records in runs.items():
        scores = {record.seed: scores_of(record) for record in records}
        realigned = sorted(set(records[0].realigned_languages) & set(languages))
        if len(realigned) == len(languages):
            realigned = []
        mean = float(100 * np.mean([[one[c] for c in languages] for one in scores.values()]))
        others = [code for code in languages if code not in realigned]
        history = [record.realignment.training for record in records if record.realignment is not None]
        found[name] = {
            "seeds": sorted(scores),
            "mean": mean,
            "difference": difference(scores, reference, languages),
            "on its languages": difference(scores, reference, realigned),
            "on others": difference(scores, reference, others if realigned else []),
            "languages": realigned,
            "steps": [one.steps for one in history],
            "kept": [one.kept for one in history],
            "checks": [one.checks for one in history],
            "seconds": [round(record.seconds.get("realignment", 0.0)) for record in records],
        }
    return found


def difference_text(figure):
    return "" if figure is None else f"{figure['value']:+.2f} ({figure['low']:+.2f} … {figure['high']:+.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="+", type=Path, help="folders of `alignfreeze run`")
    parser.add_argument("--task", default="pos")
    parser.add_argument("--against", default="full", help="the variant that others are compared with")
    options = parser.parse_args()
    records = [record for study in options.studies for _, record in read_records(study)]
    runs = by_variant([record for record in records if record.task == options.task])
    if options.against not in runs:
        sys.exit(f"no run of {options.against!r}; there are {', '.join(runs)}")
    reference = {record.seed: scores_of(record) for record in runs[options.against]}
    found = facts_of(runs, reference)
    rows = [
        (
            name,
            " ".join(map(str, one["seeds"])),
            f"{one['mean']:.2f}",
            difference_text(one["difference"]),
            difference_text(one["on its languages"]),
            difference_text(one["on others"]),
            " ".join(
                f"{steps}" + ("" if k is None else f" (kept {k})")
                for steps, k in zip(one["steps"], one["kept"], strict=True)
            ),
        )
        for name, one in sorted(found.items())
    ]
    against = f"against {options.against}"
    common.table(("variant", "seeds", "mean", against, "on its languages", "on others", "steps"), rows)
    common.keep("realignment_variants", {"task": options.task, "against": options.against, "variants": found})


if __name__ == "__main__":
    main()
