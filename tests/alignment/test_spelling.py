"""Links depend on which words are the same, not on how they are spelt."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.statistical import MODELS, StatisticalAligner
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError

EN_DE = ("en", "de")
RESERVED = ["NULL", "UNKNOWN_WORD", "<UNUSED_WORD>"]  # the symbols of sil-thot

# What people's texts hold, and what an API can be given: one word of several parts, no letters at all.
SPELLINGS = [*RESERVED, "", "a b", "a\nb", "1", "0", "-1", "word", "WORD", "été", "\t", "\x00", "<unseen>"]

sentences = st.lists(st.integers(0, 5), max_size=5)
bitexts = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8)
spellings = st.permutations(SPELLINGS)


def spell(bitext, source, target):
    return [
        SentencePair(tuple(source[word] for word in one), tuple(target[word] for word in other), EN_DE)
        for one, other in bitext
    ]


@pytest.mark.parametrize("name", MODELS)
@given(bitexts, spellings, spellings)
@settings(max_examples=20, deadline=None)
def test_other_spellings_give_the_same_links(name, bitext, source, target):
    plain = spell(bitext, "abcdef", "uvwxyz")
    expected = align(plain, aligner=name, cache=False)
    assert align(spell(bitext, source, target), aligner=name, cache=False) == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("word", RESERVED)
def test_a_word_that_is_called_like_a_symbol_of_the_library(name, word, toy_bitext):
    """Texts about databases and programs hold such words too, here for the article."""

    def rename(words):
        return tuple(word if each in {"the", "eht"} else each for each in words)

    uneven = [replace(pair, target=pair.target[: 2 + n % 4]) for n, pair in enumerate(toy_bitext)]
    renamed = [replace(pair, source=rename(pair.source), target=rename(pair.target)) for pair in uneven]
    assert align(renamed, aligner=name, cache=False) == align(uneven, aligner=name, cache=False)


@pytest.mark.parametrize("name", MODELS)
@given(spellings, spellings)
@settings(max_examples=5, deadline=None)
def test_a_trained_model_keeps_every_spelling(name, tmp_path_factory, toy_bitext, source, target):
    """A model on disk is the same with any spelling, also for words that it has never seen."""
    numbers = {word: n for n, word in enumerate(sorted({word for pair in toy_bitext for word in pair.source}))}
    bitext = [([numbers[word] % 12 for word in pair.source],) * 2 for pair in toy_bitext]
    unseen = [([0, 12, 3], [0, 3, 12])]

    def links(source, target):
        folder = tmp_path_factory.mktemp("trained") / "model"
        aligner = StatisticalAligner(name)
        aligner.fit(spell(bitext[:60], source, target))
        aligner.save(folder)
        resources = Resources(trained={EN_DE: folder})
        return align(spell(bitext[60:70] + unseen, source, target), aligner=name, resources=resources, cache=False)

    assert links(source, target) == links("abcdefghijklm", "nopqrstuvwxyz")


def test_the_words_of_a_trained_model_belong_to_it(toy_bitext, tmp_path):
    aligner = StatisticalAligner("hmm")
    aligner.fit(toy_bitext)
    aligner.save(tmp_path / "model")
    words = tmp_path / "model" / "words.json"
    whole = words.read_text(encoding="utf-8")
    words.write_text(whole.replace('"dog"', '"god"'), encoding="utf-8")
    with pytest.raises(DataError, match="missing or damaged; train it again"):
        StatisticalAligner("hmm").load(tmp_path / "model", languages=EN_DE)


def test_a_trained_model_of_an_earlier_version_is_refused(toy_bitext, tmp_path):
    """Its files hold the words themselves, so the numbers of words would look all unknown to it."""
    aligner = StatisticalAligner("hmm")
    aligner.fit(toy_bitext)
    aligner.save(tmp_path / "model")
    facts = json.loads((tmp_path / "model" / "aligner.json").read_text(encoding="utf-8"))
    del facts["format"]
    (tmp_path / "model" / "aligner.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(DataError, match=r"trained by another version of alignfreeze.*train it again"):
        StatisticalAligner("hmm").load(tmp_path / "model", languages=EN_DE)
