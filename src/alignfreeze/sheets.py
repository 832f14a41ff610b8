"""Tables of text, and their forms in Markdown, in LaTeX and in notebooks. `terminal` has their forms for commands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

DOUBTFUL = "doubtful: "
"""Stands before each doubt about scores."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: The text for readers.
        tone: 1 for better, -1 for worse, 0 for neither.
        page: The address of the page about the thing that the cell names; empty without a page.
    """

    text: str
    tone: int = 0
    page: str = ""


SPARE, DETAIL, NEEDED = range(3)
"""How much readers need a column where a table is too wide. `SPARE` columns, such as places and digests, are left out
first. Then strategies are stacked, one row for each. Then `DETAIL` columns are left out. `NEEDED` columns never are."""


@dataclass(frozen=True, slots=True)
class Place:
    """What becomes of a column where its table is too wide.

    Attributes:
        need: How much readers need the column: `SPARE`, `DETAIL` or `NEEDED`.
        of: What the column is about, such as the strategy `front`. The columns of several strategies may be stacked:
            then each strategy has a row. Empty for columns that are about all of them.
        part: The heading of the column where strategies are stacked, such as `gain`. Columns with the same part become
            one column.
    """

    need: int = NEEDED
    of: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table for readers.

    Attributes:
        title: What the table shows.
        columns: The headings. The first columns say what a row is about.
        n_names: How many columns say what a row is about.
        rows: One cell per column.
        note: How to read the table, in whole sentences.
        n_last: How many rows at the end sum up the other rows; a line separates these rows.
        places: What becomes of each column where the table is too wide; empty if all columns are needed.
        things: The heading for what columns are about, where these are stacked.
        is_list: Whether the rows are names with their values; a terminal shows such rows without headings.
    """

    title: str
    columns: tuple[str, ...]
    n_names: int
    rows: tuple[tuple[Cell, ...], ...]
    note: str
    n_last: int = 0
    places: tuple[Place, ...] = ()
    things: str = "strategy"
    is_list: bool = False


def list_pairs(pairs: Iterable[tuple[str, str]]) -> Sheet:
    """Return names and their values as a list for readers; a name may come several times."""
    return Sheet("", ("name", "value"), 2, tuple((Cell(name), Cell(text)) for name, text in pairs), "", is_list=True)


STYLES = {-1: "red", 0: "", 1: "green"}
"""The colours of cells, by their tone."""


def to_markdown(sheet: Sheet) -> str:
    """Return a table in Markdown, with its title and its note."""
    rules = ["---" if number < sheet.n_names else "---:" for number in range(len(sheet.columns))]
    lines = [
        f"**{markdown_text(sheet.title)}**",
        "",
        f"| {' | '.join(map(markdown_text, sheet.columns))} |",
        f"|{'|'.join(rules)}|",
    ]
    lines += [f"| {' | '.join(markdown_text(cell.text) for cell in row)} |" for row in sheet.rows]
    return "\n".join([*lines, *(["", markdown_text(sheet.note)] if sheet.note else [])])


def markdown_text(text: str) -> str:
    """Escape signs that Markdown would read as markup."""
    return re.sub(r"([\\|<*`\[])", r"\\\1", text)


def to_latex(sheet: Sheet) -> str:
    r"""Return a table in LaTeX, which needs the package `booktabs`."""
    kinds = "l" * sheet.n_names + "r" * (len(sheet.columns) - sheet.n_names)
    rows = [_latex_row([cell.text for cell in row]) for row in sheet.rows]
    if sheet.n_last:
        rows.insert(len(rows) - sheet.n_last, r"\midrule")
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule"]
    lines += [_latex_row(sheet.columns), r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    caption = f"{latex_text(sheet.title)}. {latex_text(sheet.note)}".rstrip()
    return "\n".join([*lines, rf"\caption{{{caption}}}", r"\end{table}"])


def to_html(sheet: Sheet) -> str:
    """Return a table in HTML, for notebooks."""
    head = "".join(f"<th>{escape(column)}</th>" for column in sheet.columns)
    rows = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in sheet.rows)
    note = f"<p><small>{escape(sheet.note)}</small></p>" if sheet.note else ""
    caption = f"<caption>{escape(sheet.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"


_MARKS = {-1: "#c25e00", 1: "#2b7bba"}
"""Orange and blue lines, which are seen on a light and on a dark ground; the text keeps the colour of the notebook."""


def _html_cell(cell: Cell) -> str:
    style = f' style="border-bottom:2px solid {_MARKS[cell.tone]}"' if cell.tone else ""
    return f"<td{style}>{escape(cell.text)}</td>"


def doubt_lines(doubts: Iterable[str], *, latex: bool = False, markdown: bool = False) -> list[str]:
    """Return doubts about scores as lines for above the tables; in LaTeX they are comments."""
    found = [f"{DOUBTFUL}{doubt}" for doubt in doubts]
    if latex:
        return [f"% {line}" for line in found]
    return [*(f"- {markdown_text(line)}" for line in found), *([""] if found else [])] if markdown else found


def _latex_row(texts: list[str] | tuple[str, ...]) -> str:
    return rf"{' & '.join(map(latex_text, texts))} \\"


_TEX = {
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "→": r"$\rightarrow$",
    "…": r"\ldots{}",
}


def latex_text(text: str) -> str:
    """Escape signs that LaTeX would read as commands."""
    return "".join(_TEX.get(sign, sign) for sign in text)
