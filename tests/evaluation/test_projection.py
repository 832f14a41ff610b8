"""Labels that go over links to the other side of a sentence pair."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.columns import check_iob2
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.evaluation.projection import ProjectionSettings, carry_labels, project, project_labels
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.classification import relabel as relabel_text
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.tagging import relabel

TAGS = ("DET", "NOUN", "VERB")
IOB2 = ("O", "B-PER", "I-PER")
KEEP_ALL = ProjectionSettings(surest=1, confidence=0, coverage=0)


def predictions(pairs, labels=TAGS, **more):
    """From (source rows, number of target words, links) of each sentence pair."""
    source = Ragged.of([np.array(rows, dtype=float).reshape(-1, len(labels)) for rows, _, _ in pairs], dtype=float)
    target = Ragged.of([np.full((n, len(labels)), 1 / len(labels)) for _, n, _ in pairs], dtype=float)
    links = Ragged.of([np.array(one, dtype=int).reshape(-1, 2) for _, _, one in pairs])
    return Predictions("de", labels, source, target, links, **more)


def sentence(*words):
    return TaggedSentence(words, (None,) * len(words))


def sides(tags, labels=IOB2, sure=0.9):
    """The probabilities of a model that is this sure of some tags."""
    rest = (1 - sure) / (len(labels) - 1)
    return [[sure if label == tag else rest for label in labels] for tag in tags]


def carried(tags, n, links, **how):
    (one,) = carry_labels(predictions([(sides(tags), n, links)], IOB2, are_entities=True), **how)
    return one.labels


# "the dog sleeps" and "da schläft der Hund": DET 0.8, NOUN 0.6, VERB 0.9; "da" has no link.
DOG = predictions([([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0, 0.1, 0.9]], 4, [(0, 2), (1, 3), (2, 1)])])
HUND = sentence("da", "schläft", "der", "Hund")


def test_words_get_the_labels_of_the_words_that_they_translate():
    (one,) = carry_labels(DOG)
    assert one.labels == (None, "VERB", "DET", "NOUN")
    assert one.coverage == 3 / 4
    assert one.confidence == pytest.approx((0.9 + 0.8 + 0.6) / 3)
    assert one.worth == pytest.approx(0.75 * 2.3 / 3)


def test_labels_of_which_the_model_is_not_sure_stay_behind():
    (one,) = carry_labels(DOG, confidence=0.7)
    assert one.labels == (None, "VERB", "DET", None)
    assert (one.coverage, one.confidence) == (0.5, pytest.approx(0.85))
    (none,) = carry_labels(DOG, confidence=0.95)
    assert (none.labels, none.coverage, none.confidence) == ((None,) * 4, 0, 0)


def test_of_each_kind_of_labels_the_surest_are_carried():
    """Four nouns with 0.9, 0.5, 0.4 and 0.3, and two verbs with 0.6 and 0.35: half of each kind is two and one."""
    sure = [(0.9, 1), (0.5, 1), (0.4, 1), (0.3, 1), (0.6, 2), (0.35, 2)]
    rows = [[amount if place == label else (1 - amount) / 2.5 for place in range(3)] for amount, label in sure]
    rows = [[value if place != 0 else 0.0 for place, value in enumerate(row)] for row in rows]
    found = predictions([(rows, 6, [(n, n) for n in range(6)])])
    names = ["NOUN" if label == 1 else "VERB" for _, label in sure]
    assert list(carry_labels(found)[0].labels) == names
    (half,) = carry_labels(found, surest=0.5)
    assert half.labels == ("NOUN", "NOUN", None, None, "VERB", None)
    assert half.coverage == 0.5
    # One of a kind always stays, and a least probability holds besides.
    assert carry_labels(found, surest=0.01)[0].labels == ("NOUN", None, None, None, "VERB", None)
    assert carry_labels(found, surest=0.5, confidence=0.55)[0].labels == ("NOUN", None, None, None, "VERB", None)


def test_the_surest_entities_are_carried_whole():
    rows = [*sides(["B-PER"], sure=0.9), *sides(["I-PER"], sure=0.9), *sides(["O"]), *sides(["B-PER"], sure=0.4)]
    found = predictions([(rows, 4, [(0, 0), (1, 1), (2, 2), (3, 3)])], IOB2, are_entities=True)
    assert carry_labels(found, surest=0.5)[0].labels == ("B-PER", "I-PER", "O", None)


def test_sentences_with_few_labels_are_left_out():
    found = project(DOG, [HUND], relabel, ProjectionSettings(confidence=0, coverage=0.75))
    assert (found.language, found.n_pairs, found.coverage) == ("de", 1, 0.75)
    assert found.items == (TaggedSentence(HUND.words, (None, "VERB", "DET", "NOUN")),)
    assert not len(project(DOG, [HUND], relabel, ProjectionSettings(confidence=0, coverage=0.76)))
    # Without any label there is nothing to learn, whatever the settings.
    assert not len(project(DOG, [HUND], relabel, ProjectionSettings(confidence=0.95, coverage=0)))
    with pytest.raises(ValueError):
        project(DOG, [], relabel)


def test_words_that_the_model_does_not_see_neither_give_nor_get_a_label():
    unseen = predictions([([[math.nan] * 3, [0, 1, 0]], 2, [(0, 0), (1, 1)])])
    assert carry_labels(unseen)[0].labels == (None, "NOUN")


def test_an_entity_is_carried_whole():
    # A person at 1-3, whose first and last words are linked to 3 and 0: the words between belong to it.
    links = [(0, 4), (1, 3), (2, 1), (3, 0)]
    assert carried(["O", "B-PER", "I-PER", "I-PER"], 5, links) == ("B-PER", "I-PER", "I-PER", "I-PER", "O")


def test_an_entity_with_few_links_or_a_foreign_word_in_it_gives_no_labels():
    # One of two words has a link, so that the other one may be before or behind it.
    assert carried(["B-PER", "I-PER", "O"], 3, [(0, 0), (2, 2)]) == (None, None, "O")
    # The word between is linked to a word outside.
    assert carried(["B-PER", "I-PER", "O"], 3, [(0, 0), (1, 2), (2, 1)]) == (None, None, None)
    # The word between is a person of its own.
    assert carried(["B-PER", "I-PER", "B-PER"], 3, [(0, 0), (1, 2), (2, 1)]) == (None, "B-PER", None)


def test_an_entity_of_which_the_model_is_not_sure_gives_no_labels():
    rows = [*sides(["B-PER"]), *sides(["I-PER"], sure=0.5), *sides(["O"])]  # a mean of 0.7
    found = predictions([(rows, 3, [(0, 0), (1, 1), (2, 2)])], IOB2, are_entities=True)
    assert carry_labels(found, confidence=0.69)[0].labels == ("B-PER", "I-PER", "O")
    assert carry_labels(found, confidence=0.71)[0].labels == (None, None, "O")


def test_two_entities_side_by_side_stay_two():
    assert carried(["B-PER", "B-PER"], 2, [(0, 1), (1, 0)]) == ("B-PER", "B-PER")


def test_the_label_of_a_text_goes_over_as_it_is():
    found = predictions([([[0.9, 0.1]], 1, [(0, 0)]), ([[0.4, 0.6]], 1, [(0, 0)])], ("good", "bad"))
    texts = [LabelledText("gut", None, ""), LabelledText("mies", None, "")]
    assert project(found, texts, relabel_text).items == (
        LabelledText("gut", None, "good"),
        LabelledText("mies", None, "bad"),
    )
    sure = project(found, texts, relabel_text, ProjectionSettings(confidence=0.7))
    assert sure.items == (LabelledText("gut", None, "good"),)


def test_a_language_is_weighed_down_by_leaving_out_what_is_covered_least():
    rows = [([[1, 0, 0]], 4, [(0, 0)]), ([[1, 0, 0]], 1, [(0, 0)]), ([[0.8, 0.2, 0]], 2, [(0, 1)])]
    found = project(predictions(rows), [sentence(*"abcd"), sentence("e"), sentence(*"fg")], relabel, KEEP_ALL)
    # Coverage times confidence: 0.25, 1, 0.4.
    assert [item.words for item in found.thin(2 / 3).items] == [("e",), ("f", "g")]
    assert [one.coverage for one in found.thin(0.5).carried] == [1, 0.5]
    assert found.thin(1) == found
    assert not len(found.thin(0))
    assert found.thin(0.1).n_pairs == 3
    with pytest.raises(ValueError, match="between 0 and 1"):
        found.thin(2)


@st.composite
def pairs_of_labels(draw, labels=TAGS):
    """Random sentence pairs with one-to-one links."""
    several = []
    for _ in range(draw(st.integers(1, 4))):
        n, m = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        rows = sides([draw(st.sampled_from(labels)) for _ in range(n)], labels, draw(st.floats(0.5, 1)))
        ends = draw(st.permutations(range(m)))
        starts = draw(st.permutations(range(n)))
        several.append((rows, m, list(zip(starts, ends, strict=False))[: draw(st.integers(0, 6))]))
    return several


def identity(found):
    diagonal = Ragged.of([np.stack([np.arange(n)] * 2, axis=1) for n in found.source.lengths()])
    return replace(found, target=found.source, links=diagonal)


@settings(deadline=None)
@given(pairs_of_labels())
def test_over_an_identity_bitext_words_get_their_own_labels(pairs):
    found = identity(predictions(pairs))
    for number, one in enumerate(carry_labels(found)):
        assert one.labels == tuple(TAGS[label] for label in found.source[number].argmax(axis=1))
        assert one.coverage == 1


@settings(deadline=None)
@given(pairs_of_labels(IOB2))
def test_over_an_identity_bitext_entities_stay_what_they_are(pairs):
    found = identity(predictions(pairs, IOB2, are_entities=True))
    for number, one in enumerate(carry_labels(found)):
        before = [IOB2[label] for label in found.source[number].argmax(axis=1)]
        assert get_entities(list(one.labels)) == get_entities(before)
        assert one.coverage == 1


@settings(deadline=None)
@given(pairs_of_labels(IOB2), st.floats(0, 1))
def test_carried_entities_are_valid_iob2_and_no_more_than_those_of_the_source(pairs, confidence):
    found = predictions(pairs, IOB2, are_entities=True)
    for number, one in enumerate(carry_labels(found, confidence=confidence)):
        check_iob2(("here", "word", tag) for tag in one.labels)
        before = [IOB2[label] for label in found.source[number].argmax(axis=1)]
        assert len(get_entities([tag or "O" for tag in one.labels])) <= len(get_entities(before))
        assert one.coverage == sum(label is not None for label in one.labels) / len(one.labels)
        assert not one.confidence or one.confidence >= confidence - 1e-9


# --- on a tiny model ---------------------------------------------------------------


@pytest.mark.parametrize("task", ["pos", "ner", "nli"])
def test_what_a_model_says_of_the_source_side_becomes_training_items(tiny_folder, toy_items, toy_bitext, task):
    how = {"epochs": 1, "batch_size": 16, "learning_rate": 5e-3, "device": "cpu"}
    model, _ = finetune(load_encoder(str(tiny_folder)), task, toy_items[task], **how)
    links = [WordAlignment(frozenset((n, n) for n in range(len(pair.source)))) for pair in toy_bitext]
    same = [SentencePair(pair.source, pair.source, ("en", "de")) for pair in toy_bitext]
    (found,) = project_labels(model, TASKS[task], same, links, settings=KEEP_ALL, device="cpu").values()
    assert (found.language, len(found), found.coverage) == ("de", len(toy_bitext), 1)
    kind = TASKS[task].kind
    predicted = kind.predict(model, list(found.items))
    for item, guess in zip(found.items, predicted, strict=True):
        guesses = [guess] if isinstance(guess, str) else guess
        labels = list(kind.labels(item))
        assert (get_entities(labels) == get_entities(guesses)) if task == "ner" else (labels == guesses)
    finetune(load_encoder(str(tiny_folder)), task, [*toy_items[task], *found.items], **how)
