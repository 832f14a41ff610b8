"""Rows of data frames."""

import sys

import pytest

from alignfreeze.errors import DataError
from alignfreeze.external.frames import is_frame, rows_of_frame

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
numpy = pytest.importorskip("numpy")

COLUMNS = {"text": ["a", None, "c"], "n": [1, 2, 3], "share": [0.5, None, 1.5], "words": [["x"], ["y", "z"], None]}
ROWS = [
    {"text": "a", "n": 1, "share": 0.5, "words": ["x"]},
    {"text": None, "n": 2, "share": None, "words": ["y", "z"]},
    {"text": "c", "n": 3, "share": 1.5, "words": None},
]


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame, polars.LazyFrame])
def test_a_frame_has_plain_rows_and_none_for_what_is_missing(make):
    frame = make(COLUMNS)
    rows = list(rows_of_frame(frame, name="the frame"))
    assert is_frame(frame)
    assert rows == ROWS
    assert [type(row["n"]) for row in rows] == [int] * 3
    assert rows == list(rows_of_frame(frame, name="the frame"))


def test_other_missing_values_and_arrays():
    frame = pandas.DataFrame({"a": [pandas.NA, "x"], "b": [pandas.NaT, "y"], "c": [numpy.array(["u", "v"]), None]})
    frame["d"] = [{"starts": numpy.array([1, 2]), "texts": numpy.array(["p", "q"], dtype=object)}, None]
    assert list(rows_of_frame(frame, name="the frame")) == [
        {"a": None, "b": None, "c": ["u", "v"], "d": {"starts": [1, 2], "texts": ["p", "q"]}},
        {"a": "x", "b": "y", "c": None, "d": None},
    ]
    assert list(rows_of_frame(polars.DataFrame({"a": [float("nan")]}), name="x")) == [{"a": None}]


def test_a_frame_stays_as_it_is():
    frame = pandas.DataFrame(COLUMNS)
    before = frame.copy(deep=True)
    list(rows_of_frame(frame, name="the frame"))
    pandas.testing.assert_frame_equal(frame, before)


def test_two_columns_of_one_name():
    frame = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="the frame: two columns are named 'a'"):
        rows_of_frame(frame, name="the frame")


@pytest.mark.parametrize("value", [None, "text", [1], {"a": [1]}, pandas.Series([1]), polars.Series([1])])
def test_what_is_no_frame(value):
    assert not is_frame(value)


def test_a_list_needs_no_frames(monkeypatch):
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not is_frame([{"text": "a"}])
