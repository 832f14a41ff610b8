"""What does a corpus a hundred times as large cost? Time for each pair, and peak memory.

Realigns the embedded encoder for the same number of steps on 1x, 10x and 100x the sentence pairs, each in two
processes of its own: one that finds the links and encodes the pairs, which is done once a corpus, and one that
trains, for which these are read from disk.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment.aligning import align
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from benchmarks import common

BASE = 300
FACTORS = (1, 10, 100)
ROUNDS = 3
WINDOWS = 3
STEPS = (WINDOWS + 2) * common.WINDOW
BATCH = 16
MAX_LENGTH = 32


def written(folder, pairs):
    """Write so many pairs of many languages to one file in the form of fast_align, and return its path."""
    path, lines = Path(folder) / f"{pairs}.txt", []
    codes = sorted(
        {file.name.split(".")[0].removeprefix("en-") for file in (common.SHARED / "tatoeba").glob("en-*.en")}
    )
    if codes:
        bitext = common.corpus(codes, None).bitext
        lines = [f"{' '.join(pair.source)} ||| {' '.join(pair.target)}" for pair in bitext]
    else:
        lines = [f"{' '.join(pair.source)} ||| {' '.join(pair.target)}" for pair in common.corpus().bitext]
    while len(lines) < pairs:
        lines += lines
    # Every so many, so that each size holds the same mixture of languages.
    path.write_text("\n".join(lines[:: len(lines) // pairs][:pairs]) + "\n")
    return path


def part(what, path):
    """Prepare a corpus, or train on it; print what it cost."""
    bitext = read_bitext(path, languages=("en", "de"), pretokenized=True)
    encoder = load_encoder(embedded.NAME)
    began = time.perf_counter()
    alignments = align(bitext, aligner="fast-align")
    if what == "prepare":
        encode_pairs(encoder.tokenizer, bitext, alignments, max_length=MAX_LENGTH)
        seconds = time.perf_counter() - began
    else:
        # The more pairs, the longer the longest, which would decide the peak of memory.
        settings = RealignmentSettings(steps=STEPS, batch_size=BATCH, max_length=MAX_LENGTH)
        with common.stopwatch() as watch:
            realign(encoder, bitext, alignments, settings=settings, seed=common.SEED, device="cpu")
        seconds = statistics.median(common.windows(watch().times)) / BATCH * len(bitext)
    print(json.dumps({"seconds_a_pair": seconds / len(bitext), "peak_memory_gib": common.peak_of_process() / 2**30}))


def median(costs):
    return common.rounded({name: statistics.median(cost[name] for cost in costs) for name in costs[0]})


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALIGNFREEZE_CACHE"] = str(Path(folder) / "cache")
        load_encoder(embedded.NAME)
        paths = {BASE * factor: written(folder, BASE * factor) for factor in FACTORS}
        prepared = {n: common.in_a_process_of_its_own(__file__, "prepare", path) for n, path in paths.items()}
        # The sizes in turn, since other users of the machine come and go.
        trained = [
            {n: common.in_a_process_of_its_own(__file__, "train", path) for n, path in paths.items()}
            for _ in range(ROUNDS)
        ]
        rows = [
            {"pairs": n, "prepare": common.rounded(prepared[n]), "train": median([costs[n] for costs in trained])}
            for n in paths
        ]
    common.table(
        ["pairs", "preparing, ms/pair", "memory", "training, ms/pair", "memory"],
        [
            [
                f"{row['pairs']:,}",
                *(
                    cell
                    for what in ("prepare", "train")
                    for cell in (
                        f"{1000 * row[what]['seconds_a_pair']:.2f}",
                        f"{row[what]['peak_memory_gib']:.2f} GiB",
                    )
                ),
            ]
            for row in rows
        ],
    )
    common.keep("scaling", {"corpus": common.corpus().name, "steps": STEPS, "batch": BATCH, "rows": rows})


if __name__ == "__main__":
    part(*sys.argv[1:]) if len(sys.argv) > 1 else main()
