"""Which files a place stands for."""

import gzip

import pytest

from alignfreeze.errors import DataError
from tests.support.bitext import texts, write


def test_a_folder_holds_files_of_several_forms(tmp_path):
    write(tmp_path / "b" / "news.en", "one\n")
    write(tmp_path / "b" / "news.de", "eins\n")
    write(tmp_path / "b" / "more.tsv", "two\tzwei\n")
    write(tmp_path / "b" / ".hidden", "x")
    assert texts(tmp_path / "b") == [("one", "eins"), ("two", "zwei")]


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no bitext in this folder"):
        texts(tmp_path)


def test_patterns(tmp_path):
    for n in (1, 2):
        write(tmp_path / f"part{n}.tsv", f"en{n}\tde{n}\n")
        write(tmp_path / f"part{n}.en", f"EN{n}\n")
        write(tmp_path / f"part{n}.de", f"DE{n}\n")
    assert texts(tmp_path / "*.tsv") == [("en1", "de1"), ("en2", "de2")]
    assert texts(tmp_path / "*.en", tmp_path / "*.de") == [("EN1", "DE1"), ("EN2", "DE2")]
    assert texts(tmp_path / "part1.[de][en]") == [("EN1", "DE1")]
    with pytest.raises(DataError, match="no file matches"):
        texts(tmp_path / "*.po")
    (tmp_path / "part2.de").unlink()
    with pytest.raises(DataError, match=r"2 files match .* and 1 match"):
        texts(tmp_path / "*.en", tmp_path / "*.de")


def test_signs_of_a_pattern_in_the_name_of_a_folder(tmp_path):
    write(tmp_path / "v[1]" / "part1.tsv", "en1\tde1\n")
    write(tmp_path / "v[1]" / "all[2].en", "EN\n")
    write(tmp_path / "v[1]" / "all[2].de", "DE\n")
    assert texts(tmp_path / "v[1]" / "*.tsv") == [("en1", "de1")]
    assert texts(tmp_path / "v[1]" / "all[2]") == [("EN", "DE")]


def test_the_common_beginning_of_two_files(tmp_path):
    write(tmp_path / "opus.en-de.en", "one\n")
    path = tmp_path / "opus.en-de.de.gz"
    path.write_bytes(gzip.compress(b"eins\n"))
    assert texts(tmp_path / "opus.en-de") == [("one", "eins")]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_other_files_that_begin_like_the_two_are_passed_over(tmp_path, ending):
    for name, line in (("en", b"one\n"), ("de", b"eins\n"), ("v2.en", b"two\n"), ("v2.de", b"zwei\n")):
        content = gzip.compress(line) if ending else line
        (tmp_path / f"opus.en-de.{name}{ending}").write_bytes(content)
    write(tmp_path / "opus.en-de.ids", "1\t1\n")
    write(tmp_path / "opus.en-de.links", "0-0\n")
    assert texts(tmp_path / "opus.en-de") == [("one", "eins")]


def test_a_beginning_without_the_two_files_takes_what_there_is(tmp_path):
    write(tmp_path / "news.tsv", "one\teins\n")
    assert texts(tmp_path / "news") == [("one", "eins")]
