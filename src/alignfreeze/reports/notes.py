"""Notes that people write about a study. They are kept beside the runs and shown on the pages."""

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

from alignfreeze.addresses import STUDY, address_of_language, address_of_run
from alignfreeze.errors import DataError, OutputError, SettingsError, did_you_mean
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.locks import HeldElsewhereError, hold_lock
from alignfreeze.progress import remark
from alignfreeze.running.folder import PLANNED, read_planned_languages
from alignfreeze.running.status import read_status
from alignfreeze.stored import Stored
from alignfreeze.studies.results import find_record_files

NOTES = "notes.jsonl"

MOST_BYTES = 10_000
"""Longest text of a note, in UTF-8."""

MOST_NAME = 100
"""Longest name of a writer, in characters."""

_MOST_LISTED = 20
"""The most pages that a message names."""

_LOCK_SECONDS = 30.0
"""How long to wait while another process writes to the file."""


class LongNoteError(SettingsError):
    """The text of a note is too long."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note about a study, a language or a run.

    Attributes:
        text: Plain text of one or more lines.
        about: The address of the page, such as `study`, `language/tr` or `run/NAME`.
        name: The writer.
        time: The time of writing, in ISO 8601.
    """

    text: str
    about: str
    name: str
    time: str

    @classmethod
    def create(cls, text: str, *, about: str, name: str, time: str) -> Note:
        """Check the parts of a note, and return the note without blanks around its parts.

        Raises:
            LongNoteError: The text is too long.
            SettingsError: A part is empty or contains characters that are not text, or the time is not valid.
        """
        # Forms end lines as HTTP does, with two characters.
        text = _clean_text("the text of the note", text.replace("\r\n", "\n").replace("\r", "\n"), but="\n\t")
        if (size := len(text.encode())) > MOST_BYTES:
            raise LongNoteError(f"the note has {size:,} bytes, but at most {MOST_BYTES:,} are kept; shorten the note")
        name = _clean_text("the name of the note's writer", name)
        if len(name) > MOST_NAME:
            raise SettingsError(f"the name of the note's writer has {len(name):,} characters; use at most {MOST_NAME}")
        return cls(text, _clean_text("the address of the note's page", about), name, _check_time(time))

    @classmethod
    def from_json(cls, line: bytes, place: str) -> Note:
        """Rebuild a note from a line of the file.

        Args:
            line: The line.
            place: Where it is, for messages.

        Raises:
            DataError: The line is not a note.
            SettingsError: `create` refuses a part of it.
        """
        return cls.create(**asdict(_NOTE.parse(line, place)))

    @property
    def moment(self) -> datetime:
        """The time of writing, in UTC."""
        return datetime.fromisoformat(self.time).astimezone(UTC)


_NOTE = Stored[Note](Note, "a note")


def _clean_text(what: str, text: str, *, but: str = "") -> str:
    """Return a text without the blanks around it.

    Raises:
        SettingsError: Nothing is left, or the text contains characters that do not belong in text.
    """
    text = text.strip()
    if not text:
        raise SettingsError(f"{what} is empty; write something")
    for character in text:
        # Control characters, and halves of surrogate pairs, which UTF-8 cannot hold.
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in but:
            raise SettingsError(f"{what} holds the character U+{ord(character):04X}, which is not text; remove it")
    return text


def _check_time(time: str) -> str:
    """Return a time unchanged if it is valid.

    Raises:
        SettingsError: The text is not a time, or has no time zone.
    """
    with suppress(ValueError, OverflowError):
        if (found := datetime.fromisoformat(time)).tzinfo is not None and found.astimezone(UTC):
            return time
    raise SettingsError(f"the time of the note is {time!r}; expected a time such as 2025-01-31T12:00:00+00:00")


def add_note(folder: Path, text: str, *, about: str = STUDY, name: str | None = None) -> Note:
    """Keep a note in the folder of a study.

    Several processes may write at the same time. They wait for each other, so that no note is lost or damaged.

    Args:
        folder: The folder of the runs.
        text: The text of the note.
        about: The address of the page; `check_address` checks that it exists.
        name: The writer; by default the user of this process.

    Raises:
        SettingsError: The text or the name is not allowed.
        OutputError: The folder does not keep notes, or the file cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    note = Note.create(text, about=about, name=find_user_name() if name is None else name, time=now)
    _check_folder(folder)
    line = json.dumps(asdict(note), ensure_ascii=False).encode() + b"\n"
    path = folder / NOTES
    try:
        with hold_lock(folder / "locks" / "notes.lock", seconds=_LOCK_SECONDS, poll=0.01):
            _append_line(path, line)
    except HeldElsewhereError:
        raise OutputError(
            f"{path}: another process has locked the notes for {_LOCK_SECONDS:.0f} seconds; try again when that "
            "process has ended"
        ) from None
    except OSError as error:
        raise OutputError(f"{path}: the note cannot be written ({error.strerror or error})") from error
    return note


def _check_folder(folder: Path) -> None:
    """Check that a folder may keep notes.

    Raises:
        OutputError: The folder does not exist, or is the folder of a run, which a repeated run would remove.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; name the folder of the runs")
    home = folder.resolve()
    if home.parent.name == "runs" and (home / RECORD).exists():
        study = home.parents[1]
        raise OutputError(
            f"{folder} is the folder of a run; notes about a run are kept with its study. Use: alignfreeze note "
            f"{study} --run {home.name}"
        )


def _append_line(path: Path, line: bytes) -> None:
    """Add a line to a file, either whole or not at all. When this returns, the line is on the disk."""
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        # A line that a crash has cut off stays a separate line.
        whole = line if file.read(1) in {b"", b"\n"} else b"\n" + line
        if file.write(whole) < len(whole):
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def find_user_name() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()[:MOST_NAME]
    except (OSError, KeyError, ImportError):  # a container may have a user without a name
        return "unknown"


def read_notes(folder: Path) -> list[Note]:
    """Return the notes in the folder of a study, in the order of writing.

    A line that is not a note is left out with a remark, so that damaged notes never hide a study.
    """
    path = folder / NOTES
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        remark(f"{path}: cannot be read ({error.strerror or error}); the notes in it are left out")
        return []
    notes: list[Note] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            notes.append(Note.from_json(line, f"{path}, line {number}"))
        except DataError as error:
            remark(f"{error}; the line is left out")
        except SettingsError as error:
            remark(f"{path}, line {number}: not a note ({error}); the line is left out")
    return notes


def notes_of(paths: Sequence[Path]) -> list[Note]:
    """Return the notes of all paths that are folders, the oldest first."""
    folders = dict.fromkeys(path.resolve() for path in paths if path.is_dir())
    return sorted((note for folder in folders for note in read_notes(folder)), key=lambda note: note.moment)


def list_addresses(folder: Path) -> list[str]:
    """Return the addresses that notes can be about: the study, its languages and its runs, complete or not.

    Args:
        folder: The folder of the runs.

    Raises:
        DataError: It is not the folder of a study, or its plan is damaged.
    """
    languages = read_planned_languages(folder)
    runs = [run.name for run in read_status(folder).runs] if (folder / PLANNED).exists() else []
    for path in find_record_files(folder):
        with suppress(DataError):  # `report` complains of a record that is none
            record = RunRecord.read(path)
            runs.append(record.folder)
            languages += [score.language for score in record.scores]
    if not runs:
        raise DataError(
            f"{folder}: the folder has neither runs nor a plan of runs; name a folder that `run --out` has filled"
        )
    found = [STUDY, *map(address_of_language, languages), *map(address_of_run, runs)]
    return list(dict.fromkeys(found))


def check_address(about: str, known: Collection[str]) -> str:
    """Return the address of a page unchanged if the page exists.

    Raises:
        SettingsError: The study has no such page; the message proposes another page.
    """
    if about in known:
        return about
    kind = about.partition("/")[0]
    like = [address for address in known if address.partition("/")[0] == kind] or list(known)
    listed = ", ".join(like[:_MOST_LISTED]) + (f" and {len(like) - _MOST_LISTED} more" * (len(like) > _MOST_LISTED))
    raise SettingsError(f"the study has no page {about!r}; choose one of {listed}.{did_you_mean(about, like)}")
