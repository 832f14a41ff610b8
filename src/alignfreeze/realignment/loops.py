"""The realignment loss as a module, for training loops that other people have written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.encoding.batches import move_batch
from alignfreeze.encoding.devices import check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import to_encoder
from alignfreeze.encoding.lending import lending
from alignfreeze.encoding.overrides import keeping_results
from alignfreeze.encoding.packing import packing
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.processes import n_processes
from alignfreeze.realignment.endless import EndlessBatches
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.preparing import Prepared, prepare_given
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import to_settings


class RealignmentLoss(nn.Module):
    """The realignment loss of a model, for a training loop of your own: `loss()` is the loss of the next batch.

    The result is a scalar with gradients for the model and for the projection head. The optimiser needs both:
    `[*model.parameters(), *loss.parameters()]`. Frozen parts get no gradient from this loss, but get those of your own
    loss. The model keeps its device, precision, mode, vocabulary and attention; batches go to its device. Batches never
    end. `state_dict` holds the head and the place in the order of the batches.

    Gradient checkpointing is off while this loss is computed.

    Attributes:
        projection: The head between vectors and loss, in float32; it is dropped after realignment.
        settings: The settings.
    """

    def __init__(
        self,
        model: Encoder | nn.Module,
        bitext: Any,
        alignments: Any = None,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        languages: tuple[str, str] | None = None,
        aligner: str | AlignmentSettings | Mapping[str, Any] = "auto",
        freeze: str | FreezePolicy = "full",
        settings: RealignmentSettings | Mapping[str, Any] | None = None,
        seed: int = 31,
        **options: Any,
    ) -> None:
        """Prepare the loss.

        Args:
            model: A model of transformers, peft or sentence-transformers, or an encoder. Of a model with a head the
                encoder is realigned.
            bitext: Sentence pairs, as for `realign`.
            alignments: The word alignments of these pairs, in the same order; None to find them.
            tokenizer: The tokenizer of the model.
            languages: Codes of the source and the target language, if the bitext does not tell.
            aligner: Finds the links if there are no alignments.
            freeze: What gets no gradient from this loss, such as `front` or `back+embeddings`.
            settings: The batch size and the loss. Your loop decides on steps and learning rates.
            seed: The seed for the projection head and the order of the pairs.
            options: Settings by name, such as `batch_size=8`.

        Raises:
            SettingsError: A setting or the policy does not exist, nothing is left to train, or several processes train.
            EncoderError: This is no encoder, or its weights cannot be trained in this precision.
            DataError: The bitext or the links cannot be read, or no sentence pair has a usable link.
        """
        super().__init__()
        if n_processes() > 1:
            raise SettingsError("the realignment loss in a loop of your own works with one process only; use realign()")
        self.settings = to_settings(RealignmentSettings, settings, "realignment", **options)
        policy = FreezePolicy.parse(freeze)
        if isinstance(model, str | Path):
            raise EncoderError(f"{model}: your loop trains a model, so give the model itself, not its name")
        found = to_encoder(model, tokenizer=tokenizer)
        _check_precision(found.model)
        with lending(found.model):  # an aligner may run the encoder
            given = {"languages": languages, "aligner": aligner, "device": check_device(found.model.device)}
            how: dict[str, Any] = {"freeze": policy, "settings": self.settings, "seed": seed}
            prepared = prepare_given(found, bitext, alignments, **given, **how)
        if prepared.freezing.adapter is not None:
            raise SettingsError(
                f"{freeze}: in a loop of your own, add adapters to the model yourself, as peft.get_peft_model does, "
                "and leave lora out"
            )
        realignment = _build(found.model, prepared, padding=found.padding, seed=seed)
        self.projection = realignment.projection
        # A tuple hides the caller's model from torch: its weights are not those of this loss.
        self._alongside = (realignment,)
        self._batches = EndlessBatches(prepared.pairs, self.settings.batch_size, seed=seed)

    if TYPE_CHECKING:  # torch's own declaration returns anything

        def __call__(self) -> Tensor: ...  # noqa: D102

    def forward(self) -> Tensor:
        """Return the loss of the next batch, a scalar in float32."""
        (realignment,) = self._alongside
        encoder = realignment.encoder
        self.projection.to(encoder.device)
        batch = move_batch(self._batches.draw(), encoder.device)
        with packing(encoder), keeping_results(encoder):
            return realignment(**batch)["loss"]

    def get_extra_state(self) -> Tensor:
        """Return how many batches have been drawn, and a number that tells these batches from others."""
        return torch.tensor([self._batches.drawn, self._batches.fingerprint])

    def set_extra_state(self, state: Tensor) -> None:
        """Continue with the batch after those that had been drawn.

        Raises:
            SettingsError: The state comes from other sentence pairs, or from another batch size or seed.
        """
        drawn, fingerprint = state.tolist()
        if fingerprint != self._batches.fingerprint:
            raise SettingsError(
                "this state is of a realignment with other sentence pairs, links, batch size or seed; give the same "
                "as before, or begin anew without the state"
            )
        self._batches.drawn = drawn


def _build(encoder: Any, prepared: Prepared, *, padding: int, seed: int) -> RealignmentModel:
    """Return the model that computes the loss. The caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = RealignmentModel(encoder, prepared.settings, padding=padding, untrained=prepared.fixed)
    model.projection.to(encoder.device)
    return model


def _check_precision(encoder: nn.Module) -> None:
    if any(weight.dtype == torch.float16 for weight in encoder.parameters()):
        raise EncoderError(
            f"the weights of this {type(encoder).__name__} are in float16, in which small gradients get lost; call "
            "model.float() and use torch.autocast, or load the model with dtype=torch.bfloat16"
        )


class SentenceTransformerRealignment(nn.Module):
    """A loss for `SentenceTransformerTrainer`: a loss of sentence-transformers, plus the realignment of its encoder.

    The trainer logs both parts as `base_loss` and `realignment_loss`, with their weights. While it evaluates, only the
    other loss is computed. A training that has to continue exactly from a checkpoint uses `RealignmentCallback`
    instead, because the trainer keeps no state of a loss.

    Attributes:
        model: The SentenceTransformer.
        loss: The other loss; None to realign alone.
        realignment: The realignment loss.
    """

    def __init__(
        self, model: nn.Module, bitext: Any, alignments: Any = None, *, loss: nn.Module | None = None, **options: Any
    ) -> None:
        """Prepare the loss.

        Args:
            model: The SentenceTransformer.
            bitext: Sentence pairs, as for `realign`.
            alignments: The word alignments of these pairs, in the same order; None to find them.
            loss: A loss of sentence-transformers, with the weight 1; None to realign alone.
            options: What `RealignmentLoss` takes, such as `freeze` and settings by name. The setting `coefficient` is
                the weight of the realignment beside another loss.

        Raises:
            AlignFreezeError: As for `RealignmentLoss`.
        """
        super().__init__()
        self.model = model
        self.loss = loss
        self.realignment = RealignmentLoss(model, bitext, alignments, **options)
        self._freeze = str(options.get("freeze", "full"))

    def forward(
        self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the parts of the loss, each a scalar.

        Args:
            sentence_features: The texts of a batch, by column.
            labels: What the other loss needs besides.
        """
        base = {} if self.loss is None else self.loss(sentence_features, labels)
        parts = dict(base) if isinstance(base, Mapping) else {"base_loss": base}
        # An evaluation needs no gradients. It would take batches from the training, and says nothing about the texts.
        if torch.is_grad_enabled():
            weight = 1.0 if self.loss is None else self.realignment.settings.coefficient
            parts["realignment_loss"] = weight * self.realignment()
        return parts or {"base_loss": torch.zeros((), device=next(self.model.parameters()).device)}

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the card of the model says about this loss."""
        settings = self.realignment.settings
        changed = settings.model_dump(mode="json", include=settings.model_fields_set)
        weight = {} if self.loss is None else {"coefficient": settings.coefficient}
        return {"loss": self.loss, "freeze": self._freeze} | weight | changed
