"""Damaged files: every reader of task data returns items or raises an AlignFreezeError, in a short time."""

import bz2
import gzip
import json
import lzma
import re
import sys
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignfreeze.compressed import zstd
from alignfreeze.errors import AlignFreezeError
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from tests.conftest import SHARED
from tests.support.limits import MEGABYTE, within

LARGEST = 20_000
"""Bytes of a real file that are mutated."""

COLUMNS = (
    "# sent_id = 1\n1\tAnn\tB-PER\t-\t-\n2\tlives\tO\t-\t-\n\n# sent_id = 2\n1\t#x\tO\t-\t-\n",
    "-DOCSTART- -X- O O\n\nAnn NNP I-NP B-PER\nlives VBZ I-VP O\n\n# SYM O O\n1 CD O O\n",
    "en:Ann\tB-PER\nen:lives\tO\n\nen:#\tO\nen:1\tO\n",
    "#Rue\u00a0Royale B-LOC\nis O\n\n#Oslo B-LOC\n",
)
CONLLU = (
    "# text = al mar\n1-2\tal\t_\t_\t_\t_\t_\t_\t_\t_\n1\ta\ta\tADP\t_\tX=Y|Z=1\t0\troot\t_\t_\n"
    "2\tel\t_\tDET\t_\t_\t1\tx\t1:x\tA=B\n2.1\tno\t_\tX\t_\t_\t_\t_\t_\t_\n\n1\tJa\t_\tINTJ\t_\t_\t_\t_\t_\t_\n",
)
LABELLED = (
    "".join(
        json.dumps({"premise": f"a{n} \U0001f600", "hypothesis": "b", "label": label, "language": "en"}) + "\n"
        for n, label in enumerate(["neutral", "entailment", "-", "contradiction"])
    ),
    "gold_label\tsentence1\tsentence2\tlanguage\nneutral\tA dog.\tA cat.\ten\nentailment\tEin Hund.\tEin Tier.\tde\n",
    '{"text": "fine", "label": 1}\n{"text": "bad", "label": 0.0}\n{"text": "odd", "label": -1}\n',
)
QA = {"id": "1", "question": "?", "answers": [{"text": "dog", "answer_start": 4}]}
QUESTIONS = (
    json.dumps({"data": [{"paragraphs": [{"context": "The dog", "qas": [QA]}]}]}, indent=1),
    '{"id": "1", "question": "?", "context": "The dog", "answers": {"text": ["dog"], "answer_start": [4]}}\n' * 2,
)
FILES = {
    "pos": (CONLLU, "ud/*.conllu"),
    "ner": (COLUMNS, "uner/*.iob2"),
    "tagging": (COLUMNS, "uner/*.iob2"),
    "nli": (LABELLED[:2], None),
    "classification": (LABELLED, None),
    "qa": (QUESTIONS, "xquad/*.json"),
}
"""Small valid files, and where real ones are, by task."""

ODD = {"tagging": CONLLU, "ner": CONLLU, "nli": LABELLED, "qa": LABELLED, "classification": QUESTIONS}
"""Files of other tasks."""


@pytest.fixture(scope="module", autouse=True)
def imported_tasks():
    """Import what readers need, torch among it, before memory is limited."""
    return [TASKS[name] for name in FILES]


PIECES = (
    *(b"\n", b"\r", b"\n\n", b"\t", b"\t\t", b" ", b"#", b"# ", b"\x00", b"\x1a", b"\xef\xbb\xbf", b"\xc2\xa0"),
    *(b"\xed\xa0\xbd", b"\xf0\x9f\x98", b"\\ud83d", b"\\u0000", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":"),
    *(b"null", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"true", b"0.5", b"[[" * 20_000, b'{"a":' * 20_000),
    *(b"9" * 5_000, b"-DOCSTART-", b"B-", b"I-X", b"O", b"_", b"1-2", b"1.1", b"en:", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"),
    *(b"x" * 100_000, b"\xe2\x80\xa8", b"\xcc\x81", b"\xff\xfe", b'"answer_start": 1e400', b'"text": null'),
)
"""What is put into files: signs that mean something to a reader, and what is known to break readers."""


TOKEN = re.compile(rb"""[^\s,:{}\[\]"]+""")


@cache
def contents_of(task):
    """The files of a task: those written here, and the beginnings of real ones if they are there."""
    written, pattern = FILES[task]
    real = sorted(SHARED.glob(pattern)) if pattern else []
    return [text.encode() for text in written] + [read_beginning(path) for path in real]


def read_beginning(path):
    if path.suffix != ".json":
        return path.read_bytes()[:LARGEST].rpartition(b"\n\n")[0]
    (article, *_) = json.loads(path.read_bytes())["data"]
    return json.dumps({"data": [{"paragraphs": article["paragraphs"][:2]}]}, ensure_ascii=False).encode()


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["token"] * 8 + ["insert", "replace", "delete", "double", "swap", "cut"]),
        st.integers(0, 9_999).map(lambda place: place / 10_000),
        st.integers(0, 40),
        st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), st.binary(max_size=6)),
    ),
    min_size=1,
    max_size=3,
)


def find_place(content, place, length, *, token):
    """Return where a change begins and ends: at a word, number or text, or anywhere."""
    spans = [match.span() for match in TOKEN.finditer(content[: 2 * LARGEST])] if token else []
    if spans:
        return spans[int(place * len(spans))]
    start = int(place * (len(content) + 1))
    return start, start + length


def mutate(content, mutations):
    """Return a content with some places changed."""
    for how, place, length, piece in mutations:
        start, end = find_place(content, place, length, token=how == "token")
        part = content[start:end]
        content = {
            "insert": content[:start] + piece + content[start:],
            "token": content[:start] + piece + content[end:],
            "replace": content[:start] + piece + content[end:],
            "delete": content[:start] + content[end:],
            "double": content[:end] + part * 3 + content[end:],
            "swap": part + content[:start] + content[end:],
            "cut": content[:end],
        }[how]
    return content


def check_reader(task, path, content):
    path.write_bytes(content)
    with within(megabytes=500, seconds=10):
        try:
            items = TASKS[task].read(Source(path, language="en"))
            assert items
            assert all(text.encode() is not None for item in items for text in TASKS[task].texts_of(item))
            assert all(label is None or label.encode() for item in items for label in TASKS[task].kind.labels(item))
        except AlignFreezeError as error:
            assert str(path) in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
@pytest.mark.parametrize("read", [lambda _: bytearray(3000 * MEGABYTE), lambda _: [str(n) * 100 for n in range(10**7)]])
def test_a_reader_that_takes_too_much_memory_is_noticed(tmp_path, monkeypatch, read):
    monkeypatch.setattr("tests.corpora.test_fuzz_readers.TASKS", {"nli": SimpleNamespace(read=read)})
    with pytest.raises(MemoryError):
        check_reader("nli", tmp_path / "file", b"")


@pytest.mark.parametrize("task", FILES)
def test_files_without_damage_are_read(tmp_path, task):
    for content in contents_of(task):
        (tmp_path / "file").write_bytes(content)
        assert TASKS[task].read(Source(tmp_path / "file", language="en"))


COMPRESSIONS = {"none": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}

BOMBS = {
    "line": (b"x", b"x"),
    "column": (b"1\tAnn\tO\n2\t", b"x"),
    "line after a return": (b"\r", b"x"),
    "text": (b'{"data": [{"text": "', b"x"),
    "number": (b'{"label": ', b"9"),
    "brackets": (b"[", b"["),
}
"""The beginning of a content that is small when it is compressed, and the letter that follows without end."""


@cache
def bomb(kind, compress=gzip.compress):
    """Return 600 MB of one line, in many compressed members."""
    beginning, letter = BOMBS[kind]
    return compress(beginning) + compress(letter * MEGABYTE) * 600


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstd.compress])
@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("task", ["pos", "tagging", "nli", "qa"])
def test_a_small_file_of_one_long_line_is_refused(tmp_path, task, kind, compress):
    path = tmp_path / "file"
    path.write_bytes(bomb(kind, compress))
    with pytest.raises(AlignFreezeError, match="file"), within(megabytes=500, seconds=10):
        TASKS[task].read(Source(path, language="en"))


def fuzz(task, folder, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        content=st.sampled_from(contents_of(task) + [text.encode() for text in ODD.get(task, ())]),
        compression=st.sampled_from(["none"] * 40 + list(COMPRESSIONS) * 10 + list(BOMBS)),
        mutations=MUTATIONS,
    )
    def run(content, compression, mutations):
        packed = bomb(compression) if compression in BOMBS else COMPRESSIONS[compression](content)
        check_reader(task, folder / "file", mutate(packed, mutations))

    run()


@pytest.mark.parametrize("task", FILES)
def test_damaged_files_are_read_or_refused(tmp_path, task):
    fuzz(task, tmp_path, 100)


@pytest.mark.slow
@pytest.mark.parametrize("task", FILES)
def test_many_damaged_files_are_read_or_refused(tmp_path, task):
    fuzz(task, tmp_path, 2_000)
