"""Sentences that lie end to end, and the places of their subwords when each sentence gets a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.ragged import Ragged


class Packed(NamedTuple):
    """Sentences that lie end to end.

    This is a tuple so that torch finds the tensors inside. `torch.utils.checkpoint` looks for their devices, whose
    random numbers it has to repeat.

    Attributes:
        subwords: All subwords, [subwords].
        lengths: The number of subwords of each sentence, [sentences].
        longest: The greatest length.
        types: For each subword 1 if it belongs to the second of two texts, else 0, [subwords]; None for models without
            this input.
    """

    subwords: Tensor
    lengths: Tensor
    longest: int
    types: Tensor | None = None

    @classmethod
    def of(cls, batch: Mapping[str, Any]) -> Packed:
        """Return the sentences of a batch; the batch may hold more, such as labels."""
        return cls(batch["subwords"], batch["lengths"], batch["longest"], batch.get("types"))

    @classmethod
    def take(cls, subwords: Ragged, sentences: NDArray[np.int64], *, types: Ragged | None = None) -> Packed:
        """Take some of the sentences of a corpus.

        Args:
            subwords: The subwords of all sentences.
            sentences: Numbers of the sentences to take.
            types: The types of the subwords, for models with this input.
        """
        lengths = subwords.lengths(sentences)
        return cls(
            _to_tensor(subwords.take(sentences)),
            torch.from_numpy(lengths),
            int(lengths.max()),
            None if types is None else _to_tensor(types.take(sentences)),
        )

    @property
    def n_sentences(self) -> int:
        """The number of sentences."""
        return len(self.lengths)

    def to_batch(self) -> dict[str, Any]:
        """Return a plain mapping, which a Trainer can move to a device. `of` turns the mapping back."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def to(self, device: torch.device | str) -> Packed:
        """Move the sentences to a device."""
        types = None if self.types is None else self.types.to(device)
        return Packed(self.subwords.to(device), self.lengths.to(device), self.longest, types)

    def first(self, n: int) -> Packed:
        """Return the first sentences."""
        lengths = self.lengths[:n]
        end = int(lengths.sum())
        types = None if self.types is None else self.types[:end]
        return Packed(self.subwords[:end], lengths, int(lengths.max()), types)

    def split(self, at_once: int) -> list[Packed]:
        """Split the sentences into pieces of a few sentences each."""
        lengths = self.lengths.split(at_once)
        sizes = [int(piece.sum()) for piece in lengths]
        types = [None] * len(sizes) if self.types is None else self.types.split(sizes)
        longest = [int(piece.max()) for piece in lengths]
        return [Packed(*piece) for piece in zip(self.subwords.split(sizes), lengths, longest, types, strict=True)]


def _to_tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.int64))


class Layout(NamedTuple):
    """The places of the subwords of packed sentences when each sentence has a row.

    Attributes:
        places: The place of each subword in the flattened rows, [subwords].
        subwords: The subword at each place of the flattened rows; 0 where there is none, [sentences * longest].
        mask: Whether a place holds a subword, [sentences, 1, 1, longest].
        ends: Where each sentence begins among the subwords, and finally where the last one ends, [sentences + 1].
    """

    places: Tensor
    subwords: Tensor
    mask: Tensor
    ends: Tensor

    @classmethod
    def of(cls, lengths: Tensor, longest: int, n_subwords: int) -> Layout:
        """Lay out sentences.

        Args:
            lengths: The number of subwords of each sentence, [sentences].
            longest: The greatest length.
            n_subwords: The sum of the lengths. It is given, because computing it would wait for the GPU.
        """
        numbers = torch.arange(len(lengths), device=lengths.device)
        mask = torch.arange(longest, device=lengths.device) < lengths[:, None]  # [sentences, longest]
        ends = F.pad(lengths.cumsum(0), (1, 0))
        # The distance from a subword's place end to end to its place in the rows.
        shifts = (numbers * longest - ends[:-1]).repeat_interleave(lengths, output_size=n_subwords)
        numbers = torch.arange(n_subwords, device=lengths.device)
        places = numbers + shifts  # [subwords]
        subwords = numbers.new_zeros(mask.numel()).index_copy_(0, places, numbers)
        return cls(places, subwords, mask[:, None, None, :], ends.to(torch.int32))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of sentences, and the length of the longest."""
        return self.mask.shape[0], self.mask.shape[3]

    def unpack(self, packed: Tensor) -> Tensor:
        """Give each sentence a row, filled up with zeros: [subwords, ...] to [sentences, longest, ...]."""
        n, longest = self.shape
        rows = packed.new_zeros(n * longest, *packed.shape[1:]).index_copy(0, self.places, packed)
        return rows.unflatten(0, (n, longest))

    def pack(self, rows: Tensor) -> Tensor:
        """Lay the rows end to end: [sentences, longest, ...] to [subwords, ...]."""
        return rows.flatten(0, 1).index_select(0, self.places)
