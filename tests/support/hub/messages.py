"""What a hub on this machine and its clients say to each other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

LARGE = {".parquet", ".safetensors", ".bin", ".model"}
"""Files that the hub keeps apart, and that it sends from another host."""

OPEN_TO_ALL = {"README.md", ".gitattributes"}
"""What everybody may read of a gated repository."""


@dataclass
class Request:
    """What a client has asked for."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def asks(self, name, default):
        """The value of a parameter."""
        return parse_qs(self.query).get(name, [default])[0]

    @property
    def token(self):
        """The token that the client has sent; None if there is none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass
class Answer:
    """What the hub sends; large files are sent in the part that was asked for."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value, status=200, **headers):
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class RefusalError(Exception):
    """An answer that refuses a request, with the headers by which the clients know the reason."""

    def __init__(self, status, message, code=None, *, url=None, **headers):
        super().__init__(message)
        codes = {} if code is None else {"X-Error-Code": code}
        value = {"error": message} | ({} if url is None else {"url": url})
        self.answer = Answer.json(value, status, **codes, **{"X-Error-Message": message}, **headers)


@dataclass
class Fault:
    """What goes wrong with the next requests of a kind.

    Attributes:
        match: A regular expression for the method and the path.
        times: How often it goes wrong.
        status: The status of an answer that is sent instead.
        headers: Its headers.
        after: The number of bytes of the body after which the connection breaks.
        reset: Whether the connection is reset then, instead of closed.
    """

    match: str
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    reset: bool = False


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sha256_of(content):
    return hashlib.sha256(content).hexdigest()


def blob_of(content):
    """The number that git gives to a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
