import gzip
from unicodedata import normalize

import pytest

from alignfreeze.alignment.dictionary import DictionaryAligner, measure_coverage, read_dictionary
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError


def pair(source, target):
    return SentencePair(tuple(source.split()), tuple(target.split()), ("en", "de"))


WORDS = {"dog": frozenset({"hund"}), "bank": frozenset({"bank", "ufer"}), "hound": frozenset({"hund"})}


@pytest.mark.parametrize(
    ("source", "target", "links"),
    [
        ("a Dog barks", "ein Hund bellt", {(1, 1)}),  # upper and lower case are one
        ("the bank", "die Bank", {(1, 1)}),  # one of its two translations is here
        ("the bank", "die Bank am Ufer", set()),  # both are: ambiguous
        ("dog", "Hund Hund", set()),  # it occurs twice
        ("dog dog", "Hund", set()),  # two words here that it translates
        ("dog and hound", "ein Hund", set()),  # likewise, by two entries
        ("dog at the bank", "Hund am Ufer", {(0, 0), (3, 2)}),
        ("cat", "Katze", set()),
    ],
)
def test_only_unambiguous_pairs_count(source, target, links):
    assert DictionaryAligner(WORDS).align([pair(source, target)])[0].links == links


def test_word_lists_with_spaces_or_tabs_plain_or_gzip(tmp_path):
    text = "dog Hund\ndog\tRüde\n\nice cream\tEis\n"
    (tmp_path / "en-de.txt").write_text(text)
    (tmp_path / "en-de.gz").write_bytes(gzip.compress(text.encode()))
    expected = {"dog": {"hund", "rüde"}, "ice cream": {"eis"}}
    assert read_dictionary(tmp_path / "en-de.txt") == read_dictionary(tmp_path / "en-de.gz") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog Hund\ncat\n", "en-de.txt, line 2: expected a source word and a target word.*found 1 part"),
        ("a b c\n", "line 1: .*found 3 part"),
        ("dog\t\n", "line 1"),
        ("", "no word pair found"),
    ],
)
def test_files_that_are_no_word_list(tmp_path, text, message):
    (tmp_path / "en-de.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_dictionary(tmp_path / "en-de.txt")


def test_coverage_counts_words_of_the_text_not_of_the_list():
    assert measure_coverage(WORDS, [pair("dog dog cat .", "x"), pair("Bank", "y")]) == 3 / 4


@pytest.mark.parametrize("of_list", ["NFC", "NFD"])
@pytest.mark.parametrize("of_text", ["NFC", "NFD"])
def test_accents_match_however_they_are_written(tmp_path, of_list, of_text):
    path = tmp_path / "en-lv.txt"
    path.write_text(normalize(of_list, "coffee café\nhouse m\xadāja\n"), encoding="utf-8")
    sentence = pair("the coffee house", normalize(of_text, "tā café Mā\xadja"))
    assert DictionaryAligner(read_dictionary(path)).align([sentence])[0].links == {(1, 1), (2, 2)}
    by_hand = {normalize(of_list, "café"): frozenset({normalize(of_list, "tā")})}
    other = pair(normalize(of_text, "café"), normalize(of_text, "tā"))
    assert DictionaryAligner(by_hand).align([other])[0].links == {(0, 0)}
    assert measure_coverage(by_hand, [other]) == 1
