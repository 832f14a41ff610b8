import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.questions import Question
from alignfreeze.tasks.metrics import accuracy, measure_answers, measure_entities


def test_accuracy_by_hand():
    # Right: A, C. Wrong: B instead of A, no prediction for D. The word without a label does not count.
    predicted = [["A", "B", "X"], ["C", None]]
    gold = [["A", "A", None], ["C", "D"]]
    assert accuracy(predicted, gold) == (0.5, ((1, 2), (1, 2)))


def test_nothing_to_score():
    value, parts = accuracy([["A"]], [[None]])
    assert math.isnan(value)
    assert parts == ((0, 0),)


def test_sentences_and_words_must_match():
    with pytest.raises(ValueError, match="zip"):
        accuracy([["A"]], [["A", "B"]])
    with pytest.raises(ValueError, match="zip"):
        accuracy([["A"]], [["A"], ["B"]])


TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=6))
def test_what_sentences_add_to_f1_is_seqevals_f1(sentences):
    pairs = [(ours[: len(gold)], gold[: len(ours)]) for ours, gold in sentences]
    items = [TaggedSentence(tuple("w" * len(gold)), tuple(gold)) for _, gold in pairs]
    (measure,) = measure_entities([ours for ours, _ in pairs], items)
    above, below = (sum(part[place] for part in measure.parts) for place in (0, 1))
    assert measure.value == pytest.approx(above / below if below else 0)


def test_entities_at_words_without_a_tag_do_not_count():
    (measure,) = measure_entities([["B-PER", "B-LOC"]], [TaggedSentence(("Ann", "x"), ("B-PER", None))])
    assert (measure.value, measure.n) == (1.0, 1)


def test_what_questions_add_is_what_the_whole_set_scores():
    questions = [
        Question("1", "?", "the red dog sat", ("the red dog", "dog"), (0, 8)),
        Question("2", "?", "a cat", ("cat",), (2,)),
    ]
    f1, exact = measure_answers(["Red dog!", "a mouse"], questions)
    assert [measure.metric for measure in (f1, exact)] == ["f1", "exact match"]
    assert f1.parts == exact.parts == ((1.0, 1), (0.0, 1))
    assert f1.value == exact.value == 0.5
