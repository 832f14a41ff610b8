"""What a model must be above to be believed: the commonest label, and a table of the words."""

import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.evaluation.guessing import doubt_weakness, make_table
from alignfreeze.tasks.table import TASKS

WORDS, TEXTS, ENTITIES = TASKS["pos"], TASKS["nli"], TASKS["ner"]
TRAIN = [TaggedSentence(("the", "walk", "ends"), ("DET", "NOUN", "VERB"))] * 2 + [
    TaggedSentence(("we", "walk"), ("PRON", "VERB"))
]
ITEMS = [TaggedSentence(("the", "walk", "ends", "tomorrow"), ("DET", "NOUN", "VERB", "NOUN"))] * 50


def doubt(share, *, task=WORDS, items=ITEMS, train=TRAIN, wrong="X"):
    """The doubt about a model that gets so many of the items right, and no part of the others."""
    right = round(share * len(items))
    labels = [task.kind.labels(item) for item in items]
    guesses = [list(found) if n < right else [wrong] * len(found) for n, found in enumerate(labels)]
    if task is TEXTS:
        guesses = [guess for (guess,) in guesses]
    return doubt_weakness("en", task.metrics(guesses, items)[0], items, train, task=task)


def test_a_table_holds_the_commonest_label_of_each_word():
    assert make_table(WORDS, TRAIN) == {"the": "DET", "walk": "NOUN", "ends": "VERB", "we": "PRON"}
    assert make_table(TEXTS, [LabelledText("a", "b", "neutral")]) == {}


def test_a_model_that_is_as_good_as_a_table_is_believed_and_a_worse_one_is_not():
    # An unknown word gets the commonest label, so the table is right everywhere.
    assert doubt(1) is None
    assert "English: accuracy 80.0% is below what a table of the words of the training data reaches (100.0%)" in doubt(
        0.8
    )


def test_a_model_must_be_clearly_above_the_commonest_label():
    # Without training data every word is unknown, and half of all words are nouns.
    assert doubt(0.7, train=[]) is None
    assert "accuracy 52.0% is not clearly above saying 'NOUN' each time (50.0%)" in doubt(0.52, train=[])
    assert "not clearly above" in doubt(0.3, train=[])


def test_texts_are_compared_with_the_commonest_label():
    items = [LabelledText("a", "b", label) for label in ("neutral", "entailment", "contradiction")] * 20
    assert doubt(0.6, task=TEXTS, items=items, train=items) is None
    assert "not clearly above saying 'neutral' each time (33.3%)" in doubt(0.4, task=TEXTS, items=items, train=items)


@pytest.mark.parametrize(("share", "believed"), [(0.02, False), (0.5, True)])
def test_entities_must_be_found_at_all(share, believed):
    items = [TaggedSentence(("Ada", "sleeps", "now"), ("B-PER", "O", "O"))] * 50
    train = [TaggedSentence(("Bob", "sleeps"), ("B-PER", "O"))]
    assert (doubt(share, task=ENTITIES, items=items, train=train, wrong="O") is None) == believed
