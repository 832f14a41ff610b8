"""Tables of text, and their forms in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

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
    """

    title: str
    columns: tuple[str, ...]
    n_names: int
    rows: tuple[tuple[Cell, ...], ...]
    note: str
    n_last: int = 0


def to_rich(sheet: Sheet) -> RichTable:
    """Return a table for the terminal. Green is better, red is worse."""
    shown = RichTable(title=Text(sheet.title), caption=Text(sheet.note), box=box.SIMPLE_HEAD, title_justify="left")
    for number, column in enumerate(sheet.columns):
        named = number < sheet.n_names
        # A narrow terminal may cut numbers and titles, but not the names of the rows.
        narrowest = max((len(row[number].text) for row in sheet.rows), default=0) if number == 0 else None
        shown.add_column(Text(column), justify="left" if named else "right", no_wrap=True, min_width=narrowest)
    for number, row in enumerate(sheet.rows):
        if sheet.n_last and number == len(sheet.rows) - sheet.n_last:
            shown.add_section()
        shown.add_row(*[Text(cell.text, style=_STYLES[cell.tone]) for cell in row])
    return shown


_STYLES = {-1: "red", 0: "", 1: "green"}


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
