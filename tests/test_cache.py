import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.statistical import StatisticalAligner
from alignfreeze.cache import load_or_compute
from alignfreeze.encoding import batches
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.ragged import Ragged


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path))
    return tmp_path


def counting(values):
    calls = []

    def compute():
        calls.append(1)
        return {"values": np.array(values)}

    return compute, calls


def test_arrays_are_computed_once_and_then_lie_on_disk(cache):
    compute, calls = counting([1, 2, 3])
    for _ in range(3):
        found = load_or_compute("things", {"a": 1}, compute)["values"]
        assert found.tolist() == [1, 2, 3]
        assert isinstance(found.base, np.memmap)
    assert len(calls) == 1
    assert not list(cache.rglob("*.part"))


def test_another_key_is_another_thing(cache):
    for key in (1, 2):
        assert load_or_compute("things", key, counting([key])[0])["values"].tolist() == [key]


def test_arrays_without_a_value_are_kept_too(cache):
    for _ in range(2):
        assert load_or_compute("things", 0, counting([])[0])["values"].tolist() == []


def test_a_damaged_file_is_computed_again(cache):
    load_or_compute("things", 0, counting([1, 2])[0])
    (file,) = cache.rglob("*.npy")
    file.write_bytes(b"nonsense")
    compute, calls = counting([1, 2])
    for _ in range(2):
        assert load_or_compute("things", 0, compute)["values"].tolist() == [1, 2]
    assert len(calls) == 1
    assert not list(cache.rglob("*.part"))


def test_of_several_that_want_the_same_one_computes(cache):
    calls = []

    def compute():
        calls.append(1)
        time.sleep(0.2)
        return {"values": np.array([7])}

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: load_or_compute("things", 0, compute)["values"].tolist(), range(4)))
    assert found == [[7]] * 4
    assert len(calls) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path / "file" / "below"))
    assert load_or_compute("things", 0, counting([1])[0])["values"].tolist() == [1]


def test_links_are_found_once_a_bitext(cache, toy_bitext, monkeypatch):
    first = align(toy_bitext)
    monkeypatch.setattr(StatisticalAligner, "fit", lambda *_: pytest.fail("aligned again"))
    assert align(toy_bitext) == first
    with pytest.raises(pytest.fail.Exception):
        align(toy_bitext[:-1])
    with pytest.raises(pytest.fail.Exception):
        align(toy_bitext, cache=False)


def test_pairs_are_encoded_once_a_bitext_links_tokenizer_and_length(cache, tiny_encoder, toy_bitext, monkeypatch):
    links = align(toy_bitext)
    first = encode_pairs(tiny_encoder.tokenizer, toy_bitext, links)
    monkeypatch.setattr(batches, "_encode_pairs", lambda *_, **__: pytest.fail("encoded again"))
    again = encode_pairs(tiny_encoder.tokenizer, toy_bitext, list(links))
    assert again.languages == first.languages
    assert all(np.array_equal(again.arrays()[name], value) for name, value in first.arrays().items())
    for options in ({"max_length": 5}, {"cache": False}):
        with pytest.raises(pytest.fail.Exception):
            encode_pairs(tiny_encoder.tokenizer, toy_bitext, links, **options)
    with pytest.raises(pytest.fail.Exception):
        encode_pairs(tiny_encoder.tokenizer, toy_bitext, [WordAlignment(frozenset({(1, 1)}))] * len(links))
    tiny_encoder.tokenizer.add_tokens(["another"])
    with pytest.raises(pytest.fail.Exception):
        encode_pairs(tiny_encoder.tokenizer, toy_bitext, links)


def test_rows_of_unequal_length():
    rows = Ragged.of([np.array([1, 2]), np.array([], dtype=int), np.array([3, 4, 5])])
    assert [row.tolist() for row in rows] == [[1, 2], [], [3, 4, 5]]
    assert rows[-1].tolist() == [3, 4, 5]
    assert rows.take(np.array([2, 0, 1, 2])).tolist() == [3, 4, 5, 1, 2, 3, 4, 5]
    assert rows.lengths().tolist() == [2, 0, 3]
    assert Ragged.of([]).take(np.array([], dtype=int)).tolist() == []
