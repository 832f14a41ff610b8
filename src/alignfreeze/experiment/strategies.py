"""Strategies: how the encoder that is fine-tuned comes about, as a value that is parsed once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from torch import nn
from transformers import PreTrainedModel

from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.realignment.averaging import check_weights
from alignfreeze.realignment.freezing import POLICIES_HELP, FreezePolicy, intersect
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import complete_policy

BASELINE = "baseline"
"""The strategy that fine-tunes the pretrained encoder as it is."""

PAPER = [BASELINE, "full", "front", "back"]
"""The strategies of the paper: no realignment, and realignment with what the freeze policy of that name freezes."""

AVERAGE = "average"
_AVERAGE = re.compile(rf"{AVERAGE}\((.*)\)")
_HOW = f"{AVERAGE}(full,front) or {AVERAGE}(0.25*{BASELINE},0.75*full)"

_FOR_FOLDERS = str.maketrans({":": None, "(": "-", ")": None, ",": "-", "*": "x"})
"""Signs in names that not every file system, or shell, takes in the name of a folder."""


def plain_name_of(name: str) -> str:
    """Return the name of a strategy as a part of a file's: `average-0.25xbaseline-0.75xfull`."""
    return name.translate(_FOR_FOLDERS)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the encoder that is fine-tuned comes about: the mean of the weights of its members, often of a single one.

    Attributes:
        members: The freeze policy with which each member is realigned; None stands for the pretrained encoder.
        weights: How much each member counts; all 1 where they count alike.
    """

    members: tuple[FreezePolicy | None, ...]
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def parse(cls, name: str | Strategy) -> Strategy:
        """Read the name of a strategy; one that is read already is returned.

        Blanks do not matter, nor do weights that are equal.

        Raises:
            SettingsError: There is no such strategy; the message proposes the nearest.
        """
        if isinstance(name, Strategy):
            return name
        if "(" not in name:
            return cls((_parse_member(name),))
        return _parse_average("".join(name.split()))

    def __str__(self) -> str:
        return name_average(self.member_names, self.weights) if self.is_average else self.member_names[0]

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is realigned."""
        return self.members == (None,)

    @property
    def is_average(self) -> bool:
        """Whether it is the mean of several encoders."""
        return len(self.members) > 1

    @property
    def policy(self) -> FreezePolicy | None:
        """The freeze policy of a strategy that realigns a single encoder; None for others."""
        return None if self.is_average else self.members[0]

    @property
    def policies(self) -> tuple[FreezePolicy, ...]:
        """The freeze policies that encoders are realigned with."""
        return tuple(member for member in self.members if member is not None)

    @property
    def member_names(self) -> list[str]:
        """The names of the strategies that it is the mean of; of a single one its own."""
        return [BASELINE if member is None else str(member) for member in self.members]

    @property
    def shares(self) -> list[float]:
        """How much each member counts, so that all together are 1."""
        return [weight / sum(self.weights) for weight in self.weights]

    def parts_of(self, model: PreTrainedModel, settings: RealignmentSettings, *, seed: int) -> Sequence[nn.Module]:
        """Return the parts of a model that the strategy leaves as they are; of an average, what all members freeze.

        Raises:
            SettingsError: The model has no such layer.
            EncoderError: The model's layers cannot be frozen one by one.
        """
        return intersect([complete_policy(policy, settings).parts_of(model, seed=seed) for policy in self.policies])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let settings take the name of a strategy, and write it."""
        return core_schema.no_info_before_validator_function(
            _parse_setting, core_schema.is_instance_schema(cls), serialization=core_schema.to_string_ser_schema()
        )


def _parse_setting(value: Any) -> Any:
    return Strategy.parse(value) if isinstance(value, str) else value


def _parse_member(name: str) -> FreezePolicy | None:
    if name == BASELINE:
        return None
    for rule in name.split("+"):
        try:
            FreezePolicy.parse(rule)
        except SettingsError:
            there_are = f"there are {BASELINE}, {POLICIES_HELP}"
            raise SettingsError(f"unknown strategy {rule!r}; {there_are}.{did_you_mean(rule, PAPER)}") from None
    return FreezePolicy.parse(name)


def _parse_average(name: str) -> Strategy:
    """Read an average, written without blanks.

    Raises:
        SettingsError: It is not written as averages are, or its members or weights do not go together.
    """
    if (match := _AVERAGE.fullmatch(name)) is None:
        word = name.partition("(")[0]
        proposal = "" if word == AVERAGE else did_you_mean(word, [AVERAGE])
        raise SettingsError(f"unknown strategy {name!r}; an average is written {_HOW}.{proposal}")
    written = [_split_weight(part, name) for part in match[1].split(",")]
    if any("(" in member for member, _ in written):
        raise SettingsError(f"{name!r} is an average of averages; name the strategies, and give them weights")
    members = {member: _parse_member(member) for member, _ in written}
    if len(members) < len(written):
        names = [member for member, _ in written]
        twice = next(member for member in names if names.count(member) > 1)
        raise SettingsError(f"{name!r} names {twice!r} twice; a weight says how much it counts")
    if len(members) < 2:
        raise SettingsError(f"{name!r} is the average of one; name at least two strategies")
    weights = [weight for _, weight in written if weight is not None]
    if len(weights) not in {0, len(members)}:
        raise SettingsError(f"{name!r} gives weights to some; give one to each or to none")
    alike = len({_text_of(weight) for weight in check_weights(weights)}) < 2
    return Strategy(tuple(members.values()), (1.0,) * len(members) if alike else tuple(weights))


def _split_weight(part: str, name: str) -> tuple[str, float | None]:
    weight, times, member = part.rpartition("*")
    try:
        return member, float(weight) if times else None
    except ValueError:
        raise SettingsError(f"{name!r}: {weight!r} is no number; an average is written {_HOW}") from None


def _text_of(weight: float) -> str:
    return f"{weight:.12g}"


def name_average(members: Sequence[str], weights: Sequence[float]) -> str:
    """Return the name of an average: without weights where there are none, or where all are equal."""
    written = [f"{_text_of(weight)}*" for weight in weights]
    if len(set(written)) < 2:
        written = [""] * len(members)
    return f"{AVERAGE}({','.join(w + m for w, m in zip(written, members, strict=True))})"


def is_average_name(name: str) -> bool:
    """Tell whether a name is that of an average, of strategies or of any encoders."""
    return _AVERAGE.fullmatch(name) is not None


def policies_of(strategies: Iterable[Strategy]) -> list[FreezePolicy]:
    """Return the freeze policies that encoders are realigned with for some strategies, each once."""
    return list(dict.fromkeys(policy for strategy in strategies for policy in strategy.policies))
