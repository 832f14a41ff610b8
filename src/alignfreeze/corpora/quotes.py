"""Finds the quotes that spreadsheets put around cells, which belong to no text and no label."""

from __future__ import annotations

from alignfreeze.errors import DataError

_REMEDY = "export the sheet without quotes, or remove them"


def check_quotes(label: str, *, where: str) -> None:
    """Check that a label or tag is in no quotes: with them it is another one than without.

    Raises:
        DataError: It is in quotes.
    """
    if len(label) > 2 and label[0] == label[-1] == '"':
        problem = f"the label {label} is in quotes, as spreadsheets write cells; with them it is another label"
        raise DataError(f"{where}: {problem}. For all cells, {_REMEDY}")


def describe_quotes(text: str) -> str:
    """Say that a text is in quotes as spreadsheets write cells; return an empty text if it is not."""
    is_quoted = len(text) > 3 and text[0] == text[-1] == '"'
    inside = text[1:-1]
    # Without doubled quotes inside, it may be a text in quotes.
    if not is_quoted or '""' not in inside or '"' in inside.replace('""', ""):
        return ""
    return f"{text!r:.100} is in quotes, as spreadsheets write cells, and they are read as part of it; {_REMEDY}"
