"""Keeps what the models of a study say of whole test files, for simulations of labelling.

    python benchmarks/studies/label_predictions.py FOLDER

The folder has runs of `experiments/points-pos.toml` whose models were kept. The result holds only predicted labels. The
sentences and the true labels are those of the data, in the same order.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.evaluation.predicting import predict
from alignfreeze.labelling.asking import find_candidates, load_model
from benchmarks import common

NAME = "label_predictions"


def read_truth(code):
    """Return the tagged sentences of a language."""
    return read_conllu(common.SHARED / "ud" / f"{code}-test.conllu")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the study")
    candidates = find_candidates(parser.parse_args().folder)
    arrays, labels = {}, None
    for strategy, (folder, record) in candidates.items():
        model = load_model(folder, record)
        labels = labels or list(model.labels)
        for code in record.settings["languages"]:
            predicted = predict(model, read_truth(code), task="pos", device="cpu")
            numbers = [labels.index(label) for one in predicted for label in one]
            arrays[f"{strategy} {code}"] = np.array(numbers, dtype=np.uint8)
            arrays[f"lengths {code}"] = np.array([len(one) for one in predicted], dtype=np.uint16)
        print(strategy, record.named_seeds)
    path = common.RESULTS / f"{NAME}.npz"
    seeds = np.array(["+".join(map(str, record.seeds)) for _, record in candidates.values()])
    np.savez_compressed(path, labels=np.array(labels), strategies=np.array(list(candidates)), seeds=seeds, **arrays)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
