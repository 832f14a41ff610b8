"""A test language that cannot be scored: it is named before training, and the others keep their scores."""

import json

import pytest

from alignfreeze.errors import DataError
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, content_of
from tests.support.cli import alignfreeze, refused


def experiment(project, task, train, tests, ending, **changes):
    """A small experiment on another task, with these texts as files."""
    (project / f"train.{ending}").write_text(train)
    for code, text in tests.items():
        (project / f"test-{code}.{ending}").write_text(text)
    path = project / "experiment.toml"
    text = path.read_text().replace('"en-train.conllu"', f'"train.{ending}"')
    path.write_text(f'task = "{task}"\n' + text.replace('"{language}-test.conllu"', f'"test-{{language}}.{ending}"'))
    settings = ExperimentSettings.from_toml(path, changes=[("seeds", "[1]"), *changes.items()])
    return plan(settings, base=project)


ENTITIES = "Ann B-PER\nsees O\n\n" * 20
# The comment and the empty lines count: the unknown label stands in line 6.
UNKNOWN_ENTITY = "# a comment\nAnn B-PER\n\n\nthe O\ndog B-LOC\n"

TEXTS = "label\ttext\n" + "good\tthe dog sees\nbad\tthe cat sees\n" * 20
WORDS = "dog N\nsees V\n\n" * 20

CASES = {
    "ner, no entity": ("ner", ENTITIES, "the O\ndog O\n", "test-tr.txt: no entities to compare with"),
    "ner, unknown": (
        "ner",
        ENTITIES,
        UNKNOWN_ENTITY,
        "test-tr.txt, line 6: item 2 has the label 'B-LOC', which",
    ),
    "tagging, unknown": (
        "tagging",
        WORDS,
        "dog N\nruns X\n",
        "test-tr.txt, line 2: item 1 has the label 'X', which",
    ),
    "tagging, no tag": ("tagging", WORDS, "dog _\nruns _\n", "test-tr.txt: no labels to compare with"),
    "texts, unknown": (
        *("classification", TEXTS, "label\ttext\n-\tthe dog\n\nugly\tthe cat\n"),
        "test-tr.txt, line 4: item 1 has the label 'ugly', which does not occur",
    ),
    "texts, no label": ("classification", TEXTS, "label\ttext\n-\tthe dog\n", "test-tr.txt: no labelled text"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_said_before_training_and_only_that_language_has_no_score(project, remarks, case):
    task, train, without, reason = CASES[case]
    found = experiment(project, task, train, {"en": train, "de": train, "tr": without}, "txt")
    (said,) = [text for text in remarks if "will have no score" in text]
    assert said.startswith("Turkish will have no score: ")
    assert reason in said
    study = run_experiment(found, out=project / "out")
    for record in study.records:
        assert [score.language for score in record.scores] == ["en", "de"]
        assert [doubt for doubt in record.doubts if doubt.startswith("Turkish: there is no score (")]
        assert not any(str(project) in doubt for doubt in record.doubts)  # paths are private


def test_untagged_conllu(project, remarks):
    text = (project / "tr-test.conllu").read_text()
    for tag in ("DET", "NOUN", "VERB"):
        text = text.replace(f"\t{tag}\t", "\t_\t")
    (project / "tr-test.conllu").write_text(text)
    settings = ExperimentSettings.from_toml(project / "experiment.toml", changes=[("seeds", "[1]")])
    study = run_experiment(plan(settings, base=project), out=project / "out")
    assert any("Turkish will have no score: " in text and "no word has a tag" in text for text in remarks)
    assert [score.language for score in study.records[0].scores] == ["en", "de"]
    # Training data without a tag are another thing.
    (project / "en-train.conllu").write_text(text)
    with pytest.raises(DataError, match=r"en-train\.conllu: no word has a tag"):
        plan(settings, base=project)


def test_tables_comparisons_and_pages_go_without_the_score(project):
    experiment(project, "ner", ENTITIES, {"en": ENTITIES, "de": ENTITIES, "tr": UNKNOWN_ENTITY}, "txt")
    out = project / "out"
    file = project / "experiment.toml"
    # Languages in another order: the one without a score comes first.
    done = alignfreeze("run", file, "--set", 'languages=["tr", "de"]', "--set", "seeds=[1]", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Turkish will have no score" in done.stderr
    assert "of 1 target language" in done.stdout
    (table,) = json.loads((out / "table.json").read_text())
    assert [(row["name"], len(row["cells"])) for row in table["rows"]] == [
        ("en", 2),
        ("tr", 0),
        ("de", 2),
        ("average", 2),
    ]
    assert "| tr | Turkish | – | – |" in (out / "table.md").read_text()
    (compared,) = compare_results(read_results([out]))
    assert compared.languages == ("de",)
    assert alignfreeze("compare", out, "--against", out).returncode == 0
    pytest.importorskip("plotly")
    assert len(study_page([out]).runs) == 2


def test_if_no_language_can_be_scored_nothing_runs(project):
    with pytest.raises(DataError, match=r"(?s)no language can be scored:.*test-en\.txt.*test-de\.txt.*test-tr\.txt"):
        experiment(project, "ner", ENTITIES, dict.fromkeys(("en", "de", "tr"), "the O\n"), "txt")
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out")
    refused(done, "no language can be scored", "test-de.txt: no entities to compare with")
    assert not (project / "out").exists()


def test_models_are_tested_in_the_languages_that_can_be_scored(tiny_encoder, tmp_path):
    for name, text in {"train": ENTITIES, "none": "the O\n"}.items():
        (tmp_path / name).write_text(text)
    task = TASKS["ner"]
    items, none = (task.read(Source(tmp_path / name)) for name in ("train", "none"))
    model, _ = finetune(tiny_encoder, task, items, settings=FinetuningSettings(steps=1), device="cpu")
    outcome = assess(model, task, {"tr": none, "en": items}, device="cpu")
    assert [score.language for score in outcome.scores] == ["en"]
    assert outcome.parts.keys() == {"en"}
    assert outcome.doubts[0] == (
        "Turkish: there is no score (test tr: no entities to compare with, all words have the tag 'O')"
    )
    with pytest.raises(DataError, match="no entities to compare with"):
        assess(model, task, {"tr": none}, device="cpu")


def test_where_an_item_stands_does_not_change_what_it_is(tmp_path):
    for name, text in {"a": "Ann B-PER\n", "b": "# moved\n\nAnn B-PER\n"}.items():
        (tmp_path / name).write_text(text)
    (one,), (other,) = (TASKS["ner"].read(Source(tmp_path / name)) for name in "ab")
    assert (list(one.lines), list(other.lines)) == ([1], [3])
    assert one == other
    assert content_of(one) == content_of(other) == {"words": ("Ann",), "tags": ("B-PER",)}
