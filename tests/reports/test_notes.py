"""Notes on studies: kept line by line, whatever happens beside, and read whatever happened before."""

import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from alignfreeze.errors import AlignFreezeError, DataError, OutputError, SettingsError
from alignfreeze.reports import notes as module
from alignfreeze.reports.notes import (
    NOTES,
    LongNoteError,
    Note,
    add_note,
    check_address,
    list_addresses,
    notes_of,
    read_notes,
)
from alignfreeze.running.dispatch import run_experiment
from tests.support.cli import alignfreeze
from tests.support.runs import planned


def test_a_note_is_read_as_it_was_written(tmp_path):
    text = "Better than I thought.\n\tSee *run 3*: <b>Türkçe</b> \u2028 שלום"
    note = add_note(tmp_path, text, about="language/tr", name="Ada")
    assert (note.text, note.about, note.name) == (text, "language/tr", "Ada")
    assert note.moment.tzinfo is not None
    assert read_notes(tmp_path) == [note]
    assert len((tmp_path / NOTES).read_bytes().split(b"\n")) == 2


def test_without_a_name_it_is_that_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert add_note(tmp_path, "x").name == "ada"

    def nobody():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert add_note(tmp_path, "x").name == "unknown"


def test_lines_end_as_in_files_whatever_a_form_sends(tmp_path):
    assert add_note(tmp_path, "  one\r\ntwo\rthree \n").text == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        pytest.param(" \n ", "Ada", "the text of the note is empty", id="nothing but blanks"),
        pytest.param("x", " ", "the name of the note's writer is empty", id="no name"),
        pytest.param("x" * 10_001, "Ada", "has 10,001 bytes, but at most 10,000", id="too long"),
        pytest.param("ü" * 5_001, "Ada", "has 10,002 bytes", id="too long in bytes"),
        pytest.param("x", "A" * 101, "has 101 characters; use at most 100", id="long name"),
        pytest.param("x", "A\nda", "U\\+000A", id="two lines of a name"),
        pytest.param("\x1b[2J", "Ada", "U\\+001B", id="escape"),
        pytest.param("\ud800", "Ada", "U\\+D800", id="half a character"),
    ],
)
def test_what_is_refused(tmp_path, text, name, said):
    with pytest.raises(SettingsError, match=said):
        add_note(tmp_path, text, name=name)
    assert not (tmp_path / NOTES).exists()


def test_as_long_as_a_note_may_be(tmp_path):
    assert len(add_note(tmp_path, "x" * 10_000, name="A" * 100).text) == 10_000
    with pytest.raises(LongNoteError):
        add_note(tmp_path, "x" * 10_001)


def test_a_line_that_was_cut_off_harms_no_other(tmp_path, remarks):
    first = add_note(tmp_path, "first")
    path = tmp_path / NOTES
    path.write_bytes(path.read_bytes() + path.read_bytes()[:20])
    second, third = add_note(tmp_path, "second"), add_note(tmp_path, "third")
    assert read_notes(tmp_path) == [first, second, third]
    (said,) = remarks
    assert said.startswith(f"{path}, line 2: not a note (")
    assert said.endswith("; the line is left out")


BAD = [
    *(b"", b"no JSON", b"[]", b"3", b"null", b"[" * 100_000, b"\xff\xfe", b'{"text": "x"}'),
    b'{"text": 3, "about": "study", "name": "A", "time": "2025-01-31T12:00:00+00:00"}',
    b'{"text": "x", "about": "study", "name": "A", "time": "2025-01-31T12:00:00"}',
    b'{"text": "x", "about": "study", "name": "A", "time": "0001-01-01T00:00:00+10:00"}',
    b'{"text": "x", "about": "study", "name": "A", "time": "yesterday"}',
    b'{"text": "x", "about": "study", "name": "A", "time": "2025-01-31T12:00:00Z", "more": "y"}',
    b'{"text": "' + b"x" * 20_000 + b'", "about": "study", "name": "A", "time": "2025-01-31T12:00:00Z"}',
]


def test_what_is_not_a_note_is_left_out_with_a_remark(tmp_path, remarks):
    note = Note("x", "study", "A", "2025-01-31T12:00:00Z")
    good = b'{"text": "x", "about": "study", "name": "A", "time": "2025-01-31T12:00:00Z"}'
    (tmp_path / NOTES).write_bytes(b"\n".join([*BAD, good]))
    assert read_notes(tmp_path) == [note]
    assert len(remarks) == len(BAD) - 1  # an empty line is nothing to speak of
    assert all(f"line {number}: not a note" in text for number, text in enumerate(remarks, start=2))


def test_a_file_that_cannot_be_read_is_left_out(tmp_path, remarks):
    (tmp_path / NOTES).mkdir()
    assert read_notes(tmp_path) == []
    assert "the notes in it are left out" in remarks[0]
    with pytest.raises(OutputError, match="the note cannot be written"):
        add_note(tmp_path, "x")


def test_a_full_disk_leaves_no_half_of_a_note(tmp_path, monkeypatch):
    note = add_note(tmp_path, "before")
    before = (tmp_path / NOTES).read_bytes()
    path_open = type(tmp_path).open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            return self.file.write(data[: len(data) // 2])

    monkeypatch.setattr(type(tmp_path), "open", lambda path, *how, **more: Full(path_open(path, *how, **more)))
    with pytest.raises(OutputError, match="No space left"):
        add_note(tmp_path, "after")
    monkeypatch.undo()
    assert (tmp_path / NOTES).read_bytes() == before
    assert read_notes(tmp_path) == [note]


def test_notes_of_several_folders_are_in_order_of_time(tmp_path):
    for folder, time in (("a", "2025-01-31T12:00:00+00:00"), ("b", "2025-01-31T12:30:00+01:00")):
        (tmp_path / folder).mkdir()
        values = {"text": folder, "about": "study", "name": "A", "time": time}
        (tmp_path / folder / NOTES).write_text(json.dumps(values) + "\n")
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "b" / ".." / "a", tmp_path / "none.csv"]
    assert [note.text for note in notes_of(paths)] == ["b", "a"]


def add_many(folder, writer, n_notes):
    """Add notes from four threads of a process."""
    with ThreadPoolExecutor(4) as threads:
        texts = [f"{writer} {number} " + "x" * (1 + number * 300) for number in range(n_notes)]
        list(threads.map(lambda text: add_note(folder, text, name=str(writer)), texts))


def test_threads_and_processes_that_write_at_once_lose_no_note(tmp_path, remarks):
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    others = [context.Process(target=add_many, args=(tmp_path, writer, 12)) for writer in range(3)]
    for process in others:
        process.start()
    add_many(tmp_path, 3, 12)
    for process in others:
        process.join(120)
        assert process.exitcode == 0
    found = sorted(note.text.rsplit(" ", 1)[0] for note in read_notes(tmp_path))
    assert found == sorted(f"{writer} {number}" for writer in range(4) for number in range(12))
    assert remarks == []


def test_a_lock_that_is_never_given_back_is_an_error(tmp_path, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.05)
    (tmp_path / "locks").mkdir()
    with (
        FileLock(tmp_path / "locks" / "notes.lock"),
        pytest.raises(OutputError, match="process has locked the notes"),
    ):
        add_note(tmp_path, "x")


def test_pages_and_commands_on_a_study_of_runs(project, remarks):
    out = project / "out"
    with pytest.raises(OutputError, match="no such folder"):
        add_note(out, "x")
    with pytest.raises(DataError, match="the folder has neither runs nor a plan of runs"):
        list_addresses(project)
    run_experiment(planned(project, seeds=[1]), out=out, only=["front-*"])
    front, baseline = (path for path in sorted(list_addresses(out), reverse=True) if path.startswith("run/"))
    assert list_addresses(out) == ["study", "language/en", "language/de", "language/tr", baseline, front]
    name = front.removeprefix("run/")
    assert (out / "runs" / name / "record.json").exists()

    done = alignfreeze("note", out, "Worth a second look.", "--language", "tr", "--name", "Ada")
    assert (done.returncode, done.stdout) == (0, f"# {out / NOTES}: a note by Ada about language/tr\n")
    assert alignfreeze("note", out, "Stopped early?", "--run", name).returncode == 0
    assert alignfreeze("note", out, "-10 points?\nSee the curves.").returncode == 2  # an option, as for any command
    assert alignfreeze("note", out, "--", "-10 points?\nSee the curves.").returncode == 0
    assert [note.about for note in read_notes(out)] == ["language/tr", front, "study"]

    for wrong, said in [
        (
            ("--language", "tk"),
            "has no page 'language/tk'; choose one of language/en, language/de, language/tr.",
        ),
        (("--run", name[:-1]), f"Did you mean '{front}'?"),
        (("--run", name, "--language", "tr"), "--language and --run cannot be used together"),
        (("--name", "A" * 101), "use at most 100"),
    ]:
        refused = alignfreeze("note", out, "x", *wrong)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert said in refused.stderr
    refused = alignfreeze("note", out / "runs" / name, "x")
    assert f"alignfreeze note {out} --run {name}" in refused.stderr
    assert "the folder has neither runs nor a plan of runs" in alignfreeze("note", project, "x").stderr
    assert len(read_notes(out)) == 3


def test_a_page_that_is_not_there_is_named_with_one_that_is():
    known = ["study", *(f"run/{number}" for number in range(30))]
    assert check_address("run/3", known) == "run/3"
    with pytest.raises(AlignFreezeError, match="run/19 and 10 more"):
        check_address("run/x", known)
    with pytest.raises(AlignFreezeError, match=r"no page 'studdy'.* Did you mean 'study'\?"):
        check_address("studdy", known)
