"""What goes wrong between a hub and its clients: one clear message, and nothing that stops the next try."""

import json
import shutil

import pytest

from alignfreeze.experiment.paper import experiment_path
from tests.support.hub.child import Commands
from tests.support.hub.messages import Fault
from tests.support.hub.shelf import OLD_UD

MBERT = "google-bert/bert-base-multilingual-cased"
WIKIANN = "hub:unimelb-nlp/wikiann/en"
OPUS = "hub:Helsinki-NLP/opus-100/de-en"


def refused(done, *expected):
    """Exit code 2 and one message, which ends with what to do."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    said = " ".join(done.stderr.partition("error:")[2].split())
    for text in expected:
        assert text in said
    return said


def leftovers(commands):
    """What an interrupted download may have left."""
    return [path.name for path in commands.home.rglob("*.incomplete")]


@pytest.fixture
def load_encoder(run, out):
    """Loads an encoder of the hub."""

    def load(name=MBERT, **how):
        shutil.rmtree(out, ignore_errors=True)
        return run("average", name, name, "--out", out, **how)

    return load


@pytest.fixture
def load_data(run, commands):
    """Loads training data of the hub, and writes them as lines."""
    experiment = experiment_path("ner-mbert")

    def load(train=WIKIANN, *, task="ner", **how):
        changes = [f"data.train={train}", f"task={task}"]
        return run("mark", experiment, *(p for c in changes for p in ("--set", c)), "--out", "lines", **how)

    return load


@pytest.fixture
def finetune(run, hub, out):
    """Fine-tunes an encoder that is on this machine, on data of the hub."""
    encoder = hub.folder / "models" / MBERT

    def load(train, *, task, **how):
        shutil.rmtree(out, ignore_errors=True)
        steps = ["--epochs", 1, "--set", "steps=1", "--device", "cpu"]
        return run("finetune", encoder, "--train", train, "--task", task, *steps, "--out", out, **how)

    return load


@pytest.fixture
def load_bitext(run, commands):
    """Streams a bitext of the hub."""
    place = commands.folder / "pairs.tsv"

    def load(source=OPUS, **how):
        place.unlink(missing_ok=True)
        return run("bitext", "--bitext", f"en-de={source}", "--out", place, **how)

    return load


@pytest.fixture(params=["load_encoder", "load_data", "load_bitext"])
def load(request):
    """Loads one of the three kinds of things that the hub has."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", ["FacebookAI/xlm-roberta-base", "distilbert/distilbert-base-multilingual-cased"])
def test_other_encoders_load(load_encoder, name):
    assert load_encoder(name).returncode == 0


def test_a_token_is_not_sent_to_the_host_of_large_files(load, hub):
    assert load(token="hf_reads").returncode == 0
    assert all(one.token == "hf_reads" for one in hub.asked("HEAD .*/resolve/"))
    assert hub.asked("GET /storage/")
    assert not hub.leaks


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_breaks_once_is_no_matter(load, hub, reset):
    hub.faults.append(Fault("GET /storage/", after=1500, reset=reset))
    done = load()
    assert done.returncode == 0, done.stderr
    assert hub.faults[0].times == 0


def test_a_download_goes_on_where_it_broke(load_encoder, hub):
    hub.faults.append(Fault("GET /storage/", after=3000))
    assert load_encoder().returncode == 0
    first, second, *_ = hub.asked("GET /storage/")
    assert first.path == second.path
    assert "range" not in first.headers
    # The client keeps whole pieces, which are of 1,024 bytes in these tests.
    assert second.headers["range"] == "bytes=2048-"


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"])
def test_no_file_of_an_encoder_is_taken_for_absent(load_encoder, hub, out, file):
    """transformers goes on without a file that cannot be fetched, such as the tokenizer's settings."""
    hub.faults.append(Fault(f"(GET|HEAD) .*/{file}", times=10_000, status=503))
    refused(load_encoder(), f"{MBERT!r} cannot be loaded as an encoder: the hub has a problem of its own (503)")
    hub.faults.clear()
    assert load_encoder().returncode == 0
    files = (out / "tokenizer.json", hub.folder / "models" / MBERT / "tokenizer.json")
    made, there = (json.loads(path.read_text()) for path in files)
    assert (made["normalizer"], made["model"]["vocab"]) == (there["normalizer"], there["model"]["vocab"])
    assert json.loads((out / "tokenizer_config.json").read_text())["model_max_length"] == 128


@pytest.mark.parametrize(
    ("load", "reset"), [("load_encoder", False), ("load_data", True), ("load_bitext", True)], indirect=["load"]
)
def test_a_connection_that_breaks_each_time_is_one_message(load, hub, commands, reset):
    hub.faults.append(Fault("GET /storage/", times=10_000, after=100, reset=reset))
    done = load()
    refused(done, f"the connection to {hub.endpoint} is lost", "start the same command again later")
    assert sum(done.waits) < 150
    assert not leftovers(commands)
    hub.faults.clear()
    assert load().returncode == 0


@pytest.mark.parametrize(("place", "times"), [("HEAD .*/resolve/", 2), ("GET /storage/", 1)])
def test_the_hub_may_ask_to_wait(load, hub, place, times):
    # A client that may have an earlier download does not wait the first time.
    hub.faults.append(Fault(place, times=times, status=429, headers={"Retry-After": "7"}))
    done = load()
    assert done.returncode == 0, done.stderr
    assert 8.0 in done.waits
    assert hub.faults[0].times == 0


def test_the_hub_may_ask_to_wait_where_its_client_does_not(load_data, hub):
    hub.faults.append(Fault("GET /api/datasets/.*/revision/", status=429, headers={"RateLimit": '"api";r=0;t=7'}))
    done = load_data()
    assert done.returncode == 0, done.stderr
    assert done.waits == [8.0]


def test_a_hub_that_always_asks_to_wait_is_one_message(load, hub):
    hub.faults.append(Fault(".", times=10_000, status=429, headers={"RateLimit": '"api";r=0;t=55'}))
    refused(load(), "the hub refuses more requests for now (429); try again in 55 seconds", "hf auth login")


def test_a_hub_with_a_problem_of_its_own_is_one_message(load, hub):
    hub.faults.append(Fault("(GET|HEAD) .*/resolve/", times=10_000, status=503))
    refused(load(), "the hub has a problem of its own (503); try again later")


@pytest.mark.parametrize("token", [None, "hf_reads"], ids=["nobody", "somebody"])
def test_a_gated_repository_says_where_to_ask(load, hub, token):
    gates = {f"models/{MBERT}", "datasets/unimelb-nlp/wikiann", "datasets/Helsinki-NLP/opus-100"}
    hub.gated.update(gates)
    said = refused(load(token=token), "is gated: ask for access at", "then log in with: hf auth login")
    assert any(f"{hub.endpoint}/{gate.removeprefix('models/')}," in said for gate in gates)


@pytest.mark.parametrize("token", [None, "hf_reads"], ids=["nobody", "somebody"])
def test_a_repository_that_does_not_exist(load_encoder, load_data, hub, token):
    check = f"check the name at {hub.endpoint}/"
    done = load_encoder("nobody/nothing", token=token)
    refused(done, "the hub has no model 'nobody/nothing', or it is private", check)
    done = load_data("hub:nobody/nothing/en", token=token)
    refused(done, "the hub has no data set 'nobody/nothing'", f"{check}datasets/nobody/nothing")


def test_a_token_that_the_hub_does_not_know(load):
    refused(load(token="hf_old"), "the hub does not accept your token (HF_TOKEN", "hf auth login")


def test_a_configuration_that_does_not_exist(load_data, load_bitext):
    said = "there is no configuration 'dee'; there are en, de, tr. Did you mean 'de'?"
    refused(load_data("hub:unimelb-nlp/wikiann/dee"), f"hub:unimelb-nlp/wikiann/dee: {said}")
    said = "there is no configuration 'en-de'; there are de-en, en-tr. Did you mean 'de-en'?"
    refused(load_bitext("hub:Helsinki-NLP/opus-100/en-de"), said)
    said = "name a configuration, as in hub:unimelb-nlp/wikiann/en; there are en, de, tr"
    refused(load_data("hub:unimelb-nlp/wikiann"), said)


def test_a_split_that_does_not_exist(load_data, load_bitext):
    said = "there is no split 'tests'; there are train, validation, test. Did you mean 'test'?"
    refused(load_data(f"{WIKIANN}/tests"), f"{WIKIANN}/tests: {said}")
    refused(load_bitext(f"{OPUS}/dev"), "there is no split 'dev'; there are test, train, validation")


def test_a_repository_with_a_new_name_and_long_listings(finetune, hub, monkeypatch):
    monkeypatch.setattr(hub, "page", 2)
    assert finetune(f"hub:{OLD_UD}/tr_imst", task="pos").returncode == 0
    assert len(hub.asked("GET /api/datasets/universal-dependencies/.*/tree/")) > 1


def test_a_data_set_of_json_lines_without_a_card(load_data, commands, hub):
    folder = hub.folder / "datasets/me/opinions"
    folder.mkdir(parents=True, exist_ok=True)
    rows = ['{"text": "a fine day", "label": "good"}', '{"text": "a dull day", "label": "bad"}']
    (folder / "train.jsonl").write_text("\n".join(rows) + "\n")
    done = load_data("hub:me/opinions", task="classification")
    assert done.returncode == 0, done.stderr
    assert (commands.folder / "lines").read_text() == "a fine day\na dull day\n"


@pytest.mark.parametrize(
    ("load", "n_bytes"),
    # The weights; the card; the files of the hub; what `datasets` makes of these files.
    [("load_encoder", 5000), ("load_bitext", 1000), ("load_data", 3000), ("load_data", 4000)],
    indirect=["load"],
)
def test_a_file_that_finds_no_room_leaves_nothing_behind(load, commands, n_bytes):
    said = refused(load(n_bytes=n_bytes), "raise the limit (ulimit -f)")
    assert said.startswith(f"{commands.home}/")
    assert "the download cannot be kept here" in said
    assert "let HF_HOME name a folder on another disk" in said
    assert not leftovers(commands)
    done = load()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["no network", "refused"])
def test_without_a_connection_what_is_missing_is_said_at_once(load, hub, way):
    if way == "refused":
        with hub.down():
            done = load()
    else:
        done = load(network=False)
    said = refused(done, f"{hub.endpoint} cannot be reached", "and there is no earlier download of this")
    assert ("Connection refused" if way == "refused" else "Temporary failure in name resolution") in said
    assert not done.waits


def test_offline_by_wish_what_is_missing_is_said_at_once(load, hub):
    done = load(offline=True)
    refused(done, "HF_HUB_OFFLINE is set, and there is no earlier download of this", "unset it and connect")
    assert not done.waits
    assert not hub.requests


@pytest.mark.slow  # imports everything once more
def test_the_variable_that_forbids_the_network_is_read_by_the_clients(hub, tmp_path):
    commands = Commands(hub.endpoint, tmp_path / "user", HF_HUB_OFFLINE="1")
    done = commands.run("average", MBERT, MBERT, "--out", tmp_path / "out")
    refused(done, "HF_HUB_OFFLINE is set, and there is no earlier download of this model")
    assert (done.waits, done.strangers, hub.requests) == ([], [], [])
    commands.close()


@pytest.mark.parametrize("how", [{"network": False}, {"offline": True}], ids=["no network", "by wish"])
def test_without_a_connection_earlier_downloads_do(load_data, load_encoder, how):
    for load in (load_data, load_encoder):
        assert load().returncode == 0
    for load in (load_data, load_encoder):
        done = load(**how)
        assert done.returncode == 0, done.stderr
        assert not done.waits
    said = "but for its configurations 'en'"
    refused(load_data("hub:unimelb-nlp/wikiann/de", **how), "there is no earlier download of this data set", said)
