"""How much faster is our fine-tuning step than the reference code's, and in how much memory?

Both train a PoS tagger on the embedded encoder with the same English sentences, in one process, a step of each in
turn: 32 sentences a step. Ours is timed inside the real training loop. Peak memory is taken in a process each.
"""

import json
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.order import take_turns
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.models import add_head
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.tagging import examples_of
from benchmarks import common
from benchmarks.reference import adam, tagging_loss

WINDOWS = 5
STEPS = (WINDOWS + 2) * common.WINDOW
BATCH = 32
POS = TASKS["pos"]


def ours(sentences, steps):
    settings = FinetuningSettings(steps=steps, batch_size=BATCH)
    finetune(load_encoder(embedded.NAME), POS, sentences, settings=settings, seed=common.SEED, device="cpu")


def reference(sentences):
    """Return a function that makes the next step of the reference code."""
    encoder = load_encoder(embedded.NAME)
    task_model = add_head(encoder, WORDS, POS.labels, max_length=128)
    examples = examples_of(task_model, sentences)
    order = take_turns([range(len(examples))], 2 * STEPS * BATCH, seed=common.SEED).reshape(-1, BATCH)
    model, numbers = task_model.model.train(), count()
    optimizer = adam(model)

    def step():
        places = order[next(numbers)]
        batch = [[part[place] for place in places] for part in (examples.subwords, examples.labels)]
        tagging_loss(model, *batch, encoder.padding).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def memory(side):
    """Print the peak memory of a few steps of one side."""
    sentences = common.corpus().train
    if side == "ours":
        ours(sentences, 8)
    else:
        step = reference(sentences)
        for _ in range(8):
            step()
    print(json.dumps(common.peak_of_process()))


def main():
    corpus = common.corpus()
    with common.stopwatch(reference(corpus.train)) as watch:
        ours(corpus.train, STEPS)
    share = common.share_alone(lambda: ours(corpus.train, STEPS))
    own, others = (common.in_a_process_of_its_own(__file__, "--memory", side) for side in ("ours", "reference"))
    row = {
        **watch().costs(BATCH),
        "share_of_peak": share,
        "peak_memory_gib": own / 2**30,
        "reference_peak_memory_gib": others / 2**30,
        "memory_ratio": own / others,
    }
    row = common.rounded(row)
    common.table(
        ["fine-tuning", "sentences/s", "reference", "faster", "between", "of the peak", "memory", "reference"],
        [
            [
                "PoS",
                f"{row['items_a_second']:.1f}",
                f"{row['reference_items_a_second']:.1f}",
                f"{row['speedup']:.1f}x",
                f"{row['speedup_lowest']:.1f}x and {row['speedup_highest']:.1f}x",
                f"{100 * row['share_of_peak']:.0f}%",
                f"{row['peak_memory_gib']:.2f} GiB",
                f"{row['reference_peak_memory_gib']:.2f} GiB",
            ]
        ],
    )
    common.keep("finetune_speed", {"corpus": corpus.name, "batch": BATCH, **row})


if __name__ == "__main__":
    memory(sys.argv[2]) if "--memory" in sys.argv else main()
