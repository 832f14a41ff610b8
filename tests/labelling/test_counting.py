"""What labels add to the scores of models, in each kind of task."""

import numpy as np
import pytest

from alignfreeze.labelling.counting import collect_evidence, compare_on_labels
from alignfreeze.labelling.drawing import read_drawing
from alignfreeze.labelling.estimates import Estimates
from alignfreeze.labelling.matching import place_of
from tests.labelling.support import ENTITIES, draw, draw_tags, keep, question, texts, words_of

TRUTH = {
    ("the", "dog", "barks"): "DET NOUN VERB",
    ("a", "cat"): "DET NOUN",
    ("mice", "sleep"): "NOUN NOUN",  # both models are wrong
    ("the", "old", "bird", "sings"): "DET ADJ NOUN VERB",
    ("it", "rains"): "DET VERB",  # both models are wrong
}


def truths(drawing, n):
    """The labels that were asked for, of the first items."""
    found = []
    for number in range(n):
        place, asked = drawing.sampling.order[number], drawing.asked(number)
        tags = TRUTH[tuple(drawing.rows[place]["words"])].split()
        found.append(tuple(tag if unit in asked else None for unit, tag in enumerate(tags)))
    return found


def test_words_on_which_models_differ_and_one_on_which_they_agree_are_asked_for():
    drawing = draw_tags()
    for number, place in enumerate(drawing.sampling.order):
        differing = [unit for unit, differs in enumerate(drawing.differing[place]) if differs]
        assert set(differing) <= set(drawing.asked(number))
        assert len(drawing.asked(number)) == len(differing) + 1
    assert [mask.sum() for mask in drawing.differing] == [1, 0, 0, 2, 0]


def test_right_words_are_counted_by_hand():
    drawing = draw_tags()
    found = collect_evidence(drawing, truths(drawing, 5))
    by_place = dict(zip(drawing.sampling.order, found.numerators.tolist(), strict=True))
    # The baseline is right where they differ: on one word of the first sentence, and on two of the fourth.
    assert by_place == {0: [1, 0], 1: [0, 0], 2: [0, 0], 3: [2, 0], 4: [0, 0]}
    assert found.known_denominators.tolist() == [13, 13]
    assert found.checks.all_units == 10
    assert sorted(found.checks.units.tolist()) == [2, 2, 2, 2, 2]
    estimates = Estimates(found)
    assert estimates.difference(0, 1).value == pytest.approx(3 / 13)
    assert estimates.difference(0, 1).interval == pytest.approx((3 / 13, 3 / 13))


def test_a_word_that_nobody_can_label_makes_no_difference():
    drawing = draw_tags()
    labels = [tuple(None for _ in truth) for truth in truths(drawing, 5)]
    found = collect_evidence(drawing, labels)
    assert not found.numerators.any()
    assert not found.checks.units.any()
    assert Estimates(found).difference(0, 1).value == 0


def test_entities_are_counted_by_hand():
    drawing = draw(
        {
            "baseline": ["O B-PER O", "B-LOC O", "B-LOC I-LOC"],
            "full": ["O B-LOC O", "B-LOC O", "B-LOC I-LOC"],
        },
        task="ner",
        items=[words_of("the Ada sings"), words_of("it rains"), words_of("New York")],
        labels=ENTITIES,
    )
    gold = {0: ("B-LOC", "B-PER", "O"), 1: ("O", "O"), 2: ("B-LOC", "I-LOC")}
    found = collect_evidence(drawing, [gold[place] for place in drawing.sampling.order])
    by_place = dict(zip(drawing.sampling.order, found.numerators.tolist(), strict=True))
    # Twice the right entities. Both models find those of the other sentences, so 0.8 of each are presumed right.
    assert by_place == {0: [2, 0], 1: [-1.6, -1.6], 2: pytest.approx([2 - 1.6, 2 - 1.6])}
    assert found.known_numerators.tolist() == [3.2, 3.2]
    assert found.denominators[:, 0].sum() == pytest.approx(3 - 1.6)  # the true ones
    assert found.known_denominators.tolist() == [3 + 1.6, 3 + 1.6]  # those of each model
    # The baseline has two of three right, and finds three: F1 is 2 * 2 / (3 + 3).
    assert Estimates(found).scores == pytest.approx([4 / 6, 2 / 6])
    assert [drawing.asked(0)] == [list(range(len(drawing.differing[drawing.sampling.order[0]])))]


@pytest.fixture
def drawn_entities():
    """One sentence in which the models differ in the second and third word, and agree in the last."""
    return draw(
        {"baseline": ["O B-PER I-PER O B-LOC"], "full": ["O B-PER O O B-LOC"]},
        task="ner",
        items=[words_of("the Ada Lovelace of London")],
        labels=ENTITIES,
    )


@pytest.mark.parametrize(
    ("truth", "scores"),
    [
        ("O B-PER I-PER O B-LOC", [1.0, 2 / 4]),
        # Nobody can tell who it was: the entities that touch the word are no longer counted, for neither model.
        ("O _ _ O B-LOC", [1.0, 1.0]),
        ("O _ B-PER O B-LOC", [2 / 3, 2 / 3]),
        # Nobody can tell where the person ends, so that both may be right.
        ("O B-PER _ O B-LOC", [1.0, 1.0]),
        ("O B-PER I-PER O _", [1.0, 0.0]),
        ("_ B-PER I-PER O _", [1.0, 0.0]),
        ("O B-PER I-PER _ _", [0.0, 0.0]),
        ("_ _ _ _ _", [0.0, 0.0]),
    ],
)
def test_entities_that_touch_a_word_that_nobody_can_label_do_not_count(drawn_entities, truth, scores):
    labels = tuple(None if label == "_" else label for label in truth.split())
    assert Estimates(collect_evidence(drawn_entities, [labels])).scores == pytest.approx(scores)


@pytest.mark.parametrize("truth", ["O B-PER I-PER O B-LOC", "O _ _ O B-LOC", "O B-PER _ O _"])
def test_two_models_are_compared_on_labels_as_all_are(drawn_entities, truth):
    labels = [tuple(None if label == "_" else label for label in truth.split())]
    first, second = drawn_entities.predictions.values()
    compared = compare_on_labels(drawn_entities, labels, first, second)
    expected = Estimates(collect_evidence(drawn_entities, labels)).difference(1, 0)
    assert compared.value == pytest.approx(expected.value)


def test_texts_have_one_label():
    drawing = draw(
        {"baseline": ["good", "bad", "good"], "full": ["good", "good", "good"]},
        task="classification",
        items=texts("one", "two", "three"),
        labels=("good", "bad"),
    )
    gold = {0: ("good",), 1: ("bad",), 2: ("bad",)}
    found = Estimates(collect_evidence(drawing, [gold[place] for place in drawing.sampling.order]))
    assert found.scores == pytest.approx([2 / 3, 1 / 3])
    assert found.score(0).interval == pytest.approx((2 / 3, 2 / 3))


def test_answers_count_by_their_words():
    context = "She was born in the old town of Ulm."
    drawing = draw(
        {"baseline": ["Ulm", "x"], "full": ["town", "x"]},
        task="qa",
        items=[question("Where?", context), question("Who?", context)],
        labels=(),
    )
    gold = {0: ("town Ulm",), 1: ("x",)}
    found = collect_evidence(drawing, [gold[place] for place in drawing.sampling.order])
    assert Estimates(found).scores == pytest.approx([(2 / 3 + 1) / 2] * 2)


def test_a_drawing_is_read_as_it_was_written(tmp_path):
    drawing = draw_tags()
    keep(drawing, tmp_path)
    again = read_drawing(place_of(tmp_path, drawing.name))
    assert again == drawing
    assert again.name == drawing.name
    assert np.array_equal(again.differing[3], [False, True, True, False])


def test_a_word_that_nobody_can_label_counts_for_no_score():
    """The baseline is right on all words, of which nobody can label one."""
    drawing = draw_tags()
    gold = truths(drawing, 5)
    right = [tuple(drawing.predictions["baseline"][place]) for place in drawing.sampling.order]
    gold = [
        tuple(label if unit in drawing.asked(draw) else None for unit, label in enumerate(labels))
        for draw, labels in enumerate(right)
    ]
    assert Estimates(collect_evidence(drawing, gold)).score(0).value == 1
    place = drawing.sampling.order.index(0)
    unit = int(np.flatnonzero(drawing.differing[0])[0])
    gold[place] = tuple(None if number == unit else label for number, label in enumerate(gold[place]))
    found = Estimates(collect_evidence(drawing, gold))
    assert found.score(0).value == 1
    assert found.score(1).value == pytest.approx(1 - 2 / 12)


def test_the_gain_is_not_certain_if_all_items_are_labelled_but_not_all_words():
    """One word of each item stands for the others on which the models agreed."""
    drawing = draw_tags()
    before = drawing.predictions["baseline"]
    gold = truths(drawing, 5)
    after = [
        tuple("ADJ" if unit == drawing.checks[draw] else label for unit, label in enumerate(before[place]))
        for draw, place in enumerate(drawing.sampling.order)
    ]
    found = compare_on_labels(drawing, gold, before, after)
    assert found.value < 0
    assert found.interval[0] < found.value < found.interval[1]
    same = compare_on_labels(drawing, gold, before, [before[place] for place in drawing.sampling.order])
    assert same.value == 0
    assert same.interval[1] > 0
