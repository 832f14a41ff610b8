"""Sentence pairs held out of realignment, and predictions for these pairs. Estimates without labels need both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import DataError
from alignfreeze.evaluation.predictions import Predictions, predict_pairs
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.sources import FEWEST_HELD_OUT
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

HELD_OUT = 200
"""Sentence pairs per language that are held out by default, but at most a fifth of them."""

HELD_OUT_LINKS = AlignmentSettings(aligner="argmax", centred=True)
"""How held-out pairs are aligned: each word must be the most similar to the other. These links are few but reliable."""


def hold_out(data: ExperimentData, *, most: int | None, seed: int) -> ExperimentData:
    """Hold sentence pairs of each language out of a bitext, drawn at random. Copies of these pairs are left out too.

    Args:
        data: The data of the experiment.
        most: Pairs per language; None for a fifth of them, at most `HELD_OUT`.
        seed: The seed of the draw.

    Returns:
        The data with these pairs in `held` instead of `bitext`.

    Raises:
        DataError: Some languages have too few sentence pairs. The message names all these languages.
    """
    held: list[SentencePair] = []
    problems = []
    for (_, language), positions in group_by_languages(data.bitext).items():
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
        reason = f"at least {FEWEST_HELD_OUT} per language, and at most half of all"
        raise DataError("\n".join([f"too few sentence pairs to hold some out ({reason}):", *problems]))
    taken = set(held)
    kept = [number for number, pair in enumerate(data.bitext) if pair not in taken]
    links = None if data.links is None else [data.links[number] for number in kept]
    return replace(data, bitext=[data.bitext[number] for number in kept], links=links, held=held)


def align_held_out(bitext: Sequence[SentencePair], *, encoder: str, device: str) -> Alignments:
    """Align the words of held-out pairs, so that labels can be carried over the links. The links are cached.

    Args:
        bitext: The held-out pairs.
        encoder: Name of the pretrained encoder.
        device: Where the encoder runs.
    """
    vectors = LayerVectors(load_encoder(encoder), device=device)
    return align(bitext, aligner=HELD_OUT_LINKS, resources=Resources(vectors))


def predict_held_out(
    model: TaskModel, task: Task, data: ExperimentData, links: Sequence[WordAlignment], *, device: str
) -> list[Predictions]:
    """Let a fine-tuned model predict the held-out pairs; return one value per language.

    Args:
        model: The fine-tuned model.
        task: What the model has learnt.
        data: The data with the held-out pairs.
        links: The word alignments of the held-out pairs.
        device: Where the model runs.
    """
    return predict_pairs(model, task, data.held, links, two_texts=takes_two_texts(task, data), device=device)


def takes_two_texts(task: Task, data: ExperimentData) -> bool:
    """Return whether an item of the task has two texts. If it does, two sentence pairs make one item."""
    return any(len(task.kind.texts(item)) > 1 for item in data.train)
