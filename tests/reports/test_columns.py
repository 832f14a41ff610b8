"""Columns as data: a column that is added where the others stand is found in every form of the table."""

import json

import pytest

from alignfreeze.columns import Column, make_sheet, plain_values
from alignfreeze.sheets import Cell, to_latex, to_markdown
from alignfreeze.studies import tables as comparisons
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.studies.test_comparison import table
from tests.support.terminal import show_at

WORDS: tuple[Column[str], ...] = (
    Column("word", str, is_name=True),
    Column("length", len, key="n"),
    Column(None, str.upper, key="upper"),
    Column("vowel", lambda word: next((sign for sign in word if sign in "aeiou"), None), lambda sign: Cell(sign, 1)),
)


def test_a_column_is_shown_kept_or_both():
    sheet = make_sheet("Words", WORDS, ["the", "try"], "All of them.", n_last=1)
    assert (sheet.columns, sheet.n_names, sheet.n_last) == (("word", "length", "vowel"), 1, 1)
    assert sheet.rows == ((Cell("the"), Cell("3"), Cell("e", 1)), (Cell("try"), Cell("3"), Cell("–")))
    assert plain_values(WORDS, "the") == {"n": 3, "upper": "THE"}


def test_what_stands_for_nothing_may_be_chosen():
    column = Column("gain", {"full": 0.0}.get, "{:+.1f}".format, missing="")
    assert [column.cell(name).text for name in ("full", "back")] == ["+0.0", ""]


@pytest.fixture
def spread(monkeypatch):
    """A column of the standard deviation over seeds, added to the overview."""
    column = Column("spread", lambda row: row.overall.average.sd, lambda sd: f"{100 * sd:.3f} points", key="spread")
    monkeypatch.setattr(comparisons, "OVERVIEW", (*comparisons.OVERVIEW, column))


def in_terminal(sheet):
    return show_at(400, sheet)


@pytest.mark.usefixtures("spread")
@pytest.mark.parametrize("write", [in_terminal, to_markdown, to_latex])
def test_a_new_column_of_the_overview_is_in_every_form(tmp_path, write):
    # All strategies differ by 0.02 between the two seeds: a standard deviation of 1.414 points.
    (compared,) = compare_results(read_results([table(tmp_path)]))
    text = write(comparisons.overall_sheet(compared))
    assert "spread" in text
    assert text.count("1.414 points") == 3


@pytest.mark.usefixtures("spread")
def test_a_new_column_of_the_overview_is_in_json(tmp_path):
    (compared,) = compare_results(read_results([table(tmp_path)]))
    facts = json.loads(json.dumps(comparisons.comparison_facts(compared)))
    assert facts["strategies"]["full"]["spread"] == pytest.approx(0.01414, abs=1e-5)


@pytest.mark.usefixtures("spread")
def test_a_new_column_of_the_overview_is_on_the_page(tmp_path):
    pytest.importorskip("plotly")
    from alignfreeze.reports.page import to_html
    from alignfreeze.reports.study import study_page

    page = to_html(study_page([table(tmp_path)]))
    assert '<th scope="col">spread</th>' in page
    assert "1.414 points" in page


def test_table_and_json_have_the_same_numbers(tmp_path):
    (compared,) = compare_results(read_results([table(tmp_path)]))
    rows = {row[0].text: [cell.text for cell in row] for row in comparisons.overall_sheet(compared).rows}
    for name, facts in comparisons.comparison_facts(compared)["strategies"].items():
        gain = "–" if facts["gain"] is None else f"{100 * facts['gain']:+.2f}"
        assert rows[name][1:3] == [f"{100 * facts['mean']:.2f}", gain]
