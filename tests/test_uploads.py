"""Uploads to the hub, which no test reaches."""

from types import SimpleNamespace

import pytest

from alignfreeze import uploads
from alignfreeze.errors import OutputError
from alignfreeze.uploads import check_hub, push


class FakeApi:
    """The part of the hub's client that is used."""

    endpoint = "hub"

    def __init__(self):
        self.calls = []

    def whoami(self):
        return {"name": "somebody"}

    def create_repo(self, name, *, exist_ok):
        self.calls.append(("create", name, exist_ok))

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        self.calls.append(("upload", repo_id, folder_path))


def test_a_folder_is_uploaded(tmp_path, monkeypatch):
    api = FakeApi()
    monkeypatch.setattr(uploads, "HfApi", lambda: api)
    check_hub("me/model")
    assert push(tmp_path, "me/model") == "hub/me/model"
    assert api.calls == [("create", "me/model", True), ("upload", "me/model", tmp_path)]


def test_without_a_connection_nothing_begins(tmp_path):
    """The real client, which may not connect in tests."""
    with pytest.raises(OutputError, match=r"me/model: (the hub cannot be reached|you are not logged in)"):
        check_hub("me/model")
    with pytest.raises(OutputError, match="the model is in"):
        push(tmp_path, "me/model")


@pytest.mark.parametrize("error", [RuntimeError("no route"), ConnectionError("no route")])
def test_a_connection_that_is_lost_is_said_whatever_the_client_raises(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(uploads, "HfApi", lambda: SimpleNamespace(whoami=fail, create_repo=fail))
    with pytest.raises(OutputError, match=r"me/model: the hub cannot be reached \(no route\)"):
        check_hub("me/model")
    with pytest.raises(OutputError, match=f"no route.*the model is in {tmp_path}"):
        push(tmp_path, "me/model")
