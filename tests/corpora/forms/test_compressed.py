"""Every form in every compression, whole and cut off."""

import gzip
import lzma
import sys

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.labelled import read_labelled
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


@pytest.mark.parametrize(
    ("name", "beginning", "message"),
    [
        ("t.xlsx", b"PK\x03\x04\x14\0", r"this is a spreadsheet, which is not read; export it as text with tabs"),
        ("t.ods", b"PK\x03\x04\x14\0", r"this is a spreadsheet, which is not read; export it as text with tabs"),
        ("t.docx", b"PK\x03\x04\x14\0", r"this is a text document, which is not read; export it as text with tabs"),
        ("t.zip", b"PK\x03\x04\x14\0", r"compressed by zip, which is not supported; unpack it"),
        ("t.parquet", b"PAR1\x15\x04", r"this is a Parquet file, which is not read; export it as text with tabs"),
        ("t.sdltm", b"SQLite format 3\0\x10", r"this is a database \(SQLite\), .* or as TMX"),
        ("t.rar", b"Rar!\x1a\x07\x01\0", r"compressed by rar, which is not supported; unpack it"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"this is a document of an older office program, which is not"),
    ],
)
def test_files_that_are_no_text_are_named(tmp_path, name, beginning, message):
    path = tmp_path / name
    path.write_bytes(beginning + b"\0" * 40)
    with pytest.raises(DataError, match=rf"{name}: {message}"):
        texts(path)
    with pytest.raises(DataError, match=rf"{name}: {message}"):
        list(read_labelled(path))
