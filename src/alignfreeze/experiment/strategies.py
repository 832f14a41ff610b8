"""Strategies: how the encoder of a run is made, as a value that is parsed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from torch import nn
from transformers import PreTrainedModel

from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.experiment.calls import HOW, is_number, read_number, split_call, split_weight
from alignfreeze.experiment.names import (
    AVERAGE,
    BASELINE,
    ENSEMBLE,
    PAPER_STRATEGIES,
    REVERT,
    SCALED,
    SEEDS,
    SWAP,
    TAUGHT,
    TIES,
    WEIGHT_FORMAT,
    name_average,
    name_scaled,
    name_swap,
    name_ties,
    sees_bitext,
    split_joined,
    split_taught,
)
from alignfreeze.realignment.averaging import check_weights
from alignfreeze.realignment.freezing import POLICIES_HELP, FreezePolicy, Rule, intersect
from alignfreeze.realignment.preparing import complete_policy
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.swapping import parse_parts, unchanged_after_swap
from alignfreeze.realignment.ties import DENSITY, check_density

_LARGEST_FACTOR = 10
"""The largest factor of `scaled`. Encoders are worth nothing long before."""


@dataclass(frozen=True, slots=True)
class Swap:
    """An encoder some parts of which come from another.

    Attributes:
        base: The freeze policy of the encoder that receives parts; None for the pretrained encoder.
        parts: What comes from the other encoder.
        donor: The freeze policy of the other encoder; None for the pretrained encoder.
    """

    base: FreezePolicy | None
    parts: FreezePolicy
    donor: FreezePolicy | None

    def __str__(self) -> str:
        return name_swap(_name_start(self.base), str(self.parts), _name_start(self.donor))


Member = FreezePolicy | Swap | None
"""One of the encoders of which a strategy takes the mean; None stands for the pretrained encoder."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the encoder of a run is made: as the mean of the weights of its members, often of only one member.

    Attributes:
        members: The freeze policy of each member's realignment, or how the member is put together from two others; None
            stands for the pretrained encoder.
        weights: The weight of each member; all are 1 if the members count the same. A negative weight of the pretrained
            encoder moves the other member further away from it.
        taught: How the model learns target-language items too: `projected`, `self-trained` or `translated`; None if it
            learns none.
        joined: How the models of several seeds become one: `seeds` or `ensemble`; None for a model of one seed.
        density: The share of its changes that each member keeps, if changes are merged (TIES); None for a mean.
    """

    members: tuple[Member, ...]
    weights: tuple[float, ...] = (1.0,)
    taught: str | None = None
    joined: str | None = None
    density: float | None = None

    @classmethod
    def parse(cls, name: str | Strategy) -> Strategy:
        """Read the name of a strategy, or return a strategy unchanged.

        Blanks do not matter. Equal weights mean the same as no weights. Names of the same encoder give the same value,
        as far as this can be known without the encoder.

        Raises:
            SettingsError: No strategy has this name; the message proposes the nearest.
        """
        if isinstance(name, Strategy):
            return name
        name = "".join(name.split()) if "(" in name else name
        single, joined = split_joined(name)
        first, taught = split_taught(single)
        return replace(_parse_encoder(first), taught=taught, joined=joined)

    def __str__(self) -> str:
        name = self._encoder_name
        if self.taught is not None:
            name = self.taught if name == BASELINE else f"{name}+{self.taught}"
        return name if self.joined is None else f"{self.joined}({name})"

    @property
    def _encoder_name(self) -> str:
        if self.density is not None:
            return name_ties(self.member_names, self.density)
        if self.weights[0] < 0:
            return name_scaled(self.member_names[1], self.weights[1])
        return name_average(self.member_names, self.weights) if self.is_average else self.member_names[0]

    @property
    def is_baseline(self) -> bool:
        """Whether this is the strategy that all others are compared with: one model, trained once, not realigned."""
        return not (self.realigns or self.taught or self.joined)

    @property
    def realigns(self) -> bool:
        """Whether an encoder is realigned."""
        return self.members != (None,)

    @property
    def sees_bitext(self) -> bool:
        """Whether bitext is used: to realign, or for labels in target languages that no other text gets."""
        return sees_bitext(str(self))

    @property
    def carries_labels(self) -> bool:
        """Whether labels go over word links to target sides, also where a realignment needs no links."""
        return self.taught is not None and TAUGHT[self.taught].needs_links

    @property
    def of_one_seed(self) -> Strategy:
        """The strategy of each of the models that are joined; for other strategies, the strategy itself."""
        return replace(self, joined=None)

    @property
    def needs_first_model(self) -> bool:
        """Whether another model labels target-language items for the model of a seed."""
        return self.taught is not None and not TAUGHT[self.taught].has_labels and self.joined is None

    @property
    def of_first_model(self) -> Strategy:
        """The strategy of the model that labels target-language items; for other strategies, the strategy itself."""
        return replace(self, taught=None)

    @property
    def is_average(self) -> bool:
        """Whether the encoder is made from several whole ones: as their mean, or of their changes."""
        return len(self.members) > 1

    @property
    def is_merged(self) -> bool:
        """Whether the encoder is made from several: as their mean, or of their parts."""
        return self.is_average or isinstance(self.members[0], Swap)

    @property
    def policy(self) -> FreezePolicy | None:
        """The freeze policy, if the strategy realigns an encoder and does no more before fine-tuning; else None."""
        first = self.members[0]
        return None if self.is_average or isinstance(first, Swap) else first

    @property
    def starts(self) -> tuple[FreezePolicy | None, ...]:
        """What the members are made from, in order: freeze policies, and None for the pretrained encoder."""
        return tuple(
            start
            for member in self.members
            for start in ((member.base, member.donor) if isinstance(member, Swap) else (member,))
        )

    @property
    def policies(self) -> tuple[FreezePolicy, ...]:
        """The freeze policies of the encoders that are realigned, each once."""
        return tuple(dict.fromkeys(start for start in self.starts if start is not None))

    @property
    def member_names(self) -> list[str]:
        """The names of the members, each as the name of a strategy."""
        return [str(member) if isinstance(member, Swap) else _name_start(member) for member in self.members]

    @property
    def shares(self) -> list[float]:
        """The share of each member in the mean; the sum is 1."""
        return [weight / sum(self.weights) for weight in self.weights]

    def parts_of(self, model: PreTrainedModel, settings: RealignmentSettings, *, seed: int) -> Sequence[nn.Module]:
        """Return the parts of a model that stay as in the pretrained encoder.

        They are frozen, or put back afterwards. For an average they are those that stay in all members.

        Raises:
            SettingsError: The model has no such layer.
            EncoderError: The model's layers cannot be frozen one by one.
        """

        def of_start(policy: FreezePolicy | None) -> Sequence[nn.Module]:
            return [model] if policy is None else complete_policy(policy, settings).parts_of(model, seed=seed)

        def of_member(member: FreezePolicy | Swap) -> Sequence[nn.Module]:
            if not isinstance(member, Swap):
                return of_start(member)
            swapped = member.parts.parts_of(model, seed=seed)
            return unchanged_after_swap(of_start(member.base), of_start(member.donor), swapped)

        return intersect([of_member(member) for member in self.members if member is not None])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let settings read and write a strategy by its name."""
        return core_schema.no_info_before_validator_function(
            lambda value: cls.parse(value) if isinstance(value, str) else value,
            core_schema.is_instance_schema(cls),
            serialization=core_schema.to_string_ser_schema(),
        )


def _name_start(policy: FreezePolicy | None) -> str:
    return BASELINE if policy is None else str(policy)


def _parse_encoder(name: str) -> Strategy:
    """Read the name of a strategy that says how an encoder is made, without blanks."""
    if "(" not in name:
        return Strategy((_parse_start(name),))
    word, arguments = split_call(name)
    if word == AVERAGE:
        return _parse_average(name, arguments)
    if word == SCALED:
        return _parse_scaled(name, arguments)
    if word == TIES:
        return _parse_ties(name, arguments)
    return Strategy((_parse_member(name),))


def _parse_start(name: str) -> FreezePolicy | None:
    if name == BASELINE:
        return None
    for rule in name.split("+"):
        if split_taught(rule)[1] is not None:
            raise SettingsError(f"{name!r}: {rule!r} stands last and once, as in full+{rule} or seeds(full+{rule})")
        try:
            Rule.parse(rule)
        except SettingsError:
            choices = f"choose one of {BASELINE}, {POLICIES_HELP}"
            raise SettingsError(
                f"unknown strategy {rule!r}; {choices}.{did_you_mean(rule, PAPER_STRATEGIES)}"
            ) from None
    return FreezePolicy.parse(name)


def _parse_member(name: str) -> Member:
    """Read the name of a member without blanks: an encoder that is realigned, or one with parts of another."""
    if "(" not in name:
        return _parse_start(name)
    word, arguments = split_call(name)
    if word in {SEEDS, ENSEMBLE}:
        raise SettingsError(
            f"{name!r} joins fine-tuned models, so no other strategy can be made from it; {HOW[word]} or "
            f"{word}(full+projected)"
        )
    if word not in {REVERT, SWAP}:
        raise SettingsError(f"{name!r} is inside another strategy; name its members there, and give them weights")
    if len(arguments) != 2:
        raise SettingsError(f"{name!r} needs two arguments; {HOW[word]}")
    base, what = arguments
    parts, equals, donor = what.partition("=") if word == SWAP else (what, "=", BASELINE)
    if not equals:
        raise SettingsError(f"{name!r} does not say whose parts these are; {HOW[SWAP]}")
    if inner := next((one for one in (base, donor) if "(" in one), None):
        raise SettingsError(
            f"{name!r} takes parts of {inner!r}, but parts come only from encoders that are realigned, or from "
            f"{BASELINE}; join parts with +, and let an average have several such members"
        )
    return _swap(_parse_start(base), parse_parts(parts), _parse_start(donor))


def _swap(base: FreezePolicy | None, parts: FreezePolicy, donor: FreezePolicy | None) -> Member:
    """Return a swap; without what is the same in both encoders, because they are one or both freeze it."""
    if base == donor:
        return base
    frozen_by = [policy.rules for policy in (base, donor) if policy is not None]
    left = tuple(rule for rule in parts.rules if not all(rule in rules for rules in frozen_by))
    return Swap(base, FreezePolicy(left), donor) if left else base


def _parse_scaled(name: str, arguments: Sequence[str]) -> Strategy:
    """Read the name of a strategy whose difference from the pretrained encoder is multiplied."""
    if len(arguments) != 2:
        raise SettingsError(f"{name!r} needs a strategy and a factor; {HOW[SCALED]}")
    member = _parse_member(arguments[0])
    if member is None:
        raise SettingsError(f"{name!r}: {BASELINE} is not realigned, so there is nothing to multiply")
    factor = _round(read_number(arguments[1], name, SCALED))
    if not 0 < factor <= _LARGEST_FACTOR:
        raise SettingsError(f"{name!r}: the factor must be greater than 0 and at most {_LARGEST_FACTOR}")
    return Strategy((member,)) if factor == 1 else _weigh((None, member), [1 - factor, factor])


def _parse_average(name: str, arguments: Sequence[str]) -> Strategy:
    """Read the name of an average without blanks."""
    written = [split_weight(part, name) for part in arguments]
    members = [_parse_member(member) for member, _ in written]
    if repeated := [member for member, n in Counter(members).items() if n > 1]:
        twice = str(Strategy((repeated[0],)))
        raise SettingsError(f"{name!r} names {twice!r} twice; to make it count more, give it a weight")
    if len(members) < 2:
        raise SettingsError(f"{name!r} is the average of only one strategy; name at least two")
    weights = [weight for _, weight in written if weight is not None]
    if len(weights) not in {0, len(members)}:
        raise SettingsError(
            f"{name!r} gives weights to only some of the strategies; give a weight to each strategy or to none"
        )
    return _weigh(members, check_weights(weights))


def _parse_ties(name: str, arguments: Sequence[str]) -> Strategy:
    """Read the name of a strategy that merges the changes of several encoders, perhaps with a share at its end."""
    *before, last = arguments
    if last.isdecimal():
        raise SettingsError(
            f"{name!r}: {last!r} at the end may be a share or a layer; write a share with a point, such as 0.5 or 1.0, "
            f"or the layer as {last}..{last}"
        )
    has_share = is_number(last)
    try:
        density = check_density(_round(float(last))) if has_share else DENSITY
    except SettingsError as error:
        raise SettingsError(f"{name!r}: {error}") from None
    members = [_parse_member(part) for part in (before if has_share else arguments)]
    if None in members:
        raise SettingsError(f"{name!r}: {BASELINE} has no changes to merge; leave it out")
    if len(set(members)) < max(2, len(members)):
        raise SettingsError(f"{name!r} needs at least two different strategies; {HOW[TIES]}")
    return Strategy(tuple(members), (1.0,) * len(members), density=density)


def _weigh(members: Sequence[Member], weights: Sequence[float]) -> Strategy:
    """Return an average, with the weights that its name will show."""
    rounded = tuple(map(_round, weights))
    return Strategy(tuple(members), rounded if len(set(rounded)) > 1 else (1.0,) * len(members))


def _round(number: float) -> float:
    return float(WEIGHT_FORMAT.format(number))


def policies_of(strategies: Iterable[Strategy]) -> list[FreezePolicy]:
    """Return the freeze policies that strategies need, each once."""
    return list(dict.fromkeys(policy for strategy in strategies for policy in strategy.policies))
