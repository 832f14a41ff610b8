"""Trains with only the word embeddings that the data use, and puts them back into the full table.

Multilingual-e5-small has 118 million parameters. 96 million of them are word embeddings, and a batch uses a few hundred
rows. Adam without weight decay does not change a row that never gets a gradient. So a table without those rows trains
to the same weights, in a fraction of the memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

_RESERVED = 10
"""The padding subword keeps its number if this is not higher. It is 0 in BERT, 1 in RoBERTa and their relatives."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The subwords of a compact table.

    Attributes:
        subwords: The numbers of the subwords in the full table, ascending, [rows].
        numbers: For each subword of the full table, its row in the compact table, or -1, [vocabulary].
    """

    subwords: Tensor
    numbers: Tensor

    def compact(self, subwords: Tensor) -> Tensor:
        """Return the rows of subwords in the compact table, in the same shape.

        Raises:
            ValueError: A subword is not in the compact table.
        """
        rows = self.numbers[subwords]
        if rows.numel() and rows.min() < 0:
            missing = subwords[rows < 0].unique()[:5].tolist()
            raise ValueError(f"subwords {missing} are not in the compact table; collect all that the data use")
        return rows

    def write(self, compact: PreTrainedModel, full: PreTrainedModel) -> None:
        """Copy the weights of a compact model into a full one.

        The compact table goes into the rows of its subwords in the full table; the other rows stay.
        """
        table = compact.get_input_embeddings().weight
        with torch.no_grad():
            for (_, ours), (_, theirs) in zip(compact.named_parameters(), full.named_parameters(), strict=True):
                if ours is table:
                    theirs[self.subwords.to(theirs.device)] = ours.to(theirs.device)
                else:
                    theirs.copy_(ours)


@contextmanager
def compacting(model: PreTrainedModel, subwords: NDArray[np.integer], *, shared: bool = False) -> Iterator[Vocabulary]:
    """Keep only the given word embeddings in a model inside the block. Afterwards, put them back into the full table.

    The full table is the same parameter before and after, so tied weights stay tied. Its other rows are bit-identical.
    Inside the block, the model accepts the numbers that `Vocabulary.compact` returns.

    Args:
        model: The model; an optimiser must collect its parameters inside the block.
        subwords: The subwords that will occur, in any order, repeated or not.
        shared: Whether another model shares the memory of the full table, which must then stay unchanged.

    Yields:
        The compact vocabulary.

    Raises:
        ValueError: The model has no such subword.
    """
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, nn.Embedding)
    table, padding = embedding.weight, embedding.padding_idx
    n_subwords = len(table)
    # Some families find positions by the number of the padding, so the padding stays, with the few rows before it.
    reserved = np.arange(padding + 1) if padding is not None and padding <= _RESERVED else []
    rows = torch.from_numpy(np.union1d(subwords, reserved).astype(np.int64))
    if len(rows) and not 0 <= int(rows[0]) <= int(rows[-1]) < n_subwords:
        raise ValueError(f"the subwords are {int(rows[0])} to {int(rows[-1])}, but the model has {n_subwords:,}")
    numbers = torch.full((n_subwords,), -1)
    numbers[rows] = torch.arange(len(rows))
    where = rows.to(table.device)
    small = nn.Parameter(table.detach()[where], requires_grad=table.requires_grad)
    _replace(embedding, small, None if padding is None or numbers[padding] < 0 else int(numbers[padding]))
    try:
        yield Vocabulary(rows, numbers)
    finally:
        with torch.no_grad():
            trained = embedding.weight.detach()
            # Training may have moved the model to another device, but not the full table.
            if shared:
                table.data = table.clone()
            table.index_copy_(0, where, trained.to(table.device))
            table.data = table.data.to(trained.device)
        _replace(embedding, table, padding)


def _replace(embedding: nn.Embedding, table: Tensor, padding: int | None) -> None:
    embedding.weight = table  # type: ignore[assignment]
    embedding.num_embeddings = len(table)
    embedding.padding_idx = padding
