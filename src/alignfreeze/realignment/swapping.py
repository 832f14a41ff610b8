"""Puts parts of one encoder into another, which needs no training.

Freezing keeps parts of an encoder as they were pretrained. The same parts can also be trained and put back afterwards:
train, then revert (Bandarkar and Peng 2025, arXiv 2505.18356). Or some layers come from an encoder that was trained in
another way: layer swapping (Bandarkar et al. 2024, arXiv 2410.01335).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn

from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.realignment.averaging import check_alike, named_tensors
from alignfreeze.realignment.freezing import FREEZE_POLICIES, FreezePolicy, Rule, full, intersect

_NAMES = [name for name, select in FREEZE_POLICIES.items() if select is not full]

PARTS_HELP = f"{', '.join(_NAMES)}, 3, 3..7, random:4, or several joined by +"

_LAYERS = re.compile(r"([0-9]+)(?:\.\.([0-9]+))?")


def swap_parts(encoder: Model, donor: Model, parts: str | FreezePolicy, *, seed: int = 0) -> Encoder:
    """Put parts of another encoder into an encoder, in place, and return it. The other encoder stays as it is.

    What the parts do not name stays as it is: `front` and `back` do not name the embeddings.

    Args:
        encoder: The encoder that receives parts.
        donor: The encoder that the parts come from, with the same architecture and the same vocabulary.
        parts: What is replaced, in the words of freeze policies: `front`, `3..7`, `embeddings`, `front+embeddings`.
        seed: The seed for `random:K`.

    Raises:
        SettingsError: The parts have no such name, or the encoder has no such layer.
        EncoderError: The encoders differ in more than their weights, a parameter is not finite, or the encoder's layers
            share their weights.
    """
    policy = parts if isinstance(parts, FreezePolicy) else parse_parts(parts)
    ours, theirs = to_encoder(encoder), to_encoder(donor)
    for one in (ours, theirs):
        check_finite(one.name, one.model)
    check_alike(ours, theirs, how="merged")
    both = zip(*(policy.parts_of(one.model, seed=seed) for one in (ours, theirs)), strict=True)
    with torch.no_grad():
        for part, other in both:
            values = dict(named_tensors(other))
            for name, tensor in named_tensors(part):
                tensor.copy_(values[name])
    return ours


def parse_parts(text: str) -> FreezePolicy:
    """Read the names of parts. The result has them in one order, each once, and layers as ranges.

    Raises:
        SettingsError: No parts have this name; the message proposes the nearest.
    """
    names = {part for name in text.split("+") for part in _check_part(name, text)}
    return FreezePolicy.parse("+".join([*_join_layers(names), *sorted(n for n in names if not _LAYERS.fullmatch(n))]))


def _check_part(name: str, text: str) -> Iterator[str]:
    """Yield the name of a part if parts can have it."""
    try:
        rule = Rule.parse(name)
        why = "names no parts of an encoder" if rule.rank is not None or rule.select is full else ""
    except SettingsError:
        why = "is not known"
    if why:
        raise SettingsError(f"parts {text!r}: {name!r} {why}; choose one of {PARTS_HELP}.{did_you_mean(name, _NAMES)}")
    match = _LAYERS.fullmatch(name)
    if match and match[2] and int(match[1]) > int(match[2]):
        raise SettingsError(f"parts {text!r}: name the lower layer first, as in {match[2]}..{match[1]}")
    yield name


def _join_layers(names: Iterable[str]) -> list[str]:
    """Return the names of layers as ranges that do not touch, the lowest first."""
    ranges: list[list[int]] = []
    for start, end in sorted((int(m[1]), int(m[2] or m[1])) for name in names if (m := _LAYERS.fullmatch(name))):
        if ranges and start <= ranges[-1][1] + 1:
            ranges[-1][1] = max(ranges[-1][1], end)
        else:
            ranges.append([start, end])
    return [f"{start}..{end}" if end > start else str(start) for start, end in ranges]


def unchanged_after_swap(
    base: Sequence[nn.Module], donor: Sequence[nn.Module], parts: Sequence[nn.Module]
) -> list[nn.Module]:
    """Return the modules that are as in the pretrained encoder after a swap.

    Args:
        base: What is as in the pretrained encoder in the encoder that received parts.
        donor: The same for the encoder that the parts came from. All modules belong to one model.
        parts: What was replaced.
    """
    swapped = {module for part in parts for module in part.modules()}
    kept = [left for module in base for left in _leave_out(module, swapped)]
    return list(dict.fromkeys([*intersect([parts, donor]), *kept]))


def _leave_out(module: nn.Module, others: set[nn.Module]) -> Iterator[nn.Module]:
    """Yield a module, or the largest modules inside it that hold none of some others."""
    if module in others:
        return
    if others.isdisjoint(module.modules()):
        yield module
        return
    for child in module.children():
        yield from _leave_out(child, others)
