"""The web application of the lens: three addresses, and the checks that a request must pass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alignfreeze.addresses import STUDY
from alignfreeze.errors import AlignFreezeError
from alignfreeze.reports.notes import MOST_BYTES, LongNoteError
from alignfreeze.reports.page import SERVED_POLICY, waiting_html
from alignfreeze.reports.serving import LivePage

HOST = "127.0.0.1"
"""Only this machine, because everybody who reaches the lens can read the whole study and write notes."""

MOST_BODY = 3 * MOST_BYTES + 1_000
"""The largest request in bytes. A form writes one byte as three, such as %C3, and adds the names of fields."""

_REFRESH = 5
"""Seconds after which a browser asks again for a page that is not ready."""

_PATIENCE = 10.0
"""Seconds in which a note must arrive."""

_HEADERS = {
    "Content-Security-Policy": f"{SERVED_POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


def make_application(page: LivePage, *, port: int) -> ASGIApp:
    """Return the application that shows a page and keeps notes on it.

    Args:
        page: The page.
        port: The port of the server, which is part of the host names that requests may use.
    """
    hosts = frozenset(f"{name}:{port}" for name in (HOST, "localhost", "[::1]"))
    handlers = _Handlers(page, hosts)
    routes = [
        _Address("/", handlers.show_page, method="GET"),
        _Address("/state", handlers.show_state, method="GET"),
        _Address("/notes", handlers.take_note, method="POST"),
    ]
    application = Starlette(routes=routes, exception_handlers={HTTPException: _refuse, Exception: _report_failure})
    # The guard surrounds the whole application, so that its headers are on every answer.
    return _Guard(application, hosts, address=address_of(port))


def address_of(port: int) -> str:
    """Return the address to open in a browser."""
    return f"http://{HOST}:{port}/"


class _Guard:
    """Refuses requests under foreign host names, and adds security headers to all answers.

    Another site can let its own host name point at this machine. The browser then sends that host name.
    """

    def __init__(self, application: ASGIApp, hosts: frozenset[str], *, address: str) -> None:
        self._application = application
        self._hosts = hosts
        self._advice = f"Open the lens as {address}; a forwarded port must keep its number\n"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._application
        if scope["http_version"] not in {"1.0", "1.1"}:
            answer = PlainTextResponse("The lens speaks HTTP/1.1\n", 505)
        elif not self._is_meant(Request(scope).headers.getlist("host")):
            answer = PlainTextResponse(self._advice, 421)
        await answer(scope, receive, send_safely)

    def _is_meant(self, names: list[str]) -> bool:
        return len(names) == 1 and names[0].lower() in self._hosts


class _Address(Route):
    """An address that accepts one method, and that must be written exactly like this."""

    def __init__(self, path: str, handler: Callable[[Request], Any], *, method: str) -> None:
        super().__init__(path, handler, methods=[method])
        self.methods = {method}  # Starlette adds HEAD to GET

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["raw_path"] != self.path.encode() or scope["query_string"]:
            return Match.NONE, {}
        return super().matches(scope)


class _Handlers:
    """Answers the requests that the guard and the routes let through."""

    def __init__(self, page: LivePage, hosts: frozenset[str]) -> None:
        self._page = page
        self._origins = {f"http://{host}" for host in hosts}

    def show_page(self, _: Request) -> Response:
        """Send the page, or a page that says why there is nothing to show yet."""
        try:
            return HTMLResponse(self._page.build())
        except AlignFreezeError as error:
            waiting = waiting_html(str(error), seconds=_REFRESH)
            return HTMLResponse(waiting.encode("utf-8", "replace"))

    def show_state(self, _: Request) -> Response:
        """Send a digest. If it differs from the digest in a page, a newer page exists."""
        return JSONResponse({"state": self._page.read_state()})

    async def take_note(self, request: Request) -> Response:
        """Keep a note."""
        self._check_origin(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _PARSERS:
            raise HTTPException(415, f"A note must be sent as {' or '.join(_PARSERS)}")
        values = _parse_note(await _read_body(request), kind)
        return await run_in_threadpool(self._keep_note, values, kind)

    def _check_origin(self, request: Request) -> None:
        """Refuse a note that a page of another site sends through the user's browser."""
        site = request.headers.get("sec-fetch-site", "")
        allowed = set(self._origins)
        if site == "same-origin":
            allowed.add("null")  # forms of a page that hides its address, as our page does, send this
        if site not in {"", "none", "same-origin"} or not allowed.issuperset(request.headers.getlist("origin")):
            raise HTTPException(403, "Notes are accepted only from the page of the lens, not from other sites")

    def _keep_note(self, values: dict[str, str], kind: str) -> Response:
        name = values.get("name", "").strip() or None
        try:
            note = self._page.add_note(values.get("text", ""), about=values.get("about", STUDY), name=name)
        except LongNoteError as error:
            raise HTTPException(413, str(error)) from error
        except AlignFreezeError as error:
            raise HTTPException(400, str(error)) from error
        place = f"/#{quote(note.about)}"
        if kind == _FORM:
            return RedirectResponse(place, 303)
        return JSONResponse(asdict(note), 201, headers={"Location": place})


async def _read_body(request: Request) -> bytes:
    """Read the body of a note. The server passes on at most as many bytes as Content-Length says.

    Raises:
        HTTPException: The length is missing or too large, or the body does not arrive in time.
    """
    length = request.headers.get("content-length")
    if length is None or "transfer-encoding" in request.headers:
        raise HTTPException(411, "The header Content-Length must give the number of bytes of the note")
    if int(length) > MOST_BODY:
        raise HTTPException(413, f"The note is too long: at most {MOST_BYTES:,} bytes of text are kept")
    try:
        async with asyncio.timeout(_PATIENCE):
            return await request.body()
    except TimeoutError:
        raise HTTPException(408, "The note did not arrive in time", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "The request ends early") from None


def _parse_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=10))


_PARSERS: dict[str, Callable[[bytes], Any]] = {_FORM: _parse_form, _JSON: json.loads}


def _parse_note(body: bytes, kind: str) -> dict[str, str]:
    """Return the fields of a note.

    Raises:
        HTTPException: The body is not of its kind, or does not have the fields of a note.
    """
    try:
        values = _PARSERS[kind](body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"This is not {kind}: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise HTTPException(400, "A note has the fields text, about and name, each of them a text")
    if unknown := set(values) - {"text", "about", "name"}:
        raise HTTPException(400, f"A note has the fields text, about and name, not {', '.join(sorted(unknown))}")
    return values


async def _refuse(_: Request, error: Any) -> Response:
    """Say in plain text why a request is refused."""
    reason = error.detail
    if error.status_code == 404:
        reason = "There is nothing at this address; the study is at /"
    elif error.status_code == 405 and error.headers:
        reason = f"This address accepts only {error.headers['Allow']}"
    return PlainTextResponse(f"{reason}\n", error.status_code, headers=error.headers)


async def _report_failure(_: Request, __: Exception) -> Response:
    """Answer after an error of this program. The server writes the error itself to the terminal."""
    return PlainTextResponse("An error occurred in the lens; the terminal where the lens runs shows it.\n", 500)
