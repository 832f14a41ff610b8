"""What is estimated of a model without labels."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.estimates import (
    carry_span,
    confidence_shift,
    consensus,
    entropy,
    find_spans,
    label_distance,
    projection_agreement,
    value_of,
)
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.predictions import Predictions, predict_pairs
from alignfreeze.evaluation.retrieval import Retrieval, best_layer, word_retrieval
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.classification import items_of_pairs
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from benchmarks.estimates import (
    ESTIMATES,
    confidence,
    consensus_agreement,
    gradient_agreement,
    label_weights,
    linked_share,
    mean_drift,
    new_words,
    soft_agreement,
)

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


def predictions(pairs, labels=("NOUN", "VERB"), **more):
    """From (source rows, target rows, links) of each sentence pair."""
    sides = [Ragged.of([np.array(pair[side], dtype=float) for pair in pairs], dtype=float) for side in (0, 1)]
    links = Ragged.of([np.array(pair[2], dtype=int).reshape(-1, 2) for pair in pairs])
    return Predictions("de", labels, *sides, links, **more)


# The source says noun (0.9), verb (0.6); the target verb (0.8), noun (0.7), and of a word without a link either.
CROSSED = predictions([([[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.7, 0.3], [0.5, 0.5]], [(0, 1), (1, 0)])])
# Both links carry a wrong label.
STRAIGHT = replace(CROSSED, links=Ragged.of([np.array([[0, 0], [1, 1]])]))
# The first link is right, the second wrong.
MIXED = replace(CROSSED, links=Ragged.of([np.array([[0, 1], [1, 1]])]))


def test_labels_are_carried_over_links_and_weighted_by_confidence():
    assert value_of(projection_agreement(CROSSED)) == 1
    assert value_of(projection_agreement(STRAIGHT)) == 0
    # Of confidences 0.9 and 0.6 the first agrees: 0.9 / 1.5.
    assert value_of(projection_agreement(MIXED)) == pytest.approx(0.6)
    # 0.9 * 0.7 + 0.1 * 0.3 = 0.66 and 0.4 * 0.2 + 0.6 * 0.8 = 0.56.
    assert value_of(soft_agreement(CROSSED)) == pytest.approx((0.66 + 0.56) / 2)


def test_the_source_side_of_another_model_is_carry_span():
    other = predictions([([[0.2, 0.8], [0.4, 0.6]], CROSSED.target[0], CROSSED.links[0])])
    # The first word is now a verb (0.8), against a noun; the second agrees (0.6): 0.6 / 1.4.
    assert value_of(projection_agreement(CROSSED, other)) == pytest.approx(3 / 7)


def test_links_count_so_that_labels_are_as_frequent_as_elsewhere():
    # Links of confidence 0.9 (noun) and 0.6 (verb): shares 0.6 and 0.4, against 0.3 and 0.7 wanted.
    weights = label_weights(MIXED, {"NOUN": 3, "VERB": 7})
    assert weights.tolist() == pytest.approx([0.5, 1.75])
    # Of 0.9 * 0.5 = 0.45 and 0.6 * 1.75 = 1.05 the first agrees.
    assert value_of(projection_agreement(MIXED, weights=weights)) == pytest.approx(0.45 / 1.5)
    assert label_weights(MIXED, {"NOUN": 1, "VERB": 99}).tolist() == pytest.approx([0.01 / 0.6, 0.99 / 0.4])


def test_only_links_of_words_that_no_realignment_has_seen_count():
    pairs = [SentencePair(("a", "dog"), ("ein", "Hund", "da"), ("en", "de"))]
    realigned = [SentencePair(("A", "cat"), ("eine", "Katze"), ("en", "de"))]
    links = Ragged.of([np.array([[0, 0], [1, 1], [1, 2]])])
    # "a" was seen; with "hund" seen too, "da" is left.
    assert new_words(links, pairs, realigned)[0].tolist() == [[1, 1], [1, 2]]
    more = [*realigned, SentencePair((), ("hund",), ("en", "de"))]
    assert new_words(links, pairs, more)[0].tolist() == [[1, 2]]
    second = Ragged.of([np.array([[1, 1]])])
    assert value_of(projection_agreement(MIXED)) == pytest.approx(0.6)
    assert value_of(projection_agreement(MIXED, counted=second)) == 0


def test_entropy_confidence_and_shift_by_hand():
    # Entropies in bits: of 0.8 it is 0.7219, of 0.7 0.8813, of even odds 1.
    assert value_of(entropy(CROSSED)) == pytest.approx((0.7219 + 0.8813 + 1) / 3, abs=1e-4)
    assert value_of(confidence(CROSSED)) == pytest.approx((0.8 + 0.7 + 0.5) / 3)
    # 0.9 against 0.7, 0.6 against 0.8.
    assert value_of(confidence_shift(CROSSED)) == pytest.approx(0.0)
    assert value_of(confidence_shift(MIXED)) == pytest.approx((0.2 - 0.1) / 2)


def test_the_distance_of_label_shares_by_hand():
    apart = predictions([([[1, 0]], [[0, 1]], [(0, 0)])])
    assert label_distance(apart) == pytest.approx(1.0)
    # All nouns against half of them; the middle is 3/4, 1/4:
    # (log2(4/3) + (log2(2/3) + log2(2)) / 2) / 2 = (0.4150 + (-0.5850 + 1) / 2) / 2 = 0.3113
    half = predictions([([[1, 0], [1, 0]], [[1, 0], [0, 1]], [])])
    assert label_distance(half) == pytest.approx(0.3113, abs=1e-4)


IOB2 = ("O", "B-PER", "I-PER")
O, B, I = ([0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6])  # noqa: E741


def test_spans_are_carried_over_from_their_first_to_their_last_linked_word():
    assert find_spans(IOB2, np.array([O, B, I, O, B])) == [("PER", 1, 2), ("PER", 4, 4)]
    links = np.array([[1, 2], [2, 0]])
    assert carry_span(("PER", 1, 2), links) == ("PER", 0, 2)
    assert carry_span(("PER", 4, 4), links) is None


def test_entities_agree_as_whole_spans():
    # Source: a person at 0-1 and one at 3; target: one at 1-2, and one at 4 that is linked to nothing.
    pair = ([B, I, O, B], [O, B, I, O, B], [(0, 1), (1, 2), (2, 0), (3, 3)])
    found = predictions([pair], IOB2, are_entities=True)
    # 0-1 goes to 1-2 and is there, weight 0.6 on either side; 3 goes to 3 and is not (0.6). What has no link is
    # unknown to the source and counts nothing: (0.6 + 0.6) / (0.6 + 0.6 + 0.6).
    assert value_of(projection_agreement(found)) == pytest.approx(2 / 3)
    # With the last word linked to a source word that is no entity (0.8), it counts against: 1.2 / (1.8 + 0.8).
    linked = predictions([([B, I, O, B], [O, B, I, O, B], [(0, 1), (1, 2), (2, 4), (3, 3)])], IOB2, are_entities=True)
    assert value_of(projection_agreement(linked)) == pytest.approx(1.2 / 2.6)
    # Where only the last link counts, its span alone does (0.6), which is not there.
    last = Ragged.of([np.array([[3, 3]])])
    assert projection_agreement(found, counted=last).tolist() == [[0, pytest.approx(0.6)]]
    assert value_of(projection_agreement(predictions([([O], [O], [(0, 0)])], IOB2, are_entities=True))) is None


def test_a_majority_is_believed():
    sure = predictions([([[1, 0]], [[1, 0], [0.1, 0.9]], [(0, 0)])])
    other = predictions([([[0, 1]], [[0.5, 0.5], [0.7, 0.3]], [(0, 0)])])
    both = consensus([sure, other])
    assert both.source[0].tolist() == [[0.5, 0.5]]
    assert both.target[0].tolist() == [[0.75, 0.25], pytest.approx([0.4, 0.6])]
    assert value_of(consensus_agreement(sure, both)) == 1
    # The first word agrees (0.75), the second does not (0.6).
    assert value_of(consensus_agreement(other, both)) == pytest.approx(0.75 / 1.35)
    with pytest.raises(ValueError, match="same labels"):
        consensus([sure, predictions([], ("NOUN", "VERB"))])


def test_a_word_without_a_subword_says_nothing():
    gone = [math.nan, math.nan]
    found = predictions([([[1, 0], [1, 0]], [gone, [1, 0]], [(0, 0), (1, 1)])])
    assert projection_agreement(found).tolist() == [[1, 1]]
    assert confidence(found).tolist() == [[1, 1]]
    assert label_distance(found) == 0


def test_nothing_linked_is_no_estimate():
    assert value_of(projection_agreement(predictions([([[1, 0]], [[1, 0]], [])]))) is None


def _rows(n_labels):
    row = st.lists(st.floats(0.01, 1), min_size=n_labels, max_size=n_labels).map(
        lambda r: (np.array(r) / sum(r)).tolist()
    )
    return st.lists(row, min_size=1, max_size=6)


@st.composite
def random_predictions(draw, *, entities=False):
    labels = IOB2 if entities else ("A", "B", "C", "D")
    pairs = []
    for _ in range(draw(st.integers(1, 4))):
        source, target = draw(_rows(len(labels))), draw(_rows(len(labels)))
        n = min(len(source), len(target))
        order = draw(st.permutations(range(n)))
        pairs.append((source, target, list(enumerate(order))[: draw(st.integers(0, n))]))
    return predictions(pairs, labels, are_entities=entities)


@settings(deadline=None)
@given(random_predictions(), random_predictions(entities=True))
def test_estimates_stay_in_their_ranges(words, entities):
    for found in (words, entities):
        for name, estimate in ESTIMATES.items():
            value = value_of(estimate(found))
            low = -1 if name == "confidence shift" else 0
            assert value is None or low <= value <= 1 + 1e-9
            assert len(estimate(found)) == len(found)
        assert 0 <= label_distance(found) <= 1
        assert value_of(consensus_agreement(found, consensus([found]))) == pytest.approx(1)


@settings(deadline=None)
@given(random_predictions(), random_predictions(entities=True))
def test_identical_sides_agree(words, entities):
    for found in (words, entities):
        diagonal = Ragged.of([np.stack([np.arange(n)] * 2, axis=1) for n in found.source.lengths()])
        same = replace(found, target=found.source, links=diagonal)
        assert value_of(projection_agreement(same)) in (None, pytest.approx(1))
        assert value_of(confidence_shift(same)) == pytest.approx(0, abs=1e-12)
        assert label_distance(same) == pytest.approx(0, abs=1e-12)


def test_the_best_layer_is_that_of_most_languages_together():
    def at(language, layer, value, method="csls"):
        return Retrieval(language, layer, method, value, value + 0.2, 10)

    # Means over both directions and languages: layer 1 (0.6 + 0.4) / 2 = 0.5, layer 2 (0.4 + 0.8) / 2 = 0.6.
    found = [at("de", 1, 0.5), at("de", 2, 0.3), at("tr", 1, 0.3), at("tr", 2, 0.7), at("de", 0, 0.8, "weak")]
    assert best_layer(found) == 2
    assert word_retrieval(found, 2) == {"de": pytest.approx(0.4), "tr": pytest.approx(0.8)}


def test_layers_are_averaged_without_the_embeddings():
    cosines = [GradientCosine(layer, value, 0.1, 3) for layer, value in enumerate((0.9, 0.1, -0.3))]
    assert gradient_agreement(cosines) == pytest.approx(-0.1)
    assert mean_drift([Drift(layer, value) for layer, value in enumerate((0.9, 0.1, 0.3))]) == pytest.approx(0.2)


def test_the_share_of_linked_words():
    assert linked_share(CROSSED) == pytest.approx(2 / 3)


# --- on tiny models ------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(tiny_folder, toy_items):
    """A model of each task that learns its toy items by heart."""
    learnt = {}
    for name in ("pos", "ner", "nli"):
        settings = FinetuningSettings(epochs=12, batch_size=16, learning_rate=5e-3)
        task = TASKS[name]
        learnt[name] = finetune(load_encoder(str(tiny_folder)), task, toy_items[name], settings=settings, device="cpu")[
            0
        ]
    return learnt


def same_sides(bitext):
    return [SentencePair(pair.source, pair.source, ("en", "de")) for pair in bitext]


@pytest.mark.parametrize("task", ["pos", "ner", "nli"])
def test_a_model_agrees_with_itself_and_less_so_on_words_it_never_saw(models, toy_bitext, task):
    links = [DIAGONAL] * len(toy_bitext)
    (same,) = predict_pairs(models[task], TASKS[task], same_sides(toy_bitext), links, device="cpu")
    (other,) = predict_pairs(models[task], TASKS[task], toy_bitext, links, device="cpu")
    assert (same.language, len(same)) == ("de", len(toy_bitext))
    assert value_of(projection_agreement(same)) == pytest.approx(1)
    assert value_of(confidence_shift(same)) == pytest.approx(0, abs=1e-6)
    assert value_of(projection_agreement(other)) < 0.9
    assert np.allclose(np.nansum(other.target.values, axis=-1), 1, atol=1e-3)


def test_each_language_pair_has_its_own_value_in_order(models, toy_bitext):
    turkish = [SentencePair(pair.source, pair.target, ("en", "tr")) for pair in toy_bitext[:7]]
    mixed = [pair for both in zip(turkish, toy_bitext, strict=False) for pair in both]
    found = predict_pairs(models["pos"], TASKS["pos"], mixed, [DIAGONAL] * len(mixed), device="cpu")
    alone = predict_pairs(models["pos"], TASKS["pos"], toy_bitext[:7], [DIAGONAL] * 7, device="cpu")
    assert [(one.language, len(one)) for one in found] == [("tr", 7), ("de", 7)]
    assert np.allclose(found[1].target.values, alone[0].target.values, atol=1e-5)


def test_neighbouring_sentences_make_texts(models):
    pairs = [SentencePair(("a", str(n)), ("甲", str(n)), ("en", "zh")) for n in range(3)]
    items = items_of_pairs(pairs, True)
    assert [(item.text, item.second) for item in items[:3]] == [("a 0", "a 1"), ("a 1", "a 2"), ("a 2", "a 0")]
    assert [(item.text, item.second) for item in items[3:]] == [("甲0", "甲1"), ("甲1", "甲2"), ("甲2", "甲0")]
    assert [(item.text, item.second) for item in items_of_pairs(pairs, False)][2:4] == [
        ("a 2", None),
        ("甲0", None),
    ]


def test_questions_are_refused_and_so_is_nothing(models, toy_bitext):
    with pytest.raises(
        SettingsError, match="cannot be estimated without labels for the task 'qa': neither words nor texts"
    ):
        predict_pairs(models["pos"], TASKS["qa"], toy_bitext, [DIAGONAL] * len(toy_bitext))
    with pytest.raises(DataError, match="needs sentence pairs, but the bitext is empty"):
        predict_pairs(models["pos"], TASKS["pos"], [], [])
