"""Gains of strategies over others than the baseline: their members, what freezes the same parts, the second best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alignfreeze.experiment.names import (
    BASELINE,
    is_made_from_others,
    puts_back_what_is_frozen_by,
    sources_of,
    split_joined,
)
from alignfreeze.running.scores import GroupsByStrategy, Values, average_groups, interval_of_gain, summarise
from alignfreeze.studies.statistics import correct_p_values, p_value_of_gains


@dataclass(frozen=True, slots=True)
class GainOver:
    """The gain of a strategy over another one than the baseline, in the mean over the target languages.

    Attributes:
        member: The other strategy. If it is the best of several, it is chosen after the results are known, so the gain
            is rather too small. If the first strategy is the best of several, the gain is rather too large.
        gain: Difference of the means, over the seeds that both have.
        interval: 95% confidence interval of the gain, over seeds; None if it cannot be computed.
        n: Number of seeds of the first strategy, or of runs that join several seeds.
        p_value: The p-value of Wilcoxon's test that the gains of languages are around zero, corrected for other
            strategies (Holm).
    """

    member: str
    gain: float
    interval: tuple[float, float] | None
    n: int
    p_value: float | None


def find_best(by_seed: Mapping[str, Values]) -> dict[str, str]:
    """Return the best of the strategies that another is made from, if all of them were tested, and what is joined.

    Gains over the baseline alone are in the comparison anyway.
    """
    best = {name: member for name in by_seed if (member := _member_of(name)) is not None and member in by_seed}
    for name in _made_from_one_seed(by_seed):
        sources = sources_of(name)
        if by_seed.keys() >= set(sources) and set(sources) != {BASELINE}:
            best[name] = max(sources, key=lambda member: summarise(by_seed[member]).mean)
    return best


def _member_of(name: str) -> str | None:
    """Return the strategy of each of the models that a strategy joins; None if it joins none."""
    member, joined = split_joined(name)
    return None if joined is None else member


def find_frozen(by_seed: Mapping[str, Values]) -> dict[str, str]:
    """Return the tested strategy that freezes what another puts back, by the name of the other."""
    return {
        name: other
        for name in _made_from_one_seed(by_seed)
        for other in by_seed
        if puts_back_what_is_frozen_by(name, other)
    }


def find_next(by_seed: Mapping[str, Values]) -> dict[str, str]:
    """Return the second best of the strategies that only realign, by the name of the best.

    These strategies differ in what they freeze, and in nothing else: those with adapters are left out.
    """
    means = {
        name: summarise(values).mean
        for name, values in by_seed.items()
        if name != BASELINE and not is_made_from_others(name) and "lora" not in name
    }
    if len(means) < 2:
        return {}
    best, second, *_ = sorted(means, key=lambda name: -means[name])
    return {best: second}


def _made_from_one_seed(names: Iterable[str]) -> list[str]:
    """Return the names of the strategies of one seed that are made from others."""
    return [name for name in names if is_made_from_others(name) and split_joined(name)[1] is None]


def compare_with(
    others: Mapping[str, str],
    values: Sequence[Mapping[str, Values]],
    by_seed: Mapping[str, Values],
    groups: GroupsByStrategy,
) -> dict[str, GainOver]:
    """Compare strategies with one other each.

    Args:
        others: The other strategy, by the name of the first.
        values: Scores of each target language, by strategy and seed.
        by_seed: The means of these scores over languages.
        groups: The seeds of each run of the strategies that join several. They are compared with the means of others
            over these seeds.
    """
    alike = {name: average_groups(by_seed[other], groups.get(name, {})) for name, other in others.items()}
    others = {name: other for name, other in others.items() if alike[name]}
    gains = {
        name: [summarise(row[name], average_groups(row[other], groups.get(name, {}))).gain or 0.0 for row in values]
        for name, other in others.items()
    }
    p_values = correct_known({name: p_value_of_gains(several) for name, several in gains.items()})
    found = {}
    for name, other in others.items():
        ours, theirs = by_seed[name], alike[name]
        over = summarise(ours, theirs)
        found[name] = GainOver(other, over.gain or 0.0, interval_of_gain(ours, theirs), over.n, p_values.get(name))
    return found


def correct_known(p_values: Mapping[str, float | None]) -> dict[str, float]:
    """Correct the known p-values for multiple tests."""
    known = {name: p for name, p in p_values.items() if p is not None}
    return dict(zip(known, correct_p_values(list(known.values())), strict=True))
