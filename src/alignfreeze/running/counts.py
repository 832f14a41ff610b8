"""What each test item adds to the scores of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from alignfreeze.running.trials import Counts
from alignfreeze.stored import Stored

CountsByMetric = Mapping[str, Mapping[str, Counts]]
"""Counts of test items by language and metric."""

_Pairs = dict[str, dict[str, list[tuple[float, float]]]]

_STORED = Stored[_Pairs](_Pairs, "what a run says of its test items of this version")


def read_counts(path: Path) -> dict[str, dict[str, Counts]]:
    """Read the counts of test items by language and metric; empty if the file is not there.

    Raises:
        DataError: The file is damaged.
    """
    pairs = _STORED.read(path) if path.exists() else {}
    return {
        language: {metric: np.asarray(found, dtype=np.float64).reshape(-1, 2) for metric, found in row.items()}
        for language, row in pairs.items()
    }
