"""Rows of unequal length in one flat array, for sentences, words and links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of unequal length in one array, which may be on disk.

    Attributes:
        values: All rows, end to end, [values, ...].
        starts: Where each row begins, and where the last row ends, [rows + 1].
    """

    values: NDArray[Any]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]], *, dtype: Any = np.int32) -> Ragged:
        """Put rows together; empty rows keep their places."""
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        values = np.concatenate(rows) if len(rows) else np.empty(0)
        return cls(values.astype(dtype, copy=False), np.concatenate([np.zeros(1, np.int64), ends]))

    @classmethod
    def join(cls, several: Sequence[Ragged]) -> Ragged:
        """Put the rows of several end to end, in their order."""
        before = np.cumsum([0, *(len(one.values) for one in several)])
        starts = [one.starts[:-1] + start for one, start in zip(several, before, strict=False)]
        return cls(np.concatenate([one.values for one in several]), np.concatenate([*starts, before[-1:]]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        """Return one row, [values, ...]."""
        row = range(len(self))[row]
        return self.values[self.starts[row] : self.starts[row + 1]]

    def lengths(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
        """Return how many values rows have, by default all rows, [rows]."""
        return self.starts[1:][rows] - self.starts[:-1][rows]

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values of some rows, end to end, [values, ...]."""
        return self.values[expand_ranges(self.starts[rows], self.lengths(rows))]


def expand_ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `start, start + 1, ...` for each start, end to end; the length says how many numbers a start gives."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
