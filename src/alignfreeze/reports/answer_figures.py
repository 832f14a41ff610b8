"""The figure that answers: which strategy helps which language, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alignfreeze.addresses import address_of_language
from alignfreeze.languages import name_or_code
from alignfreeze.running.verdicts import Judgement, Verdict, interval_text, points_text, verdict_text
from alignfreeze.studies.answers import best_of, judgements_of
from alignfreeze.studies.comparison import Comparison

MOST_LINES = 30
"""If there are more lines, only the best strategy of each language is shown at first."""

_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)

_WHOLE_SHARE = 0.8
"""This share of the intervals is shown whole. The others may leave the axis, so that they do not stretch it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of a figure, in points.

    Attributes:
        low: Where the axis begins.
        high: Where the axis ends.
        ticks: The numbers that are written on the axis.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, points: float) -> float:
        """Return where a number stands on the axis, in percent of its length."""
        return round(min(100.0, max(0.0, 100 * (points - self.low) / (self.high - self.low))), 2)


@dataclass(frozen=True, slots=True)
class Mark:
    """The gain of a strategy, in one language or in the mean over languages.

    Attributes:
        strategy: The name of the strategy.
        gain: The gain, in points.
        interval: The interval of the gain, in points; None with a single seed.
        verdict: What is known of the gain.
        gain_text: The gain as text.
        interval_text: The interval as text; empty without one.
        words: The verdict in words, with what would settle it.
        short_words: The same where there is little room.
    """

    strategy: str
    gain: float
    interval: tuple[float, float] | None
    verdict: Verdict
    gain_text: str
    interval_text: str
    words: str
    short_words: str


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """The strategies in one language.

    Attributes:
        name: The name for readers.
        page: The address of the language's page; empty without a page.
        marks: One mark per strategy.
        best: The strategy that the answer for the language names; empty for a mean.
        places: The place of the language in each order.
    """

    name: str
    page: str
    marks: Sequence[Mark]
    best: str
    places: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The gains of all languages as a figure.

    Attributes:
        scale: The axis.
        margin: A gain or loss within this many points is not worth having.
        strategies: The strategies.
        mean: The strategies in the mean over the languages; None if it is not known.
        counts: How many languages each strategy helps and hurts, in words.
        rows: One row per language, sorted in the first order.
        orders: The names of the orders.
        of: What a row is.
    """

    scale: Scale
    margin: float
    strategies: Sequence[str]
    mean: AnswerRow | None
    counts: Mapping[str, str]
    rows: Sequence[AnswerRow]
    orders: Sequence[str]
    of: str = "language"

    @property
    def shows_best(self) -> bool:
        """Whether only the best strategy of each language is shown at first."""
        return _is_long(self.strategies, self.rows)


def _is_long(strategies: Sequence[str], rows: Sequence[AnswerRow]) -> bool:
    return len(strategies) > 1 and len(strategies) * len(rows) > MOST_LINES


def make_answer(comparison: Comparison, *, orders: Mapping[str, Sequence[str]]) -> Answer | None:
    """Return the figure of a comparison; None if there is no gain to show.

    Args:
        comparison: The strategies language by language.
        orders: Ways to sort the languages, by name: the codes from the top down.
    """
    rows = [
        AnswerRow(
            name_or_code(code),
            address_of_language(code),
            [make_mark(name, one) for name, one in judged.items()],
            best_of(judged),
            [list(several).index(code) for several in orders.values()],
        )
        for code in next(iter(orders.values()), ())
        if (judged := judgements_of(comparison, code))
    ]
    if not rows:
        return None
    averages = {name: overall.average.judged for name, overall in comparison.overall.items()}
    means = [make_mark(name, judged) for name in comparison.realignments if (judged := averages.get(name)) is not None]
    mean = AnswerRow(f"mean of {len(rows)}", "", means, "") if means and len(rows) > 1 else None
    margin = 100 * comparison.margin
    marks = [mark for row in rows for mark in row.marks]
    scale = make_scale([*marks, *means], margin)
    if _is_long(comparison.realignments, rows):  # two columns leave little room
        scale = make_ticks(scale.low, scale.high, most=4)
    return Answer(
        scale=scale,
        margin=margin,
        strategies=comparison.realignments,
        mean=mean,
        counts={name: count_text(m.verdict for m in marks if m.strategy == name) for name in comparison.realignments},
        rows=rows,
        orders=list(orders),
    )


def make_mark(strategy: str, judged: Judgement) -> Mark:
    """Return the mark of a strategy."""
    words = verdict_text(judged)
    low_high = judged.interval
    return Mark(
        strategy,
        100 * judged.gain,
        None if low_high is None else (100 * low_high[0], 100 * low_high[1]),
        judged.verdict,
        points_text(judged.gain),
        "" if low_high is None else interval_text(low_high),
        words,
        _shorten(words),
    )


_SHORTER = (
    ("many more seeds and test sentences", "much more data"),
    ("about ", "~"),
    ("test ", ""),
)


def _shorten(words: str) -> str:
    for long, short in _SHORTER:
        words = words.replace(long, short)
    return words


def make_scale(marks: Sequence[Mark], margin: float) -> Scale:
    """Return an axis that shows all gains, the margin, and most intervals whole."""
    gains = [mark.gain for mark in marks]
    low, high = min(*gains, -1.5 * margin, 0.0), max(*gains, 1.5 * margin, 0.0)
    spans = [mark.interval for mark in marks if mark.interval is not None]
    if spans:
        low = min(low, _quantile([span[0] for span in spans], 1 - _WHOLE_SHARE))
        high = max(high, _quantile([span[1] for span in spans], _WHOLE_SHARE))
    edge = 0.04 * (high - low) or 1.0
    return make_ticks(low - edge, high + edge)


def make_ticks(low: float, high: float, *, most: int = 7) -> Scale:
    """Return an axis with a few round numbers on it, about as many as `most`."""
    step = next((step for step in _STEPS if (high - low) / step <= most), _STEPS[-1])
    return Scale(low, high, tuple(n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def count_text(verdicts: Iterable[Verdict]) -> str:
    """Return how many verdicts there are for and against: `helps 16, hurts 0`."""
    found = list(verdicts)
    return f"helps {found.count('helps')}, hurts {found.count('hurts')}"
