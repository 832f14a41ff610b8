"""Do better word links change what realignment gains?

Reads a folder of `alignfreeze run links_and_gains.toml`, whose runs differ in the aligner alone. For each strategy it
gives the gain over the baseline by language and aligner, and the difference between the aligners, with 95% intervals.
An interval covers other seeds and other test sentences: the variance between seeds by Student's t, that between
sentences of the same models by a normal approximation, both together by Welch and Satterthwaite. The differences of
the mean over languages also have an interval over languages.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.records import SENTENCES
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.files import read_json
from alignfreeze.studies.results import read_records
from benchmarks import common


@dataclass(frozen=True)
class Model:
    """What a run got in each language, and what each of its test sentences adds to that."""

    scores: dict
    parts: dict


def read_models(study):
    """Return the models by strategy and aligner, then by seed. The baseline has no aligner."""
    found = {}
    for file, record in read_records(study):
        metric, source = record.scores[0].metric, record.source_language
        scores = {one.language: one.value for one in record.scores if one.metric == metric and one.language != source}
        parts = read_json(file.parent / SENTENCES)
        links = record.identity.settings.get(Part.LINKS, {})
        key = (record.strategy, None if record.strategy == BASELINE else links["alignment.aligner"])
        parts = {code: np.array(parts[code][metric], dtype=float) for code in scores}
        found.setdefault(key, {})[record.seed] = Model(scores, parts)
    return found


def differences(ours, theirs):
    """Return the seeds in common, the differences in points [seeds, languages], and their variance over sentences."""
    seeds = sorted(set(ours) & set(theirs))
    languages = sorted(ours[seeds[0]].scores)
    values = np.array([[100 * (ours[s].scores[c] - theirs[s].scores[c]) for c in languages] for s in seeds])
    # The seeds share the test sentences, so it is the mean over seeds that varies with the sentences.
    noise = [
        _variance_over_sentences(np.mean([_residuals(ours[s], c) - _residuals(theirs[s], c) for s in seeds], axis=0))
        for c in languages
    ]
    return seeds, languages, values, np.array(noise)


def _residuals(model, language):
    """What each sentence adds to the score, in points, beyond what it would add if all were alike; they sum to 0."""
    numerators, denominators = model.parts[language].T
    ratio = numerators.sum() / denominators.sum()
    return 100 * (numerators - ratio * denominators) / denominators.sum()


def _variance_over_sentences(residuals):
    return len(residuals) * residuals.var(ddof=1)


def interval_of(per_seed, noise):
    """Return a mean with its interval over seeds and sentences."""
    mean = float(np.mean(per_seed))
    if len(per_seed) < 2:
        return {"value": mean}
    seeds = float(np.var(per_seed, ddof=1)) / len(per_seed)
    total = seeds + noise
    freedom = (len(per_seed) - 1) * (total / seeds) ** 2 if seeds else np.inf
    half = float(stats.t.ppf(0.975, freedom)) * total**0.5
    return {"value": mean, "low": mean - half, "high": mean + half}


def figures_of(ours, theirs):
    """Return the difference by language and as a mean over languages."""
    seeds, languages, values, noise = differences(ours, theirs)
    by_language = {code: interval_of(values[:, n], noise[n]) for n, code in enumerate(languages)}
    mean = interval_of(values.mean(axis=1), noise.sum() / len(languages) ** 2)
    of_languages = values.mean(axis=0)
    half = stats.t.ppf(0.975, len(languages) - 1) * of_languages.std(ddof=1) / len(languages) ** 0.5
    over = {"low": float(of_languages.mean() - half), "high": float(of_languages.mean() + half)}
    return {"seeds": seeds, "by_language": by_language, "mean": mean, "mean_over_languages": over}


def facts_of(models):
    """Return scores, gains by strategy and aligner, and the differences of the aligners' gains."""
    baseline = models[BASELINE, None]
    scores = {
        name_of(*key): {str(seed): model.scores for seed, model in sorted(runs.items())} for key, runs in models.items()
    }
    gains = {name_of(*key): figures_of(runs, baseline) for key, runs in models.items() if key[0] != BASELINE}
    pairs = [(s, a, b) for s, a in models for t, b in models if s == t and a and b and a < b]
    between = {f"{s}: {a} - {b}": figures_of(models[s, a], models[s, b]) for s, a, b in pairs}
    return {"scores": scores, "gains": gains, "differences": between}


def name_of(strategy, aligner):
    return strategy if aligner is None else f"{strategy}, {aligner}"


def text_of(figure):
    if "low" not in figure:
        return f"{figure['value']:+.1f}"
    return f"{figure['value']:+.1f} ({figure['low']:+.1f} to {figure['high']:+.1f})"


def shorten(value):
    """Return plain values with numbers of five digits."""
    if isinstance(value, dict):
        return {name: shorten(one) for name, one in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="the folder of `alignfreeze run links_and_gains.toml`")
    found = facts_of(read_models(parser.parse_args().study))
    columns = found["gains"] | found["differences"]
    languages = list(next(iter(columns.values()))["by_language"])
    rows = [[code, *(text_of(one["by_language"][code]) for one in columns.values())] for code in languages]
    rows.append(["mean", *(text_of(one["mean"]) for one in columns.values())])
    over = [one["mean"] | one["mean_over_languages"] for one in columns.values()]
    rows.append(["mean, over languages", *map(text_of, over)])
    rows.append(["seeds", *(" ".join(map(str, one["seeds"])) for one in columns.values())])
    common.table(["language", *columns], rows)
    common.keep("links_and_gains", shorten(found))


if __name__ == "__main__":
    main()
