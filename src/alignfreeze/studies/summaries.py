"""A comparison in a few sentences, which are made from the figures of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.experiment.names import (
    BASELINE,
    ENSEMBLE,
    SEEDS,
    TAUGHT,
    is_merged_name,
    name_in_words,
    realigns,
    split_joined,
    split_taught,
)
from alignfreeze.languages import name_or_code
from alignfreeze.running.verdicts import Judgement, Verdict, interval_text, needs_text, points_text
from alignfreeze.studies.answers import best_of, join_names, say_what_they_do, verdict_of
from alignfreeze.studies.comparison import SIGNIFICANT, Comparison
from alignfreeze.studies.gains_over import GainOver

STRATEGY_NAMES = {
    BASELINE: "the baseline",
    "full": "full realignment",
    "front": "front-freezing",
    "back": "back-freezing",
}

_JOINED_NAMES = {SEEDS: "the average of seeds", ENSEMBLE: "the ensemble of seeds"}

NOTHING_LEARNT = "All scores are 0: the models have learnt nothing, so there is nothing to compare."

MEANINGLESS = "The models have learnt nothing in the language of the training data, so gains between them mean nothing."

MOST_NAMED = 4
"""How many languages are named. If there are more, only their number is given."""


def summarise_comparison(comparison: Comparison) -> list[str]:
    """Return a few sentences on the findings of a comparison; the answer comes first."""
    strategies = [name for name in comparison.realignments if name in comparison.overall]
    if not comparison.realignments or not comparison.languages:
        what = "the source language" if comparison.realignments else "the baseline"
        return [f"Only {what} was tested: nothing to compare."]
    if is_all_zero(comparison):
        return [NOTHING_LEARNT]
    if comparison.learnt_nothing:
        return [MEANINGLESS]
    found = [
        _say_mean(comparison, strategies),
        _say_what_to_freeze(comparison),
        _say_languages(comparison, strategies),
        _say_harm(comparison, strategies),
        _say_largest(comparison, strategies),
        *(_say_over_best(name, over) for name in strategies if (over := comparison.overall[name].over_best)),
        *(_say_over_frozen(name, over) for name in strategies if (over := comparison.overall[name].over_frozen)),
    ]
    return [sentence for sentence in found if sentence]


def is_all_zero(comparison: Comparison) -> bool:
    """Return whether the models have learnt nothing."""
    return all(one.mean == 0 for code in comparison.languages for one in comparison.cells[code].values())


def judge_means(comparison: Comparison) -> dict[str, Judgement]:
    """Return the verdicts on the strategies in the mean over the target languages."""
    overall = comparison.overall
    return {
        name: judged
        for name in comparison.realignments
        if name in overall and (judged := overall[name].average.judged) is not None
    }


def name_strategy(strategy: str) -> str:
    """Return the name of a strategy in a sentence."""
    member, joined = split_joined(strategy)
    if joined is not None:
        return f"{_JOINED_NAMES[joined]} of {name_strategy(member)}"
    first, taught = split_taught(strategy)
    if taught is not None:
        what = TAUGHT[taught].what
        return what if first == BASELINE else f"{name_strategy(first)} with {what}"
    if is_merged_name(strategy):
        return name_in_words(strategy, name_strategy)
    return STRATEGY_NAMES.get(strategy, f"freezing {strategy}")


def _say_mean(comparison: Comparison, strategies: Sequence[str]) -> str:
    """Return the answer for the mean over the target languages."""
    n = len(comparison.languages)
    where = f"on average over {n} languages" if n > 1 else f"in {name_or_code(comparison.languages[0])}"
    judged = {name: one for name, one in judge_means(comparison).items() if name in strategies}
    if not judged:
        return f"No strategy was tested in all {n} languages together with the baseline, so there is no average."
    best, verdict = best_of(judged), verdict_of(judged)
    one = judged[best]
    figures = f"{points_text(one.gain)} points"
    if all(other.interval is None for other in judged.values()):
        is_one = comparison.overall[best].average.n == 1
        alone = f"one run of {comparison.joined[best]} seeds says" if best in comparison.joined else "one seed says"
        what = alone if is_one else "seeds with the same scores say"
        return (
            f"One cannot tell yet whether to realign: {what} nothing about chance. {capitalise(where)}, "
            f"{name_strategy(best)} gains {figures}; run {needs_text(one)}."
        )
    figures += f", 95% interval {interval_text(one.interval)}" if one.interval else ""
    if verdict == "helps":
        rivals = [name_strategy(other) for other in judged if other != best and judged[other].verdict == "helps"]
        do = "Realign with" if realigns(best) else "Use"
        text = f"{do} {best!r}: {name_strategy(best)} helps {where} ({figures})."
        return f"{text} {capitalise(say_what_they_do(rivals, 'help'))} too." if rivals else text
    if verdict == "no difference":
        return f"Realignment makes no difference worth having {where}: {name_strategy(best)} {figures}."
    if verdict == "hurts":
        return f"Do not realign: it hurts {where}, least with {name_strategy(best)} ({figures})."
    return _say_open(judged, where)


def _say_open(judged: Mapping[str, Judgement], where: str) -> str:
    """Return what is known of strategies in the mean where none helps, and of one it cannot be told."""
    unknown = max((name for name in judged if judged[name].verdict == "cannot tell"), key=lambda n: judged[n].gain)
    one = judged[unknown]
    figures = "" if one.interval is None else f" (95% interval of the gain {interval_text(one.interval)})"
    settles = f"{capitalise(needs_text(one))} would settle it."
    text = f"{where}, {name_strategy(unknown)} {_say_gain(one.gain)}{figures}. {settles}"
    harmful = [name for name, other in judged.items() if other.verdict == "hurts"]
    if not harmful:
        return f"One cannot tell yet whether to realign: {text}"
    do = say_what_they_do([name_strategy(name) for name in harmful], "hurt")
    return f"Do not realign with {' or '.join(map(repr, harmful))}: {do}. Of the rest one cannot tell yet: {text}"


def _say_gain(share: float) -> str:
    """Return what a strategy gains or loses, or that it does neither."""
    points = f"{abs(100 * share):.1f}"
    if float(points) == 0:
        return "neither gains nor loses"
    return f"{'gains' if share > 0 else 'loses'} {points} points"


def _say_languages(comparison: Comparison, strategies: Sequence[str]) -> str:
    """Return the verdicts on languages, of the strategy that helps most of them, or else is best known."""
    n = len(comparison.languages)
    known = [name for name in strategies if any(comparison.overall[name].counts.values())]
    if n == 1 or not known:
        return ""

    means = judge_means(comparison)
    named = best_of(means) if means else ""

    def merit(strategy: str) -> tuple[int, bool, bool, int, float]:
        counts = comparison.overall[strategy].counts
        is_known = counts["cannot tell"] < n  # a strategy of which nothing is known is not the best
        return counts["helps"], is_known, strategy == named, -counts["hurts"], _mean_gain(comparison, strategy)

    most = max(known, key=merit)
    # The strategy of the first sentence, unless nothing is known of it alone.
    is_known = named in known and comparison.overall[named].counts["cannot tell"] < n
    best = named if is_known else most
    counts = comparison.overall[best].counts
    more = comparison.overall[most].counts["helps"]
    others = f" {capitalise(name_strategy(most))} helps more: {more}." if more > counts["helps"] else ""
    if counts["cannot tell"] == n and all(
        one.judged is None or one.judged.interval is None for row in comparison.cells.values() for one in row.values()
    ):
        return ""  # the first sentence has said it
    if counts["cannot tell"] == n:
        text = f"By language: {name_strategy(best)} cannot be judged yet in any of {n}; the intervals are too wide."
        return f"{text}{others} {_say_corrected(comparison)}"
    parts = [f"{verdict} {counts[verdict] or 'none'}" for verdict in ("helps", "hurts")]
    if counts["no difference"]:
        parts.append(f"makes no difference worth having in {counts['no difference']}")
    unknown = f"; {counts['cannot tell']} cannot be judged yet" if counts["cannot tell"] else ""
    text = f"By language: {name_strategy(best)} {', '.join(parts)} of {n}{unknown}."
    return f"{text}{others} {_say_corrected(comparison)}"


def _say_corrected(comparison: Comparison) -> str:
    """Return for how many questions the intervals of single languages are corrected."""
    questions = sum(sum(overall.counts.values()) for overall in comparison.overall.values())
    return f"Intervals of single languages are corrected for all {questions} languages and strategies together."


def capitalise(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return f"{text[0].upper()}{text[1:]}"


def _say_how_sure(interval: tuple[float, float] | None, n: int, p: float | None, *, what: str = "seeds") -> str:
    """Return how sure a mean gain is: over seeds, or groups of them, and over languages."""
    text = ""
    if interval is not None:
        text += f" (95% interval over {n} {what} {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"
    if p is not None:
        alike = "most languages move the same way" if p < SIGNIFICANT else "languages move either way"
        text += f"; {alike} ({_p_text(p)})"
    return text


def _say_over_best(merged: str, over: GainOver) -> str:
    """Return a sentence on the gain of a strategy over the best of those that it is made from, or over their mean."""
    if split_joined(merged)[1] is not None:
        return _say_over(merged, over, "the mean of its members, ")
    return _say_over(merged, over, "the best of its members, " if is_merged_name(merged) else "")


def _say_over_frozen(merged: str, over: GainOver) -> str:
    """Return a sentence on whether parts are better put back afterwards than frozen while realigning."""
    return _say_over(merged, over, "")


def _say_what_to_freeze(comparison: Comparison) -> str:
    """Return whether it is known what to freeze: whether the best strategy is better than the second.

    Nothing is said if the best hurts, or of a single seed.
    """
    compared = {name: over for name, one in comparison.overall.items() if (over := one.over_next) is not None}
    best, over = next(iter(compared.items()), ("", None))
    judged = judge_means(comparison).get(best)
    if over is None or over.interval is None or judged is None or judged.verdict == "hurts":
        return ""
    low, high = over.interval
    if max(-low, high) <= comparison.margin:
        answer = "What is frozen makes no difference worth having"
    elif low > 0 and judged.verdict == "helps":
        answer = "Freeze nothing" if best == "full" else f"Freeze what {best!r} freezes"
    else:
        answer = "What to freeze cannot be told yet"
    return f"{answer}: {_compare_two(best, over)}."


def _say_over(merged: str, over: GainOver, what: str) -> str:
    return f"{capitalise(_compare_two(merged, over, what))}."


def _compare_two(name: str, over: GainOver, what: str = "") -> str:
    """Return a clause: how far a strategy is above or below another, and how sure that is."""
    runs = "seeds" if split_joined(name)[1] is None else "groups of seeds"
    text = f"{name_strategy(name)} is {_say_distance(over.gain)} {what}{name_strategy(over.member)}"
    return text + _say_how_sure(over.interval, over.n, over.p_value, what=runs)


def _say_distance(share: float) -> str:
    """Return how far a score is above or below another."""
    points = f"{abs(100 * share):.1f}"
    return "level with" if float(points) == 0 else f"{points} points {'above' if share > 0 else 'below'}"


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
    theirs, ours = row[BASELINE], row[strategy]
    # With other seeds than the baseline, the means of all seeds do not differ by the gain.
    text = f"Largest gain: {name_or_code(language)}, {points_text(gain)} points with {name_strategy(strategy)}"
    adds_up = abs(ours.mean - theirs.mean - gain) < 5e-4
    return f"{text} ({100 * theirs.mean:.1f} to {100 * ours.mean:.1f})." if adds_up else f"{text}."


def _say_harm(comparison: Comparison, strategies: Sequence[str]) -> str:
    """Return a sentence on the languages that full realignment hurts, and on those that freezing spares."""
    harmed = [code for code in comparison.languages if _has(comparison, code, "full", {"hurts"})]
    others = [name for name in strategies if name != "full"]
    if not harmed:
        return ""
    spared = {
        name: [code for code in harmed if _has(comparison, code, name, {"helps", "no difference"})] for name in others
    }
    best = max(others, key=lambda name: len(spared[name]), default=None)
    text = f"Full realignment hurts {_enumerate(harmed)}"
    if best is None or not spared[best]:
        return f"{text}."
    if len(spared[best]) == len(harmed):
        what = "all of them" if len(harmed) > 1 else "it"
    else:
        what = _enumerate(spared[best])
    return f"{text}; {name_strategy(best)} spares {what}."


def _has(comparison: Comparison, code: str, strategy: str, verdicts: set[Verdict]) -> bool:
    """Return whether the verdict on a strategy in a language is one of several."""
    summary = comparison.cells[code].get(strategy)
    return summary is not None and summary.judged is not None and summary.judged.verdict in verdicts


def _p_text(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _mean_gain(comparison: Comparison, strategy: str) -> float:
    return comparison.overall[strategy].average.gain or 0.0


def _enumerate(codes: Sequence[str]) -> str:
    if len(codes) > MOST_NAMED:
        return f"{len(codes)} languages"
    return join_names([name_or_code(code) for code in codes])
