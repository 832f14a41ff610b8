"""The page of three fixed records, kept as it was last looked at; `python -m tests.report.test_golden` writes it anew.

Read what has changed before it is committed.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("plotly")
pytest.importorskip("pyvis")

from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.files import digest_of_json
from alignfreeze.report.page import to_html
from alignfreeze.report.study import study_page
from alignfreeze.report.text import study_latex, study_markdown
from alignfreeze.studies.comparison import compare
from alignfreeze.studies.results import read_results
from alignfreeze.typology import is_installed

GOLDEN = Path(__file__).with_name("golden")

FILES = {"study.html": to_html, "study.md": study_markdown, "study.tex": study_latex}

SCORES = {
    "baseline": {"en": 0.95, "de": 0.80, "tr": 0.70, "ja": 0.50},
    "full": {"en": 0.94, "de": 0.81, "tr": 0.69, "ja": 0.56},
    "front": {"en": 0.95, "de": 0.82, "tr": 0.71, "ja": 0.54},
}


def record(strategy):
    """A record of made-up figures: the page is tested here, not the training."""
    settings = {
        "task": "pos",
        "device": "cpu",
        "keep_models": False,
        "source_language": "en",
        "data": {"train": "en.conllu", "test": "{language}.conllu", "max_train": None, "max_test": None},
        "finetuning": {"steps": 20, "learning_rate": 5e-4},
    }
    data = {"train": "a" * 64} | {f"test {code}": code * 32 for code in ("en", "de", "tr", "ja")}
    realignment = None
    if strategy != "baseline":
        settings |= {
            "bitext": {"source": "en-{language}.tsv", "max_pairs": None, "selection": {}, "pretokenized": False},
            "alignment": {"aligner": "fast-align", "links": None},
            "realignment": {"schedule": "before", "loss": "contrastive", "steps": 10},
        }
        data |= {f"bitext {code} source": f"{code}b" * 16 for code in ("de", "tr", "ja")}
        parts = [] if strategy == "full" else ["encoder.layer.0", "encoder.layer.1"]
        realignment = {
            "training": {"steps": 10, "losses": [[5, 2.5], [10, 1.75]], "seconds": 60.0},
            "frozen": {"parts": parts, "parameters": 250 * len(parts), "n_parameters": 1000},
            "pairs": 300,
            "pairs_without_links": 0,
            "freeze": strategy,
        }
    determined_by = {
        "version": "0.1.0",
        "encoder": {"name": "tiny", "digest": "e" * 64},
        "aligning_encoder": None,
        "strategy": strategy,
        "seed": 31,
        "languages": ["en", "de", "tr", "ja"],
        "realigned_languages": [] if strategy == "baseline" else ["de", "tr", "ja"],
        "settings": settings,
        "splitters": {},
        "precision": "fp32",
        "data": data,
    }
    return {
        "experiment": "golden",
        "strategy": strategy,
        "seed": 31,
        "digest": digest_of_json(determined_by),
        "determined_by": determined_by,
        "realignment": realignment,
        "finetuning": {"steps": 20, "losses": [[10, 1.5], [20, 0.75]], "seconds": 90.0},
        "scores": [
            {"language": code, "metric": "accuracy", "value": value, "n": 1000, "unit": "words"}
            for code, value in SCORES[strategy].items()
        ],
        "doubts": [],
        "seconds": {"loading": 1.0, "fine-tuning": 90.0, "evaluation": 12.0}
        | ({} if strategy == "baseline" else {"realignment": 60.0}),
        "environment": {
            "finished": "2026-01-02T03:04:05+00:00",
            "versions": {"python": "3.0", "alignfreeze": "0.1.0", "torch": "2.0", "transformers": "5.0"},
            "hardware": {"device": "cpu"},
        },
    }


def write_study(folder):
    for strategy in SCORES:
        place = folder / "golden" / "runs" / strategy
        place.mkdir(parents=True)
        values = record(strategy)
        assert asdict(RunRecord.from_json(values))["strategy"] == strategy
        (place / RECORD).write_text(json.dumps(values))
    return study_page([folder / "golden"])


def scrubbed(page):
    """The page without libraries, dates and versions."""
    page = re.sub(r"<script>.*?</script>", "<script></script>", page, flags=re.DOTALL)
    page = re.sub(r"<style>.*?</style>", "<style></style>", page, flags=re.DOTALL)
    page = re.sub(r"\d{4}-\d\d-\d\dT[\d:+]+", "DATE", page)
    # What plotly makes of the numbers differs from version to version; the tables hold them all.
    page = re.sub(r'(<script id="charts"[^>]*>).*?</script>', r"\1</script>", page, flags=re.DOTALL)
    return re.sub(r"(alignfreeze|torch|transformers|python) \d[\w.+]*", r"\1 VERSION", page)


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


@pytest.mark.skipif(not is_installed(), reason="the page tells of families and distances: extra `typology`")
@pytest.mark.parametrize(
    ("name", "write"), [("study.html", to_html), ("study.md", study_markdown), ("study.tex", study_latex)]
)
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
    (compared,) = compare(read_results([tmp_path / "golden"]))
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
