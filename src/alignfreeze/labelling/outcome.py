"""What labels settle: as sentences, as a table, and as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from alignfreeze.columns import Column, make_sheet, plain_values
from alignfreeze.labelling.estimates import Estimate, Interval
from alignfreeze.languages import name_of
from alignfreeze.running.verdicts import VERDICT_TEXTS, Verdict, interval_text, points_text
from alignfreeze.sheets import DETAIL, Sheet
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.table import TASKS

ENOUGH = 10
"""With fewer labelled items, it is not said how many more are needed: the estimates still move too much."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What labels say about the model of a strategy.

    Attributes:
        strategy: The strategy.
        model: The folder of the model.
        score: Its estimated score; None while nothing is known of what all models label alike.
        gain: The estimated gain over the baseline, or over the first strategy if the baseline is no candidate; None for
            that one.
        verdict: Whether it helps, from the interval that holds at any time; None without a gain.
        expected: The expected gain, from the labels and from what was known of such gains before.
        chance: The probability that no other model is better by more than the margin.
        behind: How far the strategy is behind the chosen one, from labels alone; None for the chosen one.
    """

    strategy: str
    model: str
    score: Estimate | None
    gain: Estimate | None
    verdict: Verdict | None
    expected: float
    chance: float
    behind: Estimate | None


@dataclass(frozen=True, slots=True)
class Settlement(Tabular):
    """What the labels of a language settle.

    Attributes:
        task: Name of the task.
        metric: Name of the metric.
        language: Code of the language.
        drawing: Name of the drawing.
        n_items: Number of labelled items that count.
        n_labels: Number of labels in these that were asked for.
        n_drawn: How many items can be drawn at all.
        n_text: Number of items of the text.
        margin: A smaller difference is not worth having; a share.
        standings: One for each strategy.
        chosen: The strategy to use.
        is_settled: Whether labels alone show that no other model is better by more than the margin.
        more_items: Roughly how many more items would show it; None if it is shown, if no number of items would, or if
            fewer than ten are labelled.
        gap: The first item without all its labels, and where it stands; None if all that were written are labelled.
        waiting: How many labelled items do not count, because the item of the gap was drawn before them.
    """

    task: str
    metric: str
    language: str
    drawing: str
    n_items: int
    n_labels: int
    n_drawn: int
    n_text: int
    margin: float
    standings: tuple[Standing, ...]
    chosen: str
    is_settled: bool
    more_items: int | None
    gap: str | None = None
    waiting: int = 0

    @property
    def standing(self) -> Standing:
        """What labels say about the chosen strategy."""
        return next(one for one in self.standings if one.strategy == self.chosen)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per strategy: its score and its gain, with intervals."""
        return self.to_dict()["standings"]

    def to_dict(self) -> dict[str, Any]:
        """Return what is settled as plain values, as `alignfreeze settle --json` prints it."""
        return settlement_facts(self)

    def sheets(self) -> list[Sheet]:
        """Return a table with one row per strategy."""
        return [settlement_sheet(self)]

    def answers(self) -> list[str]:
        """Return what is settled as sentences, the answer first."""
        return settlement_lines(self)


NOTE = (
    "Score and gain: estimated from the labels, with 95% intervals. The interval of a score holds if the number of "
    "labels was decided before; that of a gain holds however often one looks, and for all strategies together. "
    "Expected: the gain that the labels and what is known of such gains from other studies make most probable. "
    "Chance: the probability that no other strategy is better by more than the margin."
)


def settlement_lines(found: Settlement) -> list[str]:
    """Return what is settled as sentences, the answer first."""
    chosen = found.standing
    margin = f"{100 * found.margin:g} points"
    things = TASKS[found.task].kind.item_name
    if found.is_settled:
        lines = [
            f"{name_of(found.language)}: use {found.chosen}. It is settled: no other strategy is better by more than "
            f"{margin}."
        ]
    else:
        lines = [
            f"{name_of(found.language)}: use {found.chosen}. It is not settled yet: the probability that no other "
            f"strategy is better by more than {margin} is {chosen.chance:.0%}."
        ]
    lines.append(f"The model is {chosen.model}.")
    lines.append(
        f"This follows from {found.n_labels:,} labels in {found.n_items:,} {things}, of {found.n_text:,} in the text."
    )
    if found.more_items is not None:
        lines.append(
            f"Roughly {found.more_items:,} more {things} would settle it, if estimates stay as they are; few labels "
            "say little about this number."
        )
    elif not found.is_settled and found.n_items >= ENOUGH:
        lines.append("Even labels for the whole text would not settle it, if estimates stay as they are.")
    if found.waiting:
        lines.append(
            f"{found.waiting:,} labelled {things} do not count yet, because an item that was drawn before them is not "
            f"finished: {found.gap}. Write _ where you cannot tell."
        )
    elif found.gap:
        lines.append(f"Labels are missing from {found.gap} on.")
    return lines


def settlement_columns(found: Settlement) -> list[Column[Standing]]:
    """Return the columns of a settlement, one row per strategy."""
    return [
        Column("strategy", lambda row: row.strategy, is_name=True, key="strategy"),
        Column(found.metric, lambda row: _of(row.score, "value"), _percent, key="score"),
        Column("95%", lambda row: _of(row.score, "interval"), _percents, key="score_interval", need=DETAIL),
        Column(None, lambda row: _of(row.score, "at_any_time"), key="score_at_any_time"),
        Column("gain", lambda row: _of(row.gain, "value"), points_text, key="gain"),
        Column(None, lambda row: _of(row.gain, "interval"), key="gain_interval"),
        Column("at any time", lambda row: _of(row.gain, "at_any_time"), interval_text, key="gain_at_any_time"),
        Column("verdict", lambda row: row.verdict, lambda verdict: VERDICT_TEXTS[verdict], key="verdict"),
        Column("expected", lambda row: row.expected, points_text, key="expected"),
        Column("chance", lambda row: row.chance, "{:.0%}".format, key="chance"),
        Column("model", lambda row: row.model, key="model", need=DETAIL),
    ]


def _of(estimate: Estimate | None, part: str) -> Any:
    return None if estimate is None else getattr(estimate, part)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _percents(interval: Interval) -> str:
    return " to ".join(map(_percent, interval))


def settlement_sheet(found: Settlement) -> Sheet:
    """Return a settlement as a table, one row per strategy."""
    title = f"{found.task} in {name_of(found.language)}: what {found.n_labels:,} labels say"
    return make_sheet(title, settlement_columns(found), found.standings, NOTE)


def settlement_facts(found: Settlement) -> dict[str, Any]:
    """Return a settlement as plain values."""
    columns = settlement_columns(found)
    plain = asdict(found)
    plain["standings"] = [plain_values(columns, row) for row in found.standings]
    return {"answer": settlement_lines(found)[0], **plain}
