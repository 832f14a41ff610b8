"""Training the chosen model on the labels that chose it."""

import json

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.records import RunRecord
from alignfreeze.labelling.counting import compare_on_labels
from alignfreeze.labelling.few_shot import _to_item, settings_for
from tests.labelling.support import draw, draw_tags, question
from tests.labelling.test_commands import ask, fill_in, study  # noqa: F401 - a fixture
from tests.labelling.test_counting import truths
from tests.support.cli import alignfreeze, refused


def test_a_model_that_has_learnt_the_labels_is_better_by_cross_validation(study):  # noqa: F811
    ask(study, "--sentences", "20")
    path = study / "to-label.conllu"
    refused(
        alignfreeze("settle", study / "out", path, "--finetune", study / "few"),
        "at least 3 items with a label are needed",
    )
    fill_in(study, n=5)
    few = alignfreeze("settle", study / "out", path, "--finetune", study / "few")
    assert few.returncode == 2
    assert "German: use " in few.stdout  # the answer is not lost
    assert "5 items have a label, and at least 10 are needed to train on them" in few.stderr
    fill_in(study)
    done = alignfreeze("settle", study / "out", path, "--finetune", study / "few", "--json")
    assert done.returncode == 0, done.stderr
    learnt = json.loads(done.stdout)["few_shot"]
    assert learnt["gain"]["value"] > 0  # the words of the language are spelt backwards, and now they are learnt
    assert (study / "few" / "config.json").is_file()
    kept = json.loads((study / "few" / "few_shot.json").read_text())
    assert kept["gain"]["value"] == learnt["gain"]["value"]
    scored = alignfreeze("evaluate", study / "few", "--test", f"de={study / 'de-test.conllu'}", "--json")
    assert json.loads(scored.stdout)
    again = alignfreeze("settle", study / "out", path, "--finetune", study / "few")
    refused(again, "few")


def test_a_model_that_says_the_same_gains_nothing():
    drawing = draw_tags()
    before = drawing.predictions["full"]
    same = [before[place] for place in drawing.sampling.order]
    found = compare_on_labels(drawing, truths(drawing, 5), before, same)
    assert found.value == 0


def test_gains_are_those_of_the_words_that_were_asked_for_by_hand():
    drawing = draw_tags()
    before = drawing.predictions["full"]
    better = [drawing.predictions["baseline"][place] for place in drawing.sampling.order]
    found = compare_on_labels(drawing, truths(drawing, 5), before, better)
    assert found.value == pytest.approx(3 / 13)


def test_what_cannot_be_learnt_is_left_out():
    context = "She was born\nin the old town of Ulm."
    drawing = draw(
        {"baseline": ["Ulm", "x", "y"], "full": ["town", "z", "z"]},
        task="qa",
        items=[question("Where?", context), question("Who?", context), question("When?", context)],
        labels=(),
    )
    assert _to_item(drawing, 0, (None,)) is None
    assert _to_item(drawing, 0, ("Berlin",)) is None
    learnt = _to_item(drawing, 0, ("born in the",))  # a file with tabs has a space for the end of the line
    assert learnt.answers == ("born\nin the",)
    assert context[learnt.starts[0] :].startswith("born\nin the")


def test_wrong_options_are_refused(study):  # noqa: F811
    record = RunRecord.read(next((study / "out" / "runs").glob("baseline-*")) / "record.json")
    with pytest.raises(SettingsError, match=r"(?s)options.*epochz.*epochs"):
        settings_for(record, {"epochz": 3, "epochs": 0})
