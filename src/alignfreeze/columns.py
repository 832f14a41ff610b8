"""Columns as data: a table and its plain values come from the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from alignfreeze.sheets import NEEDED, Cell, Place, Sheet

Row = TypeVar("Row")


def to_signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign, and never a minus before a zero: `+0.7`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column of a table, and the same value in JSON and CSV.

    Attributes:
        name: The heading; None if no table shows the column.
        value: Returns the value of the column in a row.
        show: Turns a value into text for readers; None shows the value itself.
        key: The name of the column in JSON and CSV; empty if they leave the column out.
        is_name: Whether the column says what a row is about. Such columns come first.
        missing: The text for readers if the value is None.
        need: How much readers need the column where the table is too wide: `SPARE`, `DETAIL` or `NEEDED`.
        of: What the column is about, such as a strategy; see `Place`.
        part: The heading of the column where strategies are stacked, one row for each.
    """

    name: str | None
    value: Callable[[Row], Any]
    show: Callable[[Any], Cell | str] | None = None
    key: str = ""
    is_name: bool = False
    missing: str = "–"
    need: int = NEEDED
    of: str = ""
    part: str = ""

    def cell(self, row: Row) -> Cell:
        """Return the text of the column in a row, for readers."""
        value = self.value(row)
        if value is None:
            return Cell(self.missing)
        shown = value if self.show is None else self.show(value)
        return shown if isinstance(shown, Cell) else Cell(str(shown))


def make_sheet(
    title: str,
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    note: str = "",
    *,
    n_last: int = 0,
    things: str = "strategy",
) -> Sheet:
    """Return a table for readers.

    Args:
        title: What the table shows.
        columns: The columns; columns without a heading are left out.
        rows: What the rows are about.
        note: How to read the table.
        n_last: How many rows at the end sum up the other rows.
        things: The heading for what columns are about (`Column.of`), where these are stacked.
    """
    shown = [(column.name, column) for column in columns if column.name is not None]
    return Sheet(
        title,
        tuple(name for name, _ in shown),
        sum(column.is_name for _, column in shown),
        tuple(tuple(column.cell(row) for _, column in shown) for row in rows),
        note,
        n_last,
        tuple(Place(column.need, column.of, column.part or name) for name, column in shown),
        things,
    )


def plain_values(columns: Iterable[Column[Row]], row: Row) -> dict[str, Any]:
    """Return the values of a row for JSON and CSV, by the keys of its columns."""
    return {column.key: column.value(row) for column in columns if column.key}
