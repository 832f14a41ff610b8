"""Rows of data sets."""

import sys

import pytest

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.external.datasets import (
    import_datasets,
    is_dataset,
    is_dataset_dict,
    label_namers,
    name_labels,
    rows_of_dataset,
)

datasets = pytest.importorskip("datasets")

FEATURES = datasets.Features(
    {
        "tokens": datasets.List(datasets.Value("string")),
        "tags": datasets.List(datasets.ClassLabel(names=["O", "B-PER"])),
        "label": datasets.ClassLabel(names=["bad", "good"]),
    }
)
DATA = datasets.Dataset.from_list(
    [{"tokens": ["Ann", "lives"], "tags": [1, 0], "label": 1}, {"tokens": [], "tags": [], "label": -1}],
    features=FEATURES,
)
ROWS = [{"tokens": ["Ann", "lives"], "tags": ["B-PER", "O"], "label": "good"}, {"tokens": [], "tags": [], "label": -1}]


@pytest.mark.parametrize(
    "dataset",
    [
        DATA,
        DATA.to_iterable_dataset(),
        DATA.with_format("numpy"),
        DATA.with_format("torch"),
        DATA.with_format("polars"),
    ],
)
def test_rows_have_names_of_labels_in_any_format(dataset):
    before = getattr(dataset, "format", None)
    for _ in range(2):
        assert list(rows_of_dataset(dataset, name="the data set")) == ROWS
    assert is_dataset(dataset)
    assert getattr(dataset, "format", None) == before


def test_a_transform_makes_the_rows():
    shouted = DATA.with_transform(lambda batch: {"text": [" ".join(words).upper() for words in batch["tokens"]]})
    assert list(rows_of_dataset(shouted, name="x")) == [{"text": "ANN LIVES"}, {"text": ""}]


def test_a_number_without_a_name():
    with pytest.raises(DataError, match=r"my data, row 1: the label 3 of 'label' has no name; .* bad, good"):
        name_labels({"label": 3}, label_namers(DATA), where="my data, row 1")


def test_a_row_that_cannot_be_made_is_named():
    def rows():
        yield {"n": 0}
        raise OSError("gone")

    dataset = datasets.IterableDataset.from_generator(rows)
    with pytest.raises(DataError, match=r"my data, row 2: cannot be read \(OSError: gone\)"):
        list(rows_of_dataset(dataset, name="my data"))


def test_a_stream_is_read_only_as_far_as_it_is_asked_for():
    seen = []

    def rows():
        for number in range(1000):
            seen.append(number)
            yield {"n": number}

    stream = rows_of_dataset(datasets.IterableDataset.from_generator(rows), name="x")
    assert next(stream) == {"n": 0}
    assert len(seen) < 10


def test_splits_are_no_data_set():
    splits = datasets.DatasetDict({"train": DATA})
    assert is_dataset_dict(splits)
    assert not is_dataset(splits)
    assert not is_dataset_dict(DATA)


@pytest.mark.parametrize("value", [None, "text", [{"text": "a"}], {"train": []}])
def test_what_is_no_data_set_needs_no_library(monkeypatch, value):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert not is_dataset(value)
    assert not is_dataset_dict(value)
    with pytest.raises(SettingsError, match=r'hub:a/b: data sets .* pip install "alignfreeze\[hub\]"'):
        import_datasets("hub:a/b")
