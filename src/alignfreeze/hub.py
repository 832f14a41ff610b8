"""The Hugging Face hub: calls that are repeated where that helps, and what its errors mean for a user.

Without a network, the hub's clients try for 23 seconds to fetch each file. Here the hub is asked for an answer first.
If it gives none, the clients work with earlier downloads alone, and what is missing is said at once.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from alignfreeze.disk import causes_of, explain_lack_of_room
from alignfreeze.errors import HubError, OutputError

T = TypeVar("T")

WAITS = (1.0, 4.0)
"""Seconds before the second and the third try of a call whose connection broke."""

LONGEST_WAIT = 300
"""The most seconds that a call waits because the hub asks for it. The hub counts requests in windows of this length."""

_PATIENT = 20
"""Seconds after which a client has itself tried often enough to get an answer from a busy hub."""

_SECONDS_FOR_AN_ANSWER = 5
_SECONDS_OF_TRUST = {True: 60, False: 10}
"""How long it is taken for granted that the hub can be reached, or that it cannot."""

# Versions of the hub's client have different HTTP libraries, so errors are known by the names of their classes.
_NO_CONNECTION = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}
_BROKEN = {"ReadError", "WriteError", "ReadTimeout", "WriteTimeout", "RemoteProtocolError", "ConnectionResetError"}
_NOT_DOWNLOADED = {"LocalEntryNotFoundError", "OfflineModeIsEnabled"}
_NOT_FOUND = {"RepositoryNotFoundError", "DatasetNotFoundError"}
_OFFLINE_NAMES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")

_LOGIN = "hf auth login"


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository on the hub.

    Attributes:
        name: OWNER/NAME.
        is_dataset: Whether it holds a data set; otherwise it holds a model.
    """

    name: str
    is_dataset: bool = False

    @property
    def what(self) -> str:
        """What the repository holds, in words."""
        return "data set" if self.is_dataset else "model"

    @property
    def address(self) -> str:
        """The page of the repository."""
        return f"{_endpoint()}/{'datasets/' if self.is_dataset else ''}{self.name}"


def call_hub(call: Callable[[], T], *, repo: Repo, cache: object) -> T:
    """Call a function that uses the hub's clients.

    If the hub cannot be reached, the clients use earlier downloads alone. If the connection breaks on the way, or the
    hub asks to wait, the call is repeated; files that are complete are not fetched again.

    Args:
        call: The function.
        repo: What it uses.
        cache: Where the client keeps downloads, for messages.

    Raises:
        HubError: The hub refuses, cannot be reached or lacks something. Errors of other kinds are passed on.
        OutputError: There is no room for a download.
    """
    absence = find_absence()
    with _offline() if absence else nullcontext():
        for wait in (*WAITS, None):
            start = time.monotonic()
            try:
                return call()
            except Exception as error:
                check_room(error, cache)
                reason = error if absence else _sharpen(error, repo)
                is_quick = time.monotonic() - start < _PATIENT
                pause = None if absence or wait is None else _seconds_to_wait(reason, wait, is_quick=is_quick)
                if pause is None:
                    said = explain_hub_error(reason, repo=repo, cache=cache, absence=absence)
                    if said is None:
                        raise
                    raise HubError(said) from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def check_room(error: Exception, cache: object) -> None:
    """Check that an error is no lack of room for a download.

    Raises:
        OutputError: It is.
    """
    if (lack := explain_lack_of_room(error)) is not None:
        raise OutputError(
            f"{cache}: the download cannot be kept here: {lack}, or let HF_HOME name a folder on another disk"
        ) from error


def _sharpen(error: Exception, repo: Repo) -> Exception:
    """Return a better error than one that only says that something could not be fetched.

    `datasets` drops the causes of its errors. What the hub says of the card of the repository tells the cause.
    """
    is_vague = isinstance(error, ConnectionError) or _find_class(error, _NOT_DOWNLOADED) is not None
    if not is_vague or _status_of(error)[0] is not None:
        return error
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(repo.name, "README.md", repo_type="dataset" if repo.is_dataset else "model"))
    except Exception as cause:
        return cause
    return error


def find_absence() -> str | None:
    """Say why the hub cannot be used; None if it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or _is_set("HF_DATASETS_OFFLINE"):
        return f"{next(filter(_is_set, _OFFLINE_NAMES), 'HF_HUB_OFFLINE')} is set"
    endpoint = _endpoint()
    when, absence = _answers.get(endpoint, (-float("inf"), None))
    if time.monotonic() - when > _SECONDS_OF_TRUST[absence is None]:
        absence = _ask(endpoint)
        _answers[endpoint] = time.monotonic(), absence
    return absence


_answers: dict[str, tuple[float, str | None]] = {}
"""When each endpoint was last asked, and why it could not be reached."""


def _ask(endpoint: str) -> str | None:
    """Ask the hub for any answer, and say why it gives none."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(f"{endpoint}/robots.txt", timeout=_SECONDS_FOR_AN_ANSWER, follow_redirects=False)
    except Exception as error:
        if _find_class(error, _NO_CONNECTION) is not None:
            return f"{endpoint} cannot be reached ({first_line(error)})"
    return None  # slow or strange, but there: the clients say what they think of it


def _endpoint() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}


@contextmanager
def _offline() -> Iterator[None]:
    """Let the hub's clients use earlier downloads alone inside the block."""
    from huggingface_hub import constants

    changes: list[tuple[Any, str, Any]] = [(constants, "HF_HUB_OFFLINE", True)]
    if (datasets := sys.modules.get("datasets.config")) is not None:
        changes += [(datasets, name, True) for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")]
    with other_values(*changes):
        yield


@contextmanager
def other_values(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """Give settings of other libraries other values inside the block.

    Args:
        changes: The module, the name of the setting, and its value; a name that the module lacks is left out.
    """
    before = [(module, name, getattr(module, name)) for module, name, _ in changes if hasattr(module, name)]
    try:
        for module, name, value in changes:
            if hasattr(module, name):
                setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _seconds_to_wait(error: Exception, usual: float, *, is_quick: bool) -> float | None:
    """Return how long to wait before a call is repeated; None if that does not help.

    Args:
        error: What the call has raised.
        usual: The usual pause.
        is_quick: Whether the call was too short for the client to have repeated it itself.
    """
    if str(error) == "Server Disconnected":
        return None  # `datasets` has tried for minutes
    if _is_broken(error):
        return usual
    status, headers = _status_of(error)
    if not is_quick or status not in {408, 429, 500, 502, 503, 504}:
        return None
    asked = _seconds_asked(headers) if status == 429 else None
    if asked is None:
        return usual
    return asked + 1 if asked <= LONGEST_WAIT else None


def _is_broken(error: Exception) -> bool:
    if _find_class(error, _NO_CONNECTION) is not None:
        return False
    # A file that is shorter than announced is reported in words only.
    return _find_class(error, _BROKEN) is not None or "Consistency check failed" in str(error)


def _seconds_asked(headers: Any) -> int | None:
    """Return how many seconds the hub asks to wait."""
    found = re.fullmatch(r"\s*(\d+)\s*", headers.get("Retry-After", ""))
    found = found or re.search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    return None if found is None else int(found[1])


@dataclass(frozen=True, slots=True)
class _Failure:
    """A call that failed although the hub could be reached."""

    error: Exception
    repo: Repo

    @property
    def status(self) -> int:
        """The status of the hub's answer; 0 if it gave none."""
        return _status_of(self.error)[0] or 0

    @property
    def said(self) -> str:
        """What the error and its causes say."""
        return " ".join(map(str, causes_of(self.error)))


def explain_hub_error(error: Exception, *, repo: Repo, cache: object, absence: str | None = None) -> str | None:
    """Say what an error of the hub's clients means, and what to do; None if the error has another cause.

    Args:
        error: The error.
        repo: What was wanted.
        cache: Where the client keeps downloads.
        absence: Why the hub could not be used when the error was raised; None if it could.
    """
    if absence is not None:
        return _explain_absence(error, repo, cache, absence)
    failure = _Failure(error, repo)
    return next(filter(None, (explain(failure) for explain in _EXPLANATIONS)), None)


def _explain_gate(failure: _Failure) -> str | None:
    # `datasets` says this in words only.
    if _find_class(failure.error, {"GatedRepoError"}) is None and not re.search(r"\bgated dataset", failure.said):
        return None
    repo = failure.repo
    return f"this {repo.what} is gated: ask for access at {repo.address}, then log in with: {_LOGIN}"


def _explain_token(failure: _Failure) -> str | None:
    if failure.status != 401 or not re.search(r"[Ii]nvalid (credentials|user token)", failure.said):
        return None
    return f"the hub does not accept your token (HF_TOKEN, or that of an earlier login); log in with: {_LOGIN}"


def _explain_missing(failure: _Failure) -> str | None:
    if _find_class(failure.error, _NOT_FOUND) is None:
        return None
    repo = failure.repo
    return (
        f"the hub has no {repo.what} {repo.name!r}, or it is private; check the name at {repo.address}, "
        f"or log in with: {_LOGIN}"
    )


def _explain_status(failure: _Failure) -> str | None:
    status, headers = _status_of(failure.error)
    if status == 429:
        seconds = _seconds_asked(headers)
        when = "later" if seconds is None else f"in {seconds:,} seconds"
        return f"the hub refuses more requests for now (429); try again {when}. It allows more after {_LOGIN}"
    if status == 403:
        return f"the hub forbids this ({first_line(failure.error)}); use a token that allows it: {_LOGIN}"
    return f"the hub has a problem of its own ({status}); try again later" if status and status >= 500 else None


def _explain_break(failure: _Failure) -> str | None:
    is_lost = _find_class(failure.error, _NO_CONNECTION | _NOT_DOWNLOADED) is not None
    if not is_lost and not _is_broken(failure.error) and not isinstance(failure.error, ConnectionError):
        return None
    return (
        f"the connection to {_endpoint()} is lost ({first_line(failure.error)}); "
        "start the same command again later: files that are complete are not fetched again"
    )


_EXPLANATIONS = (_explain_gate, _explain_token, _explain_missing, _explain_status, _explain_break)
"""Functions that know one kind of failure each; the first that knows a failure explains it."""


def _explain_absence(error: Exception, repo: Repo, cache: object, absence: str) -> str | None:
    is_missing = isinstance(error, ConnectionError) or _find_class(error, _NOT_DOWNLOADED) is not None
    # An earlier download that lacks what is wanted now is reported in words only.
    if not is_missing and not re.search(r"Couldn't find cache for|does not appear to have", str(error)):
        return None
    there = re.search(r"Available configs in the cache: \[(.*)\]", str(error))
    rest = f" but for its configurations {there[1]}" if there else ""
    way = "unset it and connect" if absence.endswith("is set") else "connect"
    return f"{absence}, and there is no earlier download of this {repo.what} in {cache}{rest}; {way} to the network"


def _find_class(error: BaseException, names: set[str]) -> BaseException | None:
    """Return the first among an error and its causes whose class, or a parent of it, has one of the names."""
    return next((one for one in causes_of(error) if names & {kind.__name__ for kind in type(one).__mro__}), None)


def _status_of(error: Exception) -> tuple[int | None, Any]:
    """Return the status and the headers of the answer that an error is about."""
    answers = (getattr(one, "response", None) for one in causes_of(error))
    answer = next((answer for answer in answers if answer is not None), None)
    return (None, {}) if answer is None else (answer.status_code, answer.headers)


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or the name of its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
