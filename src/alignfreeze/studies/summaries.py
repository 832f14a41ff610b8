"""A comparison in a few sentences, which are made from the figures of the comparison."""

from __future__ import annotations

from collections.abc import Sequence

from alignfreeze.experiment.names import BASELINE, is_average_name
from alignfreeze.languages import name_or_code
from alignfreeze.running.scores import Verdict
from alignfreeze.studies.comparison import SIGNIFICANT, Comparison, OverBest

STRATEGY_NAMES = {
    BASELINE: "the baseline",
    "full": "full realignment",
    "front": "front-freezing",
    "back": "back-freezing",
}

NOTHING_LEARNT = "All scores are 0: the models have learnt nothing, so there is nothing to compare."

MOST_NAMED = 4
"""How many languages are named. If there are more, only their number is given."""


def summarise_comparison(comparison: Comparison) -> list[str]:
    """Return a few sentences on the findings of a comparison."""
    strategies = [name for name in comparison.realignments if name in comparison.overall]
    if not strategies or not comparison.languages:
        return [f"Only {'the baseline' if not strategies else 'the source language'} was tested: nothing to compare."]
    if _is_all_zero(comparison):
        return [NOTHING_LEARNT]
    judged = [name for name in strategies if has_verdicts(comparison, name)]
    averages = [_say_over_best(name, over) for name in strategies if (over := comparison.overall[name].over_best)]
    if not judged:
        return [_say_mean(comparison, strategies), _say_largest(comparison, strategies), *averages]
    unknown = [name_strategy(name) for name in strategies if name not in judged]
    found = [
        _say_counts(comparison, judged),
        f"Of {' and '.join(unknown)} there are too few seeds to tell gains from chance." if unknown else "",
        _say_largest(comparison, strategies),
        _say_harm(comparison, judged),
        *averages,
    ]
    return [sentence for sentence in found if sentence]


def _is_all_zero(comparison: Comparison) -> bool:
    return all(one.mean == 0 for code in comparison.languages for one in comparison.cells[code].values())


def has_verdicts(comparison: Comparison, strategy: str) -> bool:
    """Return whether a strategy has enough seeds to distinguish its gains from chance."""
    return strategy in comparison.overall and any(comparison.overall[strategy].counts.values())


def summarise_comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    """Return sentences on several comparisons together: how often freezing is better, and where it is best."""
    if len(comparisons) == 1:
        return summarise_comparison(comparisons[0])
    if all(map(_is_all_zero, comparisons)):
        return [NOTHING_LEARNT]
    encoders, tasks = ({getattr(c.setup, name) for c in comparisons} for name in ("encoder", "task"))
    text = f"{len(comparisons)} comparisons of {_count_things(encoders, 'encoder')} and {_count_things(tasks, 'task')}."
    unsure = [c for c in comparisons if not any(has_verdicts(c, name) for name in c.realignments)]
    if unsure:
        which = "All" if len(unsure) == len(comparisons) else f"{len(unsure)} of {len(comparisons)}"
        text += f" {which} have a single seed, with which gains cannot be told from chance."
    rivals = [
        (c, strategy)
        for c in comparisons
        for strategy in ("front", "back")
        if has_verdicts(c, "full") and has_verdicts(c, strategy)
    ]
    margins = [(_count_improved(c, strategy) - _count_improved(c, "full"), c, strategy) for c, strategy in rivals]
    fronts = [margin for margin, _, strategy in margins if strategy == "front"]
    if not fronts:
        return [text]
    better, worse = sum(margin > 0 for margin in fronts), sum(margin < 0 for margin in fronts)
    text += (
        f" Front-freezing improves more languages than full realignment in {better} of {len(fronts)}, fewer in {worse}."
    )
    margin, most, strategy = max(margins, key=lambda one: one[0])
    if margin <= 0:
        return [text]
    setup = most.setup
    where = f"{setup.task} with {setup.encoder}" + (f" and links by {setup.aligner}" if setup.aligner else "")
    return [
        text,
        f"Most in {where}: {name_strategy(strategy)} improves {_count_improved(most, strategy)} of "
        f"{len(most.languages)} languages by more than one standard deviation, full realignment "
        f"{_count_improved(most, 'full')}.",
    ]


def _count_things(values: set[str], what: str) -> str:
    return f"{len(values)} {what}{'s' if len(values) > 1 else ''}"


def _count_improved(comparison: Comparison, strategy: str) -> int:
    return comparison.overall[strategy].counts["improved"]


def name_strategy(strategy: str) -> str:
    """Return the name of a strategy in a sentence."""
    return STRATEGY_NAMES.get(strategy, f"the {strategy}" if is_average_name(strategy) else f"freezing {strategy}")


def _say_counts(comparison: Comparison, strategies: Sequence[str]) -> str:
    """Return how many languages the best strategy and one other improve and worsen, and the gain of the best one."""

    def merit(strategy: str) -> tuple[int, int, float]:
        counts = comparison.overall[strategy].counts
        return counts["improved"], -counts["worsened"], _mean_gain(comparison, strategy)

    best = max(strategies, key=merit)
    n = len(comparison.languages)
    text = f"{name_strategy(best)} improves {_count_text(comparison, best, 'improved')} of {n} languages by more than "
    text += f"one standard deviation and worsens {_count_text(comparison, best, 'worsened')}"
    for other in [name for name in ("full", *strategies) if name in strategies and name != best][:1]:
        text += f"; {name_strategy(other)} improves {_count_text(comparison, other, 'improved')} and worsens "
        text += _count_text(comparison, other, "worsened")
    text += f". The mean gain of {name_strategy(best)} is {_points_text(_mean_gain(comparison, best))}"
    average = comparison.overall[best].average
    text += _say_how_sure(average.interval, average.n, comparison.overall[best].corrected)
    return f"{text[0].upper()}{text[1:]}."


def _say_how_sure(interval: tuple[float, float] | None, n_seeds: int, p: float | None) -> str:
    """Return how sure a mean gain is: over seeds and over languages."""
    text = ""
    if interval is not None:
        text += f" (95% interval over {n_seeds} seeds {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"
    if p is not None:
        alike = "most languages move the same way" if p < SIGNIFICANT else "languages move either way"
        text += f"; {alike} ({_p_text(p)})"
    return text


def _say_over_best(average: str, over: OverBest) -> str:
    """Return a sentence on the gain of an average over the best of its members."""
    where = "above" if over.gain >= 0 else "below"
    text = f"{name_strategy(average)} is {abs(100 * over.gain):.1f} points {where} the best of its members, "
    text += name_strategy(over.member) + _say_how_sure(over.interval, over.n, over.p_value)
    return f"{text[0].upper()}{text[1:]}."


def _say_mean(comparison: Comparison, strategies: Sequence[str]) -> str:
    best = max(strategies, key=lambda name: _mean_gain(comparison, name))
    among = f", the best of {len(strategies)} strategies" if len(strategies) > 1 else ""
    return (
        f"With a single seed gains cannot be told from chance. Over {len(comparison.languages)} languages the mean "
        f"gain of {name_strategy(best)} is {_points_text(_mean_gain(comparison, best))}{among}."
    )


def _say_largest(comparison: Comparison, strategies: Sequence[str]) -> str:
    gains = [
        (gain, language, strategy)
        for language in comparison.languages
        for strategy in strategies
        if strategy in (row := comparison.cells[language]) and (gain := row[strategy].gain) is not None
    ]
    if not gains:
        return ""
    if all(gain == 0 for gain, *_ in gains):
        return "No strategy changes the score of any language."
    if max(gains)[0] <= 0:
        return "No language gains anything."
    gain, language, strategy = max(gains)
    row = comparison.cells[language]
    scores = f"{100 * row[BASELINE].mean:.1f} to {100 * row[strategy].mean:.1f}"
    return f"Largest gain: {name_or_code(language)}, {_points_text(gain)} with {name_strategy(strategy)} ({scores})."


def _say_harm(comparison: Comparison, strategies: Sequence[str]) -> str:
    """Return a sentence on the languages that full realignment worsens, and on those that freezing spares."""
    harmed = _with_verdict(comparison, "full") if "full" in strategies else []
    others = [name for name in strategies if name != "full"]
    if not harmed:
        return "Full realignment worsens no language that much." if "full" in strategies else ""
    spared = {name: [code for code in harmed if _is_spared(comparison, code, name)] for name in others}
    best = max(others, key=lambda name: len(spared[name]), default=None)
    text = f"Full realignment hurts {_enumerate(harmed)}"
    if best is None or not spared[best]:
        return f"{text}."
    if len(spared[best]) == len(harmed):
        what = "all of them" if len(harmed) > 1 else "it"
    else:
        what = _enumerate(spared[best])
    return f"{text}; {name_strategy(best)} spares {what}."


def _is_spared(comparison: Comparison, code: str, strategy: str) -> bool:
    """Return whether a strategy is known not to worsen a language."""
    summary = comparison.cells[code].get(strategy)
    return summary is not None and summary.verdict in {"improved", "unchanged"}


def _with_verdict(comparison: Comparison, strategy: str, verdict: str = "worsened") -> list[str]:
    rows = [(code, comparison.cells[code].get(strategy)) for code in comparison.languages]
    return [code for code, summary in rows if summary is not None and summary.verdict == verdict]


def _count_text(comparison: Comparison, strategy: str, verdict: Verdict) -> str:
    return str(comparison.overall[strategy].counts[verdict] or "none")


def _p_text(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _mean_gain(comparison: Comparison, strategy: str) -> float:
    return comparison.overall[strategy].average.gain or 0.0


def _points_text(gain: float) -> str:
    return f"{100 * gain:+.1f} points"


def _enumerate(codes: Sequence[str]) -> str:
    if len(codes) > MOST_NAMED:
        return f"{len(codes)} languages"
    names = [name_or_code(code) for code in codes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
