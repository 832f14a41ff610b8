"""Single trainings without the command line: what is saved, recorded and uploaded."""

import json

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.encoding.requests import LinkRequest
from alignfreeze.errors import OutputError, SettingsError
from alignfreeze.experiment import single
from alignfreeze.experiment.single import ORIGIN, SingleTraining, average_and_save, finetune_and_save, realign_and_save
from alignfreeze.files import digest_of_file
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from tests.conftest import conllu, write_bars

PAIR = ("en", "de")


@pytest.fixture
def bitext(tmp_path, toy_bitext):
    path = tmp_path / "en-de.txt"
    path.write_text("\n".join(write_bars(toy_bitext)))
    return BitextRequest([BitextReader(path, languages=PAIR)], pretokenized=True)


def realign(encoder, bitext, out, *, links=None, loss="contrastive", **changes):
    training = SingleTraining(out=out, device="cpu", **changes)
    settings = RealignmentSettings(steps=2, loss=loss)
    return realign_and_save(str(encoder), bitext, links or LinkRequest(), training, freeze="front", settings=settings)


def test_what_is_made_of_an_encoder_is_recorded_step_by_step(tmp_path, tiny_folder, bitext, toy_tagged):
    realigned, mean, tagger = (tmp_path / name for name in ("realigned", "mean", "tagger"))
    facts = realign(tiny_folder, bitext, realigned)
    record = json.loads((realigned / ORIGIN).read_text())
    assert {"hub"} & facts.keys() == set()
    assert (facts["freeze"], record["freeze"], record["seed"], record["device"]) == ("front", "front", 31, "cpu")
    assert record["environment"]["compute"]["log_folder"] == str(tmp_path / "realigned.logs")
    assert "- word links: `argmax`" in (realigned / "README.md").read_text()

    facts = average_and_save([str(realigned), str(tiny_folder)], SingleTraining(out=mean), weights=[1, 3])
    assert facts == {"encoders": [str(realigned), str(tiny_folder)], "weights": [1, 3], "folder": str(mean)}

    (tmp_path / "train.conllu").write_text("\n".join(conllu(toy_tagged)))
    source = Source(tmp_path / "train.conllu", "en")
    training = SingleTraining(out=tagger, device="cpu", seed=3)
    finetune_and_save(str(mean), TASKS["pos"], source, training, settings=FinetuningSettings(steps=2))
    record = json.loads((tagger / ORIGIN).read_text())
    assert record["digests"] == {"train": digest_of_file(tmp_path / "train.conllu")}
    assert record["realigned"]["members"][0]["freeze"] == "front"
    assert "several encoders, before fine-tuning" in (tagger / "README.md").read_text()
    # Nothing else is left behind: checkpoints have served their purpose.
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"realigned", "mean", "tagger"}


def test_the_card_says_where_links_come_from(tmp_path, tiny_folder, bitext, toy_bitext):
    links = tmp_path / "links"
    links.write_text("0-0 1-1 2-2\n" * len(toy_bitext))
    realign(tiny_folder, bitext, tmp_path / "read", links=LinkRequest(files={PAIR: links}))
    assert "- word links: `read from files`" in (tmp_path / "read" / "README.md").read_text()
    record = json.loads((tmp_path / "read" / ORIGIN).read_text())
    assert record["alignment"] is None
    assert record["digests"]["links en-de"] == [digest_of_file(links)]

    realign(tiny_folder, bitext, tmp_path / "without", loss="sentence")
    assert "word links" not in (tmp_path / "without" / "README.md").read_text()


def test_a_model_is_uploaded_when_it_is_complete(tmp_path, tiny_folder, bitext, monkeypatch):
    checked, pushed = [], []

    def push(folder, name):
        pushed.append((name, {path.name for path in folder.iterdir()} >= {"README.md", ORIGIN, "model.safetensors"}))
        return f"hub/{name}"

    monkeypatch.setattr(single, "check_hub", checked.append)
    monkeypatch.setattr(single, "push", push)
    assert realign(tiny_folder, bitext, tmp_path / "out", push_to="me/model")["hub"] == "hub/me/model"
    assert (checked, pushed) == (["me/model"], [("me/model", True)])


def test_of_several_processes_one_saves(tmp_path, tiny_folder, bitext, monkeypatch):
    monkeypatch.setattr(single, "process_number", lambda: 1)
    assert realign(tiny_folder, bitext, tmp_path / "out")["folder"] == str(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_said_before_anything_is_read(tmp_path, tiny_folder):
    nothing = BitextRequest([], pretokenized=True)
    training = SingleTraining(out=tmp_path / "out", device="cpu")
    settings = RealignmentSettings(steps=2, schedule="after")
    with pytest.raises(SettingsError, match="--set schedule=after: only 'before' is possible here"):
        realign_and_save("none", nothing, LinkRequest(), training, freeze="front", settings=settings)
    with pytest.raises(OutputError, match="already exists"):
        realign("none", nothing, tiny_folder)
    with pytest.raises(OutputError, match="already exists"):
        average_and_save(["none"], SingleTraining(out=tiny_folder), weights=[])


def test_a_fine_tuning_says_that_the_training_data_have_no_entity(tmp_path, tiny_folder, remarks):
    path = tmp_path / "train.iob2"
    path.write_text("the\tO\ndog\tO\n\n" * 4)
    training = SingleTraining(out=tmp_path / "model", device="cpu")
    settings = FinetuningSettings(steps=1)
    finetune_and_save(str(tiny_folder), TASKS["ner"], Source(path), training, settings=settings)
    assert f"{path}: the training data have no entity: all tags are 'O'; a model learns to say it each time" in remarks
