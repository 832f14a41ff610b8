"""Can anything that needs no labels tell in which languages label projection adds to joined seeds?

    python benchmarks/studies/points_features.py FOLDER --group "23+17+7 B"

For each language, the runs of one group of seeds give features: estimates over links, and what the guard looks at. A
linear model is fitted on all languages but one and predicts that one (leave-one-language-out: arXiv 2010.06127).
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.evaluation import estimates as e
from alignfreeze.evaluation.predictions import PREDICTIONS, read_predictions
from alignfreeze.experiment.names import BASELINE
from alignfreeze.files import read_json
from alignfreeze.studies.results import read_records
from benchmarks import common
from benchmarks.studies.points import NAME, TUNING

JOINED, TAUGHT = f"seeds({BASELINE})", "seeds(projected)"


def read_folder(folder):
    """Return the predictions of the runs by strategy, and what the guard said by language."""
    predictions, guarded = {}, {}
    for place, record in read_records(folder):
        predictions.setdefault(record.strategy, []).append(read_predictions(place.parent / PREDICTIONS))
        if record.strategy == "projected":
            for one in record.teaching.languages:
                guarded.setdefault(one.language, []).append(one)
    return predictions, guarded


def value_of(estimate, several):
    """Return an estimate from the predictions of several models."""
    return e.value_of(np.sum([estimate(one) for one in several], axis=0))


def agreement(several, labels):
    """Return how well the labels of models agree with those that others carry over links."""
    return value_of(lambda one: e.projection_agreement(one, labels), several)


def features_of(code, predictions, guarded):
    """Return the features of a language by name."""
    several = {name: [one[code] for one in runs] for name, runs in predictions.items()}
    single, (joined,), (taught,) = several[BASELINE], several[JOINED], several[TAUGHT]
    labels = e.consensus(single)
    return {
        "agreement of single baselines": agreement(single, labels),
        "agreement of joined baselines": agreement([joined], labels),
        "agreement gained by projection": agreement([taught], labels) - agreement([joined], labels),
        "entropy": value_of(e.entropy, single),
        "confidence shift": value_of(e.confidence_shift, single),
        "label distance": e.label_distance(joined),
        "label distance after projection": e.label_distance(taught),
        "words that projection changes": share_of_changes([joined, taught]),
        "words in which baselines differ": share_of_changes(single),
        "words in which projected models differ": share_of_changes(several["projected"]),
        "words with a carried label": fmean(one.coverage for one in guarded[code]),
        "pairs with labels": fmean(one.labelled / one.pairs for one in guarded[code]),
        "cut otherwise than the tests": float(any(one.decision != "keep" for one in guarded[code])),
    }


def share_of_changes(several):
    """Return in which share of target words two of several models differ, as the mean over pairs of models."""
    labels = [one.target.values.argmax(axis=-1) for one in several]
    known = np.isfinite(several[0].target.values).all(axis=-1)
    pairs = [(i, j) for i in range(len(labels)) for j in range(i)]
    return fmean(float((labels[i] != labels[j])[known].mean()) for i, j in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the runs of one group of seeds")
    parser.add_argument("--group", required=True, help="that group as points.py names it, such as '23+17+7 B'")
    chosen = parser.parse_args()
    predictions, guarded = read_folder(chosen.folder)
    runs = read_json(common.RESULTS / f"{NAME}.json")["runs"]["points-pos"]
    taught = next(several for name, several in runs.items() if name.startswith(f"{TAUGHT}, 400 pairs"))
    by_group = [
        {code: 100 * (run["scores"][code] - runs[JOINED][key]["scores"][code]) for code in sorted(guarded)}
        for key, run in taught.items()
    ]
    gains = {code: fmean(one[code] for one in by_group) for code in sorted(guarded)}
    reported = [[gain for code, gain in one.items() if code not in TUNING] for one in by_group]
    found = {code: features_of(code, predictions, guarded) for code in gains}
    x = np.array([list(found[code].values()) for code in gains])
    y = np.array(list(gains.values()))
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 30)))
    predicted = cross_val_predict(model, x, y, cv=LeaveOneOut())
    tuning = np.array([code in TUNING for code in gains])
    facts = {
        "languages": len(gains),
        "correlation between groups of seeds, reported languages": np.corrcoef(reported).round(3)[0].tolist()[1:],
        "correlation, leave one language out": round(float(np.corrcoef(predicted, y)[0, 1]), 3),
        "correlation by feature, tuning languages": {
            name: round(float(np.corrcoef(x[tuning, column], y[tuning])[0, 1]), 2)
            for column, name in enumerate(next(iter(found.values())))
        },
        "gains": {code: round(gain, 2) for code, gain in gains.items()},
    }
    for name, value in facts.items():
        print(f"{name}: {value}")
    common.keep("points_features", facts)


if __name__ == "__main__":
    main()
