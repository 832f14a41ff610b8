"""Which layers stay fixed while an encoder is realigned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import nn

FreezePolicy = Callable[[int], range]
"""Maps the number of layers of an encoder to the layers to freeze."""


def full(n_layers: int) -> range:
    """Freeze nothing: full realignment."""
    return range(0)


def front(n_layers: int) -> range:
    """Freeze the first half; of an odd number of layers, the smaller half."""
    return range(n_layers // 2)


def back(n_layers: int) -> range:
    """Freeze the second half; of an odd number of layers, the larger half."""
    return range(n_layers // 2, n_layers)


FREEZE_POLICIES: dict[str, FreezePolicy] = {"full": full, "front": front, "back": back}
"""The policies by name, as partial_freezes.py in the reference code has them; embeddings stay trainable in all,
unless `freeze_embeddings` is set."""


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
