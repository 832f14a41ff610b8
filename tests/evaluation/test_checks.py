import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation.checks import find_doubts
from alignfreeze.tasks.heads import WORDS as HEAD
from alignfreeze.tasks.metrics import measure_entities, measure_tags
from alignfreeze.tasks.models import add_head
from alignfreeze.tasks.table import TASKS

WORDS = ("the", "dog", "sees", "the", "cat")
TAGS = ("DET", "NOUN", "VERB", "DET", "NOUN")


@pytest.fixture(scope="module")
def model(tiny_folder):
    return add_head(load_encoder(str(tiny_folder)), HEAD, ("DET", "NOUN", "VERB"), max_length=32)


def said(model, predicted, items, measure=measure_tags, *, is_source=True):
    found = measure(predicted, items)
    how = {"task": TASKS["tagging"], "task_model": model, "is_source": is_source}
    return list(find_doubts("en", found, predicted, items, **how))


def test_a_good_result_is_not_doubted(model):
    assert said(model, [TAGS], [TaggedSentence(WORDS, TAGS)]) == []


def test_always_the_same_label(model):
    items = [TaggedSentence(WORDS, TAGS)]
    (doubt,) = said(model, [["NOUN"] * 5], items)
    assert doubt.startswith("English: an accuracy of 40.0% is no better than to say 'DET' each time (40.0%)")
    assert said(model, [["NOUN"] * 5], items, is_source=False) == []


def test_nothing_found(model):
    items = [TaggedSentence(WORDS, ("O", "B-X", "O", "O", "O"))]
    (doubt,) = said(model, [["O"] * 5], items, measure_entities, is_source=False)
    assert "F1 is 0, nothing was found" in doubt


def test_a_language_that_the_tokenizer_does_not_know(model):
    items = [TaggedSentence(("ძაღლი", "ხედავს"), ("NOUN", "VERB"))]
    (doubt,) = said(model, [["NOUN", "VERB"]], items)
    assert "100% of its subwords are unknown to the tokenizer" in doubt


def test_f1_of_entities_is_seqevals():
    from seqeval.metrics import f1_score

    gold = [("B-PER", "I-PER", "O", "B-LOC"), ("O", "B-ORG", "I-ORG", "O")]
    found = [["B-PER", "O", "O", "B-LOC"], ["O", "B-ORG", "I-ORG", None]]
    items = [TaggedSentence(("a",) * 4, tags) for tags in gold]
    (measure,) = measure_entities(found, items)
    # Two of three entities are found, and one of the three that were said is wrong.
    assert (measure.metric, measure.value, measure.n) == ("f1", pytest.approx(2 / 3), 3)
    told = [[tag or "O" for tag in tags] for tags in found]
    assert measure.value == f1_score([list(tags) for tags in gold], told)


def test_a_perfect_score_on_one_label_is_not_doubted(model):
    items = [TaggedSentence(("the", "the"), ("DET", "DET"))]
    assert said(model, [["DET", "DET"]], items) == []


def test_few_random_guesses_are_no_other_order(model):
    """Of as many labels as guesses some order fits well by chance."""
    labels = [f"L{number}" for number in range(20)]
    guesses = [*labels[1:], labels[0]]
    assert said(model, [guesses], [TaggedSentence(tuple("w" * 20), tuple(labels))], is_source=False) == []
    many = [TaggedSentence(tuple("w" * 20), tuple(labels))] * 20
    (doubt,) = said(model, [guesses] * 20, many, is_source=False)
    assert "with the labels in another order 100.0% would be right instead of 0.0%" in doubt
