"""Extracts the scores of the paper's tables into the small tables of the package.

    python benchmarks/published.py FOLDER

The folder is `scripts/2025_naacl/results` of the repository posos-tech/multilingual-alignment-and-transfer (Gaschi,
Bakos and others). Kept are the runs whose realignment is before fine-tuning, and the scores that the paper reports.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.experiment.paper import FOLDER

KEPT = ("seed", "model", "task", "method")
SCORE = re.compile(r"(final_)?eval_(?!avg)[a-z]+_(accuracy|f1|em)")
ENCODERS = {"xlm-roberta": "xlmr", "bert": "mbert", "distilbert": "distilmbert"}
TASKS = {"udpos": "pos", "wikiann": "ner", "xnli": "nli", "xquad": "qa"}
METRICS = {"udpos": ("accuracy",), "wikiann": ("f1",), "xnli": ("accuracy",), "xquad": ("f1", "em")}


def name_of(path):
    """Return our name of a table: `pos-xlmr`."""
    encoder, _, task = path.stem.split("__")
    return f"{TASKS[task]}-{ENCODERS[encoder.split('-base')[0]]}"


def extract(path):
    """Return the names of the columns, and the rows."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["method"].startswith("during")]
    found = [(column, match) for column in rows[0] if (match := SCORE.fullmatch(column))]
    is_final = any(match[1] for _, match in found)
    wanted = METRICS[rows[0]["task"]]
    scores = [column for column, match in found if bool(match[1]) == is_final and match[2] in wanted]
    order = sorted(rows, key=lambda row: (row["method"] != "baseline", row["method"], int(row["seed"])))
    return [*KEPT, *scores], [
        [*(row[name] for name in KEPT), *(f"{float(row[name]):.5f}" for name in scores)] for row in order
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for path in sorted(parser.parse_args().folder.glob("*.csv")):
        columns, rows = extract(path)
        with (FOLDER / f"{name_of(path)}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])
        print(f"{name_of(path)}: {len(rows)} runs, {len(columns) - len(KEPT)} scores")


if __name__ == "__main__":
    main()
