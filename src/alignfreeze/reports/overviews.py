"""Many comparisons at a glance: a small figure for each, and a bar for each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignfreeze.addresses import address_of_language
from alignfreeze.languages import name_or_code
from alignfreeze.reports.answer_figures import Mark, Scale, count_text, make_mark, make_scale, make_ticks
from alignfreeze.running.verdicts import VERDICTS, Verdict
from alignfreeze.studies.answers import judgements_of, verdict_of
from alignfreeze.studies.comparison import Comparison


@dataclass(frozen=True, slots=True)
class PanelLine:
    """A strategy in one comparison.

    Attributes:
        mark: The mean over the languages.
        ticks: The gains of the languages in points, by verdict.
        words: How many languages the strategy helps and hurts.
    """

    mark: Mark
    ticks: Mapping[Verdict, Sequence[float]]
    words: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One comparison as a small figure.

    Attributes:
        name: What distinguishes the comparison from the others of its group.
        page: The address of its page.
        lines: One line per strategy.
    """

    name: str
    page: str
    lines: Sequence[PanelLine]


@dataclass(frozen=True, slots=True)
class PanelGroup:
    """The comparisons of a task, which share an axis.

    Attributes:
        name: The name of the task.
        scale: The axis.
        margin: A gain or loss within this many points is not worth having.
        strategies: The strategies.
        panels: The comparisons.
        languages: The number of target languages, in words.
    """

    name: str
    scale: Scale
    margin: float
    strategies: Sequence[str]
    panels: Sequence[Panel]
    languages: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Realignment in one language, over all comparisons.

    Attributes:
        name: The name of the language.
        page: The address of its page.
        shares: The share of the comparisons by verdict, in percent.
        words: In how many comparisons some strategy helps, in how many all hurt, and in how many one cannot tell.
    """

    name: str
    page: str
    shares: Mapping[Verdict, float]
    words: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Many comparisons at a glance.

    Attributes:
        groups: The comparisons of each task.
        languages: How often some strategy helps each language. The languages that are helped most often come first.
    """

    groups: Sequence[PanelGroup]
    languages: Sequence[Tally]


def make_overview(compared: Mapping[str, Comparison]) -> Overview | None:
    """Return all comparisons at a glance; None if there are no gains to show.

    Args:
        compared: The comparisons by the addresses of their pages.
    """
    by_task: dict[str, dict[str, Comparison]] = {}
    for page, one in compared.items():
        if one.realignments and one.languages:
            by_task.setdefault(one.setup.task, {})[page] = one
    if not by_task:
        return None
    several = [one for members in by_task.values() for one in members.values()]
    return Overview([_group(task, members) for task, members in by_task.items()], _tally(several))


def _group(task: str, members: Mapping[str, Comparison]) -> PanelGroup:
    panels = [Panel(_name_panel(one, list(members.values())), page, _lines(one)) for page, one in members.items()]
    marks = [line.mark for panel in panels for line in panel.lines]
    margin = 100 * max(one.margin for one in members.values())
    strategies = list(dict.fromkeys(mark.strategy for mark in marks))
    sizes = [len(one.languages) for one in members.values()]
    counts = str(sizes[0]) if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
    ticks = [gain for panel in panels for line in panel.lines for gains in line.ticks.values() for gain in gains]
    return PanelGroup(task, _widen(make_scale(marks, margin), ticks), margin, strategies, panels, f"{counts} languages")


def _widen(scale: Scale, ticks: Sequence[float]) -> Scale:
    """Return an axis on which most languages are inside; the others stand at its ends."""
    if not ticks:
        return scale
    ordered = sorted(ticks)
    edge = len(ordered) // 50
    return make_ticks(min(scale.low, ordered[edge]), max(scale.high, ordered[-1 - edge]))


def _name_panel(one: Comparison, members: Sequence[Comparison]) -> str:
    schedules, metrics = ({get(other) for other in members} for get in (_schedule_of, _metric_of))
    parts = [
        one.setup.encoder,
        one.setup.aligner,
        _schedule_of(one) if len(schedules) > 1 else "",
        _metric_of(one) if len(metrics) > 1 else "",
        one.label,
    ]
    return ", ".join(part for part in parts if part)


def _schedule_of(comparison: Comparison) -> str:
    return comparison.setup.schedule or ""


def _metric_of(comparison: Comparison) -> str:
    return comparison.metric


def _lines(comparison: Comparison) -> list[PanelLine]:
    found = []
    for name in comparison.realignments:
        overall = comparison.overall.get(name)
        if overall is None or overall.average.judged is None:
            continue
        row = [one.judged for code in comparison.languages if (one := comparison.cells[code].get(name)) and one.judged]
        ticks: dict[Verdict, list[float]] = {
            verdict: [100 * judged.gain for judged in row if judged.verdict == verdict]
            for verdict in reversed(VERDICTS)
        }
        words = count_text(judged.verdict for judged in row)
        found.append(PanelLine(make_mark(name, overall.average.judged), ticks, words))
    return found


def _verdicts(compared: Sequence[Comparison], code: str) -> list[Verdict]:
    """Return the verdict on realignment in a language, whatever the strategy, for each comparison."""
    found = [judgements_of(one, code) for one in compared if code in one.languages]
    return [verdict_of(judged) for judged in found if judged]


def _tally(compared: Sequence[Comparison]) -> list[Tally]:
    codes = dict.fromkeys(code for one in compared for code in one.languages)
    found = [(code, verdicts) for code in codes if (verdicts := _verdicts(compared, code))]
    found.sort(key=lambda item: (item[1].count("hurts") - item[1].count("helps")) / len(item[1]))
    return [
        Tally(
            name_or_code(code),
            address_of_language(code),
            {verdict: 100 * verdicts.count(verdict) / len(verdicts) for verdict in VERDICTS},
            _tally_text(verdicts),
        )
        for code, verdicts in found
    ]


def _tally_text(verdicts: Sequence[Verdict]) -> str:
    """Return how many verdicts there are: `helps 2, cannot tell 16`. No difference is named only if it is all."""
    counts = {verdict: verdicts.count(verdict) for verdict in ("helps", "hurts", "cannot tell")}
    parts = [f"{verdict} {count}" for verdict, count in counts.items() if count]
    return ", ".join(parts) or f"no difference {len(verdicts)}"
