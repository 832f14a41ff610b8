"""How much faster is realignment than the reference algorithm for the encoders of today, and in how much memory?

    python benchmarks/families.py --encoder XLM-R-base --policy full --windows 3

The encoders have random weights and the shapes of published ones (benchmarks/shapes.py), with the published number of
rows in the embedding table. Both sides make steps of 16 Tatoeba pairs in one process, one of each in turn: ours in the
real training loop, the other one as `benchmarks/reference.py`, which pads. Peak memory is taken in a process each.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment.aligning import align
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from benchmarks import common, shapes
from benchmarks.reference import realigning

RESULT = "families"
BATCH = 16
POLICIES = ("full", "front")
KEY = ("encoder", "realignment")
MEMORY_STEPS = 4


def data():
    bitext = common.corpus().bitext
    return bitext, align(bitext, aligner="fast-align")


def ours(name, policy, steps):
    settings = RealignmentSettings(steps=steps, batch_size=BATCH)
    realign(shapes.build(name), *data(), freeze=policy, settings=settings, seed=common.SEED, device="cpu")


def reference(name, policy, steps):
    """Return a function that makes the next step of the reference algorithm."""
    how = {"policy": policy, "steps": steps, "batch_size": BATCH, "seed": common.SEED}
    return realigning(shapes.build(name), *data(), **how)


def compare(name, policy, windows):
    """Make steps of both in turn, and return what they cost."""
    # A step of these costs seconds, so the window whose matrix products are noted is also the one that warms up.
    steps = (windows + 1) * common.WINDOW
    with common.stopwatch(reference(name, policy, steps), warm=0) as watch:
        ours(name, policy, steps)
    own, others = (
        common.in_a_process_of_its_own(__file__, "--memory", side, name, policy) for side in ("ours", "reference")
    )
    row = {
        "encoder": name,
        "realignment": policy,
        "vocabulary": shapes.SHAPES[name].vocabulary,
        **watch().costs(BATCH),
        "peak_memory_gib": own / 2**30,
        "reference_peak_memory_gib": others / 2**30,
        "memory_ratio": own / others,
    }
    return common.rounded(row)


def memory(side, name, policy):
    """Print the peak memory of a few steps of one side."""
    if side == "ours":
        ours(name, policy, MEMORY_STEPS)
    else:
        step = reference(name, policy, MEMORY_STEPS)
        for _ in range(MEMORY_STEPS):
            step()
    print(json.dumps(common.peak_of_process()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=shapes.SHAPES, action="append", help="by default all")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="by default both; others stay")
    parser.add_argument("--windows", type=int, default=3, help=f"windows of {common.WINDOW} steps that are timed")
    chosen = parser.parse_args()
    rows = []
    for name, policy in product(chosen.encoder or shapes.SHAPES, chosen.policy or POLICIES):
        row = compare(name, policy, chosen.windows)
        rows = common.keep_row(RESULT, row, by=KEY, corpus=common.corpus().name, batch=BATCH)
    common.table(
        ["encoder", "realignment", "pairs/s", "reference", "faster", "between", "of the peak", "memory", "reference"],
        [
            [
                row["encoder"],
                row["realignment"],
                f"{row['items_a_second']:.1f}",
                f"{row['reference_items_a_second']:.1f}",
                f"{row['speedup']:.1f}x",
                f"{row['speedup_lowest']:.1f}x and {row['speedup_highest']:.1f}x",
                f"{100 * row['share_of_peak']:.0f}%",
                f"{row['peak_memory_gib']:.2f} GiB",
                f"{row['reference_peak_memory_gib']:.2f} GiB",
            ]
            for row in rows
        ],
    )


if __name__ == "__main__":
    memory(*sys.argv[2:]) if "--memory" in sys.argv else main()
