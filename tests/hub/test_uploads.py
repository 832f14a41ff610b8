"""Models that go to the hub, with the real client."""

import json
import shutil

import pytest
import yaml

from tests.hub.test_faults import MBERT, refused
from tests.support.hub.messages import Fault


@pytest.fixture
def push(run, hub, out):
    """Makes a model and uploads it."""
    for name in ("me", "team"):
        shutil.rmtree(hub.folder / "models" / name, ignore_errors=True)
        hub.changed(hub.folder / "models" / name / "model")
    hub.blobs.clear()  # what the hub has, it does not want again
    base = hub.folder / "models" / MBERT

    def push(name="me/model", *, token="hf_writes", **how):
        shutil.rmtree(out, ignore_errors=True)
        return run("average", base, base, "--out", out, "--push-to-hub", name, "--json", token=token, **how)

    return push


def card_of(folder):
    _, data, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(data), text


def test_a_model_goes_to_the_hub_with_its_card(push, hub, out):
    done = push()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hub"] == f"{hub.endpoint}/me/model"
    there = hub.folder / "models/me/model"
    names = {path.name for path in out.iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json", "alignfreeze.json"} <= names
    for name in names:
        assert (there / name).read_bytes() == (out / name).read_bytes(), name
    data, text = card_of(there)
    assert "alignfreeze" in data["tags"]
    assert "## Use" in text


def test_a_fine_tuned_model_goes_to_the_hub_with_what_it_has_learnt(run, push, hub, out):
    steps = ["--epochs", 1, "--set", "steps=1", "--device", "cpu"]
    how = ["--train", "hub:unimelb-nlp/wikiann/en", "--task", "ner", *steps, "--out", out]
    done = run("finetune", MBERT, *how, "--push-to-hub", "me/model", token="hf_writes")
    assert done.returncode == 0, done.stderr
    data, text = card_of(hub.folder / "models/me/model")
    assert data["pipeline_tag"] == "token-classification"
    assert data["language"] == ["en"]
    assert data["base_model"] == MBERT
    assert "named entities" in text


def test_what_was_uploaded_loads_from_the_hub(push, run, hub, out):
    assert push("team/model").returncode == 0
    shutil.rmtree(out)
    done = run("average", "team/model", "team/model", "--out", out)
    assert done.returncode == 0, done.stderr


def test_an_upload_to_a_repository_that_exists_changes_it(push, hub):
    assert push().returncode == 0
    (hub.folder / "models/me/model/README.md").write_text("old")
    hub.changed(hub.folder / "models/me/model")
    done = push()
    assert done.returncode == 0, done.stderr
    assert "alignfreeze" in (hub.folder / "models/me/model/README.md").read_text()


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "me/model: you are not logged in to the hub; log in with: hf auth login"),
        ("hf_old", "me/model: the hub does not accept your token"),
        ("hf_reads", "me/model: your token only reads; make one that writes at "),
    ],
)
def test_who_may_not_write_is_told_before_the_work(push, out, token, message):
    refused(push(token=token), message)
    assert not out.exists()


def test_the_name_of_somebody_else_is_refused_and_the_model_is_kept(push, out):
    said = "others/model: cannot be uploaded (the hub forbids this (403 Forbidden: You don't have the rights"
    refused(push("others/model"), said)
    assert (out / "model.safetensors").exists()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET /api/whoami-v2", status=429, headers={"Retry-After": "7"}),
        Fault("POST /api/repos/create", status=503),
        Fault("POST .*/preupload/", status=503),
        Fault("PUT /storage/", status=500),
        Fault("POST .*/commit/", status=504),
        Fault("POST .*/commit/", after=3),
    ],
    ids=lambda fault: fault.match.split("/")[-1] or fault.match.split("/")[-2],
)
def test_an_upload_goes_on_after_one_failure(push, hub, fault):
    hub.faults.append(Fault(**vars(fault)))
    done = push()
    assert done.returncode == 0, done.stderr
    assert hub.faults[0].times == 0
    assert (hub.folder / "models/me/model/model.safetensors").exists()


def test_an_upload_that_fails_each_time_says_where_the_model_is(push, hub, out):
    hub.faults.append(Fault("POST .*/commit/", times=10_000, status=500))
    reason = "the hub has a problem of its own (500); try again later"
    refused(push(), f"me/model: cannot be uploaded ({reason}); the model is in {out}. To upload it: hf upload me/model")
    assert (out / "model.safetensors").exists()


@pytest.mark.parametrize("how", [{"network": False}, {"offline": True}], ids=["no network", "by wish"])
def test_without_a_connection_nothing_begins(push, out, how):
    done = push(**how)
    refused(done, "leave --push-to-hub out")
    assert not done.waits
    assert not out.exists()
