"""How much faster is our realignment step than the reference algorithm's, and in how much memory?

Both train the embedded encoder on the same pairs, in one process, a step of each in turn: 16 sentence pairs of
five languages a step. Ours is timed inside the real training loop. Peak memory is taken in a process each.
"""

import copy
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment.aligning import align
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from benchmarks import common
from benchmarks.reference import realigning

WINDOWS = 5
"""Of steps, which are timed; before them come one to warm up and one whose matrix products are noted."""
STEPS = (WINDOWS + 2) * common.WINDOW
BATCH = 16
PASS = 8
"""Steps of the first pass over the data where the prefix is kept."""
STEPS_ALONE = 6 * common.WINDOW

CASES = {
    "full": ("full", {}),
    "front": ("front", {}),
    "back": ("back", {}),
    "front, frozen embeddings": ("front", {"freeze_embeddings": True}),
    "the same, from the second pass on": ("front", {"freeze_embeddings": True, "keep_prefix": "memory"}),
}
"""Freeze policy and settings. The reference code has no frozen embeddings: these are compared with its `front`."""


def data(case):
    bitext = common.corpus().bitext
    if "keep_prefix" in CASES[case][1]:
        bitext = bitext[:: len(bitext) // (PASS * BATCH)][: PASS * BATCH]
    return bitext, align(bitext, aligner="fast-align")


def ours(encoder, bitext, alignments, case, steps):
    policy, options = CASES[case]
    settings = RealignmentSettings(steps=steps, batch_size=BATCH, **options)
    realign(encoder, bitext, alignments, freeze=policy, settings=settings, seed=common.SEED, device="cpu")


def reference(encoder, bitext, alignments, case):
    """Return a function that makes the next step of the reference algorithm, on an encoder of its own."""
    how = {"policy": CASES[case][0], "steps": PASS + STEPS, "batch_size": BATCH, "seed": common.SEED}
    return realigning(encoder, bitext, alignments, **how)


def compare(case):
    """Make steps of both in turn, and return what they cost."""
    encoder = load_encoder(embedded.NAME)
    bitext, alignments = data(case)
    other = reference(copy.deepcopy(encoder), bitext, alignments, case)
    first = PASS if "keep_prefix" in CASES[case][1] else 0
    with common.stopwatch(other, first + common.WINDOW) as watch:
        ours(encoder, bitext, alignments, case, first + STEPS)
    share = share_alone(case)
    own = common.in_a_process_of_its_own(__file__, "--memory", "ours", case)
    others = common.in_a_process_of_its_own(__file__, "--memory", "reference", case)
    row = {
        "case": case,
        **watch().costs(BATCH),
        "share_of_peak": share,
        "peak_memory_gib": own / 2**30,
        "reference_peak_memory_gib": others / 2**30,
        "memory_ratio": own / others,
    }
    return common.rounded(row)


def share_alone(case):
    """Return the share of the matrix-product peak of our steps, without those of the reference in between."""
    encoder = load_encoder(embedded.NAME)
    first = PASS if "keep_prefix" in CASES[case][1] else 0
    return common.share_alone(lambda: ours(encoder, *data(case), case, first + STEPS_ALONE), first + common.WINDOW)


def memory(side, case):
    """Print the peak memory of a few steps of one side."""
    encoder = load_encoder(embedded.NAME)
    bitext, alignments = data(case)
    if side == "ours":
        ours(encoder, bitext, alignments, case, 5)
    else:
        step = reference(encoder, bitext, alignments, case)
        for _ in range(5):
            step()
    print(json.dumps(common.peak_of_process()))


def main():
    rows = [compare(case) for case in CASES]
    common.table(
        ["realignment", "pairs/s", "reference", "faster", "between", "of the peak", "memory", "reference"],
        [
            [
                row["case"],
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
    common.keep("realign_speed", {"corpus": common.corpus().name, "batch": BATCH, "rows": rows})


if __name__ == "__main__":
    if "--memory" in sys.argv:
        memory(*sys.argv[2:])
    elif "--alone" in sys.argv:  # only the shares of the peak
        for case in CASES:
            print(f"{case}: {share_alone(case):.0%}")
    else:
        main()
