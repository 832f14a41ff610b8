"""The answer for each language in one line: should one realign, with which strategy, and how sure is that?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from alignfreeze.languages import name_or_code
from alignfreeze.running.verdicts import (
    VERDICT_TEXTS,
    VERDICTS,
    Judgement,
    Verdict,
    interval_text,
    needs_text,
    points_text,
)
from alignfreeze.studies.comparison import Comparison


def answer_lines(comparison: Comparison) -> list[str]:
    """Return one line per target language, the clearest gains first: `Turkish: front helps (+1.3, +0.6 to +2.0)`.

    There is none if only the baseline was tested, or if no model has learnt anything.
    """
    if comparison.learnt_nothing or not any(judgements_of(comparison, code) for code in comparison.languages):
        return []
    return [f"{name_or_code(code)}: {answer_for(comparison, code)}" for code in order_languages(comparison)]


def answer_for(comparison: Comparison, code: str) -> str:
    """Return the answer for a language, without its name."""
    judged = judgements_of(comparison, code)
    if not judged and len(comparison.cells[code]) > 1:
        return "all scores are 0, so nothing can be said"
    return answer(judged)


def judgements_of(comparison: Comparison, code: str) -> dict[str, Judgement]:
    """Return the verdicts on the strategies in a language."""
    row = comparison.cells[code]
    return {name: judged for name in comparison.realignments if name in row and (judged := row[name].judged)}


def order_languages(comparison: Comparison) -> list[str]:
    """Return the target languages: the ones that a strategy helps first, then by their greatest gain."""

    def key(code: str) -> tuple[int, float]:
        judged = judgements_of(comparison, code)
        gains = [one.gain for one in judged.values()]
        return _VERDICT_ORDER[verdict_of(judged)], -max(gains, default=0.0)

    return sorted(comparison.languages, key=key)


_VERDICT_ORDER: dict[Verdict, int] = {"helps": 0, "cannot tell": 1, "no difference": 2, "hurts": 3}


def best_of(judged: Mapping[str, Judgement]) -> str:
    """Return the strategy that the answer for a language names: one that helps, or else the most promising one."""
    return min(judged, key=lambda name: (_VERDICT_ORDER[judged[name].verdict], -judged[name].gain))


def verdict_of(judged: Mapping[str, Judgement]) -> Verdict:
    """Return the verdict on realignment in a language, whatever the strategy.

    It helps if any strategy helps. It hurts, or makes no difference, only if that is known of all strategies.
    """
    found = {one.verdict for one in judged.values()}
    if "helps" in found:
        return "helps"
    if not found or "cannot tell" in found:
        return "cannot tell"
    return "no difference" if "no difference" in found else "hurts"


def answer(judged: Mapping[str, Judgement]) -> str:
    """Return the answer from the verdicts on several strategies in a language, or in the mean over languages."""
    if not judged:
        return "no strategy was tested"
    by_verdict = {verdict: _best_first(judged, verdict) for verdict in VERDICTS}
    helping, harming, unknown = by_verdict["helps"], by_verdict["hurts"], by_verdict["cannot tell"]
    harm = f"; {say_what_they_do(harming, 'hurt')}" if harming else ""
    if helping:
        best, *others = helping
        also = f"; {say_what_they_do(others, 'help')} too" if others else ""
        return f"{best} helps ({_figures(judged[best])}){also}{harm}"
    if unknown:
        best = unknown[0]
        begin = f"{say_what_they_do(harming, 'hurt')}; of the rest one cannot" if harming else "cannot"
        return f"{begin} tell yet ({_named(best, judged)}); {needs_text(judged[best])}"
    if same := by_verdict["no difference"]:
        return f"{VERDICT_TEXTS['no difference']} ({_named(same[0], judged)}){harm}"
    return _say_that_all_hurt(harming, judged)


def _say_that_all_hurt(harming: Sequence[str], judged: Mapping[str, Judgement]) -> str:
    best = harming[0]
    if len(harming) == 1:
        return f"{best} hurts ({_figures(judged[best])})"
    return f"all strategies hurt (least {_named(best, judged)})"


def _best_first(judged: Mapping[str, Judgement], verdict: Verdict) -> list[str]:
    found = [name for name, one in judged.items() if one.verdict == verdict]
    return sorted(found, key=lambda name: -judged[name].gain)


def _named(name: str, judged: Mapping[str, Judgement]) -> str:
    return f"{name} {_figures(judged[name])}"


def _figures(judged: Judgement) -> str:
    gain = points_text(judged.gain)
    return gain if judged.interval is None else f"{gain}, {interval_text(judged.interval)}"


def count_verdicts(found: Iterable[Verdict]) -> str:
    """Return how many verdicts there are of each kind: `helps in 2, cannot be judged yet in 4`."""
    counts = Counter(found)
    return ", ".join(f"{_COUNTED[verdict]} in {counts[verdict]}" for verdict in VERDICTS if counts[verdict])


_COUNTED: dict[Verdict, str] = {
    "helps": "helps",
    "hurts": "hurts",
    "no difference": "makes no difference worth having",
    "cannot tell": "cannot be judged yet",
}


def say_what_they_do(names: Sequence[str], verb: str) -> str:
    """Return a clause: `front and back help`, or `front helps`."""
    return f"{join_names(names)} {verb}{'s' if len(names) == 1 else ''}"


def join_names(names: Sequence[str]) -> str:
    """Return names as they stand in a sentence: `this, that and another`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
