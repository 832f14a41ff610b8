"""What does one training step cost? Seconds and peak memory on this machine, by freeze policy.

Prints a table and writes `benchmarks/results/step_cost.json`. The figures describe this machine; they
claim nothing against another tool.
"""

import json
import platform
import resource
import statistics
import time
from functools import partial
from pathlib import Path

import torch

from alignfreeze.alignment import align
from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.batches import collate_pairs, encode_pairs
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.realignment.freezing import FREEZE_POLICIES, frozen
from alignfreeze.realignment.trainer import RealignmentModel, RealignmentSettings, interleaved
from alignfreeze.tasks import TASKS
from alignfreeze.tasks.tagging import collator, training_examples, with_head

STEPS = 12
WARM_UP = 2
RESULTS = Path(__file__).parent / "results" / "step_cost.json"


def seconds_a_step(model, batches):
    """Return the median time of forward, backward and Adam."""
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad], weight_decay=0.0, fused=True
    )
    times = []
    for batch in batches:
        began = time.perf_counter()
        model(**batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - began)
    return statistics.median(times[WARM_UP:])


def realignment_batches(encoder, batch_size):
    bitext = [
        pair
        for language in mini.LANGUAGES
        for pair in read_bitext(mini.mini_path(f"en-{language}.tsv"), languages=("en", language))
    ]
    pairs = encode_pairs(encoder.tokenizer, bitext, align(bitext))
    order = interleaved(pairs, STEPS * batch_size, seed=31)
    collate = partial(collate_pairs, padding=encoder.padding)
    return [collate([pairs[i] for i in order[s : s + batch_size]]) for s in range(0, len(order), batch_size)]


def finetuning_batches(model, batch_size):
    examples = training_examples(model, read_conllu(mini.mini_path("en-train.conllu")))
    collate = collator(model)
    return [collate(examples[s : s + batch_size]) for s in range(0, len(examples), batch_size)][:STEPS]


def main():
    encoder = load_encoder(embedded.NAME)
    rows = []
    for name, policy in FREEZE_POLICIES.items():
        model = RealignmentModel(encoder.model, RealignmentSettings()).train()
        with frozen(encoder.layers, policy(len(encoder.layers))):
            rows.append((f"realignment, {name}", "16 pairs", seconds_a_step(model, realignment_batches(encoder, 16))))
    task_model = with_head(encoder, TASKS["pos"].labels, max_length=128)
    batches = finetuning_batches(task_model, 32)
    rows.append(("fine-tuning", "32 sentences", seconds_a_step(task_model.model.train(), batches)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'step':<20} {'batch':<14} {'seconds':>8}")
    for name, batch, seconds in rows:
        print(f"{name:<20} {batch:<14} {seconds:>8.2f}")
    print(f"peak memory {peak:.1f} GiB, {torch.get_num_threads()} threads")
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {"machine": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    steps = [{"step": name, "batch": batch, "seconds": round(seconds, 3)} for name, batch, seconds in rows]
    RESULTS.write_text(json.dumps({**facts, "peak_memory_gib": round(peak, 2), "steps": steps}, indent=2) + "\n")


if __name__ == "__main__":
    main()
