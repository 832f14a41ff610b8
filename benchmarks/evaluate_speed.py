"""How much faster is our evaluation than one that pads batches of 32 in the order of the file?

Both label the same test sentences with one fine-tuned head, language by language or in one stream; the scores
must be the same. Several rounds of each in turn. Where the processor multiplies in bf16, ours in bf16 is a third side.
"""

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from alignfreeze.encoding import embedded
from alignfreeze.encoding.devices import multiplies_bf16
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.subwords import encode_words
from alignfreeze.evaluation.zero_shot import evaluate
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.metrics import accuracy
from alignfreeze.tasks.models import add_head
from alignfreeze.tasks.table import TASKS
from benchmarks import common
from benchmarks.reference import padded

ROUNDS = 9
BATCH = 32
PER_LANGUAGE = 100
POS = TASKS["pos"]


def reference(task_model, tests, padding):
    """Label batches in the order of the file, padded to the longest; return the scores."""
    model, labels, scores = task_model.model.eval(), task_model.labels, []
    for sentences in tests.values():
        words = [sentence.words for sentence in sentences]
        encoded = list(encode_words(task_model.tokenizer, words, max_length=task_model.max_length, windows=True))
        predicted = [[None] * len(sentence) for sentence in words]
        for start in range(0, len(encoded), BATCH):
            batch = encoded[start : start + BATCH]
            ids, mask = padded([item.subwords for item in batch], padding)
            with torch.no_grad():
                best = model(input_ids=ids, attention_mask=mask).logits.argmax(dim=-1)
            for row, item in enumerate(batch):
                for word, position in zip(item.words, item.first, strict=True):
                    predicted[item.sentence][word] = labels[int(best[row, position])]
        scores.append(accuracy(predicted, [sentence.tags for sentence in sentences])[0])
    return scores


def main():
    corpus = common.corpus()
    tests = {code: sentences[:PER_LANGUAGE] for code, sentences in corpus.tests.items()}
    encoder = load_encoder(embedded.NAME)
    torch.manual_seed(common.SEED)
    task_model = add_head(encoder, WORDS, POS.labels, max_length=128)
    times, others, halves, shares = [], [], [], []
    with common.Products() as products:
        evaluate(task_model, POS, tests, device="cpu")
    for _ in range(ROUNDS):
        if multiplies_bf16("cpu"):
            began = time.perf_counter()
            evaluate(replace(task_model, in_bf16=True), POS, tests, device="cpu")
            halves.append(time.perf_counter() - began)
        began = time.perf_counter()
        scores = [score.value for score in evaluate(task_model, POS, tests, device="cpu")]
        between = time.perf_counter()
        plain = reference(task_model, tests, encoder.padding)
        times.append(between - began)
        others.append(time.perf_counter() - between)
        shares.append(products.seconds() / times[-1])  # of the peak, as the machine is now
        # Rounding may turn the odd word whose two best labels are alike.
        assert max(abs(ours - theirs) for ours, theirs in zip(scores, plain, strict=True)) < 0.002, (scores, plain)
    n = sum(map(len, tests.values()))
    fast, slow = statistics.median(times[1:]), statistics.median(others[1:])
    row = {
        "sentences_a_second": n / fast,
        "reference_sentences_a_second": n / slow,
        "speedup": slow / fast,
        "share_of_peak": statistics.median(shares[1:]),
    }
    if halves:
        half = statistics.median(halves[1:])
        row |= {"bf16_sentences_a_second": n / half, "bf16_speedup": slow / half}
    row = common.rounded(row)
    common.table(
        ["evaluation", "sentences/s", "reference", "faster", "of the peak", "in bf16"],
        [
            [
                ", ".join(tests),
                *(f"{value:.1f}" for value in list(row.values())[:2]),
                f"{row['speedup']:.1f}x",
                f"{100 * row['share_of_peak']:.0f}%",
                f"{row['bf16_speedup']:.1f}x" if halves else "",
            ]
        ],
    )
    common.keep("evaluate_speed", {"corpus": corpus.name, "sentences": n, **row})


if __name__ == "__main__":
    main()
