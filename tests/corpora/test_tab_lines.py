"""Columns with names, separated by tabs."""

import re
from pathlib import Path

import pytest

from alignfreeze.corpora.tab_lines import parse_rows
from alignfreeze.errors import DataError


def rows_of(text):
    return list(parse_rows(Path("t.tsv"), enumerate(text.split("\n"), start=1)))


def test_a_row_has_its_cells_by_name_and_empty_lines_are_skipped():
    found = rows_of("\nid\ttext\n1\tone\n\n  \n2\t\n")
    assert found == [(3, {"id": "1", "text": "one"}), (6, {"id": "2", "text": ""})]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id\ttext\n1\tone\tmore\n", "t.tsv, line 2: expected 2 columns separated by tabs, found 3"),
        ("id\ttext\n\n1\n", "t.tsv, line 3: expected 2 columns separated by tabs, found 1"),
        ("id\ttext\n1\tone\nid\ttext\n", "t.tsv, line 3: the names of the columns stand here again"),
    ],
)
def test_a_wrong_line_is_named(text, problem):
    with pytest.raises(DataError, match=re.escape(problem)):
        rows_of(text)
