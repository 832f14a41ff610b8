"""Keeps what the models of `experiments/points-pos.toml` say of the test sentences, for simulations of labelling.

    python benchmarks/studies/points_labels.py FOLDER RUN ...

A run is named as its folder begins: `seeds-projected-23`. The result holds only predicted labels. The sentences and
the true labels are those of the data, in the same order.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.experiment.records import RECORD, RunRecord
from benchmarks import common

NAME = "points_labels"


def read_items(folder):
    """Yield the language and the predicted labels of each test sentence of a run; None where none was predicted."""
    with gzip.open(folder / "test_items.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            yield item["language"], item["predicted"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the study")
    parser.add_argument("runs", nargs="+", help="what the names of the runs' folders begin with")
    chosen = parser.parse_args()
    labels: list[str] = []
    found: dict[str, list[int]] = {}
    lengths: dict[str, list[int]] = {}
    records = []
    for run in chosen.runs:
        (folder,) = (chosen.folder / "runs").glob(f"{run}-*")
        record = RunRecord.read(folder / RECORD)
        records.append(record)
        lengths = {}
        for language, predicted in read_items(folder):
            if language == record.source_language:
                continue
            lengths.setdefault(language, []).append(len(predicted))
            for label in predicted:
                if label not in labels:
                    labels.append(label)
                found.setdefault(f"{record.strategy} {language}", []).append(labels.index(label))
    arrays = {name: np.array(numbers, dtype=np.uint8) for name, numbers in found.items()}
    arrays |= {f"lengths {language}": np.array(several, dtype=np.uint16) for language, several in lengths.items()}
    arrays["strategies"] = np.array([record.strategy for record in records])
    arrays["seeds"] = np.array(["+".join(map(str, record.seeds)) for record in records])
    path = common.RESULTS / f"{NAME}.npz"
    np.savez_compressed(path, labels=np.array([str(label) for label in labels]), **arrays)
    print(f"{path}: {path.stat().st_size:,} bytes, labels {labels}")


if __name__ == "__main__":
    main()
