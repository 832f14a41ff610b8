"""Every form in every compression, whole and cut off."""

import gzip
import lzma
import sys

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.errors import DataError
from tests.support.bitext import EN_DE, in_form, texts

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstd.compress}


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("form", ["tsv", "tmx", "jsonl", "po"])
def test_every_compression(tmp_path, ending, form):
    path = tmp_path / f"t.{form}.{ending}"
    path.write_bytes(COMPRESSORS[ending](in_form(form, [("A dog", "Ein Hund")]).encode()))
    assert texts(path) == [("A dog", "Ein Hund")]


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("form", ["tsv", "tmx", "jsonl", "po"])
def test_a_file_that_ends_early_is_used_as_far_as_it_goes_and_that_is_said(tmp_path, ending, form, remarks):
    pairs = [(f"line {n}", f"Zeile {n * 7919 % 20011}") for n in range(20_000)]
    path = tmp_path / f"t.{form}.{ending}"
    whole = COMPRESSORS[ending](in_form(form, pairs).encode())
    path.write_bytes(whole[: len(whole) // 2])
    reader = BitextReader(path, languages=EN_DE)
    found = list(reader)
    assert 1_000 < len(found) < 20_000
    assert found == pairs[: len(found)]
    assert "end early or are damaged" in reader.notes[0]
    assert reader.notes[0] in remarks


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_a_file_that_breaks_before_its_form_can_be_told(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(COMPRESSORS[ending](b"A dog\tEin Hund\n")[:12])
    with pytest.raises(DataError, match=r"t\.\w+.*end early or are damaged"):
        texts(path)
