"""Realigns an encoder: translations of a word get similar vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from transformers import set_seed

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs, sides_of
from alignfreeze.encoding.encoder import Encoder, check_device, check_encoder
from alignfreeze.encoding.families import family_of
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import digest_of_arrays
from alignfreeze.progress import as_one_stage
from alignfreeze.realignment.freezing import (
    EMBEDDINGS,
    FreezePolicy,
    Freezing,
    frozen,
    is_all_frozen,
    tell_if_all_is_frozen,
)
from alignfreeze.realignment.model import RealignmentModel, realigned_layers
from alignfreeze.realignment.prefix import Prefix, storing
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.training.judging import JudgingPlan, check_one_process
from alignfreeze.training.loop import order_visits, train
from alignfreeze.training.settings import ComputeSettings, TrainingHistory, TrainingPlan

Judge = Callable[[Encoder], float]
"""Returns how good an encoder is; a higher value is better."""


@dataclass(frozen=True, slots=True)
class RealignmentHistory:
    """The history of a realignment.

    Attributes:
        training: Steps, seconds and losses.
        freeze: The freeze policy.
        frozen: What was frozen.
        pairs: The number of sentence pairs that were trained on.
        pairs_without_links: The number of sentence pairs that were left out because they had no remaining link.
    """

    training: TrainingHistory
    freeze: str
    frozen: Freezing
    pairs: int
    pairs_without_links: int


def realign(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    freeze: str | FreezePolicy = "full",
    settings: RealignmentSettings | None = None,
    compute: ComputeSettings | None = None,
    seed: int = 31,
    device: str = "auto",
    checkpoints: Path | None = None,
    judge: Judge | None = None,
) -> RealignmentHistory:
    """Train an encoder in place until linked words have similar vectors (realignment_loss.py in the reference code).

    Frozen parts are bit-identical afterwards, and so are parameters that the caller has frozen; the history names both.
    Every parameter requires a gradient afterwards exactly if it did before, and every module keeps its mode, training
    or evaluation.

    Args:
        encoder: The encoder; its weights change.
        bitext: Sentence pairs of one or several language pairs.
        alignments: The word alignments of these pairs, in the same order.
        freeze: What stays frozen, such as `front` or `back+embeddings`.
        settings: How to train; `steps` is required.
        compute: How the training is computed.
        seed: The seed for the projection head, the order of the pairs and dropout.
        device: `auto`, `cpu`, `cuda` or `mps`.
        checkpoints: A folder for checkpoints. A training that was killed continues from there.
        judge: For `settings.stopping`: returns how good an encoder is; a higher value is better. The first call gets
            the encoder before realignment, even if the training continues from a checkpoint.

    Raises:
        SettingsError: The policy or the device does not exist, the number of steps or the judge is missing, or nothing
            is left to train.
        DataError: No sentence pair has a usable link.
        TrainingError: The training diverges, or memory is too small.
    """
    settings = settings or RealignmentSettings()
    policy = FreezePolicy.parse(freeze)
    if settings.steps is None:
        raise SettingsError(
            "realignment.steps: give the number of steps (in the paper, the number of fine-tuning steps)"
        )
    if (settings.stopping is None) != (judge is None):
        raise SettingsError(
            "realignment: `stopping` says when to check, and `judge` says how good the encoder is: give both or "
            "neither, as in realign(..., settings=RealignmentSettings(steps=1000, stopping={'every': 100, "
            "'patience': 3}), judge=judge)"
        )
    if judge is not None:
        check_one_process()
    device = check_device(device)
    prepared = prepare(encoder, bitext, alignments, freeze=policy, settings=settings, seed=seed)
    layers = realigned_layers(encoder.model, settings.layer)
    if not settings.projects and is_all_frozen(encoder.model, prepared.fixed, layers=layers):
        raise SettingsError(f"{freeze}: nothing is left to train: all is frozen, and the loss has no projection head")
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
    compute = compute or ComputeSettings()
    return prepared.history(_train(encoder, prepared, plan, compute=compute, checkpoints=checkpoints, judge=judge))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A realignment before it is trained.

    Attributes:
        pairs: The sentence pairs, encoded.
        n_pairs: The number of all sentence pairs, including those without links.
        freeze: The freeze policy, as the user named it.
        policy: The freeze policy with the parts that the settings freeze in addition.
        fixed: The parts that `policy` freezes.
        freezing: The names of these parts, and the number of their parameters.
        settings: How to train.
    """

    pairs: EncodedBitext
    n_pairs: int
    freeze: str
    policy: FreezePolicy
    fixed: list[nn.Module]
    freezing: Freezing
    settings: RealignmentSettings

    def history(self, training: TrainingHistory) -> RealignmentHistory:
        """Return the history of the realignment, for the record."""
        without = self.n_pairs - len(self.pairs)
        return RealignmentHistory(training, self.freeze, self.freezing, len(self.pairs), without)

    @property
    def identity(self) -> list[Any]:
        """What distinguishes the training from other trainings, as plain values."""
        return [self.settings.model_dump(mode="json"), self.freeze, digest_of_arrays(*self.pairs.arrays().values())]


def prepare(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    freeze: str | FreezePolicy,
    settings: RealignmentSettings,
    seed: int,
) -> Prepared:
    """Encode a bitext, and find the parts to freeze.

    Raises:
        SettingsError: The policy or the layer does not exist.
        DataError: No sentence pair can be used.
    """
    check_encoder(encoder)
    policy = complete_policy(FreezePolicy.parse(freeze), settings)
    fixed = policy.parts_of(encoder.model, seed=seed)
    layers = realigned_layers(encoder.model, settings.layer)
    tell_if_all_is_frozen(encoder.model, fixed, freeze=str(freeze), layers=layers)
    max_length = min(settings.max_length, encoder.max_length)
    pairs = encode_pairs(encoder.tokenizer, bitext, alignments, max_length=max_length, needs_links=settings.needs_links)
    if not pairs:
        if settings.needs_links:
            wanted = f"a usable link (one-to-one, between different words, within {max_length} subwords)"
            advice = "check the bitext and its word alignments"
        else:
            wanted, advice = f"text on both sides (within {max_length} subwords)", "check the bitext"
        raise DataError(f"none of the {len(bitext):,} sentence pairs has {wanted}; {advice}")
    return Prepared(pairs, len(bitext), str(freeze), policy, fixed, Freezing.of(encoder.model, fixed), settings)


def _train(
    encoder: Encoder,
    prepared: Prepared,
    plan: TrainingPlan,
    *,
    compute: ComputeSettings,
    checkpoints: Path | None,
    judge: Judge | None,
) -> TrainingHistory:
    """Train on encoded pairs, with some modules frozen."""
    pairs, settings = prepared.pairs, prepared.settings
    # A copy of the encoder as it is outside of a training: a training changes how it computes, and drops embeddings.
    spare, start = None, 0.0
    if settings.stopping is not None and judge is not None:
        spare, start = deepcopy(encoder.model), _ask(judge, encoder)
    order = order_visits(pairs.positions(), pairs.lengths(), plan)
    used = pairs.subwords.take(sides_of(np.unique(order)))
    with (
        packing(encoder.model),
        compacting(encoder.model, np.append(used, encoder.padding)) as vocabulary,
        frozen(prepared.fixed),
        _prefix(encoder, prepared) as prefix,
    ):
        set_seed(plan.seed)
        padding = int(vocabulary.numbers[encoder.padding])
        model = RealignmentModel(encoder.model, settings, padding=padding, prefix=prefix)
        # A pair has two sentences.
        model.at_once = None if compute.micro_batch is None else 2 * compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = pairs.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        def judge_now() -> float:
            assert judge is not None and spare is not None
            vocabulary.write(encoder.model, spare)
            return _ask(judge, Encoder(encoder.name, spare, encoder.tokenizer))

        stopping = settings.stopping
        return train(
            model,
            collate,
            plan,
            order=order,
            compute=compute,
            checkpoints=checkpoints,
            identity=prepared.identity,
            judging=None if stopping is None else JudgingPlan(judge_now, start, stopping.every, stopping.patience),
        )


def _ask(judge: Judge, encoder: Encoder) -> float:
    # A judge may train and predict. The progress of the run must not show this as the run's own fine-tuning.
    with as_one_stage("estimating without labels"):
        return judge(encoder)


@contextmanager
def _prefix(encoder: Encoder, prepared: Prepared) -> Iterator[Prefix | None]:
    """Yield the frozen embeddings and the frozen layers right above them; None if the embeddings are trained."""
    # If a realigned layer lies within the prefix, the layers below need gradients.
    lowest = min(realigned_layers(encoder.model, prepared.settings.layer))
    layers = list(takewhile(lambda layer: layer in prepared.fixed, encoder.layers))[:lowest]
    if encoder.embeddings not in prepared.fixed or not family_of(encoder.model).slices:
        yield None
        return
    # Embeddings alone need no store: looking them up is as fast as reading their output.
    keep = prepared.settings.keep_prefix if layers else "no"
    with storing(keep, prepared.pairs.subwords, encoder.model.config.hidden_size) as store:
        yield Prefix(encoder.embeddings, layers, store)


def complete_policy(freeze: FreezePolicy, settings: RealignmentSettings) -> FreezePolicy:
    """Return a freeze policy with the parts that the settings of the realignment freeze in addition."""
    return freeze + EMBEDDINGS if settings.freeze_embeddings else freeze
