"""What strategies are called: what is frozen, or of which realigned encoders the mean is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from torch import nn
from transformers import PreTrainedModel

from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.realignment.averaging import check_weights
from alignfreeze.realignment.freezing import POLICIES_HELP, check_policy, held_by_all
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import held_fixed

BASELINE = "baseline"
STRATEGIES = [BASELINE, "full", "front", "back"]
"""`baseline` is not realigned; the others are, with what the freeze policy of that name holds fixed."""

AVERAGE = "average"
_AVERAGE = re.compile(rf"{AVERAGE}\((.*)\)")


def check_strategy(name: str) -> str:
    """Return the name of a strategy when it is one; of an average without blanks, and without weights that are equal.

    Raises:
        SettingsError: It is not; the message proposes the nearest.
    """
    if "(" in name:
        return _check_average("".join(name.split()))
    for part in [] if name == BASELINE else name.split("+"):
        try:
            check_policy(part)
        except SettingsError:
            there_are = f"there are {BASELINE}, {POLICIES_HELP}"
            raise SettingsError(f"unknown strategy {part!r}; {there_are}.{did_you_mean(part, STRATEGIES)}") from None
    return name


def _check_average(name: str) -> str:
    members = _members(name)
    if any("(" in member for member, _ in members):
        raise SettingsError(f"{name!r} is an average of averages; name the strategies, and give them weights")
    names = [check_strategy(member) for member, _ in members]
    if twice := [member for member in names if names.count(member) > 1]:
        raise SettingsError(f"{name!r} names {twice[0]!r} twice; a weight says how much it counts")
    if len(names) < 2:
        raise SettingsError(f"{name!r} is the average of one; name at least two strategies")
    weights = [weight for _, weight in members if weight is not None]
    if len(weights) not in {0, len(names)}:
        raise SettingsError(f"{name!r} gives weights to some; give one to each or to none")
    return average_name(names, check_weights(weights))


def average_name(members: Sequence[str], weights: Sequence[float]) -> str:
    """Return what the average of some members is called: without weights where there are none, or all are equal."""
    written = [f"{weight:.12g}*" for weight in weights]
    if len(set(written)) < 2:
        written = [""] * len(members)
    return f"{AVERAGE}({','.join(w + m for w, m in zip(written, members, strict=True))})"


def _members(name: str) -> list[tuple[str, float | None]]:
    """Return what an average is of, with the weights, where there are any.

    Raises:
        SettingsError: It is not written as averages are.
    """
    if (match := _AVERAGE.fullmatch(name)) is None:
        raise SettingsError(f"unknown strategy {name!r}; an average is written {_HOW}.{_meant(name)}")
    return [_member(part, name) for part in match[1].split(",")]


_HOW = f"{AVERAGE}(full,front) or {AVERAGE}(0.25*{BASELINE},0.75*full)"


def _meant(name: str) -> str:
    """Return a proposal where it is the word before the bracket that is wrong."""
    word = name.partition("(")[0]
    return "" if word == AVERAGE else did_you_mean(word, [AVERAGE])


def _member(part: str, name: str) -> tuple[str, float | None]:
    weight, times, member = part.rpartition("*")
    try:
        return member, float(weight) if times else None
    except ValueError:
        raise SettingsError(f"{name!r}: {weight!r} is no number; an average is written {_HOW}") from None


def is_average(strategy: str) -> bool:
    """Tell whether a strategy takes the mean of several encoders."""
    return _AVERAGE.fullmatch(strategy) is not None


def members_of(strategy: str) -> dict[str, float]:
    """Return the strategies whose encoders a strategy takes the mean of, with weights that add up to 1.

    One that is no average has a single member: itself.
    """
    if not is_average(strategy):
        return {strategy: 1.0}
    members = {member: 1.0 if weight is None else weight for member, weight in _members(strategy)}
    total = sum(members.values())
    return {member: weight / total for member, weight in members.items()}


def realigned_members(strategies: Iterable[str]) -> list[str]:
    """Return the strategies that encoders are realigned with for some strategies, each once."""
    members = dict.fromkeys(member for strategy in strategies for member in members_of(strategy))
    return [member for member in members if member != BASELINE]


def fixed_by(model: PreTrainedModel, strategy: str, settings: RealignmentSettings, *, seed: int) -> Sequence[nn.Module]:
    """Return the parts of a model that a strategy holds fixed; of an average what all its members do.

    Raises:
        SettingsError: There is no such layer.
        EncoderError: The model's layers cannot be frozen one by one.
    """
    return held_by_all([held_fixed(model, name, settings, seed=seed) for name in realigned_members([strategy])])
