"""Which parts of an encoder stay frozen while it is realigned."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from torch import nn

from alignfreeze.encoding.families import blocks_of, embeddings_of, family_of, layers_of
from alignfreeze.errors import EncoderError, SettingsError, did_you_mean, show_value
from alignfreeze.progress import remark

Selector = Callable[[nn.Module, str, int], Sequence[nn.Module]]
"""Finds the parts to freeze in an encoder, from the text after the rule's name and a seed."""


def full(_: nn.Module, __: str, ___: int) -> Sequence[nn.Module]:
    """Freeze nothing: full realignment."""
    return []


def front(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the first half of the layers; the smaller half if their number is odd."""
    layers = _own_layers(encoder)
    return layers[: len(layers) // 2]


def back(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the second half of the layers; the larger half if their number is odd."""
    layers = _own_layers(encoder)
    return layers[len(layers) // 2 :]


def embeddings(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the embeddings, which turn subwords into vectors."""
    return [embeddings_of(encoder)]


def attention(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the attention blocks of all layers, norms included."""
    return blocks_of(encoder, family_of(encoder).attention)


def feed_forward(encoder: nn.Module, _: str, __: int) -> Sequence[nn.Module]:
    """Freeze the feed-forward blocks of all layers, norms included."""
    return blocks_of(encoder, family_of(encoder).feed_forward)


def span(encoder: nn.Module, numbers: str, __: int) -> Sequence[nn.Module]:
    """Freeze the layers of a range, such as `3..7` with both ends, or a single layer. The lowest layer is 0."""
    layers = _own_layers(encoder)
    first, _, last = numbers.partition("..")
    start, end = int(first), int(last or first)
    if not start <= end < len(layers):
        raise SettingsError(
            f"freeze policy {numbers!r}: the encoder has layers 0 to {len(layers) - 1}; name the lower layer first, as "
            "in 3..7"
        )
    return layers[start : end + 1]


def at_random(encoder: nn.Module, count: str, seed: int) -> Sequence[nn.Module]:
    """Freeze this many layers, drawn at random with the seed."""
    layers = _own_layers(encoder)
    if int(count) > len(layers):
        raise SettingsError(f"freeze policy 'random:{count}': the encoder has only {len(layers)} layers; name fewer")
    return [layers[number] for number in sorted(random.Random(seed).sample(range(len(layers)), int(count)))]


FREEZE_POLICIES: dict[str, Selector] = {
    "full": full,
    "front": front,
    "back": back,
    "embeddings": embeddings,
    "attention": attention,
    "feed-forward": feed_forward,
}
"""The rules that have a name. `front` and `back` are the same as in partial_freezes.py of the reference code."""

_PATTERNS: dict[re.Pattern[str], Selector] = {
    re.compile(r"([0-9]+(?:\.\.[0-9]+)?)"): span,
    re.compile(r"random:([0-9]+)"): at_random,
}

_LORA = re.compile(r"lora(?::([0-9]+))?")
DEFAULT_RANK = 8
"""The rank of `lora`, as in most experiments of Hu et al. (2021, arXiv 2106.09685)."""

POLICIES_HELP = f"{', '.join(FREEZE_POLICIES)}, 3, 3..7, random:4, lora, lora:16, or several joined by +"


def _own_layers(encoder: nn.Module) -> Sequence[nn.Module]:
    """Return the layers of an encoder if they do not share their weights."""
    if family_of(encoder).shared:
        kind = encoder.config.model_type  # type: ignore[union-attr]
        raise EncoderError(
            f"all layers of a {kind} model share their weights, so that some cannot be frozen without the others; "
            "use full, embeddings, attention or feed-forward"
        )
    return layers_of(encoder)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a freeze policy.

    Attributes:
        name: The name as the user writes it.
        select: Finds the parts of an encoder.
        argument: The text after the name, such as the number of layers.
        rank: The rank of the adapters that are trained in the place of the weights; None to train the weights.
    """

    name: str
    select: Selector
    argument: str = ""
    rank: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule, such as `front` or `random:4`.

        Raises:
            SettingsError: No rule has this name; the message proposes the nearest.
        """
        if text in FREEZE_POLICIES:
            return cls(text, FREEZE_POLICIES[text])
        if match := _LORA.fullmatch(text):
            # The embeddings have no adapters, so that they stay as they are.
            return cls(text, embeddings, rank=int(match[1] or DEFAULT_RANK))
        for pattern, select in _PATTERNS.items():
            if match := pattern.fullmatch(text):
                return cls(text, select, match[1])
        proposal = did_you_mean(text, [*FREEZE_POLICIES, "lora"])
        raise SettingsError(f"unknown freeze policy {text!r}; choose one of {POLICIES_HELP}.{proposal}")


@dataclass(frozen=True, slots=True)
class FreezePolicy:
    """Which parts of an encoder stay frozen, and whether adapters are trained in the others.

    Attributes:
        rules: Each rule freezes some parts. A part named by several rules is counted once.
    """

    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, policy: str | FreezePolicy) -> FreezePolicy:
        """Read a freeze policy, such as `front+embeddings`, or return a policy unchanged.

        Raises:
            SettingsError: No policy has this name; the message proposes the nearest. Or it names adapters twice, or
                adapters of the rank 0.
        """
        if isinstance(policy, FreezePolicy):
            return policy
        if not isinstance(policy, str):
            raise SettingsError(f"freeze: expected a policy such as 'front' or 'back+lora', got {show_value(policy)}")
        rules = tuple(map(Rule.parse, policy.split("+")))
        loras = [rule for rule in rules if rule.rank is not None]
        if len(loras) > 1:
            raise SettingsError(
                f"freeze policy {policy!r} names adapters twice; keep {loras[0].name!r} or {loras[1].name!r}"
            )
        if any(rule.rank == 0 for rule in loras):
            raise SettingsError(f"freeze policy {policy!r}: the rank of adapters is at least 1, as in lora:8")
        return cls(rules)

    def __str__(self) -> str:
        return "+".join(rule.name for rule in self.rules)

    def __add__(self, other: FreezePolicy) -> FreezePolicy:
        return FreezePolicy((*self.rules, *other.rules))

    @property
    def rank(self) -> int | None:
        """The rank of the adapters that are trained in the place of the weights; None to train the weights."""
        return next((rule.rank for rule in self.rules if rule.rank is not None), None)

    def parts_of(self, encoder: nn.Module, *, seed: int = 0) -> list[nn.Module]:
        """Return the parts of an encoder that the policy freezes, each once.

        With adapters these are the parts without adapters. The weights beside adapters are frozen too.

        Args:
            encoder: The encoder.
            seed: The seed for `random:K`.

        Raises:
            SettingsError: The encoder has no such layer.
            EncoderError: The encoder's layers cannot be frozen one by one.
        """
        found = [part for rule in self.rules for part in rule.select(encoder, rule.argument, seed)]
        return list(dict.fromkeys(found))


EMBEDDINGS = FreezePolicy.parse("embeddings")


def intersect(several: Sequence[Sequence[nn.Module]]) -> list[nn.Module]:
    """Return the parts that occur in every one of several lists, alone or inside another part."""
    inside = [{module for part in fixed for module in part.modules()} for fixed in several]
    return list(dict.fromkeys(part for fixed in several for part in fixed if all(part in one for one in inside)))


def is_all_frozen(encoder: nn.Module, fixed: Iterable[nn.Module], *, layers: Sequence[int]) -> bool:
    """Tell whether a realignment cannot change an encoder, because all that it could train is frozen.

    Args:
        encoder: The encoder.
        fixed: The modules that are frozen, besides what the caller has frozen.
        layers: The layers whose outputs are realigned, counted from 1; what lies above them is not trained.
    """
    above: list[nn.Module] = list(layers_of(encoder)[max(layers) :])
    above += [module for name, module in encoder.named_children() if name == "pooler"]
    if max(layers) < len(layers_of(encoder)) and (norm := family_of(encoder).norm):
        above.append(encoder.get_submodule(norm))
    still = {id(parameter) for module in (*fixed, *above) for parameter in module.parameters()}
    return all(id(parameter) in still or not parameter.requires_grad for parameter in encoder.parameters())


def tell_if_all_is_frozen(
    encoder: nn.Module, fixed: Iterable[nn.Module], *, freeze: str, layers: Sequence[int]
) -> None:
    """Say that a realignment cannot change an encoder; the arguments are those of `is_all_frozen`, and the policy."""
    if is_all_frozen(encoder, fixed, layers=layers):
        remark(
            f"{freeze}: this freezes everything that the realignment could train, so the encoder stays as it is; "
            "freeze fewer layers"
        )


@contextmanager
def frozen(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Freeze modules inside the block; restore them afterwards, even after an error."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    trainable = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, requires_grad in zip(parameters, trainable, strict=True):
            parameter.requires_grad_(requires_grad)
