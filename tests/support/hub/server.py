"""The hub's server, and what may go wrong with it."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tests.support.hub.messages import OPEN_TO_ALL, Answer, Fault, RefusalError, Request, files_in, sha256_of
from tests.support.hub.replies import ROUTES


class Hub:
    """Serves the folders `models/OWNER/NAME` and `datasets/OWNER/NAME`.

    Attributes:
        folder: The folder.
        requests: All requests since the last `forget`.
        faults: What goes wrong with the next requests.
        gated: Repositories that are open only to those who have asked.
        renamed: New names of repositories, by their old ones.
        roles: What may be done with a token: read or write.
        page: The most entries of a listing.
        leaks: Requests that brought a token to the host of the large files.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.gated: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.roles = {"hf_writes": "write", "hf_reads": "read"}
        self.page = 1000
        self.leaks: list[Request] = []
        self.blobs: dict[str, bytes] = {}
        self._commits: dict[Path, str] = {}
        self._server = self._listen(0)
        self.port = self._server.server_address[1]

    def _listen(self, port):
        handler = partial(_Handler, self)
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    @property
    def endpoint(self):
        return f"http://localhost:{self.port}"

    @property
    def storage(self):
        """Where large files are: another host, which must not see a token."""
        return f"http://127.0.0.1:{self.port}/storage"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def forget(self):
        """Forget requests, faults and gates."""
        self.requests.clear()
        self.faults.clear()
        self.gated.clear()

    @contextmanager
    def down(self):
        """Refuse all connections inside the block."""
        self.close()
        try:
            yield
        finally:
            self._server = self._listen(self.port)

    def asked(self, match):
        """The requests whose method and path match a regular expression."""
        return [one for one in self.requests if re.search(match, f"{one.method} {one.path}")]

    def take_fault(self, request):
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, f"{request.method} {request.path}"):
                fault.times -= 1
                return fault
        return None

    def answer(self, request):
        try:
            if request.token is not None and request.token not in self.roles:
                raise RefusalError(401, "Invalid credentials in Authorization header")
            for pattern, reply in ROUTES:
                if found := re.fullmatch(pattern, f"{request.method} {request.path}"):
                    return reply(self, request, **{k: v and unquote(v) for k, v in found.groupdict().items()})
            raise RefusalError(404, "Not Found")
        except RefusalError as refusal:
            return refusal.answer

    def open(self, request, *, kind, name, revision="main", path=None):
        """The folder of a repository and its commit, if the client may read the path."""
        key = f"{kind}/{name}"
        if key in self.renamed:
            new = self.renamed[key].partition("/")[2]
            tail = request.query and f"?{request.query}"
            raise _MovedError(request.path.replace(quote(name), quote(new), 1) + tail)
        folder = self.folder / kind / name
        if not folder.is_dir():
            # Who is not logged in is not told whether a repository is private or does not exist.
            status, said = (404, "Repository not found") if request.token else (401, "Invalid username or password.")
            raise RefusalError(status, said, "RepoNotFound")
        if key in self.gated and path is not None and path not in OPEN_TO_ALL:
            status = 403 if request.token else 401
            raise RefusalError(status, f"Access to {name} is restricted, you must ask for access to it.", "GatedRepo")
        commit = self.commit_of(folder)
        if revision not in {"main", commit}:
            raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return folder, commit

    def commit_of(self, folder):
        """A number that changes with the content of a repository."""
        if folder not in self._commits:
            texts = [f"{path.relative_to(folder)} {sha256_of(path.read_bytes())}" for path in files_in(folder)]
            self._commits[folder] = hashlib.sha1("\n".join(texts).encode()).hexdigest()
        return self._commits[folder]

    def changed(self, folder):
        self._commits.pop(folder, None)


class _MovedError(RefusalError):
    def __init__(self, path):
        super().__init__(307, "Moved", Location=path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the client waits 40 ms for some answers

    def __init__(self, hub, *arguments):
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def _serve(self):
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path, url.query, headers, self._read_body(headers))
        self.hub.requests.append(request)
        fault = self.hub.take_fault(request)
        if fault is not None and fault.status is not None:
            answer = Answer.json({"error": "a fault"}, fault.status, **fault.headers)
        else:
            answer = _cut(self.hub.answer(request), headers.get("range"))
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body if fault is None or fault.after is None else answer.body[: fault.after])
        if fault is not None and fault.after is not None:
            self._break(reset=fault.reset)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - the library wants these names

    def _read_body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _break(self, *, reset):
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        self.close_connection = True


def _cut(answer, wanted):
    """The part of a file that was asked for."""
    if wanted is None or answer.status != 200:
        return answer
    first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted).groups()
    size = len(answer.body)
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Answer(416, b"", {"Content-Range": f"bytes */{size}"})
    part = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return Answer(206, answer.body[start:stop], answer.headers | part)
