"""Bitext that is damaged, or written in another way: pairs or a clear error, and the same pairs."""

import bz2
import gzip
import lzma
import sys
from functools import cache, partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignfreeze.alignment.dictionary import read_dictionary
from alignfreeze.corpora.bitext import BitextReader, read_bitext
from alignfreeze.errors import AlignFreezeError, DataError
from tests.support.bitext import EN_DE, PO, TMX, in_form, unit
from tests.support.limits import MEGABYTE, within

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PAIRS = [("The house is old.", "Das Haus ist alt."), ("We don't &amp; read", "Wir lesen Bücher"), ("One 猫", "Eine 犬")]

VALID = {
    "tsv": in_form("tsv", PAIRS),
    "scored": "".join(f"0.9\ten\t{one}\tde\t{other}\n" for one, other in PAIRS),
    "bars": "".join(f"{one} ||| {other}\n" for one, other in PAIRS),
    "jsonl": in_form("jsonl", PAIRS) + '{"translation": {"en_US": "Two", "de": null}}\n',
    "tmx": TMX.format(
        encoding="utf-8",
        units=unit(("en", 'A <ph type="lb"/>dog<bpt i="1">x</bpt>&#x0A;'), ("de", "Ein <hi>Hund</hi>")) * 3,
    ),
    "po": PO,
    "dictionary": "coffee Kaffee\nhouse\tHaus\n",
}
"""A valid file of each form."""

ENDINGS = {"scored": "tsv", "dictionary": "txt"}

PIECES = [
    b"\0", b"\t", b"\r", b"\n", b'"', b"\\", b"{", b"[", b"]", b"null", b"<", b"</", b"&", b"&#0;", b"<!ENTITY a 'b'>",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"1e999", b" ||| ", b"msgid ", b"msgstr[1] ",
    b"charset=UTF-16", b"charset=idna", b"charset=hex", b"charset=\0",
    b"<tu>", b"</tu>", b"xml:lang='x'", b"\x1f\x8b", b"-1", b"_: ", b"_n: ", b"~",
]  # fmt: skip
"""What damages files of some form."""

CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 12), st.sampled_from(PIECES) | st.binary(max_size=4)),
    min_size=1,
    max_size=6,
)


def damage(content, changes):
    for place, length, piece in changes:
        start = int(place * (len(content) + 1))
        content = content[:start] + piece + content[start + length :]
    return content


def read_damaged(form, folder, content):
    path = folder / f"t.{ENDINGS.get(form, form)}"
    path.write_bytes(content)
    with within(megabytes=500, seconds=10):
        try:
            if form == "dictionary":
                read_dictionary(path)
            else:
                read_bitext(path, languages=EN_DE)
        except AlignFreezeError as error:
            assert str(path) in str(error)


def bomb(form, compress):
    """Return a valid file that ends in 600 MB of one line, in many compressed members."""
    return compress(VALID[form].encode()[:-8]) + compress(b"x" * MEGABYTE) * 600


PACKED = {"none": lambda form: VALID[form].encode()}
PACKED |= {
    how.__module__: lambda form, how=how: how(VALID[form].encode())
    for how in (gzip.compress, bz2.compress, lzma.compress, zstd.compress)
}
PACKED["bomb"] = cache(partial(bomb, compress=gzip.compress))
"""The content of a file of a form, plain or compressed."""

WAYS_TO_PACK = st.sampled_from(["none"] * 60 + list(PACKED) * 2)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstd.compress])
@pytest.mark.parametrize("form", VALID)
def test_a_small_file_with_one_long_line_gives_pairs_or_a_clear_error(tmp_path, form, compress):
    read_damaged(form, tmp_path, bomb(form, compress))


@pytest.mark.parametrize("form", VALID)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES, packed=WAYS_TO_PACK)
def test_a_damaged_file_gives_pairs_or_a_clear_error(tmp_path_factory, form, changes, packed):
    read_damaged(form, tmp_path_factory.getbasetemp(), damage(PACKED[packed](form), changes))


@pytest.mark.slow
@pytest.mark.parametrize("form", VALID)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES, packed=WAYS_TO_PACK)
def test_many_damaged_files_give_pairs_or_a_clear_error(tmp_path_factory, form, changes, packed):
    read_damaged(form, tmp_path_factory.getbasetemp(), damage(PACKED[packed](form), changes))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), compress=st.sampled_from([bytes, gzip.compress, zstd.compress]))
def test_any_bytes_give_pairs_or_a_clear_error(tmp_path_factory, content, compress):
    read_damaged("", tmp_path_factory.getbasetemp(), compress(content))


SENTENCES = st.text(st.sampled_from("ab zäöüß猫犬 при\u2028.,'&-"), min_size=1, max_size=20).map(
    lambda text: f"x{text}."
)


WAYS = st.tuples(
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([bytes, gzip.compress, lzma.compress, zstd.compress]),
)
"""The end of lines, the encoding and the compression."""


def files_of(form, pairs):
    if form == "moses":
        return {f"t.{code}": "".join(f"{pair[side]}\n" for pair in pairs) for side, code in enumerate(EN_DE)}
    if form == "bars":
        return {"t.bars": "".join(f"{one} ||| {other}\n" for one, other in pairs)}
    if form == "tmx":
        pairs = [tuple(side.replace("&", "&amp;") for side in pair) for pair in pairs]
    return {f"t.{form}": in_form(form, pairs)}


@pytest.mark.parametrize("form", ["tsv", "bars", "jsonl", "tmx", "po", "moses"])
@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=5), way=WAYS)
def test_line_ends_encodings_and_compressions_change_no_pair(tmp_path_factory, form, pairs, way):
    folder = tmp_path_factory.getbasetemp()
    found = []
    for end, encoding, compress in (("\n", "utf-8", bytes), way):
        contents = files_of(form, pairs)
        for name, text in contents.items():
            declared = text.replace('encoding="utf-8"', f'encoding="{encoding.removesuffix("-sig")}"')
            (folder / name).write_bytes(compress(declared.replace("\n", end).encode(encoding)))
        found.append(list(BitextReader(*(folder / name for name in contents), languages=EN_DE)))
    assert found[0] == found[1]
    assert len(found[0]) == len(pairs) or form == "po"  # a catalogue holds an entry once


@pytest.mark.parametrize("form", ["tsv", "bars", "jsonl", "tmx", "po", "moses"])
@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(SENTENCES, SENTENCES), min_size=2, max_size=5),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=60, max_size=60),
)
def test_lines_that_end_in_several_ways_give_the_same_pairs_or_an_error(tmp_path_factory, form, pairs, ends):
    folder = tmp_path_factory.getbasetemp()
    contents = files_of(form, pairs)
    found = []
    for mixed in (False, True):
        for name, text in contents.items():
            lines = text.split("\n")[:-1]
            joined = "".join(line + (ends[at] if mixed else "\n") for at, line in enumerate(lines))
            (folder / name).write_bytes(joined.encode())
        try:
            found.append(list(BitextReader(*(folder / name for name in contents), languages=EN_DE)))
        except DataError as error:
            assert mixed
            assert "\\r" in str(error)
            assert ", line " in str(error)
            return
    assert found[0] == found[1]
