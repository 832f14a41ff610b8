"""Strategies: how the encoder of a run is made, as a value that is parsed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from torch import nn
from transformers import PreTrainedModel

from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.experiment.names import (
    AVERAGE,
    AVERAGE_PATTERN,
    BASELINE,
    PAPER_STRATEGIES,
    WEIGHT_FORMAT,
    name_average,
)
from alignfreeze.realignment.averaging import check_weights
from alignfreeze.realignment.freezing import POLICIES_HELP, FreezePolicy, Rule, intersect
from alignfreeze.realignment.preparing import complete_policy
from alignfreeze.realignment.settings import RealignmentSettings

_HOW = f"{AVERAGE}(full,front) or {AVERAGE}(0.25*{BASELINE},0.75*full)"


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the encoder of a run is made: as the mean of the weights of its members, often of only one member.

    Attributes:
        members: The freeze policy of each member's realignment; None stands for the pretrained encoder.
        weights: The weight of each member; all are 1 if the members count the same.
    """

    members: tuple[FreezePolicy | None, ...]
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def parse(cls, name: str | Strategy) -> Strategy:
        """Read the name of a strategy, or return a strategy unchanged.

        Blanks do not matter. Equal weights mean the same as no weights.

        Raises:
            SettingsError: No strategy has this name; the message proposes the nearest.
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
        """Whether the encoder is the mean of several."""
        return len(self.members) > 1

    @property
    def policy(self) -> FreezePolicy | None:
        """The freeze policy, if the strategy realigns exactly one encoder; else None."""
        return None if self.is_average else self.members[0]

    @property
    def policies(self) -> tuple[FreezePolicy, ...]:
        """The freeze policies of the members that are realigned."""
        return tuple(member for member in self.members if member is not None)

    @property
    def member_names(self) -> list[str]:
        """The names of the members, each as the name of a strategy."""
        return [BASELINE if member is None else str(member) for member in self.members]

    @property
    def shares(self) -> list[float]:
        """The share of each member in the mean; the sum is 1."""
        return [weight / sum(self.weights) for weight in self.weights]

    def parts_of(self, model: PreTrainedModel, settings: RealignmentSettings, *, seed: int) -> Sequence[nn.Module]:
        """Return the parts of a model that the strategy freezes: for an average, those that all members freeze.

        Raises:
            SettingsError: The model has no such layer.
            EncoderError: The model's layers cannot be frozen one by one.
        """
        return intersect([complete_policy(policy, settings).parts_of(model, seed=seed) for policy in self.policies])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let settings read and write a strategy by its name."""
        return core_schema.no_info_before_validator_function(
            lambda value: cls.parse(value) if isinstance(value, str) else value,
            core_schema.is_instance_schema(cls),
            serialization=core_schema.to_string_ser_schema(),
        )


def _parse_member(name: str) -> FreezePolicy | None:
    if name == BASELINE:
        return None
    for rule in name.split("+"):
        try:
            Rule.parse(rule)
        except SettingsError:
            choices = f"choose one of {BASELINE}, {POLICIES_HELP}"
            raise SettingsError(
                f"unknown strategy {rule!r}; {choices}.{did_you_mean(rule, PAPER_STRATEGIES)}"
            ) from None
    return FreezePolicy.parse(name)


def _parse_average(name: str) -> Strategy:
    """Read the name of an average without blanks."""
    if (match := AVERAGE_PATTERN.fullmatch(name)) is None:
        word = name.partition("(")[0]
        proposal = "" if word == AVERAGE else did_you_mean(word, [AVERAGE])
        raise SettingsError(f"unknown strategy {name!r}; an average is written {_HOW}.{proposal}")
    written = [_split_weight(part, name) for part in match[1].split(",")]
    if any("(" in member for member, _ in written):
        raise SettingsError(f"{name!r} is an average of averages; name the strategies, and give them weights")
    members = {member: _parse_member(member) for member, _ in written}
    if repeated := [member for member, n in Counter(member for member, _ in written).items() if n > 1]:
        raise SettingsError(f"{name!r} names {repeated[0]!r} twice; to make it count more, give it a weight")
    if len(members) < 2:
        raise SettingsError(f"{name!r} is the average of only one strategy; name at least two")
    weights = [weight for _, weight in written if weight is not None]
    if len(weights) not in {0, len(members)}:
        raise SettingsError(
            f"{name!r} gives weights to only some of the strategies; give a weight to each strategy or to none"
        )
    alike = len({WEIGHT_FORMAT.format(weight) for weight in check_weights(weights)}) < 2
    return Strategy(tuple(members.values()), (1.0,) * len(members) if alike else tuple(weights))


def _split_weight(part: str, name: str) -> tuple[str, float | None]:
    weight, times, member = part.rpartition("*")
    try:
        return member, float(weight) if times else None
    except ValueError:
        raise SettingsError(f"{name!r}: {weight!r} is not a number; an average is written {_HOW}") from None


def policies_of(strategies: Iterable[Strategy]) -> list[FreezePolicy]:
    """Return the freeze policies that strategies need, each once."""
    return list(dict.fromkeys(policy for strategy in strategies for policy in strategy.policies))
