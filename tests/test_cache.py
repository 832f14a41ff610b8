import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze import seals
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


ARRAYS = {
    "values": np.arange(4_000, dtype=np.int32).reshape(-1, 2),
    "starts": np.arange(2_001, dtype=np.int64),
    "beyond": np.array([3]),
}


def zero(file):
    """Half of the file is zeros, as after a loss of power; its header stays."""
    content = file.read_bytes()
    half = max(128, len(content) // 2)
    file.write_bytes(content[:half] + bytes(len(content) - half))


def another_shape(file):
    np.save(file, np.load(file)[:-1])


DAMAGES = {
    "zeros": zero,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "empty": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
    "another shape": another_shape,
    "one more": lambda file: file.with_name("more.npy").write_bytes(file.read_bytes()),
    "exchanged": lambda file: file.write_bytes((file.parent / "values.npy").read_bytes()),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["starts.npy", "beyond.npy", ".seal"])
def test_a_damaged_folder_is_computed_again_and_then_kept(cache, damage, name):
    calls = []

    def compute():
        calls.append(1)
        return ARRAYS

    load_or_compute("things", 0, compute)
    (folder,) = (path.parent for path in cache.rglob("values.npy"))
    if name == ".seal" and damage in {"another shape", "zeros"}:
        (folder / name).write_text("[" * 100_000)
    else:
        DAMAGES[damage](folder / name)
    for _ in range(2):
        found = load_or_compute("things", 0, compute)
        assert {key: value.tolist() for key, value in found.items()} == {
            key: value.tolist() for key, value in ARRAYS.items()
        }
    assert len(calls) == 2


def test_a_folder_with_the_arrays_of_another_key_is_not_taken(cache):
    first, second = ({"values": np.array([number])} for number in (1, 2))
    load_or_compute("things", 1, lambda: first)
    (one,) = (path.parent for path in cache.rglob("values.npy"))
    load_or_compute("things", 2, lambda: second)
    (other,) = (path.parent for path in cache.rglob("values.npy") if path.parent != one)
    shutil.rmtree(other)
    shutil.copytree(one, other)
    assert load_or_compute("things", 2, lambda: second)["values"].tolist() == [2]


def test_a_file_is_read_for_its_digest_once_in_a_process(cache, monkeypatch):
    load_or_compute("things", 0, lambda: ARRAYS)
    for path in cache.rglob("*.npy"):
        os.utime(path, (1, 1))  # long ago: nothing can change in the same tick of the clock
    read = []
    digest = seals.digest_of_file
    monkeypatch.setattr(seals, "digest_of_file", lambda path: read.append(path) or digest(path))
    for _ in range(3):
        load_or_compute("things", 0, lambda: pytest.fail("computed again"))
    assert len(read) == len(ARRAYS)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_cache_never_changes_a_result(tmp_path_factory, toy_bitext, data):
    """Links of a bitext, whatever happens to a file of the cache between two processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNFREEZE_CACHE", str(folder := tmp_path_factory.mktemp("cache")))
        pairs = toy_bitext[:20]
        expected = [alignment.to_pharaoh() for alignment in align(pairs, aligner="fast-align")]
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
        file = data.draw(st.sampled_from(files))
        content = bytearray(file.read_bytes())
        how = data.draw(st.sampled_from(["bytes", "cut", "remove", "append"]))
        if how == "bytes":
            start = data.draw(st.integers(0, len(content) - 1))
            new = data.draw(st.binary(min_size=1, max_size=200))
            content[start : start + len(new)] = new[: len(content) - start]
        elif how == "cut":
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        elif how == "append":
            content += data.draw(st.binary(min_size=1, max_size=200))
        file.unlink() if how == "remove" else file.write_bytes(content)
        assert [alignment.to_pharaoh() for alignment in align(pairs, aligner="fast-align")] == expected
        assert [alignment.to_pharaoh() for alignment in align(pairs, aligner="fast-align")] == expected
