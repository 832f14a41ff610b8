"""Test data that are training data are counted, and named in plans, records and pages."""

import json
from pathlib import Path

import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.questions import Question
from alignfreeze.experiment.data import DataFile, ExperimentData
from alignfreeze.experiment.overlap import find_overlaps
from alignfreeze.experiment.records import RunRecord
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.tasks.table import TASKS
from tests.support.cli import alignfreeze
from tests.support.runs import planned


def counts(task, train, tests, bitext=(), files=()):
    """The counts of overlaps, by language and place."""
    data = ExperimentData(tuple(files), train, tests, list(bitext), None, {})
    return {(one.language, one.place): (one.n, one.of) for one in find_overlaps(TASKS[task], data)}


def tagged(*sentences):
    return [TaggedSentence(tuple(text.split()), ("NOUN",) * len(text.split())) for text in sentences]


def test_items_that_stand_in_the_training_data():
    train = tagged("the dog sees", "the cat")
    # The labels do not count, and neither do spaces; a part of a sentence, or a sentence with another case, does not.
    tests = {
        "en": tagged("the dog sees", "the dog", "The cat", "thecat"),
        "de": tagged("the cat"),
        "tr": tagged("kedi"),
    }
    assert counts("pos", train, tests) == {("en", "training data"): (2, 4), ("de", "training data"): (1, 1)}


def test_items_of_two_texts_are_the_same_only_if_both_are():
    train = [LabelledText("a dog", "an animal", "entailment")]
    tests = [LabelledText("a dog", "an animal", "neutral"), LabelledText("a dog", "a cat", "neutral")]
    assert counts("nli", train, {"en": tests}) == {("en", "training data"): (1, 2)}
    asked = [Question("1", "who?", "Ann sees.", ("Ann",), (0,)), Question("2", "what?", "Ann sees.", ("Ann",), (0,))]
    assert counts("qa", asked[:1], {"en": asked}) == {("en", "training data"): (1, 2)}


def test_items_that_stand_in_the_bitext_in_their_language():
    bitext = [
        SentencePair(("Hello", ",", "you", "!"), ("Hallo", ",", "du", "!"), ("en", "de")),
        SentencePair(("OK",), ("OK",), ("en", "tr")),
    ]
    tests = {"en": tagged("Hello, you!", "Bye"), "de": tagged("Hallo, du!", "Hello, you!", "OK"), "tr": tagged("OK")}
    expected = {("en", "bitext"): (1, 2), ("de", "bitext"): (1, 3), ("tr", "bitext"): (1, 1)}
    assert counts("pos", [], tests, bitext) == expected
    texts = [LabelledText("Hello, you!", "OK", "neutral"), LabelledText("Hello, you!", "Bye", "neutral")]
    assert counts("nli", [], {"en": texts}, bitext) == {("en", "bitext"): (1, 2)}


def test_equal_files_are_named():
    files = [
        DataFile(role, Path(role), digest)
        for role, digest in {"train": "a", "test en": "a", "test de": "b", "bitext de target": "b"}.items()
    ]
    data = ExperimentData(tuple(files), tagged("x"), {"en": tagged("x"), "de": tagged("y")}, [], None, {})
    first, second = find_overlaps(TASKS["pos"], data)
    assert first.sentence == (
        "English: the test file is the same as that of 'train'; 1 of 1 test sentences stands word for word in the "
        "training data"
    )
    assert (second.same_file, second.place, second.n, second.is_doubtful) == ("bitext de target", "bitext", 0, True)


def test_nothing_is_said_of_clean_data():
    assert counts("pos", tagged("a b"), {"en": tagged("c d")}, [SentencePair(("e",), ("f",), ("en", "de"))]) == {}


@pytest.fixture
def leaking(project):
    """The training file is the English test file; a German test sentence stands in the bitext."""
    (project / "en-test.conllu").write_bytes((project / "en-train.conllu").read_bytes())
    german = (project / "de-test.conllu").read_text().split("\n\n")[0]
    words = [line.split("\t")[1] for line in german.splitlines()]
    (project / "en-de.txt").write_text((project / "en-tr.txt").read_text() + f"\nnew ||| {' '.join(words)}\n")
    (project / "tr-test.conllu").write_text("1\tkedi\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n")
    return project


SAME = "English: the test file is the same as that of 'train'; 60 of 60 test sentences stand word for word in the"


def test_it_is_in_the_plan_in_records_and_on_pages(leaking, remarks):
    found = planned(leaking, seeds=[1])
    assert any(text.startswith(SAME) for text in remarks)
    (german,) = [one for one in found.overlaps if one.language == "de"]
    assert (german.place, german.of) == ("bitext", 20)
    assert german.n >= 1
    baseline, front = run_experiment(found, out=leaking / "out").records
    assert {one.place for one in baseline.overlaps if one.language == "de"} == set()  # it has not seen the bitext
    assert german in front.overlaps
    assert baseline.doubts[0].startswith(SAME)
    for path in (leaking / "out").glob("runs/*/record.json"):
        assert RunRecord.from_json(json.loads(path.read_text())).overlaps
    assert alignfreeze("compare", leaking / "out").stdout.startswith(f"# doubtful: {SAME}")
    pytest.importorskip("plotly")
    assert alignfreeze("report", leaking / "out", "--out", leaking / "r.html").stdout.startswith(f"# doubtful: {SAME}")
    page = (leaking / "r.html").read_text()
    assert "Test data that are training data" in page


def test_it_is_in_the_dry_run(leaking):
    done = alignfreeze("run", leaking / "experiment.toml", "--dry-run")
    assert SAME in done.stdout
    facts = json.loads(alignfreeze("run", leaking / "experiment.toml", "--dry-run", "--json").stdout)
    assert facts["overlaps"][0] == {
        **{"language": "en", "place": "training data", "n": 60, "of": 60, "unit": "sentences"},
        "same_file": "train",
    }


def test_records_of_before_have_no_overlaps(leaking):
    (record,) = run_experiment(planned(leaking, seeds=[1], strategies=["baseline"]), out=leaking / "out").records
    (path,) = (leaking / "out").glob("runs/*/record.json")
    values = json.loads(path.read_text())
    del values["overlaps"]
    assert RunRecord.from_json(values).overlaps == ()
    assert record.overlaps
