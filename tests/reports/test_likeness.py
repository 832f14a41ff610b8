"""Likeness of languages and of runs, by hand."""

import re

import pytest

pytest.importorskip("plotly")

from alignfreeze.evaluation.probe import Probe
from alignfreeze.reports.likeness import BY_GAINS, BY_VECTORS, alike_runs_sheet, find_nearest, measure_distances
from alignfreeze.reports.trees import draw_language_trees
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.reports.test_golden import SCORES, record
from tests.studies.test_comparison import table

RECORDS = [record(strategy) for strategy in SCORES]


def both_ways(found):
    return {**found, **{(other, one): value for (one, other), value in found.items()}}


def names_in(picture):
    """The languages of a tree from the top."""
    return re.findall(r"<text[^>]*>([^<]+)</text></a>", picture)


def test_languages_are_alike_where_their_gains_are(tmp_path):
    (compared,) = compare_results(read_results([table(tmp_path)]))
    found = measure_distances(["de", "tr"], [compared], None)
    # Full gains 0.10 in German and 0.01 in Turkish, back 0.01 and -0.10: (9 ** 2 + 11 ** 2) / 2 = 101.
    assert found[BY_GAINS]["de", "tr"] == pytest.approx(101**0.5)
    assert found[BY_GAINS]["tr", "de"] == found[BY_GAINS]["de", "tr"]


def test_vectors_of_a_probe_join_languages():
    probe = Probe({"tiny": "tiny"}, {}, alike=[("de", "tr", 0.1), ("de", "ja", 0.3), ("tr", "ja", 0.8)])
    found = measure_distances(["de", "tr", "ja"], [], probe)
    assert find_nearest("tr", ["de", "tr", "ja"], found[BY_VECTORS], 2) == ["ja", "de"]
    # 1 - cosine: Turkish and Japanese 0.2, German and Japanese 0.7, German and Turkish 0.9.
    shown = draw_language_trees(["de", "tr", "ja"], found)
    assert shown is not None
    picture = shown.pictures[BY_VECTORS]
    assert names_in(picture)[1] == "Japanese"
    assert re.findall(r"<title>([^<]+)</title>", picture) == ["0.20", "0.80"]


def test_two_languages_are_no_tree():
    assert draw_language_trees(["de", "tr"], {BY_GAINS: both_ways({("de", "tr"): 1.0})}) is None


def test_a_language_of_unknown_distances_is_not_in_the_tree():
    known = both_ways({("de", "tr"): 1.0, ("de", "ja"): 2.0, ("tr", "ja"): 3.0})
    shown = draw_language_trees(["xx", "de", "tr", "ja"], {BY_GAINS: known})
    assert shown is not None
    assert sorted(names_in(shown.pictures[BY_GAINS])) == ["German", "Japanese", "Turkish"]
    assert shown.note.endswith("Languages are left out where a distance is not known.")
    assert [row[0].text for row in shown.sheet.rows] == ["German", "Japanese", "Turkish", "Unknown language [xx]"]
    assert shown.sheet.rows[0][2].text == "Turkish 1.00, Japanese 2.00"


def test_languages_without_any_difference_have_a_tree():
    same = both_ways({("de", "tr"): 0.0, ("de", "ja"): 0.0, ("tr", "ja"): 0.0})
    shown = draw_language_trees(["de", "tr", "ja"], {BY_GAINS: same})
    assert shown is not None
    assert len(names_in(shown.pictures[BY_GAINS])) == 3


def test_the_runs_most_alike_come_first():
    sheet = alike_runs_sheet(RECORDS[2], RECORDS)
    assert sheet is not None
    assert [row[0].text for row in sheet.rows] == ["full, seed 31: golden", "baseline, seed 31: golden"]
    assert sheet.rows[0][1].text == "strategy front → full"
    assert "realignment some → none" in sheet.rows[1][1].text
    assert sheet.rows[0][0].page == f"run/{RECORDS[1].folder}"
    assert alike_runs_sheet(RECORDS[0], RECORDS[:1]) is None
