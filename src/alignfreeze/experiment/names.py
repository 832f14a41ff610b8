"""The names of strategies."""

from __future__ import annotations

import re
from collections.abc import Sequence

BASELINE = "baseline"
"""The strategy without realignment: it fine-tunes the pretrained encoder."""

PAPER_STRATEGIES = (BASELINE, "full", "front", "back")
"""The strategies of the paper: no realignment, and realignment with three freeze policies."""

AVERAGE = "average"
AVERAGE_PATTERN = re.compile(rf"{AVERAGE}\((.*)\)")
WEIGHT_FORMAT = "{:.12g}"

_FOR_FOLDERS = str.maketrans({":": None, "(": "-", ")": None, ",": "-", "*": "x"})
"""Characters of strategy names that some file systems or shells do not allow in the name of a folder."""


def plain_name_of(name: str) -> str:
    """Return the name of a strategy in a form for file names: `average-0.25xbaseline-0.75xfull`."""
    return name.translate(_FOR_FOLDERS)


def name_average(members: Sequence[str], weights: Sequence[float]) -> str:
    """Return the name of an average. The name contains weights only if they differ."""
    written = [f"{WEIGHT_FORMAT.format(weight)}*" for weight in weights]
    if len(set(written)) < 2:
        written = [""] * len(members)
    return f"{AVERAGE}({','.join(w + m for w, m in zip(written, members, strict=True))})"


def is_average_name(name: str) -> bool:
    """Return whether a name is that of an average, of strategies or of other encoders."""
    return AVERAGE_PATTERN.fullmatch(name) is not None
