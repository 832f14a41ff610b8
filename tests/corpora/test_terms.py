"""Key terms tell one text from the others."""

from alignfreeze.corpora.terms import find_key_terms

COMMON = ["the house of the king is in the town near the river"] * 30


def test_words_of_one_text_alone_are_its_terms():
    law, sea = ["the court and the judge"] * 5, ["a ship at anchor"] * 5
    found = find_key_terms({"law": [*COMMON, *law], "sea": [*COMMON, *sea]})
    assert set(found["law"]) == {"court", "judge", "and"}
    assert {"ship", "anchor"} <= set(found["sea"])
    assert not {"the", "house", "king"} & {*found["law"], *found["sea"]}


def test_the_same_text_twice_has_no_terms():
    assert find_key_terms({"one": COMMON, "other": COMMON}) == {"one": [], "other": []}


def test_a_short_text_has_no_terms():
    found = find_key_terms(
        {"long": COMMON, "also": [*COMMON, "a ship", "ship", "ship"], "short": ["court", "court", "court"]}
    )
    assert found["short"] == []
    assert found["also"] == ["ship"]


def test_a_single_text_has_no_terms():
    assert find_key_terms({"alone": COMMON}) == {"alone": []}


def test_a_word_that_occurs_seldom_is_no_term():
    assert find_key_terms({"one": [*COMMON, "ship ship"], "other": COMMON})["one"] == []


def test_no_more_than_asked_for():
    words = " ".join(f"word{letter}" for letter in "abcdefghij")
    assert len(find_key_terms({"one": [*COMMON, *[words] * 4], "other": COMMON}, n=3)["one"]) == 3
