"""What is trained: a model that returns the loss of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import PreTrainedModel


class LossModel(nn.Module, ABC):
    """A model that returns the loss of a batch, and can take the batch in pieces."""

    _at_once: int | None = None

    @property
    def at_once(self) -> int | None:
        """Most sentences at once; None for all of a batch."""
        return self._at_once

    @at_once.setter
    def at_once(self, sentences: int | None) -> None:
        self._at_once = sentences

    def n_sentences(self, batch: Mapping[str, Any]) -> int:
        """Return how many sentences are in a batch."""
        return len(batch["lengths"])

    @property
    @abstractmethod
    def network(self) -> PreTrainedModel:
        """The model inside, without what is added for the loss."""
