"""Realignment with adapters: the base stays as it is, and the merged encoder is what the adapter makes of it."""

import copy

import pytest
import torch
from transformers import AutoModel, TrainerCallback

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.families import FAMILIES, layers_of
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.experiment.names import plain_name_of
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.realignment.freezing import DEFAULT_RANK, FreezePolicy
from tests.conftest import family_config
from tests.training.test_loop import EVERY_TWO, Killed, kill_after, same

peft = pytest.importorskip("peft")

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


def realign(encoder, bitext, *, freeze="lora:4", steps=4, learning_rate=1e-2, **options):
    how = {"steps": steps, "batch_size": 4, "learning_rate": learning_rate, "seed": 3, "device": "cpu"}
    return af.realign(encoder, bitext, [DIAGONAL] * len(bitext), freeze=freeze, **{**how, **options})


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def vectors_of(model, tokenizer):
    text = tokenizer(["the dog sees the cat", "eht god"], return_tensors="pt", padding=True)
    with torch.no_grad():
        return model.eval()(**text)[0] * text["attention_mask"][..., None]


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


class Bases(TrainerCallback):
    """Keeps the weights of an encoder while it has adapters."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, *_, model, **__):
        self.seen.append(
            {
                name.replace(".base_layer", ""): weight.detach().clone()
                for name, weight in model.encoder.named_parameters()
                if "lora_" not in name and "word_embeddings" not in name  # only the rows in use are in the model
            }
        )


# --- the grammar -----------------------------------------------------------------------


def test_a_policy_has_parts_and_a_rank(tiny_encoder):
    policy = FreezePolicy.parse("front+lora:16")
    assert (policy.rank, str(policy)) == (16, "front+lora:16")
    layers = list(tiny_encoder.layers)
    assert policy.parts_of(tiny_encoder.model) == [*layers[:2], tiny_encoder.embeddings]
    assert FreezePolicy.parse("lora").rank == DEFAULT_RANK
    assert FreezePolicy.parse("front").rank is None
    assert (policy + FreezePolicy.parse("embeddings")).rank == 16


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ("lora:0", "the rank of adapters is at least 1, as in lora:8"),
        ("lora:4+front+lora:8", "names adapters twice; keep 'lora:4' or 'lora:8'"),
        ("lora:", "unknown freeze policy 'lora:'"),
        ("lorra", "Did you mean 'lora'"),
    ],
)
def test_a_policy_that_makes_no_sense(freeze, message):
    with pytest.raises(SettingsError, match=message):
        FreezePolicy.parse(freeze)


def test_strategies_name_adapters_too():
    assert [policy.rank for policy in Strategy.parse("average(lora:4,full)").policies] == [4, None]
    assert plain_name_of("front+lora:16") == "front+lora16"
    with pytest.raises(SettingsError, match="names adapters twice"):
        Strategy.parse("lora+lora:16")


# --- what is trained -------------------------------------------------------------------


@pytest.mark.parametrize("freeze", ["lora:4", "front+lora:4", "attention+lora", "front+lora:2+embeddings"])
def test_the_base_is_bit_identical_until_the_adapter_is_merged(tiny_encoder, toy_bitext, freeze):
    before, bases = weights_of(tiny_encoder.model), Bases()
    done = realign(tiny_encoder, toy_bitext, freeze=freeze, callbacks=[bases])
    assert len(bases.seen) == 4
    for base in bases.seen:
        assert not changed(base, before)
    after = weights_of(tiny_encoder.model)
    assert after.keys() == before.keys()
    assert changed(before, after) == {f"{path}.weight" for path in done.adapter.lora.targets}
    policy = FreezePolicy.parse(freeze)
    fixed = {id(p) for part in policy.parts_of(tiny_encoder.model) for p in part.parameters()}
    assert not changed(before, after) & {n for n, p in tiny_encoder.model.named_parameters() if id(p) in fixed}


def test_all_is_as_before_but_the_weights(tiny_encoder, toy_bitext):
    tiny_encoder.model.train()
    before = [(name, type(module), module.training) for name, module in tiny_encoder.model.named_modules()]
    realign(tiny_encoder, toy_bitext)
    assert [(name, type(module), module.training) for name, module in tiny_encoder.model.named_modules()] == before
    assert all(parameter.requires_grad for parameter in tiny_encoder.model.parameters())
    assert not hasattr(tiny_encoder.model, "peft_config")


def test_after_an_error_the_encoder_is_as_it_was(tiny_encoder, toy_bitext, monkeypatch):
    before = weights_of(tiny_encoder.model)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 3)
        realign(tiny_encoder, toy_bitext)
    assert same(weights_of(tiny_encoder.model), before)
    assert all(parameter.requires_grad for parameter in tiny_encoder.model.parameters())


def test_the_history_says_what_was_trained(tiny_encoder, toy_bitext):
    whole = sum(parameter.numel() for parameter in tiny_encoder.model.parameters())
    frozen = realign(tiny_encoder, toy_bitext, freeze="front+lora:4").history.frozen
    lora = frozen.adapter
    assert (lora.rank, lora.alpha) == (4, 8)
    assert lora.kinds == ("query", "key", "value", "dense")
    assert {path.split(".")[2] for path in lora.targets} == {"2", "3"}
    # Four squares of the width 32, and two layers between 32 and 64.
    assert lora.parameters == 2 * 4 * (4 * (32 + 32) + 2 * (32 + 64))
    assert (frozen.parameters, frozen.n_parameters) == (whole, whole + lora.parameters)


def test_layers_above_the_realigned_one_have_no_adapters(tiny_encoder, toy_bitext):
    lora = realign(tiny_encoder, toy_bitext, layer="reference").history.frozen.adapter
    assert {path.split(".")[2] for path in lora.targets} == {"0", "1", "2"}


@pytest.mark.parametrize("seed", [3, 4])
def test_the_same_seed_gives_the_same_adapter(tiny_folder, toy_bitext, seed):
    one, other = (realign(load_encoder(str(tiny_folder)), toy_bitext, seed=seed).adapter.weights for seed in (3, seed))
    assert same(one, other) == (seed == 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_adapters(family, tiny_encoder, toy_bitext):
    vocab = len(tiny_encoder.tokenizer)
    model = AutoModel.from_config(family_config(family, vocab_size=vocab))
    encoder = Encoder(family, model, copy.deepcopy(tiny_encoder.tokenizer))
    base, before = copy.deepcopy(model), weights_of(model)
    done = realign(encoder, toy_bitext, freeze="lora:2")
    merged = {f"{path}.weight" for path in done.adapter.lora.targets}
    assert changed(before, weights_of(model)) == merged
    layers = {id(p) for layer in layers_of(model) for p in layer.parameters()}
    squares = [n for n, p in model.named_parameters() if id(p) in layers and p.ndim == 2 and "embedding" not in n]
    assert merged == set(squares)
    for name in changed(weights_of(base), weights_of(model)):
        path = name.removesuffix(".weight")
        a, b = (done.adapter.weights[f"{path}.lora_{side}.weight"] for side in "AB")
        assert torch.allclose(before[name] + 2 * b @ a, model.state_dict()[name], atol=1e-6)


def test_layers_that_share_their_weights_are_adapted_all_or_none(tiny_encoder, toy_bitext):
    model = AutoModel.from_config(family_config("albert", vocab_size=len(tiny_encoder.tokenizer)))
    with pytest.raises(EncoderError, match="share their weights"):
        realign(Encoder("albert", model, tiny_encoder.tokenizer), toy_bitext, freeze="front+lora")


@pytest.mark.parametrize("freeze", ["front+back+lora", "0..3+lora:2"])
def test_no_layer_is_left_for_adapters(tiny_encoder, toy_bitext, freeze):
    with pytest.raises(SettingsError, match="no linear layer is left for adapters"):
        realign(tiny_encoder, toy_bitext, freeze=freeze)


def test_what_the_caller_has_frozen_gets_no_adapters(tiny_encoder, toy_bitext):
    before = weights_of(tiny_encoder.model)
    tiny_encoder.layers[3].requires_grad_(False)
    realign(tiny_encoder, toy_bitext)
    assert not {name for name in changed(before, weights_of(tiny_encoder.model)) if "layer.3" in name}
    assert not any(parameter.requires_grad for parameter in tiny_encoder.layers[3].parameters())
    tiny_encoder.model.requires_grad_(False)
    with pytest.raises(SettingsError, match="no linear layer is left for adapters"):
        realign(tiny_encoder, toy_bitext)


# --- how it is computed ----------------------------------------------------------------


def trained_weights(folder, bitext, **options):
    encoder = load_encoder(str(folder))
    done = realign(encoder, bitext, **options)
    return weights_of(encoder.model) | done.adapter.weights


def close(one, other, tolerance):
    return all(torch.allclose(one[name], other[name], atol=tolerance) for name in one)


def without_dropout(folder, tmp_path):
    encoder = load_encoder(str(folder))
    encoder.model.config.hidden_dropout_prob = encoder.model.config.attention_probs_dropout_prob = 0.0
    encoder.save(tmp_path / "plain")
    return tmp_path / "plain"


def test_packed_sentences_and_a_kept_prefix_change_nothing(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    folder = without_dropout(tiny_folder, tmp_path)
    options = {"freeze": "front+lora:4", "learning_rate": 1e-3}
    usual = trained_weights(folder, toy_bitext, **options)
    kept = trained_weights(folder, toy_bitext, keep_prefix="memory", **options)
    assert close(usual, kept, 1e-5)
    monkeypatch.setattr("alignfreeze.encoding.families.FAMILIES", {})  # an unknown family is padded
    monkeypatch.setattr("alignfreeze.encoding.encoder.is_known", lambda _: True)
    assert close(usual, trained_weights(folder, toy_bitext, **options), 1e-4)


@pytest.mark.parametrize("step", [1, 3, 6])
def test_killed_at_any_step_it_ends_with_the_same_adapter(tiny_folder, toy_bitext, tmp_path, monkeypatch, step):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints", "steps": 7}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, step)
        trained_weights(tiny_folder, toy_bitext, **options)
    torch.rand(5)
    assert same(trained_weights(tiny_folder, toy_bitext, **options), trained_weights(tiny_folder, toy_bitext, steps=7))


@pytest.mark.parametrize("compute", [{"gradient_checkpointing": True}, {"micro_batch": 2}, {"precision": "bf16"}])
def test_ways_to_compute(tiny_folder, toy_bitext, compute):
    encoder = load_encoder(str(tiny_folder))
    before = weights_of(encoder.model)
    done = realign(encoder, toy_bitext, compute=compute)
    assert changed(before, weights_of(encoder.model)) == {f"{path}.weight" for path in done.adapter.lora.targets}


def test_a_judge_sees_the_adapters(tiny_encoder, toy_bitext):
    seen = []

    def judge(encoder):
        seen.append(vectors_of(copy.deepcopy(encoder.model), encoder.tokenizer))
        return float(len(seen) < 3)

    start = vectors_of(copy.deepcopy(tiny_encoder.model), tiny_encoder.tokenizer)
    stopping = {"every": 1, "patience": 3}
    done = realign(tiny_encoder, toy_bitext, stopping=stopping, judge=judge, steps=6)
    assert torch.allclose(seen[0], start, atol=1e-6)
    assert not torch.allclose(seen[1], start, atol=1e-3)
    assert done.history.training.kept == 0
    assert torch.allclose(vectors_of(tiny_encoder.model, tiny_encoder.tokenizer), start, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision(tiny_folder, toy_bitext, dtype):
    model = AutoModel.from_pretrained(tiny_folder, dtype=dtype)
    before = weights_of(model)
    done = realign(model, toy_bitext, freeze="front+lora:4")
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert changed(before, weights_of(model)) == {f"{path}.weight" for path in done.adapter.lora.targets}
    assert {weight.dtype for weight in done.adapter.weights.values()} == {torch.float32}


def test_averages_take_the_merged_weights(tiny_folder, toy_bitext):
    made = [realign(load_encoder(str(tiny_folder)), toy_bitext, freeze=freeze).encoder for freeze in ("lora:4", "full")]
    states = [weights_of(encoder.model) for encoder in made]
    mean = weights_of(af.average_encoders(made).model)
    assert all(torch.allclose(mean[name], (states[0][name] + states[1][name]) / 2, atol=1e-6) for name in mean)


# --- saved -----------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", ["lora:4", "front+lora", "attention+lora:3"])
def test_a_saved_adapter_gives_the_vectors_of_the_merged_encoder(tiny_folder, toy_bitext, tmp_path, freeze):
    done = realign(load_encoder(str(tiny_folder)), toy_bitext, freeze=freeze)
    done.save_adapter(tmp_path / "adapter")
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"} <= names
    base = AutoModel.from_pretrained(tiny_folder)
    plain = vectors_of(base, done.encoder.tokenizer)
    model = peft.PeftModel.from_pretrained(base, tmp_path / "adapter")
    found, merged = (vectors_of(each, done.encoder.tokenizer) for each in (model, done.encoder.model))
    assert torch.allclose(found, merged, atol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-3)
    again = vectors_of(model.merge_and_unload(), done.encoder.tokenizer)
    assert torch.allclose(again, merged, atol=1e-5)
    assert model.peft_config["default"].base_model_name_or_path == str(tiny_folder)


def test_an_adapter_is_small(tiny_encoder, toy_bitext, tmp_path):
    done = realign(tiny_encoder, toy_bitext, freeze="front+lora:1")
    done.save_adapter(tmp_path / "adapter")
    done.save(tmp_path / "whole")
    sizes = [
        (tmp_path / name).stat().st_size for name in ("adapter/adapter_model.safetensors", "whole/model.safetensors")
    ]
    assert sizes[0] * 10 < sizes[1]


def test_without_lora_there_is_no_adapter_to_save(tiny_encoder, toy_bitext, tmp_path):
    done = realign(tiny_encoder, toy_bitext, freeze="front")
    assert done.adapter is None
    with pytest.raises(SettingsError, match=r"there is no adapter, .*; name lora in the policy"):
        done.save_adapter(tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_without_peft_the_extra_is_named(tiny_encoder, toy_bitext, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(
        SettingsError, match=r'adapters \(lora\) need the extra `peft`: pip install "alignfreeze\[peft\]'
    ):
        realign(tiny_encoder, toy_bitext)
