"""How fast are we beside other people's packages, which are installed in environments of their own?

    python benchmarks/peers.py --case links --rounds 5

Both sides have the same encoder (the embedded one, as a folder), the same data, the same torch and the same
transformers. Each side is a process that lives through the whole comparison; they do a round in turn.

links: our aligners beside simalign, at the same layer: pairs a second, and how far the links agree.
sentences: realignment by whole sentences beside the trainer of sentence-transformers, with the same loss.
"""

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from benchmarks import common
from benchmarks.environments import NotInstalledError, environment, side

RESULT = "peers"
KEY = ("task", "method")
SIMALIGN = "simalign==0.4"
SENTENCE_TRANSFORMERS = "sentence-transformers==6.2.0"
METHODS = ("argmax", "itermax")
"""Methods that simalign has too; `softmax` is not among them."""
LAYER = 7
"""The layer whose links agree best with those made by hand (docs/alignment.md)."""
TRAINING = {
    "batch": 16,
    "window": common.WINDOW,
    "scale": 20.0,
    "learning_rate": 2e-5,
    "max_length": 96,
    "seed": common.SEED,
}
"""Both sides are told this. Their loops, and all else in them, are their own."""


def prepare(folder):
    """Write the encoder and the sentence pairs into a folder, and return what both sides are told."""
    load_encoder(embedded.NAME).save(folder / "encoder")
    pairs = [(pair.source, pair.target, pair.languages) for pair in common.corpus().bitext]
    (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    return {"model": str(folder / "encoder"), "pairs": str(folder / "pairs.json")}


def take_turns(sides, rounds, requests=()):
    """Let both sides do one round to warm up and then some more, in turn; return the answers of each."""
    answers = [[], []]
    for number in range(rounds + 1):
        for found, each in zip(answers, sides, strict=True):
            found.append(each.ask(**(requests[number] if requests else {})))
    return [found[1:] for found in answers]


def costs(answers, items):
    """Return what a round of so many items costs both sides."""
    fast, slow = ([answer["seconds"] for answer in found] for found in answers)
    ratios = [other / own for own, other in zip(fast, slow, strict=True)]
    own, other = (max(answer["peak"] for answer in found) / 2**30 for found in answers)
    return {
        "items_a_second": items / statistics.median(fast),
        "peer_items_a_second": items / statistics.median(slow),
        "speedup": statistics.median(ratios),
        "speedup_lowest": min(ratios),
        "speedup_highest": max(ratios),
        "rounds": len(ratios),
        "peak_memory_gib": own,
        "peer_peak_memory_gib": other,
    }


def agreement(answers):
    """Return how far the links of both sides agree: F1, and the share of sentence pairs with the same links."""
    ours, theirs = ([{tuple(link) for link in links} for one in found for links in one["links"]] for found in answers)
    shared = sum(len(own & other) for own, other in zip(ours, theirs, strict=True))
    same = sum(own == other for own, other in zip(ours, theirs, strict=True))
    return {"links_f1": 2 * shared / sum(map(len, ours + theirs)), "pairs_with_same_links": same / len(ours)}


def compare_links(python, method, rounds):
    """Find links with both sides in turn: each round has the next pairs of every language."""
    with ExitStack() as stack:
        how = {**prepare(_folder(stack)), "layer": LAYER}
        own = stack.enter_context(side(sys.executable, "benchmarks.sides.links_ours", how))
        other = stack.enter_context(side(python, "benchmarks.sides.links_simalign", how))
        requests = [{"method": method, "start": number % rounds, "every": rounds} for number in range(rounds + 1)]
        answers = take_turns((own, other), rounds, requests)
    return {**costs(answers, len(common.corpus().bitext) / rounds), **agreement(answers)}


def compare_sentences(python, _, rounds):
    """Train with both sides in turn, a window of steps each."""
    with ExitStack() as stack:
        how = {**prepare(_folder(stack)), **TRAINING, "steps": (rounds + 1) * common.WINDOW}
        own = stack.enter_context(side(sys.executable, "benchmarks.sides.sentences_ours", how))
        other = stack.enter_context(side(python, "benchmarks.sides.sentences_peer", how))
        answers = take_turns((own, other), rounds)
    return costs(answers, common.WINDOW * TRAINING["batch"])


def _folder(stack):
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


CASES = {
    "links": ((SIMALIGN,), METHODS, compare_links),
    "sentences": ((SENTENCE_TRANSFORMERS, "accelerate", "datasets"), ("sentence",), compare_sentences),
}
"""What the environment of the peer needs, the methods, and the comparison."""


def compare(task, method, rounds):
    """Return the costs of both sides; if the peer cannot be installed, say so."""
    requirements, _, run = CASES[task]
    row = {"task": task, "method": method, "peer": requirements[0].replace("==", " ")}
    try:
        python = environment(*requirements)
    except NotInstalledError as reason:
        print(reason, file=sys.stderr)
        return {**row, "installed": False}
    return common.rounded({**row, "installed": True, **run(python, method, rounds)})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, action="append", help="by default both; the other stays")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are timed")
    chosen = parser.parse_args()
    rows = []
    for task in chosen.case or CASES:
        for method in CASES[task][1]:
            row = compare(task, method, chosen.rounds)
            rows = common.keep_row(RESULT, row, by=KEY, corpus=common.corpus().name)
    common.table(["task", "peer", "pairs/s", "peer", "faster", "between", "memory", "peer", "links, F1"], show(rows))


def show(rows):
    """Return the cells of the table."""
    cells = []
    for row in rows:
        named = [f"{row['task']}, {row['method']}", row["peer"]]
        if not row["installed"]:
            cells.append([*named, "cannot be installed here", *[""] * 6])
            continue
        cells.append(
            [
                *named,
                f"{row['items_a_second']:.1f}",
                f"{row['peer_items_a_second']:.1f}",
                f"{row['speedup']:.1f}x",
                f"{row['speedup_lowest']:.1f}x and {row['speedup_highest']:.1f}x",
                f"{row['peak_memory_gib']:.2f} GiB",
                f"{row['peer_peak_memory_gib']:.2f} GiB",
                f"{row['links_f1']:.3f}" if "links_f1" in row else "",
            ]
        )
    return cells


if __name__ == "__main__":
    main()
