import math

import pytest

from alignfreeze.tasks.metrics import accuracy


def test_accuracy_by_hand():
    # Right: A, C. Wrong: B instead of A, no prediction for D. The word without a label does not count.
    predicted = [["A", "B", "X"], ["C", None]]
    gold = [["A", "A", None], ["C", "D"]]
    assert accuracy(predicted, gold) == (0.5, 4)


def test_nothing_to_score():
    value, n = accuracy([["A"]], [[None]])
    assert math.isnan(value)
    assert n == 0


def test_sentences_and_words_must_match():
    with pytest.raises(ValueError, match="zip"):
        accuracy([["A"]], [["A", "B"]])
    with pytest.raises(ValueError, match="zip"):
        accuracy([["A"]], [["A"], ["B"]])
