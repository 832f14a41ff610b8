"""Which files a place stands for."""

import gzip

import pytest

from alignfreeze.corpora.bitext import BitextReader
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


def test_files_beside_a_download_are_passed_over_and_that_is_said(tmp_path, remarks):
    write(tmp_path / "Books.de-en.en", "The house is old.\n")
    write(tmp_path / "Books.de-en.de", "Das Haus ist alt.\n")
    write(tmp_path / "more.tsv", "two\tzwei\n")
    others = ["Books.de-en.ids", "README", "LICENSE", "Books.de-en.scores", "Books.de-en.fr", "LICENSE.txt", "notes.md"]
    for name in others:
        write(tmp_path / name, "en/x/1.xml.gz\tde/x/1.xml.gz\ts1.0\ts1.0\n")
    expected = [("The house is old.", "Das Haus ist alt."), ("two", "zwei")]
    assert texts(tmp_path) == texts(tmp_path / "*") == expected
    for name in others:
        assert f"{tmp_path / name}: passed over, for its name is not that of bitext" in "\n".join(remarks)


def test_a_readme_beside_a_table_of_any_name(tmp_path):
    write(tmp_path / "README.txt", "columns:\tsource and target\n")
    write(tmp_path / "part.txt", "two\tzwei\n")
    assert texts(tmp_path) == [("two", "zwei")]
    assert texts(tmp_path / "README.*") == [("columns:", "source and target")]


def test_files_of_two_patterns_are_paired_by_what_the_signs_stand_for(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / "en" / f"{name}.en.txt", f"en {name}\n")
        write(tmp_path / "de" / f"{name}.de.txt", f"de {name}\n")
    expected = [("en a", "de a"), ("en b", "de b")]
    assert texts(tmp_path / "en" / "*.txt", tmp_path / "de" / "*.txt") == expected  # * holds the code, too
    assert texts(tmp_path / "en" / "[ab].en.txt", tmp_path / "de" / "?.de.txt") == expected
    assert texts(tmp_path / "**" / "*.en.txt", tmp_path / "**" / "*.de.txt") == expected


@pytest.mark.parametrize("pattern", ["p*", "p?", "p[0-9]", "[a-z]*"])
def test_files_that_do_not_belong_together_are_refused(tmp_path, pattern):
    for name in ("p1.en", "p2.en", "p1.de", "p3.de"):
        write(tmp_path / name, f"{name}\n")
    with pytest.raises(DataError, match=r"p2\.en has no partner; \* must stand for the same text"):
        texts(tmp_path / f"{pattern}.en", tmp_path / f"{pattern}.de")


def test_two_patterns_with_and_without_compression(tmp_path):
    for name in ("p1", "p2"):
        write(tmp_path / f"{name}.en", f"{name}\n")
        (tmp_path / f"{name}.de.gz").write_bytes(gzip.compress(f"{name}\n".encode()))
    assert texts(tmp_path / "p*.en", tmp_path / "p*.de.gz") == [("p1", "p1"), ("p2", "p2")]
    assert texts(tmp_path / "*.en*", tmp_path / "*.de*") == [("p1", "p1"), ("p2", "p2")]


@pytest.mark.parametrize(
    ("ending", "code"),
    [("pt_BR", "pt"), ("pt_BR", "pt-BR"), ("zh_CN", "zh"), ("cmn", "zh"), ("zh", "cmn"), ("deu", "de"), ("nb", "no")],
)
def test_endings_are_tags_of_languages(tmp_path, ending, code):
    write(tmp_path / f"GNOME.en-{ending}.en_GB", "one\n")
    write(tmp_path / f"GNOME.en-{ending}.{ending}", "eins\n")
    for place in (tmp_path, tmp_path / f"GNOME.en-{ending}"):
        assert list(BitextReader(place, languages=("en", code))) == [("one", "eins")]


def test_two_endings_that_are_tags_of_one_language(tmp_path):
    for ending in ("en", "pt_BR", "pt_PT"):
        write(tmp_path / f"t.{ending}", f"{ending}\n")
    with pytest.raises(DataError, match=r"t\.pt_BR and t\.pt_PT may each be the side in 'pt'; name both files"):
        BitextReader(tmp_path, languages=("en", "pt"))
    assert list(BitextReader(tmp_path, languages=("en", "pt-PT"))) == [("en", "pt_PT")]
    write(tmp_path / "t.pt", "pt\n")
    assert list(BitextReader(tmp_path, languages=("en", "pt"))) == [("en", "pt")]


@pytest.mark.parametrize("names", [("x1.en", "x2.de"), ("news/a.en", "news/b.de.gz")])
def test_the_only_matches_of_two_patterns_must_belong_together(tmp_path, names):
    folder = (tmp_path / names[0]).parent
    for name in names:
        write(tmp_path / name, "one\n")
    with pytest.raises(DataError, match=r"only .*\.en and .*\.de.* match; \* must stand for the same text"):
        texts(folder / "*.en", folder / "*.de*")


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (("x1.en", "x1.de"), ("x*.en", "x*.de")),
        (("v7.de-en.en", "v7.de-en.de"), ("v*.en", "v*.de")),
        (("en_GB.txt", "de_DE.txt"), ("en*", "de*")),
        (("x1.en", "y2.de"), ("x*.en", "y2.de")),
    ],
)
def test_the_only_matches_of_two_patterns_that_differ_in_the_language_alone(tmp_path, names, patterns):
    write(tmp_path / names[0], "one\n")
    write(tmp_path / names[1], "eins\n")
    assert texts(tmp_path / patterns[0], tmp_path / patterns[1]) == [("one", "eins")]
