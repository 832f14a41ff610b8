"""The page of three fixed records, kept as it was last looked at; `python -m tests.reports.test_golden` writes it anew.

Read what has changed before it is committed.
"""

import re
from pathlib import Path

import pytest

pytest.importorskip("plotly")

from alignfreeze.reports.page import to_html
from alignfreeze.reports.study import study_page
from alignfreeze.reports.text import study_latex, study_markdown
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from alignfreeze.typology import is_installed
from tests.support.records import make_record, make_settings, write_runs

GOLDEN = Path(__file__).with_name("golden")

FILES = {"study.html": to_html, "study.md": study_markdown, "study.tex": study_latex}

SCORES = {
    "baseline": {"en": 0.95, "de": 0.80, "tr": 0.70, "ja": 0.50},
    "full": {"en": 0.94, "de": 0.81, "tr": 0.69, "ja": 0.56},
    "front": {"en": 0.95, "de": 0.82, "tr": 0.71, "ja": 0.54},
}


def record(strategy):
    """A record of made-up figures: the page is tested here, not the training."""
    return make_record(make_settings(["de", "tr", "ja"]), strategy, SCORES[strategy])


def write_study(folder):
    write_runs(folder / "golden", map(record, SCORES))
    return study_page([folder / "golden"])


def scrubbed(page):
    """The page without libraries, dates, versions, and the digests of runs, in which versions are too."""
    page = re.sub(r"(-\d+)-[0-9a-f]{12}\b", r"\1-DIGEST", page)
    page = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", page)
    page = re.sub(r"<script>.*?</script>", "<script></script>", page, flags=re.DOTALL)
    page = re.sub(r'(<script id="plotly"[^>]*>).*?</script>', r"\1</script>", page, flags=re.DOTALL)
    page = re.sub(r"<style>.*?</style>", "<style></style>", page, flags=re.DOTALL)
    page = re.sub(r"\d{4}-\d\d-\d\dT[\d:+]+", "DATE", page)
    # What plotly makes of the numbers differs from version to version; the tables hold them all.
    page = re.sub(r'(<script id="charts"[^>]*>).*?</script>', r"\1</script>", page, flags=re.DOTALL)
    return re.sub(r"(alignfreeze|torch|transformers|python) \d[\w.+]*", r"\1 VERSION", page)


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


@pytest.mark.skipif(not is_installed(), reason="the page tells of families and distances: extra `typology`")
@pytest.mark.parametrize(("name", "write"), FILES.items())
def test_the_page_is_as_it_was(study, name, write):
    assert scrubbed(write(study)) == (GOLDEN / name).read_text(encoding="utf-8")


NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?")


def numbers_of(text):
    return {found.replace(",", "") for found in NUMBER.findall(text)}


def test_every_number_of_a_sentence_is_found_in_a_table_of_its_page(study):
    pages = [page for page in study.pages() if page.summary]
    assert len(pages) == 1 + 1 + 3 + 3
    for page in pages:
        tables = [sheet for one in (page, *study.comparisons) for sheet in one.sheets]
        known = {number for sheet in tables for row in sheet.rows for cell in row for number in numbers_of(cell.text)}
        known |= {number for sheet in tables for number in numbers_of(sheet.title)}
        known |= {f"{float(number):.1f}" for number in known} | {f"{float(number):+.1f}" for number in known}
        known |= {str(len(SCORES) - 1), "95"}  # strategies that are compared
        for sentence in page.summary:
            assert numbers_of(sentence) <= known, sentence


def drawn(trace):
    """The numbers that a trace shows; of marks beside names of languages those along the other axis."""
    rows = trace["z"] if "z" in trace else [trace["x"] if isinstance(trace["y"][0], str) else trace["y"]]
    return [value for row in rows for value in row if value is not None]


def test_every_number_of_a_chart_is_in_its_table(study):
    for page in study.pages():
        for chart in page.charts:
            cells = [cell.text for row in chart.sheet.rows for cell in row]
            known = [float(number) for text in cells for number in numbers_of(text)]
            for trace in chart.figure["data"]:
                values = (
                    trace["z"]
                    if "z" in trace
                    else [trace["y"]]
                    if trace["y"] and not isinstance(trace["y"][0], str)
                    else [trace["x"]]
                )
                for value in (value for row in values for value in row if value is not None):
                    assert any(abs(value - number) < 0.051 for number in known), (chart.name, value)


def test_every_number_of_a_table_comes_from_the_comparison(tmp_path):
    study = write_study(tmp_path)
    (compared,) = compare_results(read_results([tmp_path / "golden"]))
    (page,) = study.comparisons
    table = page.sheets[1]
    for row in table.rows:
        code = row[0].text
        if code == "average":
            continue
        for strategy, cell in zip(table.columns[2:], row[2:], strict=True):
            summary = compared.cells[code][strategy]
            assert cell.text.startswith(f"{100 * summary.mean:.1f}")
            assert SCORES[strategy][code] == summary.mean
            if summary.gain is not None:
                assert f"({100 * summary.gain:+.1f})" in cell.text


if __name__ == "__main__":
    import tempfile

    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        shown = write_study(Path(made))
    for file, paint in FILES.items():
        (GOLDEN / file).write_text(scrubbed(paint(shown)), encoding="utf-8")
