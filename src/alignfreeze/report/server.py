"""The lens: shows the page of a study to browsers on this machine, as it is now, and takes their notes."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, quote

from alignfreeze.errors import AlignFreezeError, DataError, SettingsError
from alignfreeze.evaluation.probe import PROBE
from alignfreeze.files import digest_of_json
from alignfreeze.report.addresses import STUDY
from alignfreeze.report.notes import (
    MOST_BYTES,
    NOTES,
    LongNoteError,
    Note,
    add_note,
    addresses,
    check_address,
    notes_of,
    own_name,
)
from alignfreeze.report.page import SERVED_POLICY, Served, to_html, waiting_html
from alignfreeze.report.study import StudyPage, study_page, with_notes
from alignfreeze.running.folder import PLANNED
from alignfreeze.running.terms import TERMS
from alignfreeze.studies.results import record_files

HOST = "127.0.0.1"
"""This machine alone; whoever reaches the lens may read all of the study and write notes."""

SECONDS = 5
"""Between two looks for a page that cannot be made yet."""

MOST_BODY = 3 * MOST_BYTES + 1_000
"""Bytes of a request: a form sends a byte as %C3, and beside the text there are names."""

_HEADERS = {
    "Content-Security-Policy": f"{SERVED_POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


def state_of(paths: Sequence[Path]) -> tuple[str, str]:
    """Return digests of what the page of some studies depends on: the results, and the notes.

    Files are only looked at from outside, so that this can be asked every few seconds.
    """
    results: list[Any] = []
    notes: list[Any] = []
    for path in paths:
        results.append(_looked_at(path) if path.is_file() else str(path))
        if path.is_dir():
            ended = [
                *record_files(path),
                *sorted(path.glob("failed/*.json")),
                path / PLANNED,
                path / TERMS,
                path / PROBE,
            ]
            results += map(_looked_at, ended)
            # Only which there are: how far a run is, is written every second, and is not on the page.
            results += sorted(claim.name for claim in path.glob("locks/[!.]*.json"))
            notes.append(_looked_at(path / NOTES))
    return digest_of_json(results), digest_of_json(notes)


def _looked_at(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns


class Shown:
    """The page of some studies, made anew when what it is made from has changed.

    Args:
        paths: Folders of runs, and tables.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.folders = [path for path in paths if path.is_dir()]
        self.study: StudyPage | None = None
        self._made_from = ("", "")
        self._html = b""
        self._making = Lock()

    def state(self) -> str:
        """Return a digest of what there is to show."""
        return digest_of_json(state_of(self.paths))

    def html(self) -> bytes:
        """Return the page.

        Raises:
            AlignFreezeError: There is nothing to show yet, or something is damaged.
        """
        with self._making:
            # Looked at before the files are read: what changes meanwhile is found the next time.
            state = state_of(self.paths)
            if state != self._made_from:
                if self.study is None or state[0] != self._made_from[0]:
                    self.study = None  # also if the next line fails
                    self.study = study_page(self.paths)
                else:  # comparing takes seconds, and notes change nothing in it
                    self.study = with_notes(self.study, notes_of(self.paths))
                served = Served(digest_of_json(state), own_name() if self.folders else None)
                self._html = to_html(self.study, served=served).encode("utf-8", "replace")
                self._made_from = state
            return self._html

    def add(self, text: str, *, about: str, name: str | None) -> Note:
        """Keep a note about one of the pages.

        Raises:
            SettingsError: Something is wrong with it, or there is no such page.
            OutputError: It cannot be written.
        """
        if not self.folders:
            raise SettingsError("notes are kept in folders of runs, and only tables are shown here")
        if self.study is None:
            with suppress(AlignFreezeError):
                self.html()
        study = self.study
        pages = [] if study is None else [page.name for page in (*study.languages, *study.runs)]
        return add_note(self._home(check_address(about, [STUDY, *pages])), text, about=about, name=name)

    def _home(self, about: str) -> Path:
        """Return the folder for a note: the first that has what the note is about."""
        if len(self.folders) > 1:
            for folder in self.folders:
                with suppress(DataError):  # it is the folder of a study that has not begun
                    if about in addresses(folder):
                        return folder
        return self.folders[0]


class Lens(ThreadingHTTPServer):
    """A server on this machine, for browsers on this machine.

    Args:
        paths: Folders of runs, and tables.
        port: Where it listens; 0 for any port that is free.

    Raises:
        DataError: A folder or table is missing.
        SettingsError: The port cannot be had.
    """

    # A second lens on the port of another would take half of its requests.
    allow_reuse_port = False

    def __init__(self, paths: Sequence[Path], *, port: int) -> None:
        for path in paths:
            if not path.exists():
                raise DataError(f"{path}: no such file or folder; name folders of runs, or tables (CSV)")
        self.shown = Shown(paths)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"--port {port}: cannot be had ({reason}); choose another, or 0 for any that is free"
            ) from error
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost", "[::1]")}

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.server_port}/"

    def server_bind(self) -> None:
        """Take the port, without asking the network for the name of this machine."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader that has gone away; all else is a mistake in this program."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            logging.getLogger(__name__).exception("the lens could not answer")


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer to a request."""

    status: int
    body: bytes
    kind: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


class _RefusalError(Exception):
    """A request that is not served."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        self.reply = _Reply(status, f"{reason}\n".encode(), headers=headers)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request. It serves three addresses and no file."""

    server: Lens  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = 10

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for do_GET and so on; which methods there are depends on the address.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        try:
            reply = self._reply()
        except _RefusalError as refusal:
            reply = refusal.reply
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            logging.getLogger(__name__).exception("%s %s", self.command, self.path)
            reply = _Reply(500, b"Something went wrong in the lens; the terminal where it runs shows what.\n")
        self._send(reply)

    def _reply(self) -> _Reply:
        self._check_host()
        if (methods := _ROUTES.get(self.path)) is None:
            raise _RefusalError(404, "There is nothing at this address; the study is at /")
        if (route := methods.get(self.command)) is None:
            raise _RefusalError(405, f"This address takes {' and '.join(methods)}", Allow=", ".join(methods))
        return route(self)

    def _check_host(self) -> None:
        """Refuse requests for other names, which a page of somebody else's can give to this machine."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise _RefusalError(
                421, f"Open the lens as {self.server.address}; a port that is forwarded must keep its number"
            )

    def _page(self) -> _Reply:
        try:
            return _Reply(200, self.server.shown.html(), "text/html")
        except AlignFreezeError as error:
            page = waiting_html(str(error), seconds=SECONDS)
            return _Reply(200, page.encode("utf-8", "replace"), "text/html")

    def _state(self) -> _Reply:
        return _Reply(200, json.dumps({"state": self.server.shown.state()}).encode(), _JSON)

    def _note(self) -> _Reply:
        self._check_origin()
        kind = self.headers.get_content_type()
        if kind not in _READERS:
            raise _RefusalError(415, f"A note comes as {' or '.join(_READERS)}")
        values = _values(self._body(), kind)
        try:
            note = self.server.shown.add(
                values.get("text", ""), about=values.get("about", STUDY), name=values.get("name", "").strip() or None
            )
        except LongNoteError as error:
            raise _RefusalError(413, str(error)) from error
        except AlignFreezeError as error:
            raise _RefusalError(400, str(error)) from error
        place = {"Location": f"/#{quote(note.about)}"}
        if kind == _FORM:
            return _Reply(303, b"", headers=place)
        return _Reply(201, json.dumps(asdict(note), ensure_ascii=False).encode(), _JSON, place)

    def _check_origin(self) -> None:
        """Refuse notes that a page of somebody else's sends through the user's browser."""
        site = self.headers.get("Sec-Fetch-Site", "")
        own = {f"http://{host}" for host in self.server.hosts}
        if site == "same-origin":
            own.add("null")  # forms of a page that keeps its address to itself, as ours does
        if site not in {"", "none", "same-origin"} or not own.issuperset(self.headers.get_all("Origin", [])):
            raise _RefusalError(403, "Notes are taken from the page of the lens, not from other sites")

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or not lengths:
            raise _RefusalError(411, "Say in Content-Length how many bytes the note has")
        if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise _RefusalError(400, "Content-Length is not a number of bytes")
        if int(lengths[0]) > MOST_BODY:
            raise _RefusalError(413, f"The note is too long: at most {MOST_BYTES:,} bytes of text are kept")
        body = self.rfile.read(int(lengths[0]))
        if len(body) < int(lengths[0]):
            raise _RefusalError(400, "The request ends early")
        return body

    def _send(self, reply: _Reply) -> None:
        self.request_version = "HTTP/1.0"  # the base class leaves out the headers where it found no version
        self.send_response(reply.status)
        length = {"Content-Type": f"{reply.kind}; charset=utf-8", "Content-Length": str(len(reply.body))}
        for name, value in {**_HEADERS, **length, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        if reply.status >= HTTPStatus.BAD_REQUEST:
            self._hear_out()

    def _hear_out(self) -> None:
        """Take in a little of what is still being sent: closing at once could cost the sender the answer."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            for _ in range(16):
                if not self.rfile.read1(2**16):
                    break

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is none, as any other that is refused."""
        self._send(_Reply(code, f"{message or HTTPStatus(code).phrase}\n".encode()))

    def version_string(self) -> str:
        """Return what the server calls itself: no version of anything."""
        return "alignfreeze"

    def log_message(self, format: str, *args: Any) -> None:
        """Leave the terminal to errors."""


_ROUTES: dict[str, dict[str, Callable[[_Handler], _Reply]]] = {
    "/": {"GET": _Handler._page},
    "/state": {"GET": _Handler._state},
    "/notes": {"POST": _Handler._note},
}


def _of_form(body: bytes) -> dict[str, Any]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=10))


_READERS: dict[str, Callable[[bytes], Any]] = {_FORM: _of_form, _JSON: json.loads}


def _values(body: bytes, kind: str) -> dict[str, str]:
    """Return the parts of a note that was sent."""
    try:
        values = _READERS[kind](body)
    except (ValueError, RecursionError) as error:
        raise _RefusalError(400, f"This is not {kind}: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise _RefusalError(400, "A note has the fields text, about and name, each of them a text")
    if unknown := set(values) - {"text", "about", "name"}:
        raise _RefusalError(400, f"A note has the fields text, about and name, not {', '.join(sorted(unknown))}")
    return values
