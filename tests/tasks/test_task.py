"""What a task says of its training data."""

import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.errors import DataError
from alignfreeze.tasks.table import TASKS
from tests.support.runs import planned


@pytest.mark.parametrize(
    ("task", "items", "said"),
    [
        ("ner", [TaggedSentence(("a", "b"), ("O", "O"))], "have no entity: all tags are 'O'"),
        ("tagging", [TaggedSentence(("a", "b"), ("X", None))], "have one label alone: 'X'"),
        ("pos", [TaggedSentence(("a", "b"), ("NOUN", "NOUN"))], "have one label alone: 'NOUN'"),
        ("classification", [LabelledText("a", None, "1")] * 2, "have one label alone: '1'"),
    ],
)
def test_training_data_with_one_label_are_said(remarks, task, items, said):
    TASKS[task].say_one_label(items, name="train")
    assert remarks == [f"train: the training data {said}; a model learns to say it each time"]


def test_other_training_data_are_not(remarks, toy_items):
    for task, items in toy_items.items():
        TASKS[task].say_one_label(items, name="train")
    assert not remarks


def test_a_plan_says_that_the_training_data_have_no_entity(project, remarks):
    (project / "en-train.iob2").write_text("the\tO\ndog\tO\n\n" * 20)
    for name in ("en-test", "de-test", "tr-test"):
        (project / f"{name}.iob2").write_text("the\tO\nBergen\tB-LOC\n\n")
    path = project / "experiment.toml"
    path.write_text('task = "ner"\n' + path.read_text().replace(".conllu", ".iob2"))
    with pytest.raises(DataError, match="no language can be scored"):
        planned(project)
    assert [text for text in remarks if "en-train.iob2: the training data have no entity: all tags are 'O'" in text]
