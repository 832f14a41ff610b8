"""The page that the lens shows, with its notes. The page is built again when the files of its studies change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from alignfreeze.addresses import STUDY
from alignfreeze.errors import AlignFreezeError, DataError, SettingsError
from alignfreeze.evaluation.probe import PROBE
from alignfreeze.files import digest_of_json
from alignfreeze.labelling.kept import SETTLED
from alignfreeze.labelling.matching import DRAWINGS
from alignfreeze.reports.notes import NOTES, Note, add_note, check_address, find_user_name, list_addresses, notes_of
from alignfreeze.reports.page import Served, to_html
from alignfreeze.reports.study import StudyPage, study_page, with_notes
from alignfreeze.running.folder import PLANNED
from alignfreeze.running.terms import TERMS
from alignfreeze.studies.results import find_record_files


def state_of(paths: Sequence[Path]) -> tuple[str, str]:
    """Return two digests of the files that the page of some studies depends on: of the results, and of the notes.

    The digests use only sizes and times of files, so they are quick enough to compute every few seconds.
    """
    results: list[Any] = []
    notes: list[Any] = []
    for path in paths:
        results.append(_stamp_of(path) if path.is_file() else str(path))
        if path.is_dir():
            failures = sorted(path.glob("failed/*.json"))
            settled = sorted(path.glob(f"{DRAWINGS}/*{SETTLED}"))
            files = [*find_record_files(path), *failures, *settled, path / PLANNED, path / TERMS, path / PROBE]
            results += map(_stamp_of, files)
            # For claims, names suffice. Their contents change every second, but the page does not show them.
            results += sorted(claim.name for claim in path.glob("locks/[!.]*.json"))
            notes.append(_stamp_of(path / NOTES))
    return digest_of_json(results), digest_of_json(notes)


def _stamp_of(path: Path) -> tuple[str, int, int]:
    """Return path, size and time of a file; zeros if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns


class LivePage:
    """The page of some studies, which is built again when files of the studies have changed.

    Args:
        paths: Folders of runs, and tables.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._folders = [path for path in paths if path.is_dir()]
        self._study: StudyPage | None = None
        self._state = ("", "")
        self._html = b""
        self._building = Lock()

    def read_state(self) -> str:
        """Return a digest of the files that the page depends on."""
        return digest_of_json(state_of(self._paths))

    def build(self) -> bytes:
        """Return the page as HTML. If no file has changed, this is the page that was built before.

        Raises:
            AlignFreezeError: There is nothing to show yet, or a file is damaged.
        """
        with self._building:
            # The state is read before the files, so that a change in between is found next time.
            state = state_of(self._paths)
            if state != self._state:
                if self._study is None or state[0] != self._state[0]:
                    self._study = None  # stays None if the next line raises
                    self._study = study_page(self._paths)
                else:  # only notes have changed; comparing again would take seconds
                    self._study = with_notes(self._study, notes_of(self._paths))
                served = Served(digest_of_json(state), find_user_name() if self._folders else None)
                self._html = to_html(self._study, served=served).encode("utf-8", "replace")
                self._state = state
            return self._html

    def add_note(self, text: str, *, about: str, name: str | None) -> Note:
        """Keep a note about one of the pages.

        Raises:
            SettingsError: A part of the note is wrong, or the study has no such page.
            OutputError: The note cannot be written.
        """
        if not self._folders:
            raise SettingsError(
                "no note can be added here: notes are kept in folders of runs, and only tables are shown"
            )
        if self._study is None:
            with suppress(AlignFreezeError):
                self.build()
        study = self._study
        pages = [] if study is None else [page.name for page in (*study.languages, *study.runs)]
        check_address(about, [STUDY, *pages])
        return add_note(self._find_folder(about), text, about=about, name=name)

    def _find_folder(self, about: str) -> Path:
        """Return the folder that keeps a note: the first one that knows the address."""
        if len(self._folders) > 1:
            for folder in self._folders:
                with suppress(DataError):  # a study that has not begun
                    if about in list_addresses(folder):
                        return folder
        return self._folders[0]
