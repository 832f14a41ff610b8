"""What a realignment needs before it is trained: encoded pairs, the parts to freeze, and adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings, to_alignment_settings
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.given import to_bitext
from alignfreeze.encoding.batches import EncodedBitext, encode_pairs
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import to_encoder
from alignfreeze.encoding.requests import LinkRequest
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import digest_of_arrays
from alignfreeze.realignment.adapters import find_lora
from alignfreeze.realignment.freezing import EMBEDDINGS, FreezePolicy, is_all_frozen, tell_if_all_is_frozen
from alignfreeze.realignment.history import Freezing, RealignmentHistory
from alignfreeze.realignment.model import realigned_layers
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.training.history import TrainingHistory


def prepare_given(
    encoder: Encoder,
    bitext: Any,
    alignments: Any,
    *,
    languages: tuple[str, str] | None,
    aligner: str | AlignmentSettings | Mapping[str, Any],
    freeze: FreezePolicy,
    settings: RealignmentSettings,
    seed: int,
    device: str,
) -> Prepared:
    """Prepare a realignment on what a caller holds; the arguments are those of `realign`.

    Raises:
        SettingsError: A setting does not fit, or nothing is left to train.
        DataError: The bitext or the links cannot be read, or no sentence pair can be used.
    """
    pairs = to_bitext(bitext, languages=languages)
    if alignments is None:
        alignments = _find_links(encoder, pairs, aligner, settings, device=device)
    prepared = prepare(encoder, pairs, alignments, freeze=freeze, settings=settings, seed=seed)
    layers = realigned_layers(encoder.model, settings.layer)
    is_still = prepared.freezing.adapter is None and is_all_frozen(encoder.model, prepared.fixed, layers=layers)
    if is_still and not settings.projects:
        raise SettingsError(f"{freeze}: nothing is left to train: all is frozen, and the loss has no projection head")
    return prepared


def _find_links(
    encoder: Encoder,
    pairs: Sequence[SentencePair],
    aligner: str | AlignmentSettings | Mapping[str, Any],
    settings: RealignmentSettings,
    *,
    device: str,
) -> Sequence[WordAlignment]:
    """Find the links of sentence pairs, if the loss uses any. An aligner that compares vectors uses the encoder."""
    if not settings.needs_links:
        return align(pairs, aligner="sentence", cache=False)
    return LinkRequest(to_alignment_settings(aligner)).find(pairs, encoder, device=device)


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
    """Encode a bitext, and find the parts to freeze and the place of adapters.

    Raises:
        SettingsError: The policy or the layer does not exist, or peft is needed and not installed.
        EncoderError: Adapters are to be added to an encoder that has some.
        DataError: No sentence pair can be used.
    """
    encoder = to_encoder(encoder)
    policy = complete_policy(FreezePolicy.parse(freeze), settings)
    fixed = policy.parts_of(encoder.model, seed=seed)
    layers = realigned_layers(encoder.model, settings.layer)
    lora = find_lora(policy, encoder.model, fixed, layers=layers)
    if lora is None:
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
    return Prepared(pairs, len(bitext), str(freeze), policy, fixed, Freezing.of(encoder.model, fixed, lora), settings)


def complete_policy(freeze: FreezePolicy, settings: RealignmentSettings) -> FreezePolicy:
    """Return a freeze policy with the parts that the settings of the realignment freeze in addition."""
    return freeze + EMBEDDINGS if settings.freeze_embeddings else freeze
