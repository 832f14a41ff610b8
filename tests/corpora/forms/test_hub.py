import sys
from types import SimpleNamespace

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.errors import DataError, SettingsError
from tests.support.bitext import EN_DE, texts


class Rows(list):
    """A data set that is streamed."""

    features = None


def shelf(load_dataset):
    """Stands for the library of data sets."""
    return SimpleNamespace(load_dataset=load_dataset, config=SimpleNamespace(HF_DATASETS_CACHE="/cache"))


def test_a_data_set_of_the_hub_is_streamed(monkeypatch):
    asked = []

    def load_dataset(path, name=None, *, split, streaming):
        asked.append((path, name, split, streaming))
        return Rows([{"translation": {"en": "A dog", "de": "Ein Hund"}}])

    monkeypatch.setitem(sys.modules, "datasets", shelf(load_dataset))
    assert texts("hub:Helsinki-NLP/opus-100/de-en") == [("A dog", "Ein Hund")]
    assert asked == [("Helsinki-NLP/opus-100", "de-en", "train", True)]
    assert texts("hub:a/b/c/test") == [("A dog", "Ein Hund")]
    assert asked[1] == ("a/b", "c", "test", True)


def test_the_hub_without_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SettingsError, match=r'pip install "alignfreeze\[hub\]"'):
        texts("hub:a/b/c")


def test_an_error_of_the_hub_that_nobody_knows(monkeypatch):
    def load_dataset(*_, **__):
        raise RuntimeError("no route to host\nmore")

    monkeypatch.setitem(sys.modules, "datasets", shelf(load_dataset))
    with pytest.raises(DataError, match=r"cannot be read from the hub \(no route to host\).*download in /cache"):
        texts("hub:a/b/c")


def test_a_row_of_the_hub_that_is_no_pair_is_no_matter_of_the_connection(monkeypatch):
    rows = [{"en": "A dog", "de": "Ein Hund"}, {"en": 1, "de": "x"}]
    monkeypatch.setitem(sys.modules, "datasets", shelf(lambda *_, **__: Rows(rows)))
    with pytest.raises(DataError, match=r"^hub:a/b, row 2: the field 'en' holds int, not a sentence$"):
        texts("hub:a/b")


def test_a_null_in_a_row_of_the_hub_leaves_out_one_pair(monkeypatch):
    rows = [
        {"en": "A\rdog\0", "de": "Ein Hund"},
        {"en": None, "de": "x"},
        {"translation": None},
        {"en": "b", "de": "c"},
    ]
    monkeypatch.setitem(sys.modules, "datasets", shelf(lambda *_, **__: Rows(rows)))
    reader = BitextReader("hub:a/b", languages=EN_DE)
    assert list(reader) == [("A dog ", "Ein Hund"), ("", "x"), ("", ""), ("b", "c")]
    assert reader.left_out == {"with null instead of a sentence": 2}


def test_a_name_that_is_none_of_the_hub():
    with pytest.raises(SettingsError, match="expected hub:OWNER/NAME"):
        texts("hub:opus")
