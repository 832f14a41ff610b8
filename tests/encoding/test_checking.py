"""Weights, config and tokenizer of a model belong together, or the model is refused at loading."""

import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

import alignfreeze as af
from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.similarity import SubwordVectors
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.questions import Question
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.subwords import encode_words
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import EncoderError
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from tests.support.cli import alignfreeze, refused


@pytest.fixture(scope="module")
def task_folder(tmp_path_factory, tiny_folder, toy_tagged):
    folder = tmp_path_factory.mktemp("task-model")
    finetuned(load_encoder(str(tiny_folder)), "pos", toy_tagged)[0].save(folder)
    return folder


@pytest.fixture(params=["encoder", "task model"])
def load(request, tiny_folder, task_folder, tmp_path):
    """Copy a model's folder, change it, and load it."""
    source, reader = {
        "encoder": (tiny_folder, lambda folder: load_encoder(str(folder))),
        "task model": (task_folder, load_task_model),
    }[request.param]

    def load(change, *arguments, **values):
        folder = tmp_path / "changed"
        shutil.copytree(source, folder)
        change(folder, *arguments, **values)
        return reader(folder)

    return load


def change_json(folder, name, **values):
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    content = {key: value for key, value in {**content, **values}.items() if value is not None}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def change_weights(folder, name, value):
    path = folder / "model.safetensors"
    weights = load_file(path)
    (key,) = (key for key in weights if key.endswith(name))
    weights[key][-1] = value
    save_file(weights, path, metadata={"format": "pt"})


def change_tokenizer(folder, change):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    change(tokenizer)
    tokenizer.save_pretrained(folder)


def finetuned(encoder, task, items):
    settings = af.FinetuningSettings(steps=2, batch_size=4)
    return af.finetune(encoder, TASKS[task], items, settings=settings, device="cpu")


# --- models whose parts do not belong together -----------------------------------------


def test_more_subwords_than_rows(load):
    with pytest.raises(
        EncoderError, match=r"has 2 subwords without a row in the model's table of [0-9]+: 'Bergen', 'Oslo'"
    ) as error:
        load(change_tokenizer, lambda tokenizer: tokenizer.add_tokens(["Bergen", "Oslo"]))
    assert "model.resize_token_embeddings(len(tokenizer))" in str(error.value)


def test_no_padding_token(load):
    with pytest.raises(EncoderError, match=r"has no padding token; name one .* as pad_token in tokenizer_config.json"):
        load(without_padding)


def without_padding(folder):
    change_json(folder, "tokenizer_config.json", pad_token=None)


@pytest.mark.parametrize("wrong", [60, 500])
def test_a_stale_size_of_the_vocabulary(load, tiny_encoder, wrong):
    right = tiny_encoder.model.config.vocab_size
    with pytest.raises(EncoderError, match=f"set vocab_size to {right} in config.json") as error:
        load(change_json, "config.json", vocab_size=wrong)
    assert f"word_embeddings.weight is [{wrong}, 32], but the weights have [{right}, 32]" in str(error.value)


def test_fewer_layers_than_the_weights_have(load):
    with pytest.raises(
        EncoderError, match=r"weights of a layer 3 .* but its config.json has 3 layers; correct num_hidden"
    ):
        load(change_json, "config.json", num_hidden_layers=3)


@pytest.mark.parametrize("numbers", [range(1, 18), range(0, 34, 2)], ids=["from 1", "with gaps"])
def test_labels_that_are_not_numbered_from_0(task_folder, tmp_path, numbers):
    shutil.copytree(task_folder, tmp_path / "changed")
    labels = load_task_model(task_folder).labels
    change_json(tmp_path / "changed", "config.json", id2label=dict(zip(map(str, numbers), labels, strict=True)))
    with pytest.raises(
        EncoderError, match=r"id2label in config.json numbers its 17 labels as .*; number them from 0 to 16"
    ):
        load_task_model(tmp_path / "changed")


def test_a_label_that_two_outputs_have(task_folder, tmp_path):
    shutil.copytree(task_folder, tmp_path / "changed")
    labels = ["NOUN", "NOUN", *load_task_model(task_folder).labels[2:]]
    change_json(tmp_path / "changed", "config.json", id2label=dict(enumerate(labels)))
    with pytest.raises(EncoderError, match="has the label 'NOUN' twice"):
        load_task_model(tmp_path / "changed")


def test_a_model_whose_parts_do_not_fit_is_one_message(tiny_folder, tmp_path, toy_bitext):
    from tests.conftest import write_bars

    shutil.copytree(tiny_folder, tmp_path / "encoder")
    without_padding(tmp_path / "encoder")
    (tmp_path / "bitext").write_text("\n".join(write_bars(toy_bitext)), encoding="utf-8")
    options = ("--bitext", f"en-de={tmp_path / 'bitext'}", "--aligner", "argmax", "--out", tmp_path / "links")
    refused(alignfreeze("align", *options, "--encoder", tmp_path / "encoder"), "has no padding token")


# --- weights that are not finite -------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["word_embeddings.weight", "layer.3.output.dense.weight"])
def test_weights_on_disk_that_are_not_finite(load, name, value):
    with pytest.raises(
        EncoderError, match=rf"has weights that are not finite: [0-9]+ of [0-9,]+ in .*{name}; the file is"
    ):
        load(change_weights, name, value)


def test_large_weights_are_finite(load):
    """Their sum is beyond the largest number of 32 bits."""
    load(change_weights, "word_embeddings.weight", 3e38)


def test_no_average_of_weights_that_are_not_finite(tiny_folder):
    encoders = [load_encoder(str(tiny_folder)) for _ in range(3)]
    encoders[2].model.encoder.layer[0].output.dense.bias.data[0] = torch.inf
    with pytest.raises(EncoderError, match=r"not finite: 1 of 32 in encoder.layer.0.output.dense.bias"):
        af.average_encoders(encoders)
    with pytest.raises(EncoderError, match="not finite"):
        af.average_encoders(encoders[2:])


@pytest.mark.parametrize("aligner", ["softmax", "argmax", "itermax"])
def test_no_links_by_weights_that_are_not_finite(tiny_encoder, toy_bitext, aligner):
    tiny_encoder.model.embeddings.LayerNorm.bias.data[0] = torch.nan
    with pytest.raises(EncoderError, match="not finite"):
        af.align(toy_bitext, aligner=aligner, resources=Resources(LayerVectors(tiny_encoder)), cache=False)


@pytest.mark.parametrize("aligner", ["softmax", "argmax", "itermax"])
def test_no_links_by_vectors_that_are_not_finite(toy_bitext, aligner):
    class Odd:
        identity: ClassVar = {"vectors": "odd"}

        def vectors(self, sentences):
            rows = [torch.ones(len(words), 4) for words in sentences]
            rows[3][0, 0] = torch.nan  # of the target side of the second pair
            return [SubwordVectors(row, np.arange(len(row))) for row in rows]

    with pytest.raises(
        EncoderError, match=f"vectors of the target sentence '{' '.join(toy_bitext[1].target)}' are not"
    ):
        af.align(toy_bitext[:4], aligner=aligner, resources=Resources(Odd()), cache=False)


def test_no_links_by_vectors_that_overflow(tiny_encoder, toy_bitext):
    """Finite weights, but the sum of their products is beyond the largest number of 32 bits."""
    tiny_encoder.model.embeddings.LayerNorm.weight.data.fill_(1e38)
    tiny_encoder.model.encoder.layer[0].attention.self.value.weight.data.fill_(1e3)
    with pytest.raises(EncoderError, match="gives vectors that are not finite at layer"):
        LayerVectors(tiny_encoder).vectors([pair.source for pair in toy_bitext[:2]])


# --- tokenizers in odd states ----------------------------------------------------------


def cut_left(tokenizer):
    tokenizer.truncation_side = "left"


def pad_left(tokenizer):
    tokenizer.padding_side = "left"


def stray_truncation(tokenizer):
    tokenizer.backend_tokenizer.enable_truncation(6, direction="left", stride=2)


def stray_padding(tokenizer):
    tokenizer.backend_tokenizer.enable_padding(length=40, direction="left", pad_to_multiple_of=8)


def everything(tokenizer):
    for change in (cut_left, pad_left, stray_truncation, stray_padding):
        change(tokenizer)


ODD_STATES = [cut_left, pad_left, stray_truncation, stray_padding, everything]


def put_on_disk(tiny_folder, folder, change):
    """Save a tokenizer in an odd state, with what `save_pretrained` would leave out."""
    shutil.copytree(tiny_folder, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    change(tokenizer)
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    sides = {"truncation_side": tokenizer.truncation_side, "padding_side": tokenizer.padding_side}
    change_json(folder, "tokenizer_config.json", **sides)


ITEMS = {
    "pos": [TaggedSentence(("the", "dog", "sees", "the", "cat") * 12, ("DET", "NOUN", "VERB", "DET", "NOUN") * 12)] * 8,
    "nli": [
        LabelledText("the dog sees the cat " * 10, "the tree moves " * 12, label) for label in ("neutral", "entailment")
    ]
    * 4,
    "qa": [Question("1", "the dog sees", "the cat sees the dog " * 12, ("dog",), (17,))] * 8,
}


@pytest.mark.parametrize("when", ["in the files", "set by the caller"])
@pytest.mark.parametrize("change", ODD_STATES, ids=lambda change: change.__name__)
def test_the_state_of_a_tokenizer_changes_no_result(tiny_folder, tmp_path, change, when):
    """Sixty words of which 62 subwords find room, as with a tokenizer in its usual state."""
    usual = load_encoder(str(tiny_folder))
    if when == "in the files":
        put_on_disk(tiny_folder, tmp_path / "odd", change)
        odd = load_encoder(str(tmp_path / "odd"))
        assert (odd.tokenizer.truncation_side, odd.tokenizer.padding_side) == ("right", "right")
    else:
        odd = load_encoder(str(tiny_folder))
        change(odd.tokenizer)
    words = [ITEMS["pos"][0].words, ("the", "dog")]
    for windows in (False, True):
        expected, found = (
            list(encode_words(encoder.tokenizer, words, max_length=32, windows=windows)) for encoder in (usual, odd)
        )
        assert len(found) == len(expected)
        for one, other in zip(expected, found, strict=True):
            assert one.subwords.tolist() == other.subwords.tolist()
            assert one.words.tolist() == other.words.tolist()
    assert odd.max_length == usual.max_length


@pytest.mark.parametrize("change", [cut_left, everything], ids=lambda change: change.__name__)
@pytest.mark.parametrize("task", ITEMS)
def test_the_state_of_a_tokenizer_changes_no_training_and_no_test(tiny_folder, task, change):
    usual, odd = (load_encoder(str(tiny_folder)) for _ in range(2))
    change(odd.tokenizer)
    settings = af.FinetuningSettings(steps=2, batch_size=4, max_length=40)
    models = []
    for encoder in (usual, odd):
        model, _ = af.finetune(encoder, TASKS[task], ITEMS[task], settings=settings, device="cpu")
        models.append(model)
    for one, other in zip(models[0].model.parameters(), models[1].model.parameters(), strict=True):
        assert torch.equal(one, other)
    predicted = [TASKS[task].kind.predict(model, ITEMS[task]) for model in models]
    assert predicted[0] == predicted[1]


def test_the_state_that_the_caller_chose_stays(tiny_encoder, toy_bitext):
    tiny_encoder.tokenizer.truncation_side = "left"
    list(encode_words(tiny_encoder.tokenizer, [toy_bitext[0].source], max_length=16))
    assert tiny_encoder.tokenizer.truncation_side == "left"


def test_a_fine_tuned_model_in_an_odd_state_says_the_same(task_folder, tmp_path):
    put_on_disk(task_folder, tmp_path / "odd", everything)
    usual, odd = load_task_model(task_folder), load_task_model(Path(tmp_path / "odd"))
    assert TASKS["pos"].kind.predict(usual, ITEMS["pos"]) == TASKS["pos"].kind.predict(odd, ITEMS["pos"])
