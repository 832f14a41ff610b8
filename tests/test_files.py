import bz2
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.errors import DataError, OutputError
from alignfreeze.files import (
    THIS_HOST,
    check_file,
    check_unused,
    digest_of_json,
    make_folder,
    new_file,
    new_folder,
    read_lines,
    remove_leftovers,
    write_json,
    write_lines,
)


def test_lines_are_numbered_from_one_and_keep_no_end(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffeins\r\nzwei\u2028noch zwei\n\ndrei".encode())
    assert list(read_lines(path)) == [(1, "eins"), (2, "zwei\u2028noch zwei"), (3, ""), (4, "drei")]


def test_joined_files_have_no_byte_order_mark_inside(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbfa\r\n" * 2 + b"\xef\xbb\xbf\xef\xbb\xbfb\xef\xbb\xbf\n")
    assert list(read_lines(path)) == [(1, "a"), (2, "a"), (3, "b\ufeff")]


def test_gzip_is_known_by_its_content_whatever_its_name(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(gzip.compress("ä\nb\n".encode()))
    assert [line for _, line in read_lines(path)] == ["ä", "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("bzip2", bz2.compress(b"a\tb\n")), ("zip", b"PK\x03\x04\x14\0"), ("7z", b"7z\xbc\xaf\x27\x1c\0\4")],
)
def test_other_compressions_are_named_with_those_that_are_read(tmp_path, name, content):
    path = tmp_path / "text.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"text\.tsv: compressed by {name}, which is not supported; .* xz or zstd"):
        list(read_lines(path))
    path.write_bytes(b"BZh9 is a sign\tx\n")
    assert list(read_lines(path)) == [(1, "BZh9 is a sign\tx")]


def test_invalid_utf8_names_file_and_line(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"good\nma\xf1ana\n")
    with pytest.raises(DataError, match=r"latin1\.txt, line 2: not valid UTF-8 \(byte 0xf1\)"):
        list(read_lines(path))


def test_a_gzip_file_that_ends_early_names_the_line(tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"a line\n" * 100_000)[:-20])
    with pytest.raises(DataError, match=r"cut\.gz, line \d+: the compressed data end early"):
        list(read_lines(path))


def test_a_missing_file_is_an_error_of_the_user(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        list(read_lines(tmp_path / "nothing"))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))))
def test_what_is_written_is_read_again(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "file"
    # A byte order mark at the very beginning is no text.
    lines = [line.lstrip("\ufeff") for line in lines]
    write_lines(path, lines)
    assert [line for _, line in read_lines(path)] == lines


@pytest.mark.parametrize(("ending", "magic"), [("gz", b"\x1f\x8b"), ("xz", b"\xfd7zXZ"), ("zst", b"\x28\xb5\x2f\xfd")])
def test_a_file_is_compressed_as_its_name_says(tmp_path, ending, magic):
    paths = [tmp_path / f"{name}.tsv.{ending}" for name in ("one", "other")]
    for path in paths:
        write_lines(path, ["ä\tb", ""])
    assert paths[0].read_bytes().startswith(magic)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [line for _, line in read_lines(paths[0])] == ["ä\tb", ""]


def test_an_interrupted_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    write_lines(path, ["old"])

    def lines():
        yield "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(path, lines())
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "run") as folder:
        write_json(folder / "a.json", {})
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run").mkdir()  # an empty folder makes way
    with new_folder(tmp_path / "run") as folder:
        write_json(folder / "a.json", {})
        assert not any((tmp_path / "run").iterdir())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a.json"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_appears_meanwhile_stays_and_the_result_is_kept_beside(tmp_path):
    with pytest.raises(OutputError, match=r"the result is kept in .*\.part"), new_folder(tmp_path / "run") as folder:
        write_json(folder / "mine.json", {})
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "yours").touch()
    assert (tmp_path / "run" / "yours").exists()
    assert (folder / "mine.json").exists()


def test_an_error_inside_the_block_is_not_said_to_be_one_of_the_folder(tmp_path):
    with pytest.raises(ConnectionError), new_folder(tmp_path / "run"):
        raise ConnectionError


def test_a_link_to_an_empty_folder_is_filled_where_it_points(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    check_unused(tmp_path / "link")
    with new_folder(tmp_path / "link") as folder:
        write_json(folder / "a.json", {})
    assert (tmp_path / "real" / "a.json").exists()


def test_a_name_in_use_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for name in (tmp_path / "full", tmp_path / "full" / "file"):
        with pytest.raises(OutputError, match="already exists"):
            check_unused(name)
    with pytest.raises(OutputError, match="this is a folder"):
        check_file(tmp_path / "full")


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    # No process has the highest number there can be; process 1 always lives.
    dead, living = (tmp_path / f".run.{process}-{THIS_HOST}.part" for process in (4194399, 1))
    dead.mkdir()
    living.mkdir()
    elsewhere = tmp_path / ".run.4194399-00000000.part"  # whether it lives cannot be seen from here
    elsewhere.mkdir()
    (tmp_path / ".x.part").touch()  # not a name of ours
    remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {living, elsewhere, tmp_path / ".x.part"}
    remove_leftovers(tmp_path, is_ours=True)
    assert set(tmp_path.iterdir()) == {tmp_path / ".x.part"}


def test_the_folder_of_a_new_file_is_made(tmp_path):
    with new_file(tmp_path / "a" / "b" / "file") as path:
        path.write_text("text")
    assert (tmp_path / "a" / "b" / "file").read_text() == "text"


def test_a_folder_that_cannot_be_written_is_an_error_of_the_user(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(OutputError, match="cannot be written"):
        write_lines(tmp_path / "file" / "name", [])


def test_the_digest_of_json_does_not_depend_on_the_order_of_keys():
    assert digest_of_json({"a": 1, "b": [2]}) == digest_of_json({"b": [2], "a": 1})
    assert digest_of_json({"a": 1}) != digest_of_json({"a": 2})
