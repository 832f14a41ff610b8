"""What is said of an upload whatever the hub's client raises; tests/hub has the uploads themselves."""

from types import SimpleNamespace

import pytest

from alignfreeze import hub, uploads
from alignfreeze.errors import OutputError
from alignfreeze.uploads import check_hub, push


def test_without_a_connection_nothing_begins(tmp_path):
    """The real client, which may not connect in tests."""
    with pytest.raises(OutputError, match="me/model: HF_HUB_OFFLINE is set; leave --push-to-hub out"):
        check_hub("me/model")
    with pytest.raises(OutputError, match=f"HF_HUB_OFFLINE is set.*; the model is in {tmp_path}"):
        push(tmp_path, "me/model")


@pytest.mark.parametrize("error", [RuntimeError("no route"), KeyError("no route")])
def test_an_error_that_nobody_knows_is_said_in_the_words_of_the_client(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    for module in (hub, uploads):
        monkeypatch.setattr(module, "find_absence", lambda: None)
    monkeypatch.setattr(uploads, "HfApi", lambda: SimpleNamespace(whoami=fail, create_repo=fail, endpoint="hub"))
    with pytest.raises(
        OutputError, match=r"me/model: the hub cannot be used \('?no route'?\); leave --push-to-hub out"
    ):
        check_hub("me/model")
    with pytest.raises(OutputError, match=f"no route.*the model is in {tmp_path}"):
        push(tmp_path, "me/model")
