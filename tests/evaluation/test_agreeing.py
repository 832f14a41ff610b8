"""Labels that several models give together."""

from dataclasses import replace

import numpy as np
import pytest

from alignfreeze.evaluation.agreeing import agree_on
from alignfreeze.evaluation.projection import carry_labels
from alignfreeze.ragged import Ragged
from tests.evaluation.test_projection import IOB2, TAGS, predictions, sides

STRAIGHT = [(n, n) for n in range(4)]


def models(*several, labels, **more):
    """Predictions of several models for one sentence whose words are linked one by one, from the tags they give."""
    return [
        predictions([(sides(tags, labels, sure), len(tags), STRAIGHT[: len(tags)])], labels, **more)
        for tags, sure in several
    ]


def labels_of(several, **how):
    (one,) = carry_labels(agree_on(several), **how)
    return one.labels


def test_one_model_agrees_with_itself():
    (one,) = models((["DET", "NOUN"], 0.9), labels=TAGS)
    assert agree_on([one]) is one


def test_a_word_gets_the_label_that_all_models_give_it():
    two = models((["DET", "NOUN", "VERB"], 0.9), (["DET", "VERB", "VERB"], 0.6), labels=TAGS)
    (one,) = carry_labels(agree_on(two))
    assert one.labels == ("DET", None, "VERB")
    assert one.coverage == pytest.approx(2 / 3)
    assert one.confidence == pytest.approx((0.9 + 0.6) / 2)  # the mean of both models
    assert labels_of(two, confidence=0.8) == (None, None, None)


def test_an_entity_counts_if_all_models_find_it_with_the_same_words():
    whole, short = ["O", "B-PER", "I-PER", "O"], ["O", "B-PER", "O", "O"]
    how = {"labels": IOB2, "are_entities": True}
    assert labels_of(models((whole, 0.9), (whole, 0.7), **how)) == tuple(whole)
    assert labels_of(models((whole, 0.9), (short, 0.7), **how)) == ("O", None, None, "O")
    assert labels_of(models((short, 0.9), (whole, 0.7), **how)) == ("O", None, None, "O")
    assert labels_of(models((["O"] * 4, 0.9), (short, 0.7), **how)) == ("O", None, "O", "O")


def test_an_entity_does_not_grow_over_a_word_on_which_models_do_not_agree():
    """The entity goes to the target words 0 and 2, and the disputed word between them to 1."""
    tags = (["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "B-PER"])
    links = [(0, 0), (1, 2), (2, 1)]
    two = [predictions([(sides(one, IOB2), 3, links)], IOB2, are_entities=True) for one in tags]
    assert labels_of(two) == (None, None, None)


def test_models_of_other_pairs_or_labels_do_not_fit():
    one, two = models((["DET"], 0.9), (["DET"], 0.9), labels=TAGS)
    with pytest.raises(ValueError, match="the same labels"):
        agree_on([one, replace(two, labels=("A", "B", "C"))])


def test_a_word_that_no_model_sees_stays_without_a_label():
    two = models((["DET", "NOUN"], 0.9), (["DET", "NOUN"], 0.9), labels=TAGS)
    unseen = [replace(one, source=Ragged(_blind(one.source.values), one.source.starts)) for one in two]
    assert labels_of(unseen) == ("DET", None)


def _blind(values):
    return np.concatenate([values[:1], np.full_like(values[1:], np.nan)])
