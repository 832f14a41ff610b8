"""Realigns an encoder: translations of a word get similar vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn
from transformers import PreTrainedModel, set_seed

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs, sides_of
from alignfreeze.encoding.encoder import Encoder, check_device
from alignfreeze.encoding.families import embeddings_of, layers_of
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.encoding.vocabulary import compacted
from alignfreeze.errors import DataError, SettingsError, did_you_mean
from alignfreeze.files import digest_of_arrays
from alignfreeze.processes import counts, gathered, process_number
from alignfreeze.realignment.freezing import FREEZE_POLICIES, frozen
from alignfreeze.realignment.losses import Negatives, contrastive_loss
from alignfreeze.realignment.prefix import Keep, Prefix, storing
from alignfreeze.settings import Settings
from alignfreeze.training import ComputeSettings, LossModel, TrainingHistory, TrainingPlan, train, visits


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
    freeze_embeddings: bool = False
    """Freeze the embeddings too. They and the frozen layers above them then run without dropout, which the
    reference code never does."""
    keep_prefix: Keep = "no"
    """With frozen embeddings and frozen layers above them: keep what they compute for a sentence, so that it is
    computed once. 4 bytes times the encoder's width a subword."""


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


class RealignmentModel(LossModel):
    """An encoder with a projection head, whose output is the realignment loss of a batch.

    With a prefix, the embeddings and the lowest layers are a fixed function: they run without dropout
    and without gradients, once a sentence where their output is kept.
    """

    def __init__(
        self, encoder: PreTrainedModel, settings: RealignmentSettings, *, padding: int = 0, prefix: Prefix | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = ProjectionHead(encoder.config.hidden_size, settings.projection)
        self.settings = settings
        self.padding = padding
        self.prefix = prefix

    @property
    def network(self) -> PreTrainedModel:
        """The encoder."""
        return self.encoder

    def train(self, mode: bool = True) -> RealignmentModel:
        """Set training mode, in which the prefix has no dropout."""
        super().train(mode)
        if self.prefix is not None:
            self.prefix.eval()
        return self

    def forward(  # noqa: PLR0917 - an `AlignedBatch` is passed by its keys
        self,
        subwords: Tensor,
        lengths: Tensor,
        longest: int,
        sentences: Tensor,
        words: Tensor,
        is_target: Tensor,
        links: Tensor,
    ) -> dict[str, Tensor]:
        """Return the loss of an `AlignedBatch`."""
        last = layer_index(self.encoder, self.settings.layer)
        encode_layers = partial(encode, self.encoder, subwords, lengths, longest=longest, padding=self.padding)
        if self.prefix is None:
            below, first = None, 0
        else:
            below = self.prefix.states(sentences, lengths, encode_layers)
            first = len(self.prefix.layers)
        states = encode_layers(layers=range(first, last), hidden=below, at_once=self.at_once)  # [subwords, width]
        vectors = states.index_select(0, words)  # [words, width]
        n_words = counts(len(words), words.device)
        before = sum(n_words[: process_number()])
        loss = contrastive_loss(
            self.projection(gathered(vectors, n_words)),
            gathered(links + before),
            gathered(is_target, n_words),
            temperature=self.settings.temperature,
            negatives=self.settings.negatives,
        )
        return {"loss": loss}


def layer_index(encoder: PreTrainedModel, layer: Literal["last", "reference"]) -> int:
    """Return how many layers the realigned one counts, itself included.

    The reference code takes `num_hidden_layers - 1`, which is the last layer but one; the last is then
    not even run.
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
    compute: ComputeSettings | None = None,
    seed: int = 31,
    device: str = "auto",
    checkpoints: Path | None = None,
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
        compute: How it is computed.
        seed: For the projection head, the order of the pairs and dropout.
        device: `auto`, `cpu`, `cuda` or `mps`.
        checkpoints: A folder for checkpoints, from which a training that was killed goes on.

    Raises:
        SettingsError: The policy or the device does not exist, or the number of steps is missing.
        DataError: No sentence pair has a usable link.
        TrainingError: The training diverges, or memory does not suffice.
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
    plan = TrainingPlan(
        title=f"realigning ({freeze})",
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        schedule="constant",
        warmup_steps=0,
        seed=seed,
        device=device,
    )
    fixed = held_fixed(encoder.model, freeze, settings)
    return RealignmentHistory(
        freeze=freeze,
        frozen_parameters=sum(parameter.numel() for module in fixed for parameter in module.parameters()),
        parameters=sum(parameter.numel() for parameter in encoder.model.parameters()),
        pairs=len(pairs),
        pairs_without_links=len(bitext) - len(pairs),
        training=_train(
            encoder,
            pairs,
            fixed=fixed,
            settings=settings,
            plan=plan,
            compute=compute or ComputeSettings(),
            checkpoints=checkpoints,
        ),
    )


def _train(
    encoder: Encoder,
    pairs: EncodedBitext,
    *,
    fixed: Sequence[nn.Module],
    settings: RealignmentSettings,
    plan: TrainingPlan,
    compute: ComputeSettings,
    checkpoints: Path | None,
) -> TrainingHistory:
    """Train on encoded pairs, with some modules held fixed."""
    order = visits(pairs.positions(), pairs.lengths(), plan)
    used = pairs.subwords.take(sides_of(np.unique(order)))
    with (
        packing(encoder.model),
        compacted(encoder.model, np.append(used, encoder.padding)) as vocabulary,
        frozen(fixed),
        _prefix(encoder, fixed, settings, pairs) as prefix,
    ):
        set_seed(plan.seed)
        padding = int(vocabulary.numbers[encoder.padding])
        model = RealignmentModel(encoder.model, settings, padding=padding, prefix=prefix)
        # Both sides of a pair.
        model.at_once = None if compute.micro_batch is None else 2 * compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = pairs.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        identity = [settings.model_dump(mode="json"), digest_of_arrays(*pairs.arrays().values())]
        return train(model, collate, plan, order=order, compute=compute, checkpoints=checkpoints, identity=identity)


@contextmanager
def _prefix(
    encoder: Encoder, fixed: Sequence[nn.Module], settings: RealignmentSettings, pairs: EncodedBitext
) -> Iterator[Prefix | None]:
    """Yield the frozen embeddings and the frozen layers right above them; None if the embeddings are trained."""
    if not settings.freeze_embeddings:
        yield None
        return
    layers = list(takewhile(lambda layer: layer in fixed, encoder.layers))
    # The embeddings alone are looked up as quickly as their output would be.
    keep = settings.keep_prefix if layers else "no"
    with storing(keep, pairs.subwords, encoder.model.config.hidden_size) as store:
        yield Prefix(encoder.embeddings, layers, store)


def held_fixed(model: PreTrainedModel, freeze: str, settings: RealignmentSettings) -> list[nn.Module]:
    """Return the parts of a model that realignment with a freeze policy holds fixed, lowest first."""
    layers = layers_of(model)
    embeddings = [embeddings_of(model)] if settings.freeze_embeddings else []
    return embeddings + [layers[index] for index in FREEZE_POLICIES[freeze](len(layers))]


def check_policy(name: str) -> None:
    """Check that a freeze policy exists.

    Raises:
        SettingsError: It does not; the message proposes the nearest.
    """
    if name not in FREEZE_POLICIES:
        proposal = did_you_mean(name, FREEZE_POLICIES)
        raise SettingsError(f"unknown freeze policy {name!r}; there are {', '.join(FREEZE_POLICIES)}.{proposal}")
