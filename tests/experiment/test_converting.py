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
from alignfreeze.corpora.labelled import NLI
from alignfreeze.encoding.encoder import ORIGIN, load_encoder
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import AlignFreezeError, EncoderError, OutputError, SettingsError
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment import converting, inheriting
from alignfreeze.experiment.cards import CardFacts, write_card
from alignfreeze.experiment.converting import MODEL_FORMS, convert_model
from alignfreeze.experiment.leaderboards import HubTest
from alignfreeze.external import onnx
from alignfreeze.files import write_json
from alignfreeze.tasks import onnx_models
from alignfreeze.tasks.given import task_of
from alignfreeze.tasks.heads import HEADS, SPANS, TEXTS, WORDS
from alignfreeze.tasks.models import add_head, load_task_model
from tests.conftest import conllu
from tests.support.cli import alignfreeze, refused

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


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, tiny_folder, toy_tagged):
    """The folder of a tagger that has learnt its task, and an experiment with its tests."""
    folder = tmp_path_factory.mktemp("learnt")
    af.finetune(load_encoder(str(tiny_folder)), "pos", toy_tagged, steps=60, learning_rate=2e-3, device="cpu")[0].save(
        folder / "tagger"
    )
    for name in ("train", "en", "de"):
        (folder / f"{name}.conllu").write_text("\n".join(conllu(toy_tagged[:40])) + "\n")
    (folder / "study.toml").write_text(
        f'task = "pos"\nencoder = "{tiny_folder}"\nlanguages = ["de"]\nstrategies = ["baseline"]\n'
        '[data]\ntrain = "train.conllu"\ntest = "{language}.conllu"\n'
    )
    return folder


@pytest.mark.parametrize("precision", ["int8", "int8-embeddings"])
def test_eight_bits_are_smaller_and_say_what_they_cost(tmp_path, learnt, precision):
    facts = convert_model(
        learnt / "tagger", tmp_path / "out", to="onnx", precision=precision, experiment=learnt / "study.toml"
    )
    assert facts["bytes"] < facts["bytes_before"] * (0.8 if precision == "int8" else 1)
    assert facts["bytes"] == (tmp_path / "out" / "model.onnx").stat().st_size
    assert {path.suffix for path in (tmp_path / "out").glob("model*")} == {".onnx"}
    assert 0 < facts["difference"] < 1
    assert facts["points"].keys() == {"en", "de"}
    plain = af.evaluate(learnt / "tagger", "pos", {"en": learnt / "en.conllu"}, device="cpu")
    small = af.evaluate(tmp_path / "out", "pos", {"en": learnt / "en.conllu"}, device="cpu")
    row = facts["points"]["en"]
    assert (row["before"], row["after"]) == (100 * plain[0].value, 100 * small[0].value)
    assert row["loss"] == row["before"] - row["after"] < 10
    assert row["before"] > 80  # otherwise nothing could be lost
    record = json.loads((tmp_path / "out" / ORIGIN).read_text())
    assert record["converted"]["precision"] == precision
    assert f"weights stored in {precision}" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_onnx_predicts_what_torch_predicts(tmp_path, tiny_encoder, head):
    """Of all heads, with windows, and where the text is longer than the model reads."""
    items = {
        WORDS: [["the", "cat", "sees", "the", "river"] * n for n in (1, 40)],
        TEXTS: [("the cat", "the dog sees"), ("the river", "the cat likes the dog")],
        SPANS: [{"question": "the cat", "context": "the cat sees the river . " * n} for n in (1, 30)],
    }[head]
    labels = {WORDS: af.TASKS["pos"].labels, TEXTS: list(NLI), SPANS: []}[head]
    model = add_head(tiny_encoder, head, labels, max_length=32)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    convert_model(tmp_path / "model", tmp_path / "out", to="onnx")
    task = {WORDS: "pos", TEXTS: "nli", SPANS: "qa"}[head]
    found, expected = (
        af.predict(load_task_model(tmp_path / name, head, max_length=32), items, task=task, device="cpu")
        for name in ("out", "model")
    )
    assert found == expected
    assert task_of(load_task_model(tmp_path / "out", head)).name == task
    lines = {"pos": "the cat sees the river", "nli": "the cat\tthe dog sees", "qa": json.dumps(items[0])}[task]
    (tmp_path / ("texts.jsonl" if task == "qa" else "texts.txt")).write_text(f"{lines}\n")
    labelled = [
        alignfreeze("predict", tmp_path / name, *tmp_path.glob("texts.*"), "--language", "en", *given).stdout
        for name in ("out", "model")
        for given in ((), ("--task", task))
    ]
    assert len(set(labelled)) == 1
    assert labelled[0].strip()


def test_onnx_folders_are_run_but_not_trained(tmp_path, learnt):
    convert_model(learnt / "tagger", tmp_path / "out", to="onnx")
    done = alignfreeze("evaluate", tmp_path / "out", "--test", f"de={learnt / 'de.conllu'}", "--json")
    plain = alignfreeze("evaluate", learnt / "tagger", "--test", f"de={learnt / 'de.conllu'}", "--json")
    assert json.loads(done.stdout) == json.loads(plain.stdout)
    with pytest.raises(EncoderError, match="has no head for texts"):
        load_task_model(tmp_path / "out", TEXTS)
    refused(alignfreeze("shrink", tmp_path / "out", "--languages", "en", "--out", tmp_path / "small"), "onnx")
    train = ["--train", learnt / "train.conllu", "--out", tmp_path / "again"]
    refused(alignfreeze("finetune", tmp_path / "out", *train), "a model in ONNX can only be run")
    (tmp_path / "out" / "model.onnx").write_bytes(b"broken")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_task_model(tmp_path / "out", WORDS)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"to": "onnx", "precision": "int4"}, "int8-embeddings"),
        ({"to": "sentence-transformers", "precision": "int8"}, "is for ONNX"),
        ({"to": "sentence-transformers", "experiment": "study.toml"}, "has no task"),
    ],
)
def test_settings_that_a_form_lacks_are_said(tmp_path, realigned, how, said):
    with pytest.raises(SettingsError, match=said):
        convert_model(realigned, tmp_path / "out", **how)


def test_inputs_that_nobody_fills_are_refused(tmp_path, learnt, monkeypatch):
    convert_model(learnt / "tagger", tmp_path / "out", to="onnx")
    monkeypatch.setattr(onnx_models, "_KNOWN", {"input_ids"})
    with pytest.raises(EncoderError, match="inputs attention_mask, token_type_ids are not known"):
        load_task_model(tmp_path / "out", WORDS)


def test_a_quantizer_that_fails_is_one_error(tmp_path, learnt, monkeypatch):
    monkeypatch.setattr(onnx, "store_in_int8", lambda *_, **__: 1 / 0)
    with pytest.raises(EncoderError, match=r"cannot be stored in int8 by onnxruntime .*: division by zero"):
        convert_model(learnt / "tagger", tmp_path / "out", to="onnx", precision="int8")
    assert not (tmp_path / "out").exists()


def test_tests_need_a_model_with_their_task(tmp_path, learnt, realigned, tiny_encoder):
    with pytest.raises(SettingsError, match="this encoder has learnt no task"):
        convert_model(realigned, tmp_path / "out", to="onnx", experiment=learnt / "study.toml")
    (tmp_path / "nli").mkdir()
    add_head(tiny_encoder, TEXTS, list(NLI), max_length=32).save(tmp_path / "nli")
    with pytest.raises(SettingsError, match="which this model has not learnt"):
        convert_model(tmp_path / "nli", tmp_path / "out", to="onnx", experiment=learnt / "study.toml")
    entities = (learnt / "study.toml").read_text().replace('"pos"', '"ner"').replace(".conllu", ".iob2")
    (learnt / "ner.toml").write_text(entities)
    for name in ("train", "en", "de"):
        (learnt / f"{name}.iob2").write_text("the\tO\ncat\tB-PER\n")
    with pytest.raises(SettingsError, match="which this model has not learnt"):
        convert_model(learnt / "tagger", tmp_path / "out", to="onnx", experiment=learnt / "ner.toml")
    assert not (tmp_path / "out").exists()


def test_the_command_shows_what_eight_bits_cost(tmp_path, learnt):
    options = ["--to", "onnx", "--precision", "int8", "--experiment", learnt / "study.toml", "--out", tmp_path / "out"]
    done = alignfreeze("convert", learnt / "tagger", *options)
    assert done.returncode == 0, done.stderr
    assert "size\t" in done.stdout
    assert "Points" in done.stdout
    assert "the mean change is" in done.stdout
