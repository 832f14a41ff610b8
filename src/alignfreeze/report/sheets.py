"""Sheets of text, and the same in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich import box
from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Cell:
    """Text in a sheet.

    Attributes:
        text: As it is read.
        tone: 1 where something is better, -1 where it is worse, else 0.
        page: The address of the page of what is named, where there are pages; empty where it has none.
    """

    text: str
    tone: int = 0
    page: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as people read it.

    Attributes:
        title: What it shows.
        columns: Their names; the first ones name what a row is of.
        n_names: How many those are.
        rows: A cell a column.
        note: How to read it.
        n_last: How many rows at the end are set apart, as they sum up the others.
    """

    title: str
    columns: tuple[str, ...]
    n_names: int
    rows: tuple[tuple[Cell, ...], ...]
    note: str
    n_last: int = 0


def to_rich(sheet: Sheet) -> RichTable:
    """Return a sheet for the terminal; what is better is green, what is worse red."""
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
    """Return a sheet in Markdown, with its title and note."""
    rules = ["---" if number < sheet.n_names else "---:" for number in range(len(sheet.columns))]
    lines = [
        f"**{markdown_text(sheet.title)}**",
        "",
        f"| {' | '.join(map(markdown_text, sheet.columns))} |",
        f"|{'|'.join(rules)}|",
    ]
    lines += [f"| {' | '.join(markdown_text(cell.text) for cell in row)} |" for row in sheet.rows]
    return "\n".join([*lines, "", f"{markdown_text(sheet.note)}."])


def markdown_text(text: str) -> str:
    """Return text that Markdown takes as text."""
    return re.sub(r"([\\|<*`\[])", r"\\\1", text)


def to_latex(sheet: Sheet) -> str:
    r"""Return a sheet as a LaTeX table; it needs the package `booktabs`."""
    kinds = "l" * sheet.n_names + "r" * (len(sheet.columns) - sheet.n_names)
    rows = [_latex_row([cell.text for cell in row]) for row in sheet.rows]
    if sheet.n_last:
        rows.insert(len(rows) - sheet.n_last, r"\midrule")
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule"]
    lines += [_latex_row(sheet.columns), r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, rf"\caption{{{latex_text(sheet.title)}. {latex_text(sheet.note)}.}}", r"\end{table}"])


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
    """Return text that LaTeX takes as text."""
    return "".join(_TEX.get(sign, sign) for sign in text)
