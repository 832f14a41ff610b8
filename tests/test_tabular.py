"""Results as tables: in a notebook, as a data frame, as plain values."""

import sys

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.tabular import Tabular


class Scores(Tabular):
    def rows(self):
        return [{"language": "de", "value": 0.812345}, {"language": "<b>", "value": None, "note": [1, 2]}]


def test_a_notebook_shows_the_rows_and_escapes_them():
    assert Scores()._repr_html_() == (
        "<table><tr><th>language</th><th>value</th><th>note</th></tr>"
        "<tr><td>de</td><td>0.8123</td><td></td></tr>"
        "<tr><td>&lt;b&gt;</td><td></td><td>1 2</td></tr></table>"
    )


def test_a_notebook_shows_only_the_first_of_many_rows():
    class Many(Tabular):
        def rows(self):
            return [{"number": number} for number in range(1000)]

    shown = Many()._repr_html_()
    assert "<td>59</td>" in shown and "<td>60</td>" not in shown
    assert shown.endswith("<p>the first 60 of 1,000 rows</p>")


def test_the_rows_are_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = Scores().to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["language"].tolist() == ["de", "<b>"]
    assert Scores().to_dict()["rows"][0] == {"language": "de", "value": 0.812345}


def test_without_pandas_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SettingsError, match=r'data frames need the extra `pandas`: pip install "alignfreeze'):
        Scores().to_pandas()
