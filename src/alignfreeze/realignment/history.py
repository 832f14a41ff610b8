"""What a realignment froze and how it went, as it stands in records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignfreeze.external.lora import Lora
from alignfreeze.training.history import TrainingHistory

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Freezing:
    """The frozen part of an encoder.

    Attributes:
        parts: Paths of the frozen modules, and of single frozen parameters.
        parameters: How many parameters are frozen.
        n_parameters: How many parameters the encoder has, adapters included.
        adapter: The adapters that are trained in the place of the encoder's weights; None to train the weights.
    """

    parts: tuple[str, ...]
    parameters: int
    n_parameters: int
    adapter: Lora | None = None

    @property
    def share(self) -> float:
        """The frozen share of the parameters."""
        return self.parameters / self.n_parameters

    @classmethod
    def of(cls, encoder: nn.Module, fixed: Sequence[nn.Module], adapter: Lora | None = None) -> Freezing:
        """Name and count the frozen parts.

        These are some modules, and the parameters that the caller has frozen in addition. With adapters they are all
        that the encoder has without them.
        """
        paths = {module: name for name, module in encoder.named_modules()}
        frozen_parameters = {id(p): p.numel() for module in fixed for p in module.parameters()}
        by_caller = {id(p): p.numel() for p in encoder.parameters() if adapter is not None or not p.requires_grad}
        besides = _name_parameters(encoder, by_caller.keys() - frozen_parameters.keys())
        frozen_parameters |= by_caller
        return cls(
            (*(paths[module] for module in fixed), *besides),
            sum(frozen_parameters.values()),
            sum(parameter.numel() for parameter in encoder.parameters()) + (adapter.parameters if adapter else 0),
            adapter,
        )


def _name_parameters(module: nn.Module, chosen: Set[int], path: str = "") -> Iterator[str]:
    """Yield the paths of the outermost modules all of whose parameters are chosen, and of other chosen parameters."""
    inside = {id(parameter) for parameter in module.parameters()}
    if path and inside and inside <= chosen:
        yield path
        return
    for name, parameter in module.named_parameters(prefix=path, recurse=False):
        if id(parameter) in chosen:
            yield name
    for name, child in module.named_children():
        yield from _name_parameters(child, chosen, f"{path}.{name}" if path else name)


@dataclass(frozen=True, slots=True)
class RealignmentHistory:
    """The history of a realignment.

    Attributes:
        training: Steps, seconds and losses.
        freeze: The freeze policy.
        frozen: What was frozen.
        pairs: The number of sentence pairs that were trained on.
        pairs_without_links: The number of sentence pairs that were left out because they had no remaining link.
    """

    training: TrainingHistory
    freeze: str
    frozen: Freezing
    pairs: int
    pairs_without_links: int
