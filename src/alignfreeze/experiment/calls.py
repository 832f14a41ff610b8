"""Reads the text of strategies that are written like calls: `average(full,front)`."""

from __future__ import annotations

import re

from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.experiment.names import AVERAGE, BASELINE, ENSEMBLE, REVERT, SCALED, SEEDS, SWAP, TIES, split_arguments

HOW = {
    AVERAGE: f"an average is written {AVERAGE}(full,front) or {AVERAGE}(0.25*{BASELINE},0.75*full)",
    REVERT: f"parts are put back with {REVERT}(full,front)",
    SWAP: f"parts of another encoder are written {SWAP}(full,0..5=back)",
    SCALED: f"a larger or smaller step is written {SCALED}(full,1.5)",
    TIES: f"changes are merged with {TIES}(full,front) or, if each keeps half of its changes, {TIES}(full,front,0.5)",
    SEEDS: f"the mean of fine-tuned models is written {SEEDS}(full)",
    ENSEMBLE: f"models that predict together are written {ENSEMBLE}(full)",
}
"""How the strategies that merge encoders or join models are written."""

_CALL = re.compile(r"([^(]*)\((.*)\)")
_WEIGHTED = re.compile(r"([^*(]*)\*(.*)")


def split_call(name: str) -> tuple[str, list[str]]:
    """Split `word(first,second)` at its outer commas.

    Raises:
        SettingsError: The name has another form.
    """
    match = _CALL.fullmatch(name)
    if match is None or match[1] not in HOW:
        word = name.partition("(")[0]
        proposal = "" if word in HOW else did_you_mean(word, list(HOW))
        how = HOW.get(word) or "; ".join(HOW.values())
        raise SettingsError(f"unknown strategy {name!r}; {how}.{proposal}")
    return match[1], split_arguments(match[2])


def split_weight(part: str, name: str) -> tuple[str, float | None]:
    """Split `0.25*full` into the strategy and its weight; None without a weight.

    Raises:
        SettingsError: The weight is not a number.
    """
    if (match := _WEIGHTED.fullmatch(part)) is None:
        return part, None
    return match[2], read_number(match[1], name, AVERAGE)


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_number(text: str, name: str, word: str) -> float:
    """Read a number in the name of a strategy.

    Raises:
        SettingsError: It is not a number; the message says how such strategies are written.
    """
    if not is_number(text):
        raise SettingsError(f"{name!r}: {text!r} is not a number; {HOW[word]}")
    return float(text)
