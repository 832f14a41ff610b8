"""Which parts of an encoder stay fixed while it is realigned."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from alignfreeze.encoding.families import blocks_of, embeddings_of, family_of, layers_of
from alignfreeze.errors import EncoderError, SettingsError, did_you_mean

FreezePolicy = Callable[[nn.Module, str, int], Sequence[nn.Module]]
"""From an encoder, what stands behind the policy's name, and a seed, to the parts to freeze."""


def full(_: nn.Module, __: str, ___: int) -> Sequence[nn.Module]:
    """Freeze nothing: full realignment."""
    return []


def front(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the first half of the layers; of an odd number, the smaller half."""
    layers = _own_layers(encoder)
    return layers[: len(layers) // 2]


def back(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the second half of the layers; of an odd number, the larger half."""
    layers = _own_layers(encoder)
    return layers[len(layers) // 2 :]


def embeddings(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze what turns subwords into vectors."""
    return [embeddings_of(encoder)]


def attention(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the attention blocks of all layers, norms included."""
    return blocks_of(encoder, family_of(encoder).attention)


def feed_forward(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the feed-forward blocks of all layers, norms included."""
    return blocks_of(encoder, family_of(encoder).feed_forward)


def span(encoder: nn.Module, numbers: str, __: int) -> Sequence[nn.Module]:
    """Freeze the layers of a range, `3..7` with both ends, or a single one; the lowest is 0."""
    layers = _own_layers(encoder)
    first, _, last = numbers.partition("..")
    start, end = int(first), int(last or first)
    if not start <= end < len(layers):
        raise SettingsError(
            f"freeze policy {numbers!r}: the encoder has the layers 0 to {len(layers) - 1}, the lowest named first"
        )
    return layers[start : end + 1]


def at_random(encoder: nn.Module, count: str, seed: int) -> Sequence[nn.Module]:
    """Freeze so many layers, drawn by the seed."""
    layers = _own_layers(encoder)
    if int(count) > len(layers):
        raise SettingsError(f"freeze policy 'random:{count}': the encoder has {len(layers)} layers")
    return [layers[number] for number in sorted(random.Random(seed).sample(range(len(layers)), int(count)))]


FREEZE_POLICIES: dict[str, FreezePolicy] = {
    "full": full,
    "front": front,
    "back": back,
    "embeddings": embeddings,
    "attention": attention,
    "feed-forward": feed_forward,
}
"""The policies that have a name; `front` and `back` are those of partial_freezes.py in the reference code."""

_PATTERNS: dict[re.Pattern[str], FreezePolicy] = {
    re.compile(r"([0-9]+(?:\.\.[0-9]+)?)"): span,
    re.compile(r"random:([0-9]+)"): at_random,
}

POLICIES_HELP = f"{', '.join(FREEZE_POLICIES)}, 3, 3..7, random:4, or several joined by +"


def _own_layers(encoder: nn.Module) -> Sequence[nn.Module]:
    """Return the layers of an encoder, if each has weights of its own."""
    if family_of(encoder).shared:
        kind = encoder.config.model_type  # type: ignore[union-attr]
        raise EncoderError(
            f"all layers of a {kind} model share their weights, so that some cannot be frozen without the others; "
            "take full, embeddings, attention or feed-forward"
        )
    return layers_of(encoder)


def _policy(part: str) -> tuple[FreezePolicy, str]:
    """Return the policy of one part of a name, and what stands behind it."""
    if part in FREEZE_POLICIES:
        return FREEZE_POLICIES[part], ""
    for pattern, policy in _PATTERNS.items():
        if match := pattern.fullmatch(part):
            return policy, match[1]
    proposal = did_you_mean(part, FREEZE_POLICIES)
    raise SettingsError(f"unknown freeze policy {part!r}; there are {POLICIES_HELP}.{proposal}")


def check_policy(name: str) -> str:
    """Return the name of a freeze policy as given when it is one, such as `front+embeddings`.

    Raises:
        SettingsError: It is not; the message proposes the nearest.
    """
    for part in name.split("+"):
        _policy(part)
    return name


def frozen_parts(encoder: nn.Module, freeze: str, *, seed: int = 0) -> list[nn.Module]:
    """Return the parts of an encoder that a policy freezes, each once.

    Args:
        encoder: The encoder.
        freeze: Names joined by `+`.
        seed: For `random:K`.

    Raises:
        SettingsError: There is no such policy, or no such layer.
        EncoderError: The encoder's layers cannot be frozen one by one.
    """
    found = []
    for part in freeze.split("+"):
        policy, argument = _policy(part)
        found += policy(encoder, argument, seed)
    return list(dict.fromkeys(found))


def held_by_all(several: Sequence[Sequence[nn.Module]]) -> list[nn.Module]:
    """Return the parts that each of several lists of frozen parts holds fixed, whole or as a part of another."""
    inside = [{module for part in fixed for module in part.modules()} for fixed in several]
    return list(dict.fromkeys(part for fixed in several for part in fixed if all(part in one for one in inside)))


@dataclass(frozen=True, slots=True)
class Freezing:
    """What is held fixed in an encoder.

    Attributes:
        parts: Paths of the frozen modules.
        parameters: How many parameters are frozen.
        n_parameters: How many the encoder has.
    """

    parts: tuple[str, ...]
    parameters: int
    n_parameters: int

    @property
    def share(self) -> float:
        """The frozen share of the parameters."""
        return self.parameters / self.n_parameters

    @classmethod
    def of(cls, encoder: nn.Module, fixed: Sequence[nn.Module]) -> Freezing:
        """Name and count what is frozen."""
        paths = {module: name for name, module in encoder.named_modules()}
        frozen_parameters = {id(p): p.numel() for module in fixed for p in module.parameters()}
        return cls(
            tuple(paths[module] for module in fixed),
            sum(frozen_parameters.values()),
            sum(parameter.numel() for parameter in encoder.parameters()),
        )


@contextmanager
def frozen(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Hold modules fixed inside the block; restore them after it, come what may."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    trainable = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, requires_grad in zip(parameters, trainable, strict=True):
            parameter.requires_grad_(requires_grad)
