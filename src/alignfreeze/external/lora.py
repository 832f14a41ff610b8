"""What the adapters of an encoder are, as values for its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Lora:
    """What LoRA adds to an encoder: the product of two narrow matrices beside the weights of linear layers.

    Attributes:
        rank: The width of the narrow matrices.
        alpha: The product counts with the factor alpha / rank.
        targets: Paths of the linear layers.
        parameters: How many parameters the matrices have.
    """

    rank: int
    alpha: int
    targets: tuple[str, ...]
    parameters: int

    @classmethod
    def of(cls, model: nn.Module, layers: Sequence[nn.Linear], *, rank: int) -> Lora:
        """Describe adapters beside linear layers of a model."""
        paths = {module: path for path, module in model.named_modules()}
        size = sum(rank * (layer.in_features + layer.out_features) for layer in layers)
        return cls(rank, 2 * rank, tuple(paths[layer] for layer in layers), size)

    def __str__(self) -> str:
        beside = f"beside {len(self.targets)} linear layers ({', '.join(self.kinds)})"
        return f"adapters of rank {self.rank}, alpha {self.alpha}, {beside}: {self.parameters:,} parameters"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the linear layers, each once: `query`, `key`."""
        return tuple(dict.fromkeys(path.rpartition(".")[2] for path in self.targets))
