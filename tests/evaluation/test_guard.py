"""What tells, without labels, whether projected labels would do harm."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from alignfreeze.evaluation.guard import (
    Evidence,
    agree,
    contradictions,
    distance,
    find_evidence,
    find_strange_words,
    judge_evidence,
    neighbours,
    own_labels,
)
from alignfreeze.evaluation.projection import carry_labels
from alignfreeze.ragged import Ragged
from tests.evaluation.test_projection import IOB2, identity, pairs_of_labels, predictions, sides

BOTH = [("NOUN", "NOUN"), ("NOUN", "NOUN"), ("VERB", "NOUN"), ("VERB", "VERB")]
FINE = Evidence(agreement=0.9, contradicted={"NOUN": 0.05, "VERB": 0.2}, shares=0.01)


def test_agreement_is_what_is_beyond_chance():
    # 3/4 agree. By chance, NOUN would meet NOUN 1/2 * 3/4 and VERB VERB 1/2 * 1/4, together 1/2: (3/4 - 1/2) / (1/2).
    assert agree(BOTH) == pytest.approx(0.5)
    assert agree([("NOUN", "VERB"), ("VERB", "NOUN")]) == pytest.approx(-1)
    assert agree([("O", "O")] * 3) == 1
    assert agree([]) is None


def test_contradictions_are_counted_by_projected_label():
    assert contradictions(BOTH) == {"NOUN": 0, "VERB": 0.5}


def test_labels_that_are_not_neighbours_are_not_counted_as_such():
    assert neighbours([("DET", "NOUN", None, "VERB"), ("DET", "NOUN")]) == {("DET", "NOUN"): 2}


def test_distances_by_hand():
    # All nouns against half of them: 0.3113, as for label_distance.
    assert distance(Counter({"NOUN": 3}), Counter({"NOUN": 1, "VERB": 1})) == pytest.approx(0.3113, abs=1e-4)
    assert distance(Counter("ab"), Counter("cd")) == pytest.approx(1)
    assert distance(Counter("ab"), Counter("aabb")) == 0
    assert distance(Counter(), Counter("a")) == 0


def test_common_words_that_the_bitext_never_has_are_strange():
    # "ה" stands in every sentence and "ב" in 2 of 20; "rare" stands in one, and "." has no letter.
    texts = [["ה", "ה", "Haus", "."]] * 17 + [["ב", "Haus", "x"]] * 2 + [["rare"]]
    bitext = [["haus", "X"]] * 20
    assert find_strange_words(texts, bitext) == {"ה": 34, "ב": 2}
    assert find_strange_words(texts[:19], bitext) is None
    assert find_strange_words(texts, bitext[:19]) is None


def test_evidence_is_gathered_from_the_labels_of_both_sides():
    # The source side says DET NOUN VERB, in the order of the target; the model says DET NOUN NOUN there.
    found = predictions([(sides(["DET", "NOUN", "VERB"], ("DET", "NOUN", "VERB")), 3, [(n, n) for n in range(3)])])
    own = np.array(sides(["DET", "NOUN", "NOUN"], ("DET", "NOUN", "VERB")))
    found = replace(found, target=Ragged.of([own], dtype=float))
    texts = [["ה", "dog", "."]] * 20
    evidence = find_evidence(found, carry_labels(found), training=[("DET", "NOUN")], bitext=[["dog"]] * 20, texts=texts)
    # 2/3 agree; by chance 1/9 + 2/9 = 1/3.
    assert evidence.agreement == pytest.approx(0.5)
    assert evidence.contradicted == {"DET": 0, "NOUN": 0, "VERB": 1}
    # DET NOUN, NOUN VERB against DET NOUN alone.
    assert evidence.neighbours == pytest.approx(0.3113, abs=1e-4)
    assert (evidence.strange, evidence.strange_words) == (0.5, ("ה",))
    assert find_evidence(found, carry_labels(found)).strange is None


def test_words_that_the_model_does_not_see_have_no_label_of_its_own():
    found = predictions([([[1, 0, 0]], 2, [(0, 0)])])
    target = Ragged.of([np.array([[np.nan] * 3, [0, 0.1, 0.9]])], dtype=float)
    assert own_labels(replace(found, target=target)) == [[None, "VERB"]]


def test_good_labels_are_kept():
    kept = judge_evidence("tr", FINE)
    # (1 - 0.9) / 0.7 of the way to a refusal.
    assert (kept.decision, kept.share, kept.risk) == ("keep", 1, pytest.approx(1 / 7))
    assert kept.sentence == "Turkish: projected labels are kept."


def test_a_bitext_that_cuts_words_otherwise_is_refused():
    # 31 %, where 20 % are enough.
    refused = judge_evidence("he", replace(FINE, strange=0.31, strange_words=("ה", "ב", "ל", "ו")))
    assert (refused.decision, refused.share, refused.risk) == ("refuse", 0, 1)
    assert refused.sentence == (
        "Hebrew: projected labels are refused: 31% of the words of its texts are common there, but never occur in the "
        "bitext ('ה', 'ב', 'ל'), so the bitext cuts words otherwise."
    )


def test_labels_that_the_model_contradicts_are_refused():
    refused = judge_evidence("de", replace(FINE, agreement=0.25, contradicted={"NOUN": 0.2, "ADP": 0.7}, strange=0.01))
    assert refused.decision == "refuse"
    assert "kappa 0.25; of ADP, 70% are contradicted" in refused.sentence


def test_between_both_a_part_of_the_labels_is_used():
    # 15 % are three quarters of the way to a refusal, and halfway from the first doubt to it.
    half = judge_evidence("ar", replace(FINE, strange=0.15, strange_words=("ل",)))
    assert (half.decision, half.share, half.risk) == ("weigh down", pytest.approx(0.5), pytest.approx(0.75))
    assert half.sentence.startswith("Arabic: only the best 50% of the projected labels are used: 15% of the words")


def test_without_any_label_a_language_is_refused():
    nothing = find_evidence(predictions([([[1, 0, 0]], 1, [])]), carry_labels(predictions([([[1, 0, 0]], 1, [])])))
    refused = judge_evidence("de", nothing)
    assert refused.sentence == (
        "German: projected labels are refused: there is no label of which the model is sure enough, or none that a "
        "link could carry."
    )


@settings(deadline=None)
@given(pairs_of_labels(), pairs_of_labels(IOB2))
def test_over_an_identity_bitext_nothing_speaks_against_the_labels(words, entities):
    found = identity(predictions(words))
    evidence = find_evidence(found, carry_labels(found))
    assert (evidence.agreement, evidence.shares, evidence.risk) == (1, pytest.approx(0), 0)
    # Of entities, those that begin with I- are repaired, which the model itself does not do.
    found = identity(predictions(entities, IOB2, are_entities=True))
    assert 0 <= find_evidence(found, carry_labels(found)).risk <= 1


def test_shuffled_links_are_refused():
    generator = np.random.default_rng(0)
    tags = [[["DET", "NOUN", "VERB"][tag] for tag in generator.integers(3, size=12)] for _ in range(40)]
    rows = [sides(row, ("DET", "NOUN", "VERB")) for row in tags]
    found = predictions([(row, 12, list(enumerate(generator.permutation(12)))) for row in rows])
    found = replace(found, target=found.source)
    assert judge_evidence("de", find_evidence(found, carry_labels(found))).decision == "refuse"
