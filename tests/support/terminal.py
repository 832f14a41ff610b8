"""A terminal for tests: what commands show at a width."""

import io

from rich.cells import cell_len
from rich.console import Console

from alignfreeze.terminal import to_rich, to_tsv

WIDTHS = (60, 80, 120, 200)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def show_at(width, sheet):
    """A table as a terminal of a width shows it."""
    console = Console(width=width, file=io.StringIO())
    console.print(to_rich(sheet), crop=False)
    return console.file.getvalue()


def text_of(sheet):
    """A table as programs read it."""
    return "\n".join(to_tsv(sheet))


def numbers_of(texts):
    """All words of texts that have a digit."""
    return [word for text in texts for word in text.split() if any(sign.isdigit() for sign in word)]


def check_lines(text, width):
    """No line is longer than the terminal, unless a single word is."""
    for line in text.splitlines():
        assert cell_len(line.rstrip()) <= width or len(line.split()) == 1, line


def check_sheet(sheet, text, width):
    """Every number of the needed columns stands in the text as one word, and no line is too long."""
    check_lines(text, width)
    found = set(text.split())
    needs = [place.need for place in sheet.places] or [2] * len(sheet.columns)
    for number, need in enumerate(needs):
        numbers = set(numbers_of(row[number].text for row in sheet.rows))
        if need == max(needs) or numbers <= found:
            assert numbers <= found, numbers - found
        elif sheet.columns[number].strip():  # all of a column is left out, and said to be if it has a name
            assert "Not shown: " in " ".join(text.split())
            assert set(sheet.columns[number].split()) <= {word.strip(",.") for word in found}
