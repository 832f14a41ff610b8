"""Which source scores can be had without an encoder, and does a short pilot with random weights stay below them?

Advice does not believe pilots that are below these scores (`evaluation/guessing.py`). Part-of-speech tags, the embedded
encoder, and the fewest steps of a pilot.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.advice.pilots import FEWEST_STEPS, MOST_CHECKED
from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.encoding.embedded import NAME
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation.guessing import doubt_weakness, score_of_table
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from benchmarks import common

TASK = TASKS["pos"]
SETTINGS = FinetuningSettings(steps=FEWEST_STEPS["finetuning"], learning_rate=5e-4)


def measure(train, items, *, is_random):
    """Return the score of a pilot's model in the source language, and why advice doubts it."""
    encoder = load_encoder(NAME)
    if is_random:
        torch.manual_seed(common.SEED)
        for weights in encoder.model.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.02)
    model, _ = finetune(encoder, TASK, train, settings=SETTINGS, seed=common.SEED)
    found = TASK.metrics(TASK.kind.predict(model, items), items)[0]
    return {"accuracy": found.value, "doubt": doubt_weakness("en", found, items, train, task=TASK)}


def main():
    corpus = common.corpus(languages=())
    items = spread_evenly(corpus.train, min(MOST_CHECKED, len(corpus.train) // 10))
    chosen = {id(item) for item in items}
    train = [item for item in corpus.train if id(item) not in chosen]
    facts = {
        "corpus": corpus.name,
        "training sentences": len(train),
        "sentences": len(items),
        "steps": SETTINGS.steps,
        "commonest label": score_of_table(TASK, [], items),
        "table of words": score_of_table(TASK, train, items),
        "random weights": measure(train, items, is_random=True),
        "pretrained weights": measure(train, items, is_random=False),
    }
    print(facts)
    common.keep("weak_pilots", facts)


if __name__ == "__main__":
    main()
