"""Sentences on several comparisons together, the answer first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from alignfreeze.languages import name_or_code
from alignfreeze.running.verdicts import Verdict, points_text
from alignfreeze.studies.answers import answer_for, judgements_of, verdict_of
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.summaries import (
    MEANINGLESS,
    NOTHING_LEARNT,
    is_all_zero,
    judge_means,
    name_strategy,
    summarise_comparison,
)
from alignfreeze.studies.tables import title_of


def summarise_comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    """Return sentences on several comparisons together: how often realignment helps, and which strategy is best.

    If there are several by different metrics of the same runs, only the first one counts.
    """
    comparisons = _take_first_metrics(comparisons)
    if len(comparisons) == 1:
        return summarise_comparison(comparisons[0])
    if all(map(is_all_zero, comparisons)):
        return [NOTHING_LEARNT]
    if all(one.learnt_nothing for one in comparisons):
        return [MEANINGLESS]
    comparisons = [one for one in comparisons if not one.learnt_nothing]
    encoders, tasks = ({getattr(c.setup, name) for c in comparisons} for name in ("encoder", "task"))
    of = f"({_count_things(encoders, 'encoder')}, {_count_things(tasks, 'task')})"
    judged = [(c, judge_means(c)) for c in comparisons]
    counts = _count_comparisons(verdict_of(row) for _, row in judged)
    found = [f"Of {len(comparisons)} comparisons {of}, {counts}, on average over languages."]
    gains = [(one.gain, c, name) for c, row in judged for name, one in row.items() if one.verdict == "helps"]
    losses = [(one.gain, c, name) for c, row in judged for name, one in row.items() if one.verdict == "hurts"]
    if gains:
        found.append(_say_extreme("Most gained", *max(gains, key=lambda one: one[0])))
    if losses:
        found.append(_say_extreme("Most lost", *min(losses, key=lambda one: one[0])))
    return [*found, *_say_front(comparisons)]


def summarise_language(comparisons: Sequence[Comparison], code: str) -> list[str]:
    """Return what several comparisons say of a language: in how many realignment helps, then one line for each.

    If there are several by different metrics of the same runs, only the first one counts.
    """
    with_it = [one for one in _take_first_metrics(comparisons) if code in one.languages and not one.learnt_nothing]
    judged = [found for one in with_it if (found := judgements_of(one, code))]
    name = name_or_code(code)
    if len(with_it) == 1:
        return [f"{name}: {answer_for(with_it[0], code)}"]
    if not judged:
        return [f"{name}: nothing to compare."]
    counts = f"{name}: of {len(judged)} comparisons, {_count_comparisons(map(verdict_of, judged))}."
    return [counts, *(f"{title_of(one)}: {answer_for(one, code)}" for one in with_it)]


def _take_first_metrics(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparison of each setup by its most important metric."""
    return list({(one.setup, one.fine_tuned, one.label): one for one in reversed(comparisons)}.values())[::-1]


def _count_comparisons(found: Iterable[Verdict]) -> str:
    """Return in how many comparisons a strategy helps, and in how many none does."""
    counts = Counter(found)
    return ", ".join(f"{words} in {counts[verdict]}" for verdict, words in _COUNTED.items() if counts[verdict])


_COUNTED: dict[Verdict, str] = {
    "helps": "at least one strategy helps",
    "hurts": "all strategies hurt",
    "no difference": "none makes a difference worth having",
    "cannot tell": "it cannot be told yet whether any helps",
}


def _say_extreme(what: str, gain: float, comparison: Comparison, strategy: str) -> str:
    setup = comparison.setup
    where = f"{setup.task} with {setup.encoder}" + (f" and links by {setup.aligner}" if setup.aligner else "")
    where += f", realigned {setup.schedule} fine-tuning" if setup.schedule not in {None, "before"} else ""
    return f"{what}: {points_text(gain)} points by {name_strategy(strategy)}, in {where}."


def _say_front(comparisons: Sequence[Comparison]) -> list[str]:
    """Return how often front-freezing has a higher mean than full realignment."""
    pairs = [
        (c.overall["front"].average.mean, c.overall["full"].average.mean)
        for c in comparisons
        if c.overall.keys() >= {"front", "full"}
    ]
    if not pairs:
        return []
    better = sum(front > full for front, full in pairs)
    return [f"The mean with front-freezing is above that with full realignment in {better} of {len(pairs)}."]


def _count_things(values: set[str], what: str) -> str:
    return f"{len(values)} {what}{'s' if len(values) > 1 else ''}"
