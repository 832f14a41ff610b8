"""How far is each stage from the limit? The share of the machine's peak on matrix products, from the results.

    python benchmarks/limits.py

The limit of a step is the time of its matrix products alone, with the same shapes, on the same machine, in the same
minute. At a share of 65% a step could be 1 / 0.65 = 1.5 times as fast, if all the rest cost nothing.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import common

COLUMNS = ["stage", "share of the matrix-product peak", "faster at most"]


def shares():
    """Return the stages and their shares, in the order of the pipeline; None for a share that was not measured.

    Raises:
        FileNotFoundError: A benchmark has not run yet.
    """
    realignments = [(f"realignment, {row['case']}", row) for row in common.read("realign_speed")["rows"]]
    families = [
        (f"realignment, {row['realignment']}, shape of {row['encoder']}", row)
        for row in common.read("families")["rows"]
    ]
    tasks = [
        ("fine-tuning, PoS", common.read("finetune_speed")),
        ("evaluation, five languages", common.read("evaluate_speed")),
    ]
    return [(stage, row.get("share_of_peak")) for stage, row in [*realignments, *families, *tasks]]


def rows():
    """Return the cells of the table."""
    return [
        [stage, "not measured yet", ""] if share is None else [stage, f"{share:.0%}", f"{1 / share:.1f}x"]
        for stage, share in shares()
    ]


def main():
    try:
        common.table(COLUMNS, rows())
    except FileNotFoundError as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
