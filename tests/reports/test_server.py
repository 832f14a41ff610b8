"""The lens: what it shows and keeps, and what it refuses."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
from contextlib import closing, contextmanager
from urllib.parse import urlencode

import pytest

pytest.importorskip("plotly")
pytest.importorskip("uvicorn")

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.reports import application, serving
from alignfreeze.reports.notes import NOTES, add_note, read_notes
from alignfreeze.reports.page import to_html
from alignfreeze.reports.server import Lens
from alignfreeze.reports.serving import state_of
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from tests.studies.test_comparison import table
from tests.support.cli import alignfreeze
from tests.support.runs import planned

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": None}


@contextmanager
def running(*paths):
    """A lens on some paths, at a free port, as long as the block lasts."""
    with Lens(paths, port=0) as lens:
        thread = threading.Thread(target=lens.serve_forever)
        thread.start()
        try:
            yield lens
        finally:
            lens.shutdown()
            thread.join()


@pytest.fixture
def lens(tmp_path):
    """A lens on a folder in which no run has finished."""
    with running(tmp_path) as lens:
        yield lens


@pytest.fixture(scope="module")
def study_with_a_note(tmp_path_factory):
    """A lens on a folder with a note, and the file of that note."""
    folder = tmp_path_factory.mktemp("study")
    add_note(folder, "kept here")
    with running(folder) as lens:
        yield lens, folder / NOTES


@pytest.fixture
def guarded(study_with_a_note):
    """A lens that many tests share; a test that changes its notes fails."""
    lens, notes = study_with_a_note
    before = notes.read_bytes()
    yield lens
    assert notes.read_bytes() == before


def ask(lens, method="GET", path="/", body=None, headers=None, *, host=None):
    """Send one request as it stands, and return the answer and its text."""
    connection = http.client.HTTPConnection("127.0.0.1", lens.port, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    own = {} if host is False else {"Host": host or f"127.0.0.1:{lens.port}"}
    length = {} if body is None or "Content-Length" in (headers or {}) else {"Content-Length": str(len(body))}
    for name, value in {**own, **length, **(headers or {})}.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def raw(lens, request):
    """Send bytes, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", lens.port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(2**16), b"")).decode()


def test_it_listens_on_this_machine_alone(lens):
    assert lens._socket.getsockname() == ("127.0.0.1", lens.port)
    assert lens.address == f"http://127.0.0.1:{lens.port}/"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.:{port}", ""]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/state"), ("POST", "/notes"), ("GET", "/none")])
def test_other_names_of_this_machine_are_refused(guarded, host, method, path):
    answer, text = ask(guarded, method, path, host=False, headers={"Host": host.format(port=guarded.port)})
    assert answer.status == 421
    assert guarded.address in text


@pytest.mark.parametrize("request_line", ["GET /", "GET /state", "POST /notes", "GET /none"])
def test_requests_without_a_name_are_refused(guarded, request_line):
    assert raw(guarded, f"{request_line} HTTP/1.1\r\n\r\n".encode()).startswith("HTTP/1.1 400 ")
    assert raw(guarded, f"{request_line} HTTP/1.0\r\n\r\n".encode()).startswith("HTTP/1.1 421 ")


def test_two_names_are_refused(guarded):
    own = f"Host: 127.0.0.1:{guarded.port}\r\nConnection: close\r\n"
    assert " 400 " in raw(guarded, f"GET / HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n".encode())
    assert " 200 " in raw(guarded, f"GET / HTTP/1.1\r\n{own}\r\n".encode())


def test_the_name_is_checked_in_every_request_of_a_connection(guarded):
    own, other = f"Host: 127.0.0.1:{guarded.port}", "Host: evil.example\r\nConnection: close"
    answered = raw(guarded, "".join(f"GET /state HTTP/1.1\r\n{host}\r\n\r\n" for host in (own, other)).encode())
    assert re.findall(r"HTTP/1.1 (\d+)", answered) == ["200", "421"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_its_own_names(guarded, name):
    assert ask(guarded, host=f"{name}:{guarded.port}")[0].status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/etc/passwd"),
        *(
            "/.",
            "/./",
            "/%2e",
            "/%73tate",
            "/\\..\\etc\\passwd",
            "/notes.jsonl",
            "/notes/",
            "/notes/..",
            "/state?x=1",
            "/?x",
            "*",
        ),
        *("http://evil.example/", "http://127.0.0.1:{port}/", "file:///etc/passwd", "/%00", "/study.js", "state", "*"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_there_is_nothing_at_other_addresses(guarded, method, path):
    answer, text = ask(guarded, method, path.format(port=guarded.port))
    assert answer.status == 404
    assert text == "There is nothing at this address; the study is at /\n"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "NONE"])
@pytest.mark.parametrize(("path", "allowed"), [("/", "GET"), ("/state", "GET"), ("/notes", "POST")])
def test_other_methods_are_refused(guarded, method, path, allowed):
    answer, text = ask(guarded, method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert (text == "") == (method == "HEAD")


def test_methods_belong_to_addresses(guarded):
    assert ask(guarded, "POST", "/", b"text=x", FORM)[0].status == 405
    assert ask(guarded, "GET", "/notes")[0].status == 405


SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        *(("GET / HTTP/1.1", 200), ("GET /state HTTP/1.1", 200), ("GET /none HTTP/1.1", 404)),
        *(("PUT / HTTP/1.1", 405), ("POST /notes HTTP/1.1", 415), ("GET / HTTP/9.9", 505)),
        (f"GET /{'x' * 10_000} HTTP/1.1", 404),
    ],
)
def test_every_answer_carries_the_headers_of_safety(guarded, request_line, status):
    head = f"{request_line}\r\nHost: 127.0.0.1:{guarded.port}\r\nConnection: close\r\n\r\n"
    answered = raw(guarded, head.encode()).partition("\r\n\r\n")[0]
    assert answered.startswith(f"HTTP/1.1 {status} ")
    check_safe(answered)


def check_safe(head):
    headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
    for name, value in SAFE.items():
        assert headers[name.lower()] == value.lower()
    parts = {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "connect-src data: blob: 'self'"}
    assert parts <= set(headers["content-security-policy"].split("; "))
    assert "server" not in headers
    assert not SERVERS.search(head)


SERVERS = re.compile("python|uvicorn|starlette|h11", re.IGNORECASE)

FORM_HEAD = "POST /notes HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param("nonsense\r\n\r\n", id="no HTTP"),
        pytest.param("GET / nonsense\r\nHost: {host}\r\n\r\n", id="no version"),
        pytest.param("GET /\r\nHost: {host}\r\n\r\n", id="HTTP/0.9"),
        pytest.param(f"GET /{'x' * 20_000}", id="address without an end"),
        pytest.param(f"GET / HTTP/1.1\r\nHost: {{host}}\r\nX: {'x' * 20_000}", id="header without an end"),
        pytest.param(f"{FORM_HEAD}Content-Length: -1\r\n\r\ntext=x", id="negative length"),
        pytest.param(f"{FORM_HEAD}Content-Length: 6_0\r\n\r\ntext=x", id="odd length"),
        pytest.param(f"{FORM_HEAD}Content-Length: six\r\n\r\ntext=x", id="length in words"),
        pytest.param(f"{FORM_HEAD}Content-Length: {'9' * 5_000}\r\n\r\ntext=x", id="length beyond numbers"),
        pytest.param(f"{FORM_HEAD}Content-Length: 6\r\nContent-Length: 7\r\n\r\ntext=x", id="two lengths"),
        pytest.param(f"{FORM_HEAD}Transfer-Encoding: gzip\r\n\r\ntext=x", id="unknown encoding"),
    ],
)
def test_what_is_no_http_never_reaches_the_application(guarded, monkeypatch, request_head):
    """The HTTP library refuses it by itself, in an answer without anything of the study."""
    reached = []
    monkeypatch.setattr(application._Guard, "_is_meant", lambda *_: reached.append(1))
    answered = raw(guarded, request_head.format(host=f"127.0.0.1:{guarded.port}").encode())
    head, _, body = answered.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert "content-type: text/plain; charset=utf-8" in head
    assert body == "Invalid HTTP request received."
    assert not SERVERS.search(answered)
    assert not reached


def test_a_note_from_a_form(lens, tmp_path):
    values = {"text": "Türkçe\r\nin two lines", "name": "Ada", "about": "study"}
    answer, _ = ask(lens, "POST", "/notes", urlencode(values).encode(), FORM)
    assert (answer.status, answer.headers["Location"]) == (303, "/#study")
    (note,) = read_notes(tmp_path)
    assert (note.text, note.name, note.about) == ("Türkçe\nin two lines", "Ada", "study")


def test_a_note_as_json(lens, tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    answer, text = ask(lens, "POST", "/notes", json.dumps({"text": "x"}).encode(), JSON)
    assert answer.status == 201
    (note,) = read_notes(tmp_path)
    assert json.loads(text) == {"text": "x", "about": "study", "name": "ada", "time": note.time}


def test_the_longest_note_comes_through_a_form(lens, tmp_path):
    text = "ü" * 5_000
    assert ask(lens, "POST", "/notes", urlencode({"text": text, "name": "ü" * 100}).encode(), FORM)[0].status == 303
    assert ask(lens, "POST", "/notes", json.dumps({"text": text}).encode(), JSON)[0].status == 201
    assert [note.text for note in read_notes(tmp_path)] == [text, text]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-site"},
        {"Origin": ""},
    ],
)
@pytest.mark.parametrize("kind", [FORM, JSON])
def test_notes_of_other_sites_are_refused(guarded, headers, kind):
    sent = {name: value.format(port=guarded.port) for name, value in headers.items()}
    body = b"text=x" if kind is FORM else b'{"text": "x"}'
    assert ask(guarded, "POST", "/notes", body, {**kind, **sent})[0].status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a form of a page under Referrer-Policy: no-referrer
        {},
    ],
)
def test_notes_of_the_page_are_taken(lens, tmp_path, headers):
    sent = {name: value.format(port=lens.port) for name, value in headers.items()}
    assert ask(lens, "POST", "/notes", b"text=x", {**FORM, **sent})[0].status == 303
    assert len(read_notes(tmp_path)) == 1


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({"Content-Type": None}, b"text=x", 415, id="no type"),
        pytest.param({"Content-Type": "text/plain"}, b'{"text": "x"}', 415, id="type of a form elsewhere"),
        pytest.param({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 415, id="multipart"),
        pytest.param(FORM, None, 411, id="no length"),
        pytest.param({**FORM, **CHUNKED}, b"6\r\ntext=x\r\n0\r\n\r\n", 411, id="chunked"),
        pytest.param({**FORM, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 411, id="chunked with a length"),
        pytest.param({**FORM, "Content-Length": "9" * 12}, b"", 413, id="a terabyte"),
        pytest.param(FORM, b"text=" + b"x" * 40_000, 413, id="long body"),
        pytest.param(FORM, b"text=" + b"x" * 3_000_000, 413, id="very long body"),
        pytest.param(FORM, b"text=" + b"x" * 10_001, 413, id="long text"),
        pytest.param(JSON, b'{"text": "' + b"x" * 10_001 + b'"}', 413, id="long text in JSON"),
        pytest.param(FORM, b"text=%ff", 400, id="not UTF-8, encoded"),
        pytest.param(FORM, b"text=\xff", 400, id="not UTF-8"),
        pytest.param(FORM, b"text=%00", 400, id="control character"),
        pytest.param(FORM, b"text=+%0D%0A", 400, id="blanks"),
        pytest.param(FORM, b"name=Ada", 400, id="no text"),
        pytest.param(FORM, b"text=x&more=y", 400, id="unknown field"),
        pytest.param(FORM, b"&".join(b"text=x" for _ in range(50)), 400, id="many fields"),
        pytest.param(FORM, b"text=x&name=" + b"A" * 101, 400, id="long name"),
        pytest.param(FORM, b"text=x&about=language/tr", 400, id="no such page"),
        pytest.param(FORM, b"text=x&about=../../x", 400, id="a path for a page"),
        pytest.param(JSON, b"text=x", 400, id="a form called JSON"),
        pytest.param(JSON, b'["x"]', 400, id="a list"),
        pytest.param(JSON, b'{"text": 3}', 400, id="a number"),
        pytest.param(JSON, b'{"text": "\\ud800"}', 400, id="half a character"),
        pytest.param(JSON, b"[" * 30_000, 400, id="deep"),
        pytest.param(JSON, b"", 400, id="nothing"),
    ],
)
def test_what_is_not_a_note_is_refused(guarded, headers, body, status):
    answer, text = ask(guarded, "POST", "/notes", body, headers)
    assert answer.status == status
    assert text.endswith("\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_note_that_is_too_long_is_refused_before_it_is_sent(guarded):
    head = FORM_HEAD.format(host=f"127.0.0.1:{guarded.port}")
    for body in ("", "text=x"):
        with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as connection:
            connection.sendall(f"{head}Content-Length: {10**12}\r\n\r\n{body}".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_request_that_ends_early_or_never_leaves_no_note(guarded, monkeypatch, capfd, caplog):
    head = f"POST /notes HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\nContent-Type: {JSON['Content-Type']}\r\n"
    head = f"{head}Content-Length: 100\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as connection:
        connection.sendall(head + b'{"text": "x"}')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    monkeypatch.setattr(application, "_PATIENCE", 0.2)
    for body in (b"", b'{"text": "x"}'):
        assert raw(guarded, head + body).startswith("HTTP/1.1 408 ")
    assert capfd.readouterr() == ("", "")
    assert not caplog.text


def test_a_note_that_cannot_be_written_is_said(lens, tmp_path):
    (tmp_path / NOTES).mkdir()
    answer, text = ask(lens, "POST", "/notes", b"text=x", FORM)
    assert answer.status == 400
    assert "the note cannot be written" in text


def test_notes_that_come_at_once_are_all_kept(lens, tmp_path):
    def send(writer):
        for number in range(10):
            assert ask(lens, "POST", "/notes", f"text={writer}-{number}".encode(), FORM)[0].status == 303

    threads = [threading.Thread(target=send, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(note.text for note in read_notes(tmp_path)) == sorted(f"{w}-{n}" for w in range(4) for n in range(10))


def test_before_the_first_run_the_page_says_so_and_looks_again(lens, tmp_path):
    answer, page = ask(lens)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"{tmp_path}: holds no finished run" in page
    assert "setTimeout(() => location.reload(), 5000)" in page


def test_a_mistake_of_ours_is_shown_in_the_terminal_and_not_on_the_page(lens, monkeypatch, caplog):
    def broken(_):
        raise KeyError("secret")

    monkeypatch.setattr(serving, "study_page", broken)
    answered = raw(lens, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\nConnection: close\r\n\r\n".encode())
    head, _, text = answered.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 500 ")
    assert text == "An error occurred in the lens; the terminal where the lens runs shows it.\n"
    check_safe(head)
    lens.shutdown()
    assert "KeyError: 'secret'" in caplog.text


def test_what_is_served_goes_into_no_log(lens, capfd, caplog):
    ask(lens)
    ask(lens, path="/none")
    ask(lens, "POST", "/notes", b"text=x", FORM)
    assert ask(lens, headers={"Connection": "Upgrade", "Upgrade": "websocket"})[0].status == 200
    raw(lens, b"nonsense\r\n\r\n")
    lens.shutdown()
    assert capfd.readouterr() == ("", "")
    assert not caplog.text


@pytest.fixture
def building(lens, monkeypatch):
    """A lens whose page takes until the second event; the first one tells that it has begun."""
    begun, done = threading.Event(), threading.Event()

    def build(_):
        begun.set()
        done.wait(60)
        raise DataError("no page")

    monkeypatch.setattr(serving, "study_page", build)
    yield lens, begun, done
    done.set()


def test_a_reader_who_goes_away_goes_into_no_log(building, capfd, caplog):
    lens, begun, done = building
    with socket.create_connection(("127.0.0.1", lens.port), timeout=60) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\n\r\n".encode())
        assert begun.wait(60)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, no farewell
    done.set()
    assert ask(lens)[0].status == 200
    lens.shutdown()
    assert capfd.readouterr() == ("", "")
    assert not caplog.text


def test_the_end_does_not_wait_for_a_page(building):
    lens, begun, _ = building
    with socket.create_connection(("127.0.0.1", lens.port), timeout=60) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{lens.port}\r\n\r\n".encode())
        assert begun.wait(60)
        started = time.monotonic()
        lens.shutdown()
        assert time.monotonic() - started < 20
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", lens.port))


def test_tables_have_a_page_and_no_form(tmp_path):
    with running(table(tmp_path)) as lens:
        answer, page = ask(lens)
        assert answer.status == 200
        assert "whether to realign" in page
        assert 'class="noting"' not in page
        answer, text = ask(lens, "POST", "/notes", b"text=x", FORM)
    assert (answer.status, text) == (
        400,
        "no note can be added here: notes are kept in folders of runs, and only tables are shown\n",
    )


EVIL = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>\u202e'


def test_a_study_while_its_runs_go_on(project, monkeypatch, remarks):
    """One run after the other; notes on the study, on a language, and on a run that is not complete."""
    made = []
    monkeypatch.setattr(serving, "study_page", lambda paths: made.append(1) or study_page(paths))
    out, plan = project / "out", planned(project, seeds=[1])
    run_experiment(plan, out=out, only=["baseline-*"])
    with running(out) as lens:
        first = json.loads(ask(lens, path="/state")[1])["state"]
        page = ask(lens)[1]
        assert "The study is not complete: 1 of 2 runs are still to be done." in page
        assert f'<script data-state="{first}">' in page
        assert ask(lens)[1] == page
        assert len(made) == 1

        run_experiment(plan, out=out)
        assert (second := json.loads(ask(lens, path="/state")[1])["state"]) != first
        page = ask(lens)[1]
        assert "not complete" not in page
        (run,) = re.findall(r'<section id="(run/front-[^"]+)"', page)
        assert len(made) == 2

        for about in ("language/tr", "language/tr", run, "study"):
            body = urlencode({"text": f"{EVIL} {about}", "name": EVIL, "about": about}).encode()
            answer, _ = ask(lens, "POST", "/notes", body, FORM)
            assert (answer.status, answer.headers["Location"]) == (303, f"/#{about}")
        assert json.loads(ask(lens, path="/state")[1])["state"] != second
        page = ask(lens)[1]
        assert len(made) == 2  # notes change no numbers
        refused, text = ask(lens, "POST", "/notes", b"text=x&about=language/tk", FORM)
        assert refused.status == 400
        assert "Did you mean 'language/tr'?" in text
    add_note(out, "of a language without a page", about="language/en", name="Ada")

    section = r'<section id="([^"]+)" class="page"[^>]*>(.*?)(?=<section id=|</main>)'
    sections = dict(re.findall(section, page, re.DOTALL))
    counts = {name: re.findall(r"<h2>Notes \((\d+)\)</h2>", text) for name, text in sections.items()}
    assert {name for name, count in counts.items() if count} == {"study", "language/tr", run}
    assert counts["language/tr"] == ["2"]
    assert "onerror" in sections["language/tr"]
    assert "<img" not in page.split("<script")[0]
    assert page.count("<script") == 4
    assert page.count("</script>") == 4
    for about, text in sections.items():
        assert f'<input type="hidden" name="about" value="{about}">' in text
        assert text.count('maxlength="10000"') == 1

    study = study_page([out])
    assert [note.about for note in study.study.notes] == ["study", "language/en"]
    static = to_html(study)
    assert "<h2>Notes (2)</h2>" in static
    assert ", about language/en</p>" in static
    assert not re.search(r"<form|<textarea|data-state|/state", static)
    assert 'connect-src data: blob:">' in static


def test_a_page_without_notes_says_nothing_of_them(tmp_path):
    page = to_html(study_page([table(tmp_path)]))
    assert "Notes (" not in page
    assert '<section class="notes"' not in page


def test_in_a_browser(project, browser):
    """The page follows the study and stays where it is; no note is lost to that, and none needs a script."""
    out = project / "out"
    run_experiment(planned(project, seeds=[1]), out=out)
    with running(out) as lens, closing(browser.new_context()) as context:
        page = context.new_page()
        problems = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{lens.address}#language/tr")
        turkish = page.locator("[id='language/tr']")
        turkish.locator(".noting summary").focus()
        for key in ("Enter", "Tab", "Control+A", "A", "d", "a", "Tab", "<", "b", ">"):
            page.keyboard.press(key)
        add_note(out, "meanwhile", about="language/tr", name="Bob")
        page.wait_for_timeout(4_000)
        assert turkish.locator("textarea").input_value() == "<b>"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        turkish.get_by_role("heading", name="Notes (2)").wait_for()
        assert turkish.locator(".notes .text").all_inner_texts() == ["meanwhile", "<b>"]
        assert page.url == f"{lens.address}#language/tr"

        page.locator("#theme").click()
        page.set_viewport_size({"width": 800, "height": 300})
        page.evaluate("scrollTo(0, 50)")
        add_note(out, "and now", about="language/tr", name="Bob")
        turkish.get_by_role("heading", name="Notes (3)").wait_for()
        page.wait_for_function("scrollY === 50")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"

        page.evaluate("""() => {
            const form = document.querySelector("[id='language/de'] form");
            form.elements.text.value = "without a script";
            HTMLFormElement.prototype.submit.call(form);
        }""")
        page.locator("[id='language/de']").get_by_role("heading", name="Notes (1)").wait_for()
        assert page.url == f"{lens.address}#language/de"
        assert problems == []
    assert [note.name for note in read_notes(out)][:3] == ["Bob", "Ada", "Bob"]


def test_a_note_is_kept_in_the_folder_that_has_its_run(project, tmp_path):
    plan = planned(project, seeds=[1])
    first, second = project / "first", project / "second"
    run_experiment(plan, out=first, only=["baseline-*"])
    run_experiment(plan, out=second, only=["front-*"])
    for folder in (first, second):
        (folder / "planned.json").unlink()  # of which the plan of both runs would count
    (record,) = second.glob("runs/*/record.json")
    with running(first, second) as lens:
        for about in ("language/de", f"run/{record.parent.name}"):
            assert ask(lens, "POST", "/notes", f"text=x&about={about}".encode(), FORM)[0].status == 303
    assert [note.about for note in read_notes(first)] == ["language/de"]
    assert [note.about for note in read_notes(second)] == [f"run/{record.parent.name}"]


def test_the_state_changes_with_what_the_page_shows_and_with_nothing_else(tmp_path):
    seen = [state_of([tmp_path])]

    def changed(place, text="{}"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        time.sleep(0.01)
        path.write_text(text)
        seen.append(state_of([tmp_path]))
        return seen[-1] != seen[-2]

    assert changed("runs/front-1/record.json")
    assert changed("runs/front-1/record.json", "{ }")
    assert changed("failed/front-2.json")
    assert changed("planned.json", "[]")
    assert not changed("labelling/de-00000000.json")
    assert changed("labelling/de-00000000.settled.json")
    assert changed("labelling/de-00000000.settled.json", "{ }")
    assert changed("locks/front-3.json")
    assert not changed("locks/front-3.json", '{"done": 3}')
    assert not changed("locks/front-3.lock")
    assert not changed("runs/.front-3.1.part/record.json")
    assert not changed("checkpoints/front-3/state.json")
    assert changed("notes.jsonl")
    assert seen[-1][0] == seen[-2][0]


def test_what_cannot_be_served_is_said(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        Lens([tmp_path / "none"], port=0)
    with Lens([tmp_path], port=0) as lens:
        with pytest.raises(SettingsError, match=f"--port {lens.port}: is not available .*choose another port, or 0"):
            Lens([tmp_path], port=lens.port)
        refused = alignfreeze("lens", tmp_path, "--port", lens.port)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert alignfreeze("lens", tmp_path / "none").returncode == 2


def test_ctrl_c_ends_it_quietly(tmp_path, monkeypatch):
    """Readers that keep their connection, or are slow to send, do not hold it up."""
    serve_forever, connections = Lens.serve_forever, []

    def interrupt(lens):
        for head in ("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", f"{FORM_HEAD}Content-Length: 9\r\n\r\n"):
            connections.append(socket.create_connection(("127.0.0.1", lens.port), timeout=60))
            connections[-1].sendall(head.format(host=f"127.0.0.1:{lens.port}").encode())
        assert connections[0].recv(100).startswith(b"HTTP/1.1 200 ")
        os.kill(os.getpid(), signal.SIGINT)

    def serve(lens):
        threading.Thread(target=interrupt, args=(lens,)).start()
        serve_forever(lens)

    monkeypatch.setattr(Lens, "serve_forever", serve)
    done = alignfreeze("lens", tmp_path, "--port", 0)
    for connection in connections:
        connection.close()
    assert len(connections) == 2
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_the_command_names_it(tmp_path, monkeypatch):
    for module in ("application", "server"):
        monkeypatch.delitem(sys.modules, f"alignfreeze.reports.{module}")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = alignfreeze("lens", tmp_path)
    assert refused.returncode == 2
    assert 'lens needs the extra `report`: pip install "alignfreeze[report]"' in refused.stderr


def test_the_command(tmp_path, monkeypatch):
    opened = []

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Lens, "serve_forever", interrupted)
    monkeypatch.setattr("webbrowser.open", opened.append)
    done = alignfreeze("lens", tmp_path, "--port", 0)
    assert (done.returncode, done.stderr, opened) == (0, "", [])
    assert re.fullmatch(
        rf"# the lens is at http://127\.0\.0\.1:\d+/ and shows {tmp_path}; Ctrl-C stops the lens\n", done.stdout
    )
    assert alignfreeze("lens", tmp_path, "--port", 0, "--open").returncode == 0
    assert len(opened) == 1
