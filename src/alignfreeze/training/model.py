"""The model that is trained: it returns the loss of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import PreTrainedModel


class LossModel(nn.Module, ABC):
    """A model that returns the loss of a batch, and can compute the batch in pieces."""

    _at_once: int | None = None

    @property
    def at_once(self) -> int | None:
        """The most sentences that are computed at once; None for the whole batch."""
        return self._at_once

    @at_once.setter
    def at_once(self, sentences: int | None) -> None:
        self._at_once = sentences

    def n_sentences(self, batch: Mapping[str, Any]) -> int:
        """Return the number of sentences in a batch."""
        return len(batch["lengths"])

    @property
    @abstractmethod
    def network(self) -> PreTrainedModel:
        """The model inside, without the parts that are added for the loss."""
