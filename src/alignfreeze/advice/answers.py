"""The advice for each language in one line: whether to realign, with which strategy, and how sure that is."""

from __future__ import annotations

from alignfreeze.advice.judging import Advice, Recommendation, StrategyEstimate
from alignfreeze.experiment.names import BASELINE, is_added_to
from alignfreeze.languages import name_of, name_or_code
from alignfreeze.running.verdicts import interval_text, points_text

EVIDENCE = {False: "your pilots", True: "your runs"}
"""What advice is based on, by whether the models are from complete runs."""


def advice_answers(advice: Advice, *, whole: bool = False) -> list[str]:
    """Return one line for all languages together, and one per target language.

    Args:
        advice: The advice.
        whole: Whether the models are from complete runs, among which one chooses.
    """
    known = [answer_line(item, whole=whole) for item in (advice.overall, *advice.languages)]
    silent = [f"{name_or_code(code)}: nothing can be said (no label could be carried over)" for code in advice.silent]
    return [*known, *silent]


def answer_line(item: Recommendation, *, whole: bool = False) -> str:
    """Return the advice in one line: `Turkish: realign with front (+0.6, -0.3 to +1.5; 71%, prior 62%)`.

    Args:
        item: The advice for a language, or for all languages together.
        whole: Whether the models are from complete runs, among which one chooses.
    """
    who = advised_for(item)
    if item.verdict == "baseline":
        do = "use the models of the baseline" if whole else "do not realign"
        best = promising_strategy(item)
        figures = f"best {best} {figures_text(item.estimated[best])}; no gain {percent_pair(item)}"
        return f"{who}: {do} ({figures})"
    do = "use the models of" if whole else verb_for(item.strategy)
    perhaps = "" if item.verdict == "better" else "perhaps "
    return f"{who}: {perhaps}{do} {item.strategy} ({figures_text(item.estimated[item.strategy])}; {percent_pair(item)})"


def verb_for(strategy: str) -> str:
    """Return what one does with a strategy: realign with it, or use it if it does more or something else."""
    return "use" if is_added_to(strategy) else "realign with"


def advised_for(item: Recommendation) -> str:
    """Return the name of a language, or of all languages together."""
    return "all languages together" if item.language is None else name_of(item.language)


def promising_strategy(item: Recommendation) -> str:
    """Return the strategy that realigns with the greatest expected gain."""
    return max((name for name in item.estimated if name != BASELINE), key=lambda name: item.estimated[name].gain)


def figures_text(one: StrategyEstimate) -> str:
    """Return an expected gain in points, with its interval."""
    return f"{points_text(one.gain)}, {interval_text(one.interval)}"


def percent_pair(item: Recommendation) -> str:
    """Return how sure an advice is, and how sure the prior alone would be."""
    if not (item.is_believed and item.is_judged):
        return f"{item.confidence:.0%} by the prior alone"
    return f"{item.confidence:.0%}, prior {item.prior:.0%}"


def moved_text(item: Recommendation, *, whole: bool = False) -> str:
    """Say what the prior alone says, and what pilots or runs moved it to.

    Args:
        item: The advice for a language, or for all languages together.
        whole: Whether the models are from complete runs.
    """
    source = EVIDENCE[whole]
    if not item.is_judged:
        return f"the prior alone says {item.prior:.0%}, and {source} say nothing about what it adds"
    if not item.is_believed:
        return f"the prior alone says {item.prior:.0%}, and {source} are too weak to move it"
    return f"the prior alone says {item.prior:.0%}, {source} moved it to {item.confidence:.0%}"
