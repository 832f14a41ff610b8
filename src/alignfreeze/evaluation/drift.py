"""How far the layers of an encoder have moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.errors import EncoderError


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a part of an encoder has moved.

    Attributes:
        layer: 0 for the embeddings, 1 for the first layer, and so on.
        distance: The length of the change of the part's weights, divided by the length of the weights before.
    """

    layer: int
    distance: float


def measure_drift(before: Encoder, after: Encoder) -> list[Drift]:
    """Return how far the embeddings and each layer of an encoder have moved.

    Args:
        before: The encoder before, such as the pretrained one.
        after: The same encoder, realigned or fine-tuned.

    Raises:
        EncoderError: The two have different shapes.
    """
    pairs = [(before.embeddings, after.embeddings), *zip(before.layers, after.layers, strict=False)]
    if len(before.layers) != len(after.layers):
        raise EncoderError(
            f"{before.name!r} and {after.name!r} cannot be compared: they have {len(before.layers)} and "
            f"{len(after.layers)} layers; name versions of the same encoder"
        )
    return [Drift(number, _distance(*both, f"{before.name!r} and {after.name!r}")) for number, both in enumerate(pairs)]


def _distance(before: nn.Module, after: nn.Module, names: str) -> float:
    squares = list(_squares(before, after, names))
    change, length = (sum(values) for values in zip(*squares, strict=True))
    return (change / length) ** 0.5 if length else 0.0


def _squares(before: nn.Module, after: nn.Module, names: str) -> Iterator[tuple[float, float]]:
    theirs = dict(after.named_parameters())
    for name, ours in before.named_parameters():
        other = theirs.get(name)
        if other is None or other.shape != ours.shape:
            raise EncoderError(
                f"{names} cannot be compared: {name} has different shapes; name versions of the same encoder"
            )
        difference = other.detach().cpu() - ours.detach().cpu()
        yield difference.square().sum().item(), ours.detach().cpu().square().sum().item()
