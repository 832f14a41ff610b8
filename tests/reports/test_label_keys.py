"""The keys of labels."""

import pytest

from alignfreeze.corpora.annotated import UPOS
from alignfreeze.corpora.labelled import NLI
from alignfreeze.reports.label_keys import find_keys


def keys_of(labels, **more):
    return {one.label: ("⇧" if one.shift else "") + one.key for one in find_keys(labels, **more)}


def test_each_part_of_speech_has_a_key_and_a_meaning():
    found = find_keys(UPOS)
    assert [one.label for one in found] == list(UPOS)
    assert len({one.key for one in found}) == 17
    assert all(one.meaning for one in found)
    assert all(one.key in {*one.label.lower(), "."} for one in found)


def test_inference_has_the_first_letters():
    assert keys_of(NLI) == {"entailment": "e", "neutral": "n", "contradiction": "c"}


def test_an_entity_continues_with_shift():
    labels = ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")
    keys = keys_of(labels, marks_entities=True)
    assert list(keys) == ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert keys == {
        "O": "o",
        "B-LOC": "l",
        "I-LOC": "⇧l",
        "B-ORG": "r",  # o is taken
        "I-ORG": "⇧r",
        "B-PER": "p",
        "I-PER": "⇧p",
    }
    assert {one.label: one.meaning for one in find_keys(labels, marks_entities=True)}["I-PER"] == "person continues"


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (("good", "bad"), ("g", "b")),
        (("0", "1"), ("0", "1")),
        (("aa", "ab", "ac"), ("a", "b", "c")),  # the first has its first letter, the others another one of theirs
        (("a", "aa"), ("a", "b")),  # no letter of the second is free, so it has any
        (("طيب", "سيئ"), ("a", "b")),  # letters that a keyboard may not have
    ],
)
def test_other_labels_have_a_letter_of_theirs(labels, wanted):
    assert tuple(keys_of(labels).values()) == wanted


def test_labels_beyond_the_keys_have_none():
    keys = [one.key for one in find_keys([f"label {number}" for number in range(50)])]
    assert len(set(keys)) == 37  # 26 letters, 10 digits, and none
    assert keys.count("") == 50 - 36
