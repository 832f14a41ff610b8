"""An encoder whose output is the realignment loss of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alignfreeze.encoding.families import layers_of
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.losses import LOSSES, LossInputs
from alignfreeze.realignment.prefix import Prefix
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.training.model import LossModel


class ProjectionHead(nn.Sequential):
    """The head between vectors and the loss. It is dropped after realignment.

    It computes in its own precision: an encoder in half precision has a head in float32.
    """

    def __init__(self, width: int, projection: int) -> None:
        super().__init__(nn.Linear(width, width, bias=False), nn.ReLU(), nn.Linear(width, projection, bias=False))

    def forward(self, input: Tensor) -> Tensor:
        """Project vectors, [vectors, width] to [vectors, projection]."""
        return super().forward(input.to(next(self.parameters()).dtype))


class RealignmentModel(LossModel):
    """An encoder with a projection head, whose output is the realignment loss of a batch.

    With a prefix, the embeddings and the lowest layers are a fixed function. They run without dropout and without
    gradients. If their output is kept, they run only once per sentence.

    Attributes:
        encoder: The encoder.
        projection: The head between vectors and loss.
        layers: The layers whose outputs are realigned, counted from 1; 0 stands for the embeddings.
        untrained: Parts that get no gradient from this loss, but may get a gradient from another loss.
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
        self.loss = LOSSES[settings.loss]
        width = encoder.config.hidden_size
        self.projection = ProjectionHead(width, settings.projection) if settings.projects else nn.Identity()
        self.settings = settings
        self.padding = padding
        self.prefix = prefix
        self.layers = realigned_layers(encoder, settings.layer)
        # Tuples hide these parts from torch: they are neither trained nor saved with this model.
        self.untrained = tuple(untrained)
        self.initial: tuple[PreTrainedModel, ...] = (
            (deepcopy(encoder).eval(),) if self.loss.needs_initial and settings.pull else ()
        )

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
        initial = self._initial_states(batch) if self.initial else [None] * len(states)
        losses = [
            self.loss.compute(now, LossInputs(batch, self.projection, self.settings, then))
            for now, then in zip(states, initial, strict=True)
        ]
        return {"loss": torch.stack(losses).sum() / len(states)}

    def _states(self, batch: Mapping[str, Any]) -> Sequence[Tensor]:
        """Return the states of the realigned layers, [subwords, width] each."""
        run = partial(encode, self.encoder, Packed.of(batch), padding=self.padding)
        below, first = None, 0
        if self.prefix is not None:
            below = self.prefix.states(batch["sentences"], run)
            first = len(self.prefix.layers)
        run = partial(run, hidden=below, at_once=self.at_once, untrained=self.untrained)
        if len(self.layers) == 1 and self.layers[0] > first:
            return [run(layers=range(first, self.layers[0]))]
        return run(layers=range(first, max(self.layers)), at=self.layers).unbind(dim=1)

    def _initial_states(self, batch: Mapping[str, Any]) -> Sequence[Tensor]:
        """Return the initial model's states of the source sentences, by layer, [source subwords, width] each."""
        sentences = Packed.of(batch)
        sources = sentences.first(sentences.n_sentences // 2)
        initial = self.initial[0].to(sources.subwords.device)  # type: ignore[arg-type]
        with torch.no_grad():
            return encode(initial, sources, padding=self.padding, at=self.layers).unbind(dim=1)


def realigned_layers(encoder: PreTrainedModel, layer: str | Sequence[int]) -> tuple[int, ...]:
    """Return the layers whose outputs are realigned, counted from 1; 0 stands for the embeddings.

    The reference code realigns layer `num_hidden_layers - 1`, which is the last layer but one. The last layer then does
    not even run.

    Raises:
        SettingsError: The encoder has no such layer.
    """
    n_layers = len(layers_of(encoder))
    if isinstance(layer, str):
        return (n_layers if layer == "last" else n_layers - 1,)
    beyond = [number for number in layer if number > n_layers]
    if beyond:
        raise SettingsError(f"realignment.layer: the encoder has layers 0 to {n_layers}, not {beyond[0]}")
    return tuple(dict.fromkeys(layer))
