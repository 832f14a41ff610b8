import json

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.errors import DataError, SettingsError
from tests.support.bitext import EN_DE, texts, write


def test_columns_by_number(tmp_path):
    path = write(tmp_path / "t.tsv", "7\tEin Hund\t0.9\tA dog\n")
    assert texts(path, columns=("4", "2")) == [("A dog", "Ein Hund")]


def test_columns_by_name_skip_the_header(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\tsrc\n7\tEin Hund\tA dog\n")
    assert texts(path, columns=("src", "tgt")) == [("A dog", "Ein Hund")]


def test_a_column_that_is_not_there(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\n7\tEin Hund\n")
    with pytest.raises(DataError, match=r"t.tsv, line 1: no column is named 'src'; choose two of 'id', 'tgt'"):
        texts(path, columns=("src", "tgt"))


@pytest.mark.parametrize("columns", [("0", "1"), ("00", "1"), ("2", "000")])
def test_columns_are_counted_from_1(tmp_path, columns):
    with pytest.raises(SettingsError, match=r"columns 0*\d,0*\d: columns are numbered from 1"):
        BitextReader(write(tmp_path / "t.tsv", "a\tb\n"), languages=EN_DE, columns=columns)
    fields = write(tmp_path / "t.jsonl", json.dumps(dict(zip(columns, ("A dog", "Ein Hund"), strict=True))))
    assert texts(fields, columns=columns) == [("A dog", "Ein Hund")]


def test_a_line_with_too_few_columns(tmp_path):
    path = write(tmp_path / "t.tsv", "a\tb\tc\na\tb\n")
    with pytest.raises(DataError, match="line 2: expected 3 columns separated by a tab, found 2"):
        texts(path, columns=("1", "3"))
