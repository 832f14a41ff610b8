"""What errors of the hub's clients mean, and how long is waited; tests/hub has the clients themselves."""

import errno
from types import SimpleNamespace

import pytest

from alignfreeze import hub
from alignfreeze.errors import HubError, OutputError
from alignfreeze.hub import Repo, call_hub, explain_hub_error, find_absence

MODEL, DATA = Repo("me/model"), Repo("me/data", is_dataset=True)


class AnswerError(Exception):
    """An error about an answer of the hub, as its clients raise it."""

    def __init__(self, status, text="", **headers):
        super().__init__(text)
        self.response = SimpleNamespace(
            status_code=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


class ReadError(Exception):
    """An error with a name that the hub's HTTP library uses."""


@pytest.fixture
def waits(monkeypatch):
    """The pauses that were made, in a world where the hub can be reached."""
    made = []
    monkeypatch.setattr(hub, "find_absence", lambda: None)
    monkeypatch.setattr(hub.time, "sleep", made.append)
    return made


def failing(*errors):
    """Fails with each error in turn, then succeeds."""
    rest = iter(errors)

    def call():
        if (error := next(rest, None)) is not None:
            raise error
        return "done"

    return call


def called(*errors, repo=MODEL):
    return call_hub(failing(*errors), repo=repo, cache="/cache")


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (ReadError("reset"), 1.0),
        (OSError("Consistency check failed: file should be of size 7"), 1.0),
        (AnswerError(503), 1.0),
        (AnswerError(429), 1.0),
        (AnswerError(429, Retry_After="7"), 8),
        (AnswerError(429, RateLimit='"api";r=0;t=55'), 56),
    ],
)
def test_what_helps_is_repeated(waits, error, pause):
    assert called(error) == "done"
    assert waits == [pause]


def test_two_failures_in_a_row_are_repeated_and_three_are_said(waits):
    assert called(ReadError("reset"), ReadError("reset")) == "done"
    assert waits == [1.0, 4.0]
    with pytest.raises(HubError, match=r"is lost \(reset\); start the same command again later"):
        called(*[ReadError("reset")] * 3)


def test_nobody_waits_longer_than_the_window_of_the_hub(waits):
    with pytest.raises(HubError, match=r"for now \(429\); try again in 3,600 seconds"):
        called(AnswerError(429, Retry_After="3600"))
    assert not waits


def test_a_client_that_was_patient_itself_is_not_called_again(waits, monkeypatch):
    times = iter([0.0, 30.0])
    monkeypatch.setattr(hub.time, "monotonic", lambda: next(times))
    with pytest.raises(HubError, match=r"a problem of its own \(503\)"):
        called(AnswerError(503))
    assert not waits


@pytest.mark.parametrize(
    "error", [ValueError("no config"), KeyError("x"), AnswerError(404), OSError("not safetensors")]
)
def test_errors_of_other_kinds_are_passed_on(waits, error):
    with pytest.raises(type(error)):
        called(error)
    assert not waits


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_of_the_place(waits, number):
    cause = OSError(number, "full")
    error = RuntimeError("the data set cannot be generated")
    error.__cause__ = cause
    with pytest.raises(OutputError, match=r"^/cache: the download cannot be kept here: .*make room, or let HF_HOME"):
        called(error)
    assert not waits


def test_what_a_refusal_means():
    how = {"cache": "/cache"}
    said = explain_hub_error(AnswerError(403, "403 Forbidden: no rights"), repo=MODEL, **how)
    assert said == "the hub forbids this (403 Forbidden: no rights); use a token that allows it: hf auth login"
    gate = Exception("Dataset 'me/data' is a gated dataset on the Hub. You must be authenticated to access it.")
    assert "is gated: ask for access at" in (explain_hub_error(gate, repo=DATA, **how) or "")
    assert explain_hub_error(AnswerError(404), repo=MODEL, **how) is None


def test_settings_of_other_libraries_are_put_back(waits, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "find_absence", lambda: "the hub cannot be reached")
    seen = []

    def call():
        seen.append(constants.HF_HUB_OFFLINE)
        raise ConnectionError("Couldn't reach 'me/data' on the Hub")

    with pytest.raises(HubError, match="the hub cannot be reached, and there is no earlier download of this data set"):
        call_hub(call, repo=DATA, cache="/cache")
    assert seen == [True]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_the_variable_that_forbids_the_network_is_named(monkeypatch, name):
    for other in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "1")
    assert find_absence() == f"{name} is set"
