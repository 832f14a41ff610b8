"""Tables and sentences as commands print them: fitted to a terminal, or as tab-separated lines without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from alignfreeze.fitting import GAP, Fitted, fit, is_text, longest_word
from alignfreeze.sheets import STYLES, Cell, Sheet

NOTE_STYLE = "dim"
"""How notes under tables look in a terminal."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A table that takes the width of the terminal when it is printed."""

    sheet: Sheet

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        sheet, width = self.sheet, options.max_width
        if sheet.title:
            yield wrap(Text(sheet.title, "bold"), console, width)
        fitted = None if sheet.is_list else fit(sheet, width)
        if fitted is None:
            yield from _list_rows(sheet, console, width)
        else:
            yield from console.render(_to_table(fitted), options.update_width(max(width, fitted.width + 1)))
        if sheet.note:
            yield wrap(Text(sheet.note, NOTE_STYLE), console, width)
        if fitted is not None and fitted.left_out:
            said = f"Not shown: {', '.join(fitted.left_out)}. A wider terminal or --json shows everything."
            yield wrap(Text(said, NOTE_STYLE), console, width)


def to_rich(sheet: Sheet) -> RenderableType:
    """Return a table for the terminal that fits any width and cuts no number. Green is better, red is worse."""
    return _Shown(sheet)


def wrap(text: Text, console: Console, width: int) -> Text:
    """Break a text into lines between words. A word that is longer than a line stays whole."""
    text.overflow = "ignore"  # or rich breaks such a word
    lines = text.wrap(console, max(1, width))
    for line in lines:
        line.rstrip()
    return _join(lines, "\n")


def _join(lines: Iterable[Text], between: str) -> Text:
    return Text(between, overflow="ignore", no_wrap=True).join(lines)


def _to_table(fitted: Fitted) -> RichTable:
    sheet = fitted.sheet
    table = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
    )
    for number, (name, width) in enumerate(zip(sheet.columns, fitted.widths, strict=True)):
        table.add_column(Text(name), justify="left" if is_text(sheet, number) else "right", width=width)
    for number, row in enumerate(sheet.rows):
        if sheet.n_last and number == len(sheet.rows) - sheet.n_last:
            table.add_section()
        table.add_row(*(Text(cell.text, STYLES[cell.tone]) for cell in row))
    return table


def _list_rows(sheet: Sheet, console: Console, width: int) -> Iterator[Text]:
    """Yield the cells of rows, one below the other, each after its heading; of a list, each row after its name."""
    if sheet.is_list:
        label = max((cell_len(name.text) for name, _ in sheet.rows), default=0)
        above = ""
        for name, cell in sheet.rows:
            yield _list_cell("" if name.text == above else name.text, cell, label, console, width)
            above = name.text
        return
    label = GAP + max(map(cell_len, sheet.columns[1:]), default=0)
    for first, *others in sheet.rows:
        yield wrap(Text(first.text, STYLES[first.tone] or "bold"), console, width)
        for name, cell in zip(sheet.columns[1:], others, strict=True):
            if cell.text:
                yield _list_cell(" " * GAP + name, cell, label, console, width)


def _list_cell(name: str, cell: Cell, label: int, console: Console, width: int) -> Text:
    """Return a name and a text beside it; the text stands below it where it has too little space beside it."""
    beside = label + GAP
    enough = max(longest_word([cell.text]), min(cell_len(cell.text), width // 2))
    is_beside = enough <= width - beside
    indent = beside if is_beside else 2 * GAP if longest_word([cell.text]) <= width - 2 * GAP else 0
    lines = wrap(Text(cell.text, STYLES[cell.tone]), console, width - indent).split()
    text = _join(lines, "\n" + " " * indent)
    if is_beside:
        return Text(name + " " * (beside - cell_len(name)), no_wrap=True, overflow="ignore").append(text)
    head = wrap(Text(name), console, width).append("\n") if name else Text(no_wrap=True, overflow="ignore")
    return head.append(" " * indent).append(text)


def to_tsv(sheet: Sheet) -> Iterator[str]:
    """Yield a table as lines for programs: `# ` and the title, headings, rows, `# ` and the note, an empty line.

    Tabs separate the columns. A list has only its rows.
    """
    rows = ["\t".join(_one_line(cell.text) for cell in row) for row in sheet.rows]
    if sheet.is_list:
        yield from rows
        return
    yield from to_comments([sheet.title] if sheet.title else [])
    yield "\t".join(_one_line(name) or "name" for name in sheet.columns)
    yield from rows
    yield from to_comments([sheet.note] if sheet.note else [])
    yield ""


def to_comments(texts: Iterable[str]) -> Iterator[str]:
    """Yield sentences as lines for programs, each after `# `."""
    return (f"# {line}" if line else "" for text in texts for line in text.split("\n"))


def _one_line(text: str) -> str:
    """Return a text without tabs and line ends."""
    return " ".join(text.split())
