"""Whether a task and a realignment change the layers of a model in the same direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import move_batch, sides_of
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.families import embeddings_of, layers_of
from alignfreeze.encoding.modes import keeping_modes
from alignfreeze.encoding.order import take_turns
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.errors import DataError
from alignfreeze.progress import stage
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.preparing import prepare
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.kinds import TaskLoss
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task
from alignfreeze.training.model import LossModel

BATCHES = 16

ITEMS, PAIRS = 32, 16
"""Items and sentence pairs of a batch, as in the paper."""


@dataclass(frozen=True, slots=True)
class GradientCosine:
    """How far two gradients of a layer point in the same direction.

    Attributes:
        layer: 0 for the embeddings, 1 for the first layer, and so on.
        mean: The mean cosine over batches: 1 for the same direction, 0 for unrelated gradients.
        sd: The standard deviation of the cosine (n - 1).
        n: The number of batches.
    """

    layer: int
    mean: float
    sd: float
    n: int


def compare_gradients(
    task_model: TaskModel,
    task: Task,
    items: Sequence[Any],
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    settings: RealignmentSettings | None = None,
    batches: int = BATCHES,
    seed: int = 31,
    device: str = "auto",
) -> list[GradientCosine]:
    """Compare the gradients of a task loss and a realignment loss, layer by layer, at the weights of a model.

    The realignment loss has no projection head, because a new head would be random and turn the gradient. Dropout is
    off. arXiv 2603.18863 finds that the two gradients are often close to orthogonal.

    Args:
        task_model: A fine-tuned model.
        task: What the model has learnt.
        items: Items of the source language, such as the training items.
        bitext: Sentence pairs of one or several language pairs, which take turns.
        alignments: The word alignments of these pairs, in the same order.
        settings: The settings of the realignment loss.
        batches: The number of batches of items and of pairs, at least two.
        seed: The random start of the choice of items and pairs.
        device: Where the model runs.

    Raises:
        SettingsError: The device does not exist.
        DataError: No item has a label, or no sentence pair has a usable link.
        ValueError: Fewer than two batches are requested.
    """
    if batches < 2:
        raise ValueError(f"a standard deviation needs at least two batches, got {batches}")
    settings = (settings or RealignmentSettings()).model_copy(update={"projection": 0})
    device = check_device(device)
    network: Any = task_model.model
    base = network.base_model
    encoder = Encoder("the model", base, task_model.tokenizer)
    pairs = prepare(encoder, bitext, alignments, freeze="full", settings=settings, seed=seed).pairs
    examples = task.kind.examples(task_model, items)
    if not len(examples):
        raise DataError("no item has a label, so the task has no gradient to compare; give labelled items")
    chosen = [
        take_turns([np.arange(len(examples))], batches * ITEMS, seed=seed),
        take_turns(pairs.positions(), batches * PAIRS, seed=seed),
    ]
    used = [examples.subwords.take(np.unique(chosen[0])), pairs.subwords.take(sides_of(np.unique(chosen[1])))]
    with (
        keeping_modes(network),
        packing(network),
        compacting(network, np.concatenate([*used, [task_model.padding]]), shared=True) as vocabulary,
        stage("comparing gradients", total=batches) as bar,
    ):
        padding = int(vocabulary.numbers[task_model.padding])
        losses = [
            TaskLoss(network, task.kind, padding=padding).eval(),
            RealignmentModel(base, settings, padding=padding).eval(),
        ]
        network.to(device)
        parts = [embeddings_of(base), *layers_of(base)]
        cosines = []
        for rows in zip(*(numbers.reshape(batches, -1) for numbers in chosen), strict=True):
            both = [data.batch(numbers) for data, numbers in zip((examples, pairs), rows, strict=True)]
            gradients = [
                _gradients(loss, {**batch, "subwords": vocabulary.compact(batch["subwords"])}, parts, device)
                for loss, batch in zip(losses, both, strict=True)
            ]
            cosines.append([_cosine(*sides) for sides in zip(*gradients, strict=True)])
            bar.advance()
    return _over_batches(np.array(cosines))


def _gradients(loss: LossModel, batch: Mapping[str, Any], parts: Sequence[nn.Module], device: str) -> list[Tensor]:
    """Return the gradient of a loss, one vector per part; zero for a parameter that the loss does not depend on."""
    loss.zero_grad(set_to_none=True)
    loss(**move_batch(batch, device))["loss"].backward()
    found = [
        torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in part.parameters()])
        for part in parts
    ]
    loss.zero_grad(set_to_none=True)
    return found


def _cosine(ours: Tensor, theirs: Tensor) -> float:
    length = ours.norm() * theirs.norm()
    return float(ours @ theirs / length) if length else 0.0


def _over_batches(cosines: NDArray[np.float64]) -> list[GradientCosine]:
    """Return mean and deviation of cosines, given as [batches, layers]."""
    means, deviations = cosines.mean(axis=0), cosines.std(axis=0, ddof=1)
    return [
        GradientCosine(layer, float(mean), float(sd), len(cosines))
        for layer, (mean, sd) in enumerate(zip(means, deviations, strict=True))
    ]
