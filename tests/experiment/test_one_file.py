"""An experiment whose texts of all languages are in one file with a column `language`."""

import pytest

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings

ROWS = [
    (code, label, f"{text} in {code}")
    for code in ("en", "de-DE", "tr")
    for label, text in {"good": "x", "bad": "y"}.items()
]
HEADER = ("language", "label", "text")


def plan_with(project, rows, *, task="classification", test="reviews.tsv"):
    (project / "reviews.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    changes = {"task": task, "data.train": "reviews.tsv", "data.test": test, "strategies": '["baseline"]'}
    settings = ExperimentSettings.from_toml(project / "experiment.toml", changes=[*changes.items()])
    return plan(settings, base=project)


def test_each_language_gets_its_rows(project):
    data = plan_with(project, [HEADER, *ROWS]).data
    assert [item.text for item in data.train] == ["x in en", "y in en"]
    found = {code: [item.text for item in items] for code, items in data.tests.items()}
    assert found == {
        "en": ["x in en", "y in en"],
        "de": ["x in de-DE", "y in de-DE"],
        "tr": ["x in tr", "y in tr"],
    }


def test_only_the_source_language_is_trained_on(project):
    overlaps = plan_with(project, [HEADER, *ROWS]).overlaps
    assert [(overlap.language, overlap.n) for overlap in overlaps] == [("en", 2)]


def test_a_file_without_the_column_is_refused(project):
    with pytest.raises(DataError, match="line 2: the file is for several languages, so each row needs a field 'lang"):
        plan_with(project, [row[1:] for row in (HEADER, *ROWS)])


def test_a_language_without_rows_is_named(project):
    with pytest.raises(DataError, match=r"no labelled text of the language 'tr' \(the rows name de-DE, en\) found"):
        plan_with(project, [HEADER, *ROWS[:4]])


def test_other_tasks_need_a_file_for_each_language(project):
    with pytest.raises(SettingsError, match=r"data\.test: 'reviews\.tsv' must contain \{language\}"):
        plan_with(project, [HEADER, *ROWS], task="tagging")
