"""Results that are tables for people: in a notebook, as a data frame, and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from alignfreeze.extras import import_extra
from alignfreeze.sheets import Sheet, to_html

if TYPE_CHECKING:
    from pandas import DataFrame


_MOST_ROWS = 60
"""The most rows that a notebook shows, as many as pandas does."""


class Tabular:
    """A result with rows."""

    __slots__ = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table, each as plain values by the names of the columns."""
        raise NotImplementedError

    def sheets(self) -> Sequence[Sheet]:
        """Return the tables that people read, if they differ from the rows."""
        return ()

    def warnings(self) -> Sequence[str]:
        """Return lines for above the tables, such as doubts about scores."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as plain values, as they are written in JSON."""
        return {"rows": self.rows()}

    def to_pandas(self) -> DataFrame:
        """Return the rows as a data frame of pandas.

        Raises:
            SettingsError: pandas is not installed.
        """
        pandas = import_extra("pandas", extra="pandas", what="data frames")
        return pandas.DataFrame(self.rows())

    def _repr_html_(self) -> str:
        """Return the tables in HTML, for notebooks, with doubts above them."""
        above = "".join(f"<p><strong>{escape(line)}</strong></p>" for line in self.warnings())
        if sheets := self.sheets():
            return above + "".join(map(to_html, sheets))
        rows = self.rows()
        columns = list(dict.fromkeys(name for row in rows for name in row))
        shown = rows[:_MOST_ROWS]
        lines = [_row("th", columns), *(_row("td", [_show(row.get(name)) for name in columns]) for row in shown)]
        below = f"<p>the first {len(shown):,} of {len(rows):,} rows</p>" if len(rows) > len(shown) else ""
        return f"{above}<table>{''.join(lines)}</table>{below}"


def _row(tag: str, texts: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_show(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_show, value))
    return str(value)
