"""Bitext that is read twice, the second time in chunks, instead of being held."""

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora import long
from alignfreeze.corpora.bitext import BitextReader, choose_pairs, split_into_words
from alignfreeze.corpora.long import LongBitext, scan
from alignfreeze.corpora.selection import EvenSample, SelectionSettings, spread_evenly
from alignfreeze.errors import DataError

LANGUAGES = ("en", "de")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("".join(f"word {number}\tWort {number}\n" for number in range(23)))
    return path


def read(path, *, held, most=100):
    reader = BitextReader(path, languages=LANGUAGES, form="tsv")
    sample = EvenSample(most)
    return scan(reader, held=held, sample=sample, split=lambda texts: split_into_words(texts, languages=LANGUAGES))


def test_few_pairs_are_held_as_they_are_without_it(path):
    reader = BitextReader(path, languages=LANGUAGES, form="tsv")
    assert read(path, held=23) == choose_pairs(reader, SelectionSettings())


def test_many_pairs_come_again_in_chunks(path, monkeypatch):
    monkeypatch.setattr(long, "CHUNK", 10)
    found = read(path, held=22)
    assert isinstance(found, LongBitext)
    chunks = list(found.chunks())
    assert [len(chunk) for chunk in chunks] == [10, 10, 3]
    assert [pair for chunk in chunks for pair in chunk] == list(BitextReader(path, languages=LANGUAGES, form="tsv"))
    assert (found.summary.read, found.summary.left_out, len(found.digests)) == (23, {}, 3)
    assert [pair.target for pair in found.sample] == [("Wort", str(number)) for number in range(23)]


@pytest.mark.parametrize("change", [lambda text: text.replace("22", "24"), lambda text: text + "a\tb\n" * 20])
def test_a_file_that_changes_meanwhile(path, monkeypatch, change):
    monkeypatch.setattr(long, "CHUNK", 10)
    found = read(path, held=5)
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=r"t\.tsv: the file has changed while it was read; start again"):
        list(found.chunks())


def test_pairs_that_nothing_is_learnt_from_are_not_in_the_sample(tmp_path):
    """The first one alone would weigh more than all others may together."""
    (tmp_path / "t.tsv").write_text(f"{'a ' * 3000}\t{'b ' * 3000}\n" + "a\t\n" + "a b\tc\n" * 30)
    reader, sample = BitextReader(tmp_path / "t.tsv", languages=LANGUAGES, form="tsv"), EvenSample(100, most_weight=60)
    split = partial(split_into_words, languages=LANGUAGES)
    found = scan(reader, held=5, sample=sample, split=split, most_words=1024)
    assert [pair.source for pair in found.sample] == [("a", "b")] * 30


def test_long_bitext_without_any_pair(tmp_path):
    (tmp_path / "t.tsv").write_text("a\t\n" * 30)
    with pytest.raises(DataError, match="no sentence pair found"):
        read(tmp_path / "t.tsv", held=5)


def draw(weights, most, most_weight=float("inf")):
    sample = EvenSample(most, most_weight=most_weight)
    for number, weight in enumerate(weights):
        if number % sample.every == 0:
            sample.add(number, weight)
    return sample.take()


def test_an_even_sample_by_hand():
    """Of 0..9, at most 3: 7 are too many to hold twice, so 0 2 4 6 stay, then 8 comes; 0, 2 and 6 are evenly spread."""
    assert draw([1] * 10, 3) == [0, 2, 6]
    assert draw([1] * 6, 3) == [0, 2, 4]
    assert draw([1] * 3, 3) == [0, 1, 2]
    assert draw([5] * 4, 9, most_weight=10) == [0, 2]  # two of weight 5


@given(st.lists(st.integers(1, 50), max_size=300), st.integers(1, 40), st.integers(1, 500))
def test_an_even_sample_is_small_ordered_and_spread(weights, most, most_weight):
    taken = draw(weights, most, most_weight)
    assert taken == sorted(set(taken)) == draw(weights, most, most_weight)
    assert len(taken) <= most
    if len(weights) <= most and sum(weights) <= most_weight:
        assert taken == list(range(len(weights)))
    if weights:
        assert taken[0] == 0
    equal = draw([1] * len(weights), most)
    gaps = {later - earlier for earlier, later in pairwise(equal)}
    assert len(equal) >= min(len(weights), most)
    assert not gaps or max(gaps) <= 2 * min(gaps)
    if len(weights) <= 2 * most:
        assert equal == spread_evenly(range(len(weights)), most)
