"""Realigns an encoder: translations of a word get similar vectors."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from transformers import PreTrainedModel, set_seed

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import HasLanguages, SentencePair, language_pairs
from alignfreeze.encoding.batches import collate_pairs, encode_pairs
from alignfreeze.encoding.encoder import Encoder, check_device
from alignfreeze.errors import DataError, SettingsError, did_you_mean
from alignfreeze.realignment.freezing import FREEZE_POLICIES, frozen
from alignfreeze.realignment.losses import Negatives, contrastive_loss
from alignfreeze.settings import Settings
from alignfreeze.training import TrainingHistory, TrainingPlan, train


class RealignmentSettings(Settings):
    """Settings of the realignment stage; the defaults are the paper's."""

    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps; left out, an experiment takes as many as fine-tuning does."""
    batch_size: int = Field(default=16, gt=0)
    """Sentence pairs a step."""
    learning_rate: float = Field(default=2e-5, gt=0)
    """Of Adam, without a schedule. The paper takes 7.5e-6 for XLM-R."""
    temperature: float = Field(default=0.1, gt=0)
    """Divides the cosine similarities of the contrastive loss; smaller is sharper."""
    negatives: Negatives = "strong"
    """`strong`: words of both languages stand against a counterpart; `weak`: of the other language only."""
    layer: Literal["last", "reference"] = "last"
    """Whose output is realigned: the last layer's, or the last but one's as in the reference code."""
    projection: int = Field(default=128, gt=0)
    """Width of the projection head's output."""
    max_length: int = Field(default=96, ge=3)
    """Most subwords a sentence; words beyond lose their links."""


@dataclass(frozen=True, slots=True)
class RealignmentHistory:
    """What a realignment did.

    Attributes:
        training: Steps, seconds and losses.
        freeze: The freeze policy.
        frozen_parameters: How many parameters were held fixed.
        parameters: How many the encoder has.
        pairs: Sentence pairs trained on.
        pairs_without_links: Sentence pairs left out because no link of theirs remained.
    """

    training: TrainingHistory
    freeze: str
    frozen_parameters: int
    parameters: int
    pairs: int
    pairs_without_links: int


class ProjectionHead(nn.Sequential):
    """The head between word vectors and the loss; it is thrown away after realignment."""

    def __init__(self, width: int, projection: int) -> None:
        super().__init__(nn.Linear(width, width, bias=False), nn.ReLU(), nn.Linear(width, projection, bias=False))


class RealignmentModel(nn.Module):
    """An encoder with a projection head, whose output is the realignment loss of a batch."""

    def __init__(self, encoder: PreTrainedModel, settings: RealignmentSettings) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = ProjectionHead(encoder.config.hidden_size, settings.projection)
        self.settings = settings

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, words: Tensor, is_target: Tensor, links: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss of an `AlignedBatch`."""
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        subwords = output.hidden_states[layer_index(self.encoder, self.settings.layer)]  # [2 * batch, subwords, width]
        vectors = subwords.flatten(0, 1).index_select(0, words)  # [words, width]
        loss = contrastive_loss(
            self.projection(vectors),
            links,
            is_target,
            temperature=self.settings.temperature,
            negatives=self.settings.negatives,
        )
        return {"loss": loss}


def layer_index(encoder: PreTrainedModel, layer: Literal["last", "reference"]) -> int:
    """Return the place in `hidden_states` (which begin with the embeddings) of the realigned layer.

    The reference code takes `num_hidden_layers - 1`, which is the last layer but one.
    """
    n_layers = encoder.config.num_hidden_layers
    return n_layers if layer == "last" else n_layers - 1


def realign(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    freeze: str = "full",
    settings: RealignmentSettings | None = None,
    seed: int = 31,
    device: str = "auto",
) -> RealignmentHistory:
    """Train an encoder in place until linked words have similar vectors (realignment_loss.py in the reference code).

    What the freeze policy holds fixed is bit-identical afterwards, and every
    parameter requires a gradient afterwards exactly if it did before.

    Args:
        encoder: The encoder; its weights change.
        bitext: Sentence pairs of one or several language pairs.
        alignments: Their word alignments, in the same order.
        freeze: A name in `FREEZE_POLICIES`.
        settings: How to train; `steps` is required.
        seed: For the projection head, the order of the pairs and dropout.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        SettingsError: The policy or the device does not exist, or the number of steps is missing.
        DataError: No sentence pair has a usable link.
    """
    settings = settings or RealignmentSettings()
    check_policy(freeze)
    if settings.steps is None:
        raise SettingsError("realignment.steps: say how many steps to realign (the paper: as many as in fine-tuning)")
    device = check_device(device)
    max_length = min(settings.max_length, encoder.max_length)
    pairs = encode_pairs(encoder.tokenizer, bitext, alignments, max_length=max_length)
    if not pairs:
        raise DataError(
            f"none of the {len(bitext):,} sentence pairs has a usable link (one-to-one, between different words, "
            f"within {max_length} subwords); check the bitext and its word alignments"
        )
    set_seed(seed)
    model = RealignmentModel(encoder.model, settings)
    layers = encoder.layers
    with frozen(layers, FREEZE_POLICIES[freeze](len(layers))) as fixed:
        training = train(
            model,
            pairs,
            partial(collate_pairs, padding=encoder.padding),
            TrainingPlan(
                title=f"realigning ({freeze})",
                steps=settings.steps,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
                schedule="constant",
                warmup_steps=0,
                seed=seed,
                device=device,
            ),
            order=interleaved(pairs, settings.steps * settings.batch_size, seed=seed),
        )
    return RealignmentHistory(
        training=training,
        freeze=freeze,
        frozen_parameters=sum(parameter.numel() for parameter in fixed),
        parameters=sum(parameter.numel() for parameter in encoder.model.parameters()),
        pairs=len(pairs),
        pairs_without_links=len(bitext) - len(pairs),
    )


def check_policy(name: str) -> None:
    """Check that a freeze policy exists.

    Raises:
        SettingsError: It does not; the message proposes the nearest.
    """
    if name not in FREEZE_POLICIES:
        proposal = did_you_mean(name, FREEZE_POLICIES)
        raise SettingsError(f"unknown freeze policy {name!r}; there are {', '.join(FREEZE_POLICIES)}.{proposal}")


def interleaved(pairs: Sequence[HasLanguages], length: int, *, seed: int) -> list[int]:
    """Return an order of sentence pairs in which the language pairs take turns.

    Each language pair is shuffled anew whenever it runs out, so that a small
    bitext neither ends the training nor repeats in the same order (the
    reference code does both).

    Args:
        pairs: The sentence pairs.
        length: How many places the order has.
        seed: For the shuffling.

    Returns:
        Positions in `pairs`, `length` of them.
    """
    generator = random.Random(seed)
    groups = list(language_pairs(pairs).values())
    queues: list[list[int]] = [[] for _ in groups]
    order: list[int] = []
    while len(order) < length:
        turn = len(order) % len(groups)
        if not queues[turn]:
            queues[turn] = generator.sample(groups[turn], len(groups[turn]))
        order.append(queues[turn].pop())
    return order
