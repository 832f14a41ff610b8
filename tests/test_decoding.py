"""Line ends, encodings and the length of lines, for every file that is read line by line."""

import gzip
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.decoding import LONGEST_LINE
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines

LINES = ["Wir lesen Bücher.", "", "猫\u2028犬", "нет"]


def lines_of(path, content):
    path.write_bytes(content)
    return [line for _, line in read_lines(path)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_any_line_end_encoding_and_compression(tmp_path, end, encoding, compress):
    content = "".join(line + end for line in LINES)
    assert lines_of(tmp_path / "t", compress(content.encode(encoding))) == LINES
    without_last_end = content.removesuffix(end)
    assert lines_of(tmp_path / "t", compress(without_last_end.encode(encoding))) == LINES


def test_utf_16_with_the_greater_byte_first(tmp_path):
    assert lines_of(tmp_path / "t", "\ufeffa\nb\n".encode("utf-16-be")) == ["a", "b"]


def test_returns_inside_lines_end_no_line(tmp_path):
    assert lines_of(tmp_path / "t", b"a\rb\nc\r\n") == ["a\rb", "c"]


def test_line_ends_of_two_kinds(tmp_path):
    content = b"a\rb\r" * 40_000 + b"c\n"
    assert lines_of(tmp_path / "t", content)[0].startswith("a\rb")  # one line that ends in \n
    path = tmp_path / "u"
    path.write_bytes(b"a\r" * LONGEST_LINE + b"c\n")
    with pytest.raises(DataError, match=r"u, line \d+: lines above end in \\r alone, and lines below in \\n; convert"):
        list(read_lines(path))


@pytest.mark.parametrize(("encoding", "name"), [("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE")])
@pytest.mark.parametrize("text", ["One house\nTwo\n", "один дом\nдва дома\n", "एक घर\nदो पेड़\n", "猫 x\n犬\n", "House"])
def test_utf_16_without_a_mark_is_refused(tmp_path, encoding, name, text):
    with pytest.raises(DataError, match=rf"t: every second byte is 0.*iconv -f {name} -t UTF-8"):
        lines_of(tmp_path / "t", text.encode(encoding))


def test_lone_zero_bytes_are_read(tmp_path):
    assert lines_of(tmp_path / "t", "今日は\0天気がいい\nx y\0z\n".encode()) == ["今日は\0天気がいい", "x y\0z"]


def test_a_file_that_is_not_in_the_encoding_of_its_mark(tmp_path):
    with pytest.raises(DataError, match=r"t: not valid UTF-16, which its first bytes name; convert the file to UTF-8"):
        lines_of(tmp_path / "t", b"\xff\xfea\0\0\xd8a\0")


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("sign", [b"a", b"\0"])
def test_a_line_without_end(tmp_path, compress, sign):
    path = tmp_path / "t"
    path.write_bytes(compress(b"a\tb\n" + sign * 10 * LONGEST_LINE))
    with pytest.raises(DataError, match=r"t, line 2: this line has more than 4,194,304 bytes; is it text"):
        list(read_lines(path))


def test_a_file_of_returns_may_be_longer_than_a_line(tmp_path):
    n = LONGEST_LINE // 2
    assert len(lines_of(tmp_path / "t", b"ab\r" * n)) == n


@given(st.binary(max_size=60))
def test_bytes_are_lines_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "t"
    path.write_bytes(content)
    try:
        lines = [line for _, line in read_lines(path)]
    except DataError:
        return
    assert not any("\n" in line for line in lines)
