"""Averages the weights of several encoders into one encoder, which is as fast as each of them.

Encoders that were made from the same pretrained encoder often lie in the same valley of the loss. Then the mean of
their weights works about as well as the mean of their outputs, and nobody has to choose one encoder. Wortsman et al.
call this model soups (2022, arXiv 2203.05482). If the pretrained encoder is a member, the average also moves back
towards the pretrained knowledge (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import torch
from torch import Tensor, nn

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.errors import EncoderError, SettingsError


def average_encoders(encoders: Iterable[Model], *, weights: Sequence[float] | None = None) -> Encoder:
    """Return the weighted mean of encoders. The mean is written into the first encoder, once it is complete.

    The encoders are requested and released one by one: with a generator, at most two are in memory beside the mean. A
    parameter that is the same in all encoders stays bit-identical. Whole numbers are those of the first encoder.

    Args:
        encoders: One or more encoders, with the same architecture and the same vocabulary.
        weights: The weight of each encoder, in the same order; by default all weights are equal.

    Raises:
        EncoderError: Two encoders cannot be averaged, or a parameter is not finite.
        SettingsError: A weight is not a finite number greater than 0.
        ValueError: The numbers of weights and encoders differ, or no encoder is given.
    """
    return combine_encoders(encoders, None if weights is None else check_weights(weights))


def combine_encoders(encoders: Iterable[Model], weights: Sequence[float] | None = None) -> Encoder:
    """Return the weighted mean of encoders, as `average_encoders` does, but weights may be negative.

    With the weights -0.5 and 1.5, the second encoder is moved half as far again from the first.
    """
    shares = repeat(1.0) if weights is None else iter(weights)
    first, mean, total = None, {}, 0.0
    for encoder in map(to_encoder, encoders):
        if (share := next(shares, None)) is None:
            raise ValueError("more encoders than weights")
        total += share
        check_finite(encoder.name, encoder.model)
        if first is None:
            first, mean = encoder, dict(named_tensors(encoder.model))
        else:
            check_alike(first, encoder)
            _move_towards(mean, encoder.model, share / total)
        del encoder  # otherwise it would stay in memory while the next one is loaded
    if first is None or (weights is not None and next(shares, None) is not None):
        raise ValueError("fewer encoders than weights, or none at all")
    with torch.no_grad():
        for name, tensor in named_tensors(first.model):
            if (moved := mean.pop(name)) is not tensor:
                tensor.copy_(moved)
    return first


def check_weights(weights: Sequence[float]) -> Sequence[float]:
    """Return the weights of an average unchanged if all are finite and greater than 0.

    Raises:
        SettingsError: A weight is not a finite number greater than 0.
    """
    for weight in weights:
        if not (weight > 0 and math.isfinite(weight)):
            raise SettingsError(
                f"the weight {weight:g} is not allowed: each weight must be a finite number greater than 0; leave the "
                "encoder out instead"
            )
    return weights


@torch.no_grad()
def _move_towards(mean: dict[str, Tensor], other: nn.Module, share: float) -> None:
    """Move a mean towards the weights of a model, by a share of the way. What moves becomes a new tensor."""
    for name, theirs in named_tensors(other):
        ours = mean[name]
        # Equal weights are skipped, because rounding would change them: a frozen part stays unchanged.
        if ours.is_floating_point() and not torch.equal(ours, there := theirs.to(ours)):
            mean[name] = ours.lerp(there, share)


def named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters and buffers by name, tied ones once."""
    yield from model.named_parameters()
    yield from model.named_buffers()


def check_alike(one: Encoder, other: Encoder, *, how: str = "averaged") -> None:
    """Check that two encoders differ only in their weights.

    Args:
        one: An encoder.
        other: Another encoder.
        how: What is to be done with them, for the message.

    Raises:
        EncoderError: They differ in more; the message names the difference.
    """
    if (difference := _difference(one, other)) is not None:
        raise EncoderError(
            f"{one.name!r} and {other.name!r} cannot be {how}: {difference}; use encoders that were made from the "
            "same pretrained encoder"
        )


def _difference(one: Encoder, other: Encoder) -> str | None:
    """Describe a difference of two encoders beside their weights; None if there is none."""
    kinds = [encoder.model.config.model_type for encoder in (one, other)]
    if kinds[0] != kinds[1]:
        return f"one is a {kinds[0]} model, the other a {kinds[1]} model"
    shapes = [{name: list(tensor.shape) for name, tensor in named_tensors(encoder.model)} for encoder in (one, other)]
    if lone := shapes[0].keys() ^ shapes[1].keys():
        return f"only one of them has {min(lone)}"
    for name, shape in shapes[0].items():
        if shape != (theirs := shapes[1][name]):
            return f"{name} has the shape {shape} in one and {theirs} in the other"
    # Weights of the same shape may belong to different numbers of heads.
    heads = [getattr(encoder.model.config, "num_attention_heads", None) for encoder in (one, other)]
    if heads[0] != heads[1]:
        return f"one has {heads[0]} attention heads, the other {heads[1]}"
    if one.tokenizer is not other.tokenizer and one.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        return "their vocabularies differ, so that the same row of the table stands for different subwords"
    return None
