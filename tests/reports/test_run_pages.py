"""The page of a run: what somebody changed comes first, and everything else is folded."""

import pytest

pytest.importorskip("plotly")

from alignfreeze.reports.run_pages import run_page
from tests.reports.test_golden import SCORES, record
from tests.support.records import make_record, make_settings


def folded(page):
    return {sheet.title: {row[0].text: row[1].text for row in sheet.rows} for sheet in page.folded}


def test_settings_that_differ_from_the_defaults_come_first():
    settings = make_settings(["de", "tr", "ja"], realignment={"steps": 10, "temperature": 0.2})
    one = make_record(settings, "front", SCORES["front"])
    page = run_page(one, [one])
    assert list(page.facts)[:4] == ["strategy", "seed", "encoder", "task"]
    assert page.facts["realignment.temperature"] == "0.2 (default 0.1)"
    assert page.facts["realignment.steps"].startswith("10 (")
    assert page.facts["bitext.pretokenized"] == "true (default false)"
    assert "realignment.loss" not in page.facts
    others = folded(page)["Other settings"]
    assert others["realignment.loss"] == "contrastive"
    assert others["realignment.stopping"] == "left out"
    assert others["languages"] == "de, en, ja, tr"
    assert not others.keys() & page.facts.keys() - {"task"}


def test_the_baseline_names_no_setting_of_the_realignment():
    page = run_page(record("baseline"), [])
    assert not [name for name in page.facts if name.startswith(("realignment.", "bitext."))]
    assert page.facts["finetuning.steps"].startswith("20")


def test_languages_of_the_bitext_are_named_if_others_are_tested():
    settings = make_settings(["de", "tr", "ja"], bitext={"source": "en-{language}.tsv", "languages": ["de"]})
    one = make_record(settings, "front", SCORES["front"])
    assert run_page(one, [one]).facts["bitext.languages"] == "de (not set by default)"


def test_versions_and_files_are_folded():
    page = run_page(record("front"), [])
    assert not {"versions", "digest", "finished"} & page.facts.keys()
    found = folded(page)
    assert found["Versions and machine"]["torch"] == "2.0"
    assert found["Files"]["train"] == "a" * 64
    assert [sheet.title for sheet in page.sheets] == ["Scores"]
