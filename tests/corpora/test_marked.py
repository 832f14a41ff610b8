"""Entities that are marked in plain lines, and translated lines that are read back."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.marked import UnusableLineError, find_entities, mark_entities, name_mark, read_marked
from alignfreeze.corpora.words import split_on_spaces, split_spaced

ADA = TaggedSentence(("Ada", "Lovelace", "likes", "Bern"), ("B-PER", "I-PER", "O", "B-LOC"))
KINDS = ["PER", "LOC"]


def test_each_entity_is_marked_in_its_order():
    assert mark_entities(ADA) == "<a>Ada Lovelace</a> likes <b>Bern</b>"
    assert mark_entities(TaggedSentence(("no", "name"), ("O", None))) == "no name"
    assert mark_entities(TaggedSentence(("東", "京", "へ"), ("B-LOC", "I-LOC", "O")), space="") == "<a>東京</a>へ"


def test_entities_that_touch_are_two():
    tags = ("B-PER", "B-PER", "I-PER", None, "B-LOC")
    assert find_entities(tags) == [("PER", range(1)), ("PER", range(1, 3)), ("LOC", range(4, 5))]


def test_marks_go_on_after_z():
    assert [name_mark(n) for n in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_a_translation_by_hand():
    """The second entity comes first, and the first one has three words."""
    found = read_marked("<b>Bern</b> gefällt <a>Frau Ada Lovelace</a>.", KINDS, split_spaced)
    assert found.words == ("Bern", "gefällt", "Frau", "Ada", "Lovelace", ".")
    assert found.tags == ("B-LOC", "O", "B-PER", "I-PER", "I-PER", "O")


def test_marks_that_a_translator_has_changed_are_known():
    assert read_marked("< A >Ada</ a> mag < B>Bern< /B>", KINDS, split_spaced).tags == ("B-PER", "O", "B-LOC")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("<a>Ada</a> mag Bern", "<b> is missing"),
        ("<a>Ada</a> mag <b>Bern", "</b> is missing"),
        ("<a>Ada</a> mag Bern</b>", "</b> stands there without <b> before it"),
        ("<a>Ada</a> <a>Lovelace</a> mag <b>Bern</b>", "<a> stands there twice"),
        ("<a>Ada mag <b>Bern</a></b>", "<b> stands between <a> and </a>"),
        ("<a>Ada mag </b> <b>Bern</a>", "</b> stands between <a> and </a>"),
        ("<a>Ada</a> mag <b> </b>", "nothing stands between <b> and </b>"),
        ("<a>Ada</a> mag <b>Bern</b> <c>sehr</c>", "<c> marks no entity of this sentence"),
        ("", "<a> is missing"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(line, problem):
    with pytest.raises(UnusableLineError) as caught:
        read_marked(line, KINDS, split_spaced)
    assert str(caught.value) == problem


def test_a_line_without_words_is_refused():
    with pytest.raises(UnusableLineError, match="it has no words"):
        read_marked("  ", [], split_spaced)


@st.composite
def sentences(draw, characters):
    words, tags = [], []
    for kind, n in draw(st.lists(st.tuples(st.sampled_from([None, "PER", "LOC"]), st.integers(1, 3)), min_size=1)):
        words += draw(st.lists(st.text(characters, min_size=1), min_size=n, max_size=n))
        tags += ["O"] * n if kind is None else [f"B-{kind}", *[f"I-{kind}"] * (n - 1)]
    return TaggedSentence(tuple(words), tuple(tags))


def round_trip(sentence, split):
    kinds = [kind for kind, _ in find_entities(sentence.tags)]
    return read_marked(mark_entities(sentence), kinds, split)


@given(sentences(string.ascii_letters))
def test_a_translation_that_changes_nothing_gives_the_labels_back(sentence):
    assert round_trip(sentence, split_spaced) == sentence


@given(sentences(st.characters(categories=["L", "N", "P", "S"], exclude_characters="<>")))
def test_any_words_come_back_if_only_spaces_separate_words(sentence):
    assert round_trip(sentence, split_on_spaces) == sentence
