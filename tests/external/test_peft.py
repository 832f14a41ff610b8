"""Models of peft that a caller gives: their adapters are trained in place, and merged where a plain model is made."""

import copy
import sys

import pytest
import torch
from transformers import AutoModel

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.given import to_encoder
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.external.lora import Lora
from alignfreeze.external.peft import adapting, has_adapters, merge_copy
from alignfreeze.tasks.table import TASKS

peft = pytest.importorskip("peft")

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


def lora(folder, **options):
    torch.manual_seed(1)
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False, **options)
    return peft.get_peft_model(AutoModel.from_pretrained(folder), config)


def ia3(folder):
    config = peft.IA3Config(target_modules=["query", "dense"], feedforward_modules=["dense"], init_ia3_weights=False)
    return peft.get_peft_model(AutoModel.from_pretrained(folder), config)


def with_pooler(folder):
    model = lora(folder, modules_to_save=["pooler"])
    model.base_model.model.pooler.modules_to_save["default"].dense.bias.data += 1
    return model


def by_transformers(folder):
    model = AutoModel.from_pretrained(folder)
    model.add_adapter(peft.LoraConfig(r=2, target_modules=["query"], init_lora_weights=False))
    return model


KINDS = {"lora": lora, "ia3": ia3, "with a module of its own": with_pooler, "add_adapter": by_transformers}


def realign(model, bitext, freeze="full"):
    how = {"steps": 3, "batch_size": 4, "learning_rate": 1e-2, "device": "cpu"}
    return af.realign(model, bitext, [DIAGONAL] * len(bitext), freeze=freeze, **how)


def vectors_of(model, tokenizer):
    text = tokenizer(["the dog sees the cat"], return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**text)[0]


def weights_of(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("freeze", ["full", "front"])
def test_realignment_trains_the_callers_adapters_in_place(tiny_folder, toy_bitext, freeze):
    model = lora(tiny_folder)
    before = weights_of(model)
    state = {name: weight.requires_grad for name, weight in model.named_parameters()}
    realign(model, toy_bitext, freeze)
    after = weights_of(model)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all("lora_" in name for name in moved)
    assert any("layer.0." in name for name in moved) == (freeze == "full")
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == state


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_with_merged_adapters_gives_the_same_vectors(tiny_folder, kind):
    model, found = KINDS[kind](tiny_folder), load_encoder(str(tiny_folder))
    encoder = to_encoder(model)
    before = weights_of(model)
    merged = merge_copy(encoder.model)
    assert not has_adapters(merged)
    assert set(merged.state_dict()) == set(found.model.state_dict())
    ours, theirs, plain = (vectors_of(each, found.tokenizer) for each in (merged, model, found.model))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert not torch.allclose(ours, plain, atol=1e-3)
    assert merged.get_input_embeddings().weight is encoder.model.get_input_embeddings().weight
    assert all(torch.equal(before[name], weight) for name, weight in weights_of(model).items())
    assert has_adapters(encoder.model)


@pytest.mark.parametrize("kind", KINDS)
def test_fine_tuning_starts_from_the_merged_weights(tiny_folder, toy_tagged, kind):
    model = KINDS[kind](tiny_folder)
    before = weights_of(model)
    tokenizer = load_encoder(str(tiny_folder)).tokenizer
    tuned = af.finetune(model, TASKS["pos"], toy_tagged, steps=1, learning_rate=1e-12, device="cpu").model
    ours, theirs = (vectors_of(each, tokenizer) for each in (tuned.model.base_model, model))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert all(torch.equal(before[name], weight) for name, weight in weights_of(model).items())


def test_an_encoder_with_adapters_is_saved_with_merged_weights(tiny_folder, tmp_path):
    encoder = to_encoder(lora(tiny_folder))
    encoder.save(tmp_path / "merged")
    again = load_encoder(tmp_path / "merged")
    ours, theirs = (vectors_of(each.model, encoder.tokenizer) for each in (again, encoder))
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_adding_adapters_to_adapters_is_refused(tiny_folder, toy_bitext, kind):
    with pytest.raises(EncoderError, match="this model has some already; leave lora out to train those, or merge them"):
        realign(KINDS[kind](tiny_folder), toy_bitext, "lora")


def test_a_model_whose_adapters_were_merged_may_get_new_ones(tiny_folder, toy_bitext):
    model = lora(tiny_folder).merge_and_unload()
    with pytest.raises(SettingsError, match=r"all are frozen; .* call model.requires_grad_\(True\) if they are frozen"):
        realign(model, toy_bitext, "lora:2")  # peft leaves all weights frozen
    model.requires_grad_(True)
    assert realign(model, toy_bitext, "lora:2").adapter is not None


def test_adapters_of_word_embeddings_are_refused(tiny_folder):
    config = peft.LoraConfig(r=2, target_modules=["word_embeddings"])
    model = peft.get_peft_model(AutoModel.from_pretrained(tiny_folder), config)
    with pytest.raises(EncoderError, match="an adapter changes the word embeddings of this model"):
        to_encoder(model)


def test_a_block_that_fails_leaves_the_weights(tiny_encoder):
    model = tiny_encoder.model
    before = copy.deepcopy(model.state_dict())
    found = Lora.of(model, [model.encoder.layer[0].output.dense], rank=3)
    with pytest.raises(KeyboardInterrupt), adapting(model, found, seed=1):
        next(weight for name, weight in model.named_parameters() if "lora_B" in name).data += 1
        raise KeyboardInterrupt
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_random_numbers_are_those_without_adapters(tiny_encoder):
    model = tiny_encoder.model
    found = Lora.of(model, [model.encoder.layer[0].output.dense], rank=3)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with adapting(model, found, seed=1):
        assert torch.equal(torch.rand(1), expected)


def test_without_peft_the_extra_is_named(tiny_encoder, toy_tagged, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(SettingsError, match=r'need the extra `peft`: pip install "alignfreeze\[peft\]'):
        af.finetune(tiny_encoder, TASKS["pos"], toy_tagged, steps=1, adapter="lora", device="cpu")
