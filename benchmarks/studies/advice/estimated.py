"""All estimates of each strategy in each language; more is better."""

from collections import Counter
from pathlib import Path

import numpy as np

from alignfreeze.advice import judging
from alignfreeze.evaluation import estimates as e
from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.retrieval import Retrieval, best_layer, word_retrieval
from alignfreeze.experiment.names import BASELINE
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from benchmarks import estimates as more


def label_frequencies(outcome):
    settings = next(iter(outcome.runs.values())).record.settings
    items = TASKS[outcome.task].read(Source(Path(settings["data"]["train"])))
    return Counter(label for item in items for label in TASKS[outcome.task].kind.labels(item) if label)


def estimate_all(outcome):
    """Return each estimate by name, [languages, strategies]; signs are turned so that more is better."""
    frequencies = label_frequencies(outcome)
    rows = {code: estimate_language(outcome, code, frequencies) for code in outcome.languages}
    found = {
        name: np.array([[rows[code][s][name] for s in outcome.strategies] for code in outcome.languages], dtype=float)
        for name in rows[outcome.languages[0]][BASELINE]
    }
    return found | estimate_from_layers(outcome)


def estimate_language(outcome, code, frequencies):
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
            else np.array([label not in judging.UNCOUNTED_LABELS for label in together.labels], float)
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


def estimate_from_layers(outcome):
    """Return retrieval at the best layer, gradients and drift, if `look_into` has found them."""
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


def fit_combination(outcome, found, languages):
    """Fit the weights of a linear combination by least squares on some languages."""
    rows = outcome.rows(languages)
    features = np.stack([found[name][rows].ravel() for name in COMBINED], axis=1)
    design = np.column_stack([np.ones(len(features)), features])
    return np.linalg.lstsq(design, outcome.truth[rows].ravel(), rcond=None)[0]


def combine(found, weights):
    return weights[0] + sum(w * found[name] for w, name in zip(weights[1:], COMBINED, strict=True))
