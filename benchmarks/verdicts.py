"""How often are verdicts wrong, and how much do they find?

Two kinds of studies are judged. Simulated studies have known true gains: none, one large gain, or gains and losses.
Their test sentences are simulated word by word; their noise over seeds is like that of the paper's tables. Studies of
the second kind are cut from the paper's tables: two seeds of a method against two other seeds of the same method. They
have no effect, and the noise of real runs. As a yardstick, the same simulated studies are judged by a hierarchical
bootstrap over seeds and sentences.

    python benchmarks/verdicts.py [--studies 400]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from itertools import product

import numpy as np
from common import RESULTS, SHARED
from numpy.random import Generator
from scipy.special import ndtri

from alignfreeze.running.trials import try_strategy
from alignfreeze.running.verdicts import ERRORS, MARGIN, judge_gains
from alignfreeze.studies.results import read_results

SENTENCES, WORDS = 200, 10
SHAPES = ((6, 1), (12, 2), (34, 3))
"""Languages and strategies of the simulated studies."""

SEEDS = (2, 3, 5)
SHARED_SD = 0.004
"""Standard deviation over seeds of a score in the mean over languages, as in the paper's tables (0.002 to 0.017)."""

OWN_SD = 0.007
"""That of a score in one language alone, for usual languages (0.004 to 0.03 in the paper's tables)."""

PRIOR = 2.5
"""Degrees of freedom of the variances of languages: some languages have twenty times the variance of others."""

RESAMPLES = 200


def no_effect(random: Generator, languages: int, strategies: int):
    return np.zeros((strategies, languages))


def one_strong(random: Generator, languages: int, strategies: int):
    effects = np.zeros((strategies, languages))
    effects[0, 0] = 0.08
    return effects


def mixed(random: Generator, languages: int, strategies: int):
    effects = np.zeros((strategies, languages))
    effects[:, : languages // 3] = 0.04
    effects[:, languages // 3 : languages // 2] = -0.03
    return effects


SCENARIOS = {"no effect": no_effect, "one restless": no_effect, "one strong": one_strong, "mixed": mixed}

RESTLESS = 4.0
"""How many times the spread over seeds the first strategy has, in the scenario of this name."""


def simulate(random: Generator, effects, seeds: int, restless: float = 1.0):
    """Return counts of right words and of words, [models, languages, seeds, sentences, 2]; model 0 is the baseline."""
    strategies, languages = effects.shape
    models = strategies + 1
    own = OWN_SD * np.sqrt(np.minimum(PRIOR / random.chisquare(PRIOR, languages), 60))
    accuracy = random.uniform(0.5, 0.9, languages)[None, :, None] + np.zeros((models, languages, seeds))
    accuracy[1:] += effects[:, :, None]
    moved = random.normal(0, SHARED_SD, (models, 1, seeds))
    moved = moved + random.normal(0, 1, (models, languages, seeds)) * own[None, :, None]
    moved[1] *= restless
    accuracy += moved
    limit = ndtri(np.clip(accuracy, 0.02, 0.98))
    # A word is hard because of its sentence, because of itself, and for one model more than for another.
    hard = np.sqrt(0.2) * random.standard_normal((languages, SENTENCES, 1), dtype=np.float32)
    hard = hard + np.sqrt(0.65) * random.standard_normal((languages, SENTENCES, WORDS), dtype=np.float32)
    noise = np.sqrt(0.15) * random.standard_normal((models, languages, seeds, SENTENCES, WORDS), dtype=np.float32)
    right = (hard[None, :, None] + noise < limit[..., None, None]).sum(axis=-1)
    return np.stack([right, np.full_like(right, WORDS)], axis=-1).astype(float)


def judge(counts):
    """Return the verdicts and intervals of a simulated study, by language and strategy."""
    scores = counts.sum(axis=-2)
    scores = scores[..., 0] / scores[..., 1]  # [models, languages, seeds]

    def by_seed(values):
        return dict(enumerate(values))

    trials = {
        str(language): {
            str(model): try_strategy(
                by_seed(scores[model, language].tolist()),
                by_seed(scores[0, language].tolist()),
                by_seed(counts[model, language]),
                by_seed(counts[0, language]),
            )
            for model in range(1, len(counts))
        }
        for language in range(counts.shape[1])
    }
    return judge_gains(trials)


def judge_by_bootstrap(random: Generator, counts):
    """Return the verdicts of a hierarchical bootstrap: seeds, then sentences, are drawn with replacement.

    Intervals are percentiles, with the same correction for languages and strategies by a normal approximation.
    """
    models, languages, seeds, sentences, _ = counts.shape
    errors = ERRORS / ((models - 1) * languages)
    found = {}
    for language in range(languages):
        chosen = random.integers(seeds, size=(RESAMPLES, seeds))
        weights = random.multinomial(sentences, np.full(sentences, 1 / sentences), size=RESAMPLES).astype(float)
        right = np.einsum("rs,mks->rmk", weights, counts[:, language, :, :, 0]) / (sentences * WORDS)
        drawn = np.take_along_axis(right, chosen[:, None, :], axis=2).mean(axis=2)  # [resamples, models]
        spread = (drawn[:, 1:] - drawn[:, :1]).std(axis=0)
        scores = counts[:, language, :, :, 0].sum(axis=-1).mean(axis=-1) / (sentences * WORDS)
        half = -ndtri(errors / 2) * spread
        for model in range(1, models):
            gain = scores[model] - scores[0]
            found[language, model] = "cannot tell" if abs(gain) <= half[model - 1] else "helps" if gain > 0 else "hurts"
    return found


def is_wrong(verdict: str, effect: float) -> bool:
    """Return whether a verdict contradicts the true gain."""
    right = {"helps": effect > 0, "hurts": effect < 0, "no difference": abs(effect) <= MARGIN, "cannot tell": True}
    return not right[verdict]


def measure_simulated(scenario: str, languages: int, strategies: int, seeds: int, studies: int) -> dict:
    random = np.random.default_rng([languages, strategies, seeds, len(scenario)])
    wrong = missed = bootstrap = 0
    verdicts = Counter()
    found = []
    for _ in range(studies):
        effects = SCENARIOS[scenario](random, languages, strategies)
        counts = simulate(random, effects, seeds, RESTLESS if scenario == "one restless" else 1.0)
        judged = {(int(code), int(name)): one for code, row in judge(counts).items() for name, one in row.items()}
        true = {(code, name): effects[name - 1, code] for code, name in judged}
        wrong += any(is_wrong(one.verdict, true[key]) for key, one in judged.items())
        missed += any(
            one.interval is not None and not one.interval[0] <= true[key] <= one.interval[1]
            for key, one in judged.items()
        )
        by_bootstrap = judge_by_bootstrap(random, counts)
        bootstrap += any(is_wrong(verdict, true[key]) for key, verdict in by_bootstrap.items())
        verdicts.update(one.verdict for one in judged.values())
        found += [
            one.verdict == ("helps" if true[key] > 0 else "hurts") for key, one in judged.items() if true[key] != 0
        ]
    n = sum(verdicts.values())
    return {
        "scenario": scenario,
        "languages": languages,
        "strategies": strategies,
        "seeds": seeds,
        "studies": studies,
        "studies_with_a_wrong_verdict": wrong / studies,
        "studies_with_a_missed_interval": missed / studies,
        "power": float(np.mean(found)) if found else None,
        "verdicts": {name: count / n for name, count in sorted(verdicts.items())},
        "hierarchical_bootstrap_studies_with_a_wrong_verdict": bootstrap / studies,
    }


def measure_real(studies: int) -> list[dict]:
    """Judge methods of the paper's tables against themselves: two seeds as the strategy, two others as the baseline."""
    random = np.random.default_rng(0)
    rows = []
    for path in sorted((SHARED / "paper_results").glob("*.csv")):
        scores: dict = {}
        results = [one for one in read_results([path]) if one.metric in {"accuracy", "f1"} and not one.is_source]
        for one in results:
            method = (one.strategy, one.setup.aligner, one.setup.schedule)
            scores.setdefault(method, {}).setdefault(one.seed, {})[one.language] = one.value
        methods = [name for name, by_seed in scores.items() if len(by_seed) >= 4]
        for strategies in (1, 3):
            wrong = 0
            for _ in range(studies):
                trials: dict = {}
                for number in random.choice(len(methods), strategies, replace=False):
                    by_seed = scores[methods[number]]
                    a, b, c, d = random.permutation(list(by_seed))[:4]
                    for code in by_seed[a]:
                        ours = {0: by_seed[a][code], 1: by_seed[b][code]}
                        theirs = {0: by_seed[c][code], 1: by_seed[d][code]}
                        trials.setdefault(code, {})[str(number)] = try_strategy(ours, theirs, {}, {})
                judged = judge_gains(trials)
                wrong += any(one.verdict in {"helps", "hurts"} for row in judged.values() for one in row.values())
            rows.append(
                {
                    "table": path.stem,
                    "strategies": strategies,
                    "studies": studies,
                    "studies_with_a_wrong_verdict": wrong / studies,
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how often verdicts are wrong.")
    parser.add_argument("--studies", type=int, default=300)
    studies = parser.parse_args().studies
    simulated = []
    for scenario, (languages, strategies), seeds in product(SCENARIOS, SHAPES, SEEDS):
        simulated.append(measure_simulated(scenario, languages, strategies, seeds, studies))
        print(json.dumps(simulated[-1]), flush=True)
    real = measure_real(studies // 2) if (SHARED / "paper_results").is_dir() else []
    facts = {
        "margin": MARGIN,
        "simulated": simulated,
        "seeds_of_the_papers_tables": real,
        "mean_over_tables": float(np.mean([row["studies_with_a_wrong_verdict"] for row in real])) if real else None,
    }
    (RESULTS / "verdicts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
