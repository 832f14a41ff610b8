"""Notes that people make on a study: kept beside its runs, shown on its pages."""

from __future__ import annotations

import errno
import getpass
import json
import os
import unicodedata
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from alignfreeze.errors import DataError, OutputError, SettingsError, did_you_mean
from alignfreeze.experiment.records import RECORD, folder_name
from alignfreeze.files import make_folder, read_json
from alignfreeze.progress import remark
from alignfreeze.report.addresses import STUDY, language_address, run_address
from alignfreeze.running.folder import EXPERIMENT
from alignfreeze.running.status import status
from alignfreeze.studies.results import record_files

NOTES = "notes.jsonl"

MOST_BYTES = 10_000
"""Of the text of a note, in UTF-8."""

MOST_NAME = 100
"""Characters of a writer's name."""

_MOST_LISTED = 20
"""Pages that a message names."""

_WAITED = 30.0
"""Seconds for which others may hold the file."""


class LongNoteError(SettingsError):
    """The text of a note is longer than notes may be."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has to say about a study, a language or a run.

    Attributes:
        text: In plain text, of any number of lines.
        about: The address of the page, such as `study`, `language/tr` or `run/NAME`.
        name: Who wrote it.
        time: When, in ISO 8601.
    """

    text: str
    about: str
    name: str
    time: str

    @classmethod
    def checked(cls, text: str, *, about: str, name: str, time: str) -> Note:
        """Return a note without the blanks around its parts.

        Raises:
            LongNoteError: The text is too long.
            SettingsError: A part is empty or holds what is not text, or the time is not a time.
        """
        # Forms end lines as HTTP does.
        text = _plain("the text of the note", text.replace("\r\n", "\n").replace("\r", "\n"), but="\n\t")
        if (size := len(text.encode())) > MOST_BYTES:
            raise LongNoteError(f"the note has {size:,} bytes; at most {MOST_BYTES:,} are kept, so shorten it")
        name = _plain("the name of the note's writer", name)
        if len(name) > MOST_NAME:
            raise SettingsError(f"the name of the note's writer has {len(name):,} characters; use at most {MOST_NAME}")
        return cls(text, _plain("the address of the note's page", about), name, _checked_time(time))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Note:
        """Rebuild a note from a line of the file.

        Raises:
            TypeError: The values are not those of a note.
            SettingsError: A part is not as `checked` wants it.
        """
        if not all(isinstance(value, str) for value in values.values()):
            raise TypeError("a part of it is not text")
        return cls.checked(**values)

    @property
    def written(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.time).astimezone(UTC)


def _plain(what: str, text: str, *, but: str = "") -> str:
    """Return a text without the blanks around it.

    Raises:
        SettingsError: Nothing is left, or there are characters in it that do not belong in text.
    """
    text = text.strip()
    if not text:
        raise SettingsError(f"{what} is empty; write something")
    for character in text:
        # Control characters, and halves of characters, which no UTF-8 can hold.
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in but:
            raise SettingsError(f"{what} holds the character U+{ord(character):04X}, which is not text; remove it")
    return text


def _checked_time(time: str) -> str:
    with suppress(ValueError, OverflowError):
        if (found := datetime.fromisoformat(time)).tzinfo is not None and found.astimezone(UTC):
            return time
    raise SettingsError(f"the time of the note is {time!r}; expected one such as 2025-01-31T12:00:00+00:00")


def add_note(folder: Path, text: str, *, about: str = STUDY, name: str | None = None) -> Note:
    """Keep a note in the folder of a study.

    Whoever writes at the same time waits; no note is lost, and none is cut by another.

    Args:
        folder: The folder of the runs.
        text: What there is to say.
        about: The address of the page; `check_address` tells whether there is one.
        name: Who says it; by default the user of this process.

    Raises:
        SettingsError: Something is wrong with the text or the name.
        OutputError: The folder cannot be written, or does not keep notes.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    note = Note.checked(text, about=about, name=own_name() if name is None else name, time=now)
    _check_home(folder)
    line = json.dumps(asdict(note), ensure_ascii=False).encode() + b"\n"
    path = folder / NOTES
    try:
        with FileLock(make_folder(folder / "locks") / "notes.lock").acquire(timeout=_WAITED, poll_interval=0.01):
            _append(path, line)
    except Timeout:
        raise OutputError(
            f"{path}: another process has held it for {_WAITED:.0f} seconds; try again when it has ended"
        ) from None
    except OSError as error:
        raise OutputError(f"{path}: the note cannot be written ({error.strerror or error})") from error
    return note


def _check_home(folder: Path) -> None:
    """Check that a folder may keep notes.

    Raises:
        OutputError: There is no such folder, or it is that of a run, which is removed when the run is done again.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; name the folder of the runs")
    home = folder.resolve()
    if home.parent.name == "runs" and (home / RECORD).exists():
        study = home.parents[1]
        raise OutputError(
            f"{folder}: a run, whose notes are kept with its study: alignfreeze note {study} --run {home.name}"
        )


def _append(path: Path, line: bytes) -> None:
    """Add a line to a file, all of it or nothing; it is on the disk when this returns."""
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        # What a crash has cut off stays a line of its own.
        whole = line if file.read(1) in {b"", b"\n"} else b"\n" + line
        if file.write(whole) < len(whole):
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def own_name() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()[:MOST_NAME]
    except (OSError, KeyError, ImportError):  # a container may have a user without a name
        return "unknown"


def read_notes(folder: Path) -> list[Note]:
    """Return the notes in the folder of a study, in the order in which they were written.

    What is not a note is left out with a remark: a study can be read whatever happened to its notes.
    """
    path = folder / NOTES
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        remark(f"{path}: cannot be read ({error.strerror or error}); its notes are left out")
        return []
    notes: list[Note] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            notes.append(Note.from_json(json.loads(line)))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            remark(f"{path}, line {number}: not a note ({error}); it is left out")
    return notes


def notes_of(paths: Sequence[Path]) -> list[Note]:
    """Return the notes in all folders among some paths, the oldest first."""
    folders = dict.fromkeys(path.resolve() for path in paths if path.is_dir())
    return sorted((note for folder in folders for note in read_notes(folder)), key=lambda note: note.written)


def addresses(folder: Path) -> list[str]:
    """Return what notes on a study can be about: itself, each of its languages, each of its runs, complete or not.

    Args:
        folder: The folder of the runs.

    Raises:
        DataError: It is the folder of no study.
    """
    languages, runs = _planned(folder)
    for path in record_files(folder):
        with suppress(TypeError, KeyError):  # not the record of a run, which `report` says
            values = read_json(path)
            runs.append(folder_name(values["strategy"], values["seed"], values["digest"]))
            languages += [score["language"] for score in values["scores"]]
    if not runs:
        raise DataError(f"{folder}: neither runs nor a plan of runs in it; name a folder that `run --out` has filled")
    found = [STUDY, *map(language_address, languages), *map(run_address, runs)]
    return list(dict.fromkeys(found))


def _planned(folder: Path) -> tuple[list[str], list[str]]:
    """Return the languages and the runs of the experiments in a folder; none where there are runs alone."""
    languages: list[str] = []
    experiments = read_json(folder / EXPERIMENT) or []
    for settings in experiments if isinstance(experiments, list) else [experiments]:
        languages += [settings["source_language"], *settings["languages"]]
    try:
        return languages, [run.name for run in status(folder).runs]
    except DataError:
        return languages, []


def check_address(about: str, known: Collection[str]) -> str:
    """Return the address of a page as given when there is such a page.

    Raises:
        SettingsError: There is none; the message proposes one.
    """
    if about in known:
        return about
    kind = about.partition("/")[0]
    like = [address for address in known if address.partition("/")[0] == kind] or list(known)
    listed = ", ".join(like[:_MOST_LISTED]) + (f" and {len(like) - _MOST_LISTED} more" * (len(like) > _MOST_LISTED))
    raise SettingsError(f"the study has no page {about!r}; there are {listed}.{did_you_mean(about, like)}")
