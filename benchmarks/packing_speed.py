"""How much faster is realignment where the encoders of today are packed, and in how much memory?

    python benchmarks/packing_speed.py

The encoders have random weights and the shapes of published ones. Both sides make the same steps on the same batches of
16 sentence pairs, one of each in turn in one process; the other side pads, as all families did before. Ours is timed
inside the real training loop. Batches are of similar length, as our loop makes them, or as they are drawn, as in the
paper. Peak memory is taken in a process each; it has weights, Adam and the vocabulary too, so what a step keeps for its
gradients is also counted.
"""

import argparse
import json
import sys
from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import count, product
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from alignfreeze.alignment.aligning import align
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.encoding.order import take_turns
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.experiment.cost import count_held
from alignfreeze.realignment import trainer
from alignfreeze.realignment.freezing import FreezePolicy, frozen
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.training.loop import order_visits
from alignfreeze.training.settings import TrainingPlan
from benchmarks import common, shapes

WINDOWS = 4
"""Of steps, which are timed; before them come one to warm up and one whose matrix products are noted."""
RESULT = "packing_speed"
STEPS = (WINDOWS + 2) * common.WINDOW
BATCH = 16
ENCODERS = ("mmBERT-small", "EuroBERT-210m")
VOCABULARY = 250_002
"""Rows of the embedding table: as many as the tokenizer has pieces."""
POLICIES = ("full", "front")
ORDERS = ("similar length", "as drawn")
KEY = ("batches", "encoder", "realignment")


def build(name):
    """Return an encoder with random weights."""
    return shapes.build(name, vocabulary=VOCABULARY)


def data():
    bitext = common.corpus().bitext
    return bitext, align(bitext, aligner="fast-align")


def settings(steps):
    return RealignmentSettings(steps=steps, batch_size=BATCH)


def visit(order, groups, lengths, plan):
    """Return the numbers of the pairs in the order of the steps, [steps, batch size]."""
    n = plan.steps * plan.batch_size
    found = take_turns(groups, n, seed=plan.seed) if order == "as drawn" else order_visits(groups, lengths, plan)
    return found.reshape(-1, plan.batch_size)


def ours(encoder, bitext, alignments, policy, steps, *, packed=True, order=ORDERS[0]):
    """Make steps with our training loop."""
    how = {"settings": settings(steps), "seed": common.SEED, "device": "cpu"}
    visits = mock.patch.object(trainer, "order_visits", lambda *given: visit(order, *given).reshape(-1))
    with visits, nullcontext() if packed else mock.patch.object(trainer, "packing", lambda _: nullcontext()):
        trainer.realign(encoder, bitext, alignments, freeze=policy, **how)


def padded(stack, encoder, data, policy, order):
    """Return a function that makes the next step with padding, on the batches that our loop has."""
    pairs = encode_pairs(encoder.tokenizer, *data)
    plan = plan_for(STEPS)
    visits = visit(order, pairs.positions(), pairs.lengths(), plan)
    used = np.append(pairs.subwords.values, encoder.padding)
    vocabulary = stack.enter_context(compacting(encoder.model, used))
    stack.enter_context(frozen(FreezePolicy.parse(policy).parts_of(encoder.model)))
    padding = int(vocabulary.numbers[encoder.padding])
    model = RealignmentModel(encoder.model, settings(STEPS), padding=padding).train()
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer, numbers = torch.optim.AdamW(trained, lr=plan.learning_rate, weight_decay=0.0, fused=True), count()

    def step():
        batch = pairs.batch(visits[next(numbers)])
        model(**{**batch, "subwords": vocabulary.compact(batch["subwords"])})["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def held_by(name, policy, order, *, packed):
    """Return the bytes that a step keeps for its gradients: the mean over some steps."""
    encoder = build(name)
    pairs = encode_pairs(encoder.tokenizer, *data())
    steps = visit(order, pairs.positions(), pairs.lengths(), plan_for(STEPS))[: common.WINDOW]
    fixed = FreezePolicy.parse(policy).parts_of(encoder.model)
    with packing(encoder.model) if packed else nullcontext(), frozen(fixed):
        model = RealignmentModel(encoder.model, settings(STEPS), padding=encoder.padding).train()
        held = [count_held(partial(loss_of, model, pairs.batch(batch)), model) for batch in steps]
    return sum(held) / len(held)


def loss_of(model, batch):
    return model(**batch)["loss"]


def plan_for(steps):
    return TrainingPlan(
        title="padded",
        steps=steps,
        batch_size=BATCH,
        learning_rate=settings(1).learning_rate,
        schedule="constant",
        warmup_steps=0,
        seed=common.SEED,
        device="cpu",
    )


def compare(name, policy, order):
    """Make steps of both in turn, and return what they cost."""
    bitext, alignments = data()
    with ExitStack() as stack:
        other = padded(stack, build(name), (bitext, alignments), policy, order)
        with common.stopwatch(other, common.WINDOW) as watch:
            ours(build(name), bitext, alignments, policy, STEPS, order=order)
    held, more = (held_by(name, policy, order, packed=packed) for packed in (True, False))
    own, others = (
        common.in_a_process_of_its_own(__file__, "--memory", side, name, policy, order) for side in ("packed", "padded")
    )
    row = {
        "encoder": name,
        "realignment": policy,
        "batches": order,
        **watch().costs(BATCH),
        "peak_memory_gib": own / 2**30,
        "reference_peak_memory_gib": others / 2**30,
        "memory_ratio": own / others,
        "held_mib": held / 2**20,
        "reference_held_mib": more / 2**20,
        "held_ratio": held / more,
    }
    return common.rounded(row)


def memory(side, name, policy, order):
    """Print the peak memory of some steps of one side."""
    bitext, alignments = data()
    ours(build(name), bitext, alignments, policy, common.WINDOW, packed=side == "packed", order=order)
    print(json.dumps(common.peak_of_process()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--order", choices=ORDERS, action="append", help="by default both; others stay in the results")
    parser.add_argument("--encoder", choices=ENCODERS, action="append", help="by default both")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="by default both")
    chosen = parser.parse_args()
    rows = []
    for order, name, policy in product(chosen.order or ORDERS, chosen.encoder or ENCODERS, chosen.policy or POLICIES):
        row = compare(name, policy, order)
        rows = common.keep_row(RESULT, row, by=KEY, corpus=common.corpus().name, batch=BATCH)
    common.table(
        [
            "batches",
            "encoder",
            "realignment",
            "pairs/s",
            "padded",
            "faster",
            "between",
            "of the peak",
            "memory",
            "held",
        ],
        [
            [
                *(row[field] for field in KEY),
                f"{row['items_a_second']:.1f}",
                f"{row['reference_items_a_second']:.1f}",
                f"{row['speedup']:.2f}x",
                f"{row['speedup_lowest']:.2f}x and {row['speedup_highest']:.2f}x",
                f"{100 * row['share_of_peak']:.0f}%",
                f"{row['peak_memory_gib']:.2f} of {row['reference_peak_memory_gib']:.2f} GiB",
                f"{row['held_mib']:.0f} of {row['reference_held_mib']:.0f} MiB",
            ]
            for row in rows
        ],
    )


if __name__ == "__main__":
    memory(*sys.argv[2:]) if "--memory" in sys.argv else main()
