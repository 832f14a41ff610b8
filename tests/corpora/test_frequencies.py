"""Words of a language by their frequency, spelt as people spell them."""

import pytest

from alignfreeze.corpora.frequencies import list_spellings, read_frequencies
from alignfreeze.errors import DataError


@pytest.mark.parametrize(
    ("word", "language", "expected"),
    [
        ("dog", "en", ["dog", "Dog"]),
        ("ilk", "tr", ["ilk", "İlk"]),
        ("strasse", "de", ["strasse", "straße", "Strasse", "Straße"]),
        ("λόγοσ", "el", ["λόγος", "Λόγος"]),
        ("猫", "zh", ["猫"]),
    ],
)
def test_spellings(word, language, expected):
    assert list_spellings(word, language) == expected


def test_frequent_words_come_first():
    pytest.importorskip("wordfreq")
    found = dict(read_frequencies("tr"))
    assert {"bir", "Bir", "için", "İçin"} <= set(found)
    counts = list(found.values())
    assert counts[0] == max(counts)
    assert counts[0] > 10_000_000
    assert 0 < min(counts) < 10_000


def test_a_language_without_a_list():
    pytest.importorskip("wordfreq")
    with pytest.raises(DataError, match=r"no text is given for Swahili.*--text sw=FILE"):
        next(read_frequencies("sw"))
    with pytest.raises(DataError, match="Azerbaijani"):  # the library would give Russian words
        next(read_frequencies("az"))
