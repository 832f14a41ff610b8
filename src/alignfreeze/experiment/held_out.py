"""Sentence pairs that nothing is realigned on, and what models say of them: all that estimates without labels need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair, language_pairs
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import DataError
from alignfreeze.evaluation.predictions import Predictions, predict_pairs
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.settings import FEWEST_HELD_OUT
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

HELD_OUT = 200
"""Sentence pairs of a language that are held out, unless a fifth of them are fewer."""

HELD_OUT_LINKS = AlignmentSettings(aligner="argmax", centred=True)
"""Links of held-out pairs are few and sure: each other's most similar words (docs/alignment.md)."""


def hold_out(data: ExperimentData, *, most: int | None, seed: int) -> ExperimentData:
    """Take sentence pairs out of a bitext: of each language so many, drawn at random; doubles of them go too.

    Args:
        data: What the experiment reads.
        most: Pairs of a language; None for a fifth of them, at most `HELD_OUT`.
        seed: Of the draw.

    Returns:
        The data without them in the bitext, and with them as what is held out.

    Raises:
        DataError: A language has too few sentence pairs; all such are named.
    """
    held: list[SentencePair] = []
    problems = []
    for (_, language), positions in language_pairs(data.bitext).items():
        usable = [pair for n in positions if (pair := data.bitext[n]).source and pair.target]
        usable = list(dict.fromkeys(usable))
        n = min(HELD_OUT, len(usable) // 5) if most is None else most
        if n < FEWEST_HELD_OUT or 2 * n > len(usable):
            wanted = 5 * FEWEST_HELD_OUT if most is None else 2 * max(n, FEWEST_HELD_OUT)
            problems.append(f"  {language}: {len(usable):,} different sentence pairs, at least {wanted:,} are needed")
            continue
        drawn = np.random.default_rng([seed, *language.encode()]).permutation(len(usable))[:n]
        held += [usable[number] for number in sorted(drawn.tolist())]
    if problems:
        reason = f"at least {FEWEST_HELD_OUT} of a language, and no more than half of all"
        raise DataError("\n".join([f"too few sentence pairs to hold some out ({reason}):", *problems]))
    taken = set(held)
    kept = [number for number, pair in enumerate(data.bitext) if pair not in taken]
    links = None if data.links is None else [data.links[number] for number in kept]
    return replace(data, bitext=[data.bitext[number] for number in kept], links=links, held=held)


def align_held_out(bitext: Sequence[SentencePair], *, encoder: str, device: str) -> Alignments:
    """Return the word alignments over which labels are carried; the cache keeps them from run to run.

    Args:
        bitext: The held-out pairs.
        encoder: The pretrained encoder's name.
        device: Where it runs.
    """
    vectors = LayerVectors(load_encoder(encoder), device=device)
    return align(bitext, aligner=HELD_OUT_LINKS, resources=Resources(vectors))


def predict_held_out(
    model: TaskModel, task: Task, data: ExperimentData, links: Sequence[WordAlignment], *, device: str
) -> list[Predictions]:
    """Return what a fine-tuned model says of the held-out pairs, one value per language.

    Args:
        model: It has learnt the task.
        task: Whose items decide whether the texts of pairs are taken by twos.
        data: With what is held out.
        links: The word alignments of the held-out pairs.
        device: Where the model runs.
    """
    return predict_pairs(model, task, data.held, links, two_texts=takes_two_texts(task, data), device=device)


def takes_two_texts(task: Task, data: ExperimentData) -> bool:
    """Tell whether an item of the task has two texts, so that the texts of pairs are taken by twos."""
    return any(len(task.kind.texts(item)) > 1 for item in data.train)
