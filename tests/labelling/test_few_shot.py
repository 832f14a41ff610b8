"""Training the chosen model on the labels that chose it."""

import json

import pytest

from alignfreeze.labelling.counting import compare_on_labels
from alignfreeze.labelling.estimates import Estimates
from tests.labelling.support import draw_tags
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
    refused(
        alignfreeze("settle", study / "out", path, "--finetune", study / "few"),
        "5 items are labelled, and at least 10 are needed to train on them",
    )
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
    found = Estimates(compare_on_labels(drawing, truths(drawing, 5), before, same))
    assert found.difference(1, 0).value == 0


def test_gains_are_those_of_the_words_that_were_asked_for_by_hand():
    drawing = draw_tags()
    before = drawing.predictions["full"]
    better = [drawing.predictions["baseline"][place] for place in drawing.sampling.order]
    found = Estimates(compare_on_labels(drawing, truths(drawing, 5), before, better))
    assert found.difference(1, 0).value == pytest.approx(3 / 13)
