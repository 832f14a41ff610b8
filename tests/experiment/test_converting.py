"""Models in the forms of other frameworks: what is in the folder, and what is refused."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoTokenizer

import alignfreeze as af
from alignfreeze.encoding.encoder import ORIGIN, load_encoder
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import AlignFreezeError, EncoderError, OutputError, SettingsError
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment import converting, inheriting
from alignfreeze.experiment.cards import CardFacts, write_card
from alignfreeze.experiment.converting import MODEL_FORMS, convert_model
from alignfreeze.experiment.leaderboards import HubTest
from alignfreeze.files import write_json
from alignfreeze.tasks.heads import TEXTS, WORDS
from alignfreeze.tasks.models import add_head, load_task_model

pytest.importorskip("sentence_transformers")
runtime = pytest.importorskip("onnxruntime")

TEXT = "the cat sees the river"


@pytest.fixture
def realigned(tmp_path, tiny_encoder):
    """The folder of a realigned encoder, with its record."""
    folder = tmp_path / "realigned"
    folder.mkdir()
    tiny_encoder.save(folder)
    record = {
        "encoder": "some/encoder",
        "freeze": "front",
        "frozen": {"parts": ["a"], "parameters": 1, "n_parameters": 4},
        "alignment": {"aligner": "eflomal"},
        "languages": ["en", "de"],
        "digests": {"bitext en-de": ["abc"]},
        "seed": 7,
    }
    write_json(folder / ORIGIN, record)
    return folder


@pytest.fixture
def tagger(tmp_path, tiny_encoder):
    """The folder of a fine-tuned model, with scores on a data set of the hub."""
    folder = tmp_path / "tagger"
    folder.mkdir()
    add_head(tiny_encoder, WORDS, ["NOUN", "VERB", "DET"], max_length=64).save(folder)
    facts = CardFacts("some/encoder", ["en"], task="pos", strategy="front", scores=(Score("en", "accuracy", 0.5, 4),))
    write_card(folder, CardFacts(**{**{n: getattr(facts, n) for n in facts.__slots__}, "tests": ENGLISH}))
    (folder / "gains.svg").write_text("<svg/>")
    return folder


ENGLISH = {"en": HubTest.parse("hub:a/b/en", split="test")}


def run_examples(folder):
    """Execute each example of a card; return what they made, by framework."""
    card = (folder / "README.md").read_text()
    found = {}
    for framework, code in re.findall(r"### (\S+)\n\n```python\n(.*?)```", card, re.DOTALL):
        found[framework] = {}
        exec(code.replace("FOLDER", str(folder)), found[framework])
    return found


def test_a_realigned_encoder_for_sentence_transformers(tmp_path, realigned):
    facts = convert_model(realigned, tmp_path / "out", to="sentence-transformers", normalize=True)
    assert facts["vectors"] == "The vector of a text is the mean of its subword vectors, with the length 1."
    record = json.loads((tmp_path / "out" / ORIGIN).read_text())
    assert (record["freeze"], record["seed"]) == ("front", 7)
    assert record["converted"]["pooling"] == "mean"
    assert record["converted"]["versions"].keys() == {"torch", "transformers", "sentence-transformers"}

    examples = run_examples(tmp_path / "out")
    assert examples.keys() == {"transformers", "sentence-transformers", "alignfreeze"}
    encoder = load_encoder(str(realigned))
    expected = LayerVectors(encoder, layer=4, device="cpu").means([TEXT.split()])
    found = examples["sentence-transformers"]["model"].encode([TEXT])
    assert torch.allclose(torch.from_numpy(found), torch.nn.functional.normalize(expected), atol=1e-5)
    again = examples["alignfreeze"]["encoder"]
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), encoder.model.parameters(), strict=True))

    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.base_model == "some/encoder"
    assert (card.data.library_name, card.data.pipeline_tag) == ("sentence-transformers", "sentence-similarity")
    assert {"alignfreeze", "realignment", "sentence-transformers"} <= set(card.data.tags)
    assert "# some/encoder, realigned (frozen: front)\n" in card.text
    assert facts["vectors"] in card.text


def test_a_fine_tuned_model_as_onnx_keeps_its_scores(tmp_path, tagger):
    (tagger / "README.md").write_text((tagger / "README.md").read_text().replace("license: unknown", "license: mit"))
    facts = convert_model(tagger, str(tmp_path / "out"), to="onnx")
    assert 0 <= facts["difference"] <= 1e-4
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"model.onnx", "config.json", "tokenizer.json", "README.md", ORIGIN, ".eval_results", "gains.svg"}
    card, before = (ModelCard.load(folder / "README.md") for folder in (tmp_path / "out", tagger))
    assert card.data.eval_results == before.data.eval_results
    assert (card.data.license, card.data.library_name) == ("mit", "onnx")
    entries = [folder / ".eval_results" / "a--b.yaml" for folder in (tmp_path / "out", tagger)]
    assert entries[0].read_text() == entries[1].read_text()

    examples = run_examples(tmp_path / "out")
    assert examples.keys() == {"onnxruntime"}
    session, tokenizer = (examples["onnxruntime"][name] for name in ("session", "tokenizer"))
    inputs = tokenizer([TEXT], return_tensors="pt")
    (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    with torch.inference_mode():
        expected = load_task_model(tagger, WORDS).model.eval()(**inputs).logits
    assert np.allclose(found, expected.numpy(), atol=1e-4)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["id2label"]["0"] == "NOUN"


def test_the_encoder_of_a_fine_tuned_model_does_not_get_its_scores(tmp_path, tagger):
    convert_model(tagger, tmp_path / "out", to="sentence-transformers", pooling="cls")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.eval_results is None
    assert "# tagger\n" in card.text
    assert "The vector of a text is the vector of its first subword." in card.text
    assert not (tmp_path / "out" / ".eval_results").exists()


def test_objects_are_written_too(tmp_path, tiny_encoder, toy_bitext):
    alignments = af.align(toy_bitext, aligner="fast-align")
    settings = af.RealignmentSettings(steps=1)
    realigned = af.realign(tiny_encoder, toy_bitext, alignments, freeze="back", settings=settings, device="cpu")
    convert_model(realigned, tmp_path / "encoder", to="onnx")
    record = json.loads((tmp_path / "encoder" / ORIGIN).read_text())
    assert (record["encoder"], record["freeze"], record["training"]["steps"]) == (tiny_encoder.name, "back", 1)
    assert "realigned (frozen: back)" in (tmp_path / "encoder" / "README.md").read_text()
    assert "states" in run_examples(tmp_path / "encoder")["onnxruntime"]

    classifier = add_head(tiny_encoder, TEXTS, ["A", "B"], max_length=64)
    convert_model(classifier, tmp_path / "classifier", to="onnx")
    assert "fine-tuned: labels of texts" in (tmp_path / "classifier" / "README.md").read_text()
    assert run_examples(tmp_path / "classifier")["onnxruntime"]["logits"].shape == (2, 2)
    convert_model(classifier, tmp_path / "vectors", to="sentence-transformers")
    assert run_examples(tmp_path / "vectors")["sentence-transformers"]["vectors"].shape == (2, 32)


def test_a_converted_model_is_uploaded_when_it_is_complete(tmp_path, realigned, monkeypatch):
    checked = []
    monkeypatch.setattr(converting, "check_hub", checked.append)
    monkeypatch.setattr(converting, "push", lambda folder, name: f"hub/{name}/{(folder / 'README.md').exists()}")
    facts = convert_model(realigned, tmp_path / "out", to="sentence-transformers", push_to="me/model")
    assert (checked, facts["hub"]) == (["me/model"], "hub/me/model/True")


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"to": "onxn"}, SettingsError, r"unknown form of a model 'onxn'; choose .*Did you mean 'onnx'\?"),
        ({"pooling": "max"}, SettingsError, "unknown pooling 'max'; choose one of mean, cls"),
        ({"to": "onnx", "pooling": "mean"}, SettingsError, "pooling and normalize are settings of sentence-transform"),
        ({"to": "onnx", "normalize": True}, SettingsError, "pooling and normalize are settings of sentence-transform"),
        ({"model": 3}, EncoderError, r"expected an encoder: a name or a folder, .* got 3 \(int\)"),
        ({"model": "nowhere/at/all"}, EncoderError, "cannot be loaded as an encoder"),
    ],
)
def test_what_is_wrong_is_one_message(tmp_path, realigned, changes, kind, message):
    given = {"model": realigned, "to": "sentence-transformers", **changes}
    with pytest.raises(kind, match=message):
        convert_model(given.pop("model"), tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", MODEL_FORMS)
def test_wrong_folders(tmp_path, realigned, to):
    with pytest.raises(OutputError, match="already exists and is not an empty folder"):
        convert_model(realigned, realigned, to=to)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match="this folder holds no model"):
        convert_model(tmp_path / "empty", tmp_path / "out", to=to)
    (realigned / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="cannot be loaded"):
        convert_model(realigned, tmp_path / "out", to=to)
    assert {path.name for path in tmp_path.iterdir()} == {"realigned", "empty"}


def test_nothing_is_left_of_what_fails_in_the_end(tmp_path, realigned, monkeypatch):
    monkeypatch.setattr(inheriting, "write_card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        convert_model(realigned, tmp_path / "out", to="sentence-transformers")
    assert [path.name for path in tmp_path.iterdir()] == ["realigned"]


@pytest.mark.parametrize(
    ("to", "module"), [("sentence-transformers", "sentence_transformers"), ("onnx", "onnxruntime")]
)
def test_without_its_extra_each_form_names_it(tmp_path, monkeypatch, to, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(AlignFreezeError, match=rf'pip install "alignfreeze\[{to}\]"'):
        convert_model("nowhere", tmp_path / "out", to=to)


def test_the_tokenizer_is_saved_as_it_was(tmp_path, realigned):
    convert_model(realigned, tmp_path / "out", to="onnx")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.backend_tokenizer.truncation is None
    assert tokenizer.backend_tokenizer.padding is None
