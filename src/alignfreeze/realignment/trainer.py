"""Realigns an encoder: translations of a word get similar vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor, nn
from transformers import PreTrainedModel, set_seed

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs, sides_of
from alignfreeze.encoding.encoder import Encoder, check_device
from alignfreeze.encoding.families import family_of, layers_of
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.encoding.vocabulary import compacted
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import digest_of_arrays
from alignfreeze.processes import counts, gathered, n_processes, process_number, total
from alignfreeze.progress import as_one_stage
from alignfreeze.realignment.freezing import Freezing, check_policy, frozen, frozen_parts
from alignfreeze.realignment.losses import Negatives, contrastive_loss, l2_loss, mean_pooled, pull_loss
from alignfreeze.realignment.prefix import Keep, Prefix, storing
from alignfreeze.settings import Settings, known
from alignfreeze.training import (
    Checks,
    ComputeSettings,
    LossModel,
    TrainingHistory,
    TrainingPlan,
    check_alone,
    train,
    visits,
)


def _layer(value: str | list[int]) -> str | list[int]:
    if not value:
        raise ValueError("name at least one layer")
    return known(value, ["last", "reference"], "layer") if isinstance(value, str) else value


class StoppingSettings(Settings):
    """By what a realignment ends before its last step; what is best of it is kept."""

    by: Literal["agreement", "retrieval"] = "agreement"
    """What is estimated without labels, in the mean over languages. `agreement`: a short fine-tuning from the encoder
    as it is, and how far its labels of the target sides agree with those of the source sides, carried over the links;
    `retrieval`: how many linked words find each other, at the layer where most do before realignment."""
    every: int = Field(default=50, gt=0)
    """Optimiser steps from one estimate to the next; the first is before realignment."""
    patience: int = Field(default=3, gt=0)
    """So many estimates in a row without a better one end the realignment."""
    finetuning_steps: int = Field(default=50, gt=0)
    """Of `agreement`: optimiser steps of the short fine-tuning."""


class RealignmentSettings(Settings):
    """Settings of the realignment stage; the defaults are the paper's."""

    schedule: Literal["before", "during", "after"] = "before"
    """When: `before` fine-tuning, `during` it (each of its steps adds the realignment loss), or `after` it."""
    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps; left out, an experiment takes as many as fine-tuning does. `during` takes those of
    fine-tuning in any case."""
    batch_size: int = Field(default=16, gt=0)
    """Sentence pairs a step."""
    learning_rate: float = Field(default=2e-5, gt=0)
    """Of Adam, without a schedule. The paper takes 7.5e-6 for XLM-R. `during` takes that of fine-tuning."""
    loss: Literal["contrastive", "l2", "sentence"] = "contrastive"
    """`contrastive`: each linked word has to find its counterpart; `l2`: squared difference of linked words, and a
    pull to the initial model (Cao et al. 2020); `sentence`: each sentence has to find its translation, by mean-pooled
    vectors and without word links."""
    temperature: float = Field(default=0.1, gt=0)
    """Divides the cosine similarities of the contrastive losses; smaller is sharper."""
    negatives: Negatives = "strong"
    """`strong`: words of both languages stand against a counterpart; `weak`: of the other language only."""
    coefficient: float = Field(default=0.1, gt=0)
    """Of `during`: what the realignment loss counts beside the task's."""
    pull: float = Field(default=1.0, ge=0)
    """Of `l2`: what the squared difference from the initial model's states of the source sentences counts."""
    layer: Annotated[str | list[Annotated[int, Field(ge=0)]], AfterValidator(_layer)] = "last"
    """Whose output is realigned: the last layer's, or the last but one's as in the reference code; or a list of
    numbers (0 for the embeddings, 1 for the first layer, and so on), over which the loss is averaged."""
    projection: int = Field(default=128, ge=0)
    """Width of the projection head's output, of the contrastive losses; 0 for none."""
    max_length: int = Field(default=96, ge=3)
    """Most subwords a sentence; words beyond lose their links."""
    freeze_embeddings: bool = False
    """Freeze the embeddings too, as `+embeddings` in the name of a strategy does. They and the frozen layers above
    them then run without dropout, which the reference code never does."""
    keep_prefix: Keep = "no"
    """With frozen embeddings and frozen layers above them: keep what they compute for a sentence, so that it is
    computed once. 4 bytes times the encoder's width a subword."""
    stopping: StoppingSettings | None = None
    """End early by estimates from held-out pairs; `steps` are then the most. Left out: all steps."""

    added = frozenset({"stopping"})

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.keep_prefix != "no" and (self.schedule == "during" or self.loss == "l2"):
            raise ValueError("keep_prefix: with schedule 'during' or loss 'l2' nothing of a sentence stays the same")
        if self.stopping is not None and self.schedule != "before":
            raise ValueError(f"stopping goes with schedule 'before' only, not with {self.schedule!r}")
        return self

    @property
    def needs_links(self) -> bool:
        """Whether the loss goes by word links."""
        return self.loss != "sentence"


Judge = Callable[[Encoder], float]
"""Says how good an encoder is; more is better."""


@dataclass(frozen=True, slots=True)
class RealignmentHistory:
    """What a realignment did.

    Attributes:
        training: Steps, seconds and losses.
        freeze: The freeze policy.
        frozen: What was held fixed.
        pairs: Sentence pairs trained on.
        pairs_without_links: Sentence pairs left out because no link of theirs remained.
    """

    training: TrainingHistory
    freeze: str
    frozen: Freezing
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

    Attributes:
        encoder: The encoder.
        projection: The head between vectors and loss.
        layers: Whose outputs are realigned, by how many layers they count.
        untrained: Parts that get no gradient from this loss, though they may from another.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        settings: RealignmentSettings,
        *,
        padding: int = 0,
        prefix: Prefix | None = None,
        untrained: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        projects = settings.projection and settings.loss != "l2"
        self.projection = ProjectionHead(encoder.config.hidden_size, settings.projection) if projects else nn.Identity()
        self.settings = settings
        self.padding = padding
        self.prefix = prefix
        self.layers = realigned_layers(encoder, settings.layer)
        # Not modules of this one: they are neither trained nor saved with it.
        self.untrained = tuple(untrained)
        self.initial = (deepcopy(encoder).eval(),) if settings.loss == "l2" and settings.pull else ()

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

    def forward(self, **batch: Any) -> dict[str, Tensor]:
        """Return the loss of an `AlignedBatch`."""
        states = self._states(batch)  # [subwords, width] for each layer
        losses = [LOSSES[self.settings.loss](self, values, batch) for values in states]
        for initial in self.initial:
            losses += [self.settings.pull * pull for pull in self._pulls(initial, states, batch)]
        return {"loss": torch.stack(losses).sum() / len(states)}

    def _states(self, batch: Mapping[str, Any]) -> Sequence[Tensor]:
        """Return the states of the realigned layers, [subwords, width] each."""
        sentences = {name: batch[name] for name in ("subwords", "lengths", "longest")}
        run = partial(encode, self.encoder, **sentences, padding=self.padding)
        below, first = None, 0
        if self.prefix is not None:
            below = self.prefix.states(batch["sentences"], batch["lengths"], run)
            first = len(self.prefix.layers)
        run = partial(run, hidden=below, at_once=self.at_once, untrained=self.untrained)
        if len(self.layers) == 1 and self.layers[0] > first:
            return [run(layers=range(first, self.layers[0]))]
        return run(layers=range(first, max(self.layers)), at=self.layers).unbind(dim=1)

    def _pulls(self, initial: PreTrainedModel, states: Sequence[Tensor], batch: Mapping[str, Any]) -> Iterator[Tensor]:
        """Yield how far the source sentences' states are from the initial model's, by layer."""
        lengths = batch["lengths"][: len(batch["lengths"]) // 2]
        n = int(lengths.sum())
        with torch.no_grad():
            before = encode(
                initial.to(lengths.device),  # type: ignore[arg-type]
                batch["subwords"][:n],
                lengths,
                longest=int(lengths.max()),
                padding=self.padding,
                at=self.layers,
            )
        for now, then in zip(states, before.unbind(dim=1), strict=True):
            yield pull_loss(now[:n], then)


def _contrastive(model: RealignmentModel, states: Tensor, batch: Mapping[str, Any]) -> Tensor:
    """Return the loss over linked words; those of all processes stand against each other."""
    vectors = states.index_select(0, batch["words"])  # [words, width]
    return _against_all(model, vectors, batch["links"], batch["is_target"])


def _sentences(model: RealignmentModel, states: Tensor, batch: Mapping[str, Any]) -> Tensor:
    """Return the loss over sentences, each of which has to find its translation."""
    vectors = mean_pooled(states, batch["lengths"])  # [2 * pairs, width]
    numbers = torch.arange(len(vectors), device=vectors.device)
    pairs = len(vectors) // 2
    return _against_all(model, vectors, torch.stack([numbers[:pairs], numbers[pairs:]], dim=1), numbers >= pairs)


def _against_all(model: RealignmentModel, vectors: Tensor, links: Tensor, is_target: Tensor) -> Tensor:
    rows = counts(len(vectors), vectors.device)
    before = sum(rows[: process_number()])
    return contrastive_loss(
        model.projection(gathered(vectors, rows)),
        gathered(links + before),
        gathered(is_target, rows),
        temperature=model.settings.temperature,
        negatives=model.settings.negatives,
    )


def _l2(_: RealignmentModel, states: Tensor, batch: Mapping[str, Any]) -> Tensor:
    """Return the squared difference of linked words; each link of all processes counts alike."""
    links = batch["links"]
    count = torch.tensor(float(len(links)), device=states.device)
    return l2_loss(states.index_select(0, batch["words"]), links) * count * n_processes() / total(count)


LOSSES: dict[str, Callable[[RealignmentModel, Tensor, Mapping[str, Any]], Tensor]] = {
    "contrastive": _contrastive,
    "l2": _l2,
    "sentence": _sentences,
}
"""From a model, the states of a layer, [subwords, width], and an `AlignedBatch`, to the loss of that layer."""


def realigned_layers(encoder: PreTrainedModel, layer: str | Sequence[int]) -> tuple[int, ...]:
    """Return whose outputs are realigned, by how many layers they count; 0 is the embeddings' output.

    The reference code takes `num_hidden_layers - 1`, which is the last layer but one; the last is then
    not even run.

    Raises:
        SettingsError: The encoder has no such layer.
    """
    n_layers = len(layers_of(encoder))
    if isinstance(layer, str):
        return (n_layers if layer == "last" else n_layers - 1,)
    beyond = [number for number in layer if number > n_layers]
    if beyond:
        raise SettingsError(f"realignment.layer: the encoder has the layers 0 to {n_layers}, not {beyond[0]}")
    return tuple(dict.fromkeys(layer))


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
    judge: Judge | None = None,
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
        judge: Of `settings.stopping`: says how good the encoder is that it is given; more is better. It is asked about
            the pretrained encoder first, also by a training that goes on from a checkpoint.

    Raises:
        SettingsError: The policy or the device does not exist, or the number of steps is missing, or the judge.
        DataError: No sentence pair has a usable link.
        TrainingError: The training diverges, or memory does not suffice.
    """
    settings = settings or RealignmentSettings()
    check_policy(freeze)
    if settings.steps is None:
        raise SettingsError("realignment.steps: say how many steps to realign (the paper: as many as in fine-tuning)")
    if (settings.stopping is None) != (judge is None):
        raise SettingsError(
            "realignment.stopping says when, and a judge how good an encoder is: give both or neither, as in realign("
            "..., settings=RealignmentSettings(steps=1000, stopping={'every': 100, 'patience': 3}), judge=judge)"
        )
    if judge is not None:
        check_alone()
    device = check_device(device)
    prepared = prepare(encoder, bitext, alignments, freeze=freeze, settings=settings, seed=seed)
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
        n_pairs: How many there were, those without links included.
        freeze: The freeze policy.
        fixed: What it holds fixed.
        freezing: The same, by name and number.
        settings: How to train.
    """

    pairs: EncodedBitext
    n_pairs: int
    freeze: str
    fixed: list[nn.Module]
    freezing: Freezing
    settings: RealignmentSettings

    def history(self, training: TrainingHistory) -> RealignmentHistory:
        """Return what is recorded of the realignment."""
        without = self.n_pairs - len(self.pairs)
        return RealignmentHistory(training, self.freeze, self.freezing, len(self.pairs), without)

    @property
    def identity(self) -> list[Any]:
        """What distinguishes the training from others, as plain values."""
        return [self.settings.model_dump(mode="json"), self.freeze, digest_of_arrays(*self.pairs.arrays().values())]


def prepare(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    freeze: str,
    settings: RealignmentSettings,
    seed: int,
) -> Prepared:
    """Encode a bitext and find what is held fixed.

    Raises:
        SettingsError: There is no such policy or layer.
        DataError: No sentence pair can be used.
    """
    fixed = held_fixed(encoder.model, freeze, settings, seed=seed)
    realigned_layers(encoder.model, settings.layer)
    max_length = min(settings.max_length, encoder.max_length)
    pairs = encode_pairs(encoder.tokenizer, bitext, alignments, max_length=max_length, needs_links=settings.needs_links)
    if not pairs:
        wanted = "a usable link (one-to-one, between different words, " if settings.needs_links else "two sides ("
        raise DataError(
            f"none of the {len(bitext):,} sentence pairs has {wanted}within {max_length} subwords); "
            "check the bitext and its word alignments"
        )
    return Prepared(pairs, len(bitext), freeze, fixed, Freezing.of(encoder.model, fixed), settings)


def _train(
    encoder: Encoder,
    prepared: Prepared,
    plan: TrainingPlan,
    *,
    compute: ComputeSettings,
    checkpoints: Path | None,
    judge: Judge | None,
) -> TrainingHistory:
    """Train on encoded pairs, with some modules held fixed."""
    pairs, settings = prepared.pairs, prepared.settings
    # As the encoder is outside of a training, which changes how it computes and leaves out word embeddings.
    spare, start = None, 0.0
    if settings.stopping is not None and judge is not None:
        spare, start = deepcopy(encoder.model), _judged(judge, encoder)
    order = visits(pairs.positions(), pairs.lengths(), plan)
    used = pairs.subwords.take(sides_of(np.unique(order)))
    with (
        packing(encoder.model),
        compacted(encoder.model, np.append(used, encoder.padding)) as vocabulary,
        frozen(prepared.fixed),
        _prefix(encoder, prepared) as prefix,
    ):
        set_seed(plan.seed)
        padding = int(vocabulary.numbers[encoder.padding])
        model = RealignmentModel(encoder.model, settings, padding=padding, prefix=prefix)
        # Both sides of a pair.
        model.at_once = None if compute.micro_batch is None else 2 * compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = pairs.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        def judged() -> float:
            assert judge is not None and spare is not None
            vocabulary.write(encoder.model, spare)
            return _judged(judge, Encoder(encoder.name, spare, encoder.tokenizer))

        stopping = settings.stopping
        return train(
            model,
            collate,
            plan,
            order=order,
            compute=compute,
            checkpoints=checkpoints,
            identity=prepared.identity,
            checks=None if stopping is None else Checks(judged, start, stopping.every, stopping.patience),
        )


def _judged(judge: Judge, encoder: Encoder) -> float:
    # A judge may train and predict; whoever looks on is not to take that for the run's own fine-tuning.
    with as_one_stage("estimating without labels"):
        return judge(encoder)


@contextmanager
def _prefix(encoder: Encoder, prepared: Prepared) -> Iterator[Prefix | None]:
    """Yield the frozen embeddings and the frozen layers right above them; None if the embeddings are trained."""
    # Realigned layers within the prefix need it computed with gradients.
    lowest = min(realigned_layers(encoder.model, prepared.settings.layer))
    layers = list(takewhile(lambda layer: layer in prepared.fixed, encoder.layers))[:lowest]
    if encoder.embeddings not in prepared.fixed or not family_of(encoder.model).slices:
        yield None
        return
    # The embeddings alone are looked up as quickly as their output would be.
    keep = prepared.settings.keep_prefix if layers else "no"
    with storing(keep, prepared.pairs.subwords, encoder.model.config.hidden_size) as store:
        yield Prefix(encoder.embeddings, layers, store)


def held_fixed(model: PreTrainedModel, freeze: str, settings: RealignmentSettings, *, seed: int) -> list[nn.Module]:
    """Return the parts of a model that realignment with a freeze policy holds fixed.

    Raises:
        SettingsError: There is no such policy or layer.
        EncoderError: The model's layers cannot be frozen one by one.
    """
    more = ["embeddings"] if settings.freeze_embeddings else []
    return frozen_parts(model, "+".join([freeze, *more]), seed=seed)
