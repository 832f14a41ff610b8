"""Fine-tuning with adapters: adapters and head learn, the encoder below them stays as it is."""

import copy

import pytest
import torch
from transformers import AutoModel, TrainerCallback

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.families import FAMILIES
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.preparing import prepare
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.table import TASKS
from tests.conftest import family_config
from tests.training.test_loop import EVERY_TWO, Killed, kill_after, same

peft = pytest.importorskip("peft")

HEADS = {task: TASKS[task].kind.head for task in ("pos", "nli", "qa")}


def finetune(encoder, items, *, task="pos", adapter="lora:4", **options):
    how = {"steps": 4, "batch_size": 8, "learning_rate": 1e-2, "max_length": 32, "stride": 4, "seed": 3}
    return af.finetune(encoder, TASKS[task], items, adapter=adapter, device="cpu", **{**how, **options})


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def outputs_of(model, tokenizer):
    text = tokenizer(["the dog sees the cat", "the bird"], return_tensors="pt", padding=True)
    with torch.no_grad():
        return model.eval()(**text)[0]


class Bases(TrainerCallback):
    def __init__(self):
        self.seen = {}

    def on_step_end(self, *_, model, **__):
        base = model.network.base_model
        self.seen = {
            name.replace(".base_layer", ""): weight.detach().clone()
            for name, weight in base.named_parameters()
            if not any(part in name for part in ("lora_", "word_embeddings", "pooler"))
        }


@pytest.mark.parametrize("adapter", ["lora:4", "front+lora"])
def test_the_base_is_bit_identical_until_the_adapter_is_merged(tiny_encoder, toy_tagged, adapter):
    before, bases = weights_of(tiny_encoder.model), Bases()
    tuned = finetune(tiny_encoder, toy_tagged, adapter=adapter, callbacks=[bases])
    assert bases.seen
    assert not changed(bases.seen, before)
    assert same(weights_of(tiny_encoder.model), before)
    after = weights_of(tuned.model.model.base_model)
    moved = changed(after, before)
    assert moved == {f"{path}.weight" for path in tuned.history.adapter.targets}
    assert any("layer.0" in name for name in moved) == (adapter == "lora:4")
    assert all(parameter.requires_grad for parameter in tuned.model.model.parameters())


def test_a_task_is_learnt(tiny_encoder, toy_tagged):
    tuned = finetune(tiny_encoder, toy_tagged, steps=60)
    score = af.evaluate(tuned.model, TASKS["pos"], {"en": toy_tagged[:20]}, device="cpu")[0].value
    assert score > 0.9
    assert tuned.history.losses[-1][1] < tuned.history.losses[0][1]
    assert tuned.to_dict()["training"]["adapter"]["rank"] == 4


@pytest.mark.parametrize("task", HEADS)
def test_a_saved_adapter_gives_the_outputs_of_the_merged_model(tiny_folder, toy_items, tmp_path, task):
    tuned = finetune(load_encoder(str(tiny_folder)), toy_items[task], task=task)
    tuned.save_adapter(tmp_path / "adapter", base=str(tiny_folder))
    head = HEADS[task].auto_class
    base = head.from_pretrained(tiny_folder, num_labels=len(tuned.model.labels))
    model = peft.PeftModel.from_pretrained(base, tmp_path / "adapter")
    found, merged = (outputs_of(each, tuned.model.tokenizer) for each in (model, tuned.model.model))
    assert torch.allclose(found, merged, atol=1e-5)


@pytest.mark.parametrize("task", HEADS)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "camembert"])
def test_every_family(tiny_encoder, toy_items, tmp_path, family, task):
    config = family_config(family, vocab_size=len(tiny_encoder.tokenizer), pad_token_id=0)
    model = AutoModel.from_config(config)
    model.save_pretrained(tmp_path / "base")
    encoder = Encoder(family, model, copy.deepcopy(tiny_encoder.tokenizer))
    encoder.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tuned = finetune(encoder, toy_items[task], task=task, steps=2)
    tuned.save_adapter(tmp_path / "adapter")
    head = HEADS[task].model_class(config)
    base = head.from_pretrained(tmp_path / "base", num_labels=len(tuned.model.labels))
    loaded = peft.PeftModel.from_pretrained(base, tmp_path / "adapter")
    found, merged = (outputs_of(each, encoder.tokenizer) for each in (loaded, tuned.model.model))
    assert torch.allclose(found, merged, atol=1e-5)


def test_killed_and_resumed_it_ends_with_the_same_adapter(tiny_encoder, toy_tagged, tmp_path, monkeypatch):
    def tune(**options):
        tuned = finetune(tiny_encoder, toy_tagged, steps=6, **options)
        return weights_of(tuned.model.model) | tuned.adapter.weights

    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        tune(**options)
    torch.rand(5)
    assert same(tune(**options), tune())


def test_half_precision(tiny_folder, toy_tagged):
    model = AutoModel.from_pretrained(tiny_folder, dtype=torch.bfloat16)
    before = weights_of(model)
    tuned = finetune(model, toy_tagged, head_learning_rate=1e-2)
    assert same(before, weights_of(model))
    assert tuned.adapter.weights["classifier.weight"].dtype == torch.float32


@pytest.mark.parametrize("freeze", ["full", "front"])
def test_during_trains_adapters_on_both_losses(tiny_encoder, toy_bitext, toy_tagged, freeze):
    settings = RealignmentSettings(schedule="during", batch_size=4)
    links = [WordAlignment(frozenset((i, i) for i in range(5)))] * len(toy_bitext)
    prepared = prepare(tiny_encoder, toy_bitext, links, freeze=freeze, settings=settings, seed=3)
    before, bases = weights_of(tiny_encoder.model), Bases()
    tuned = finetune(tiny_encoder, toy_tagged, alongside=prepared, callbacks=[bases])
    assert not changed(bases.seen, before)
    alone = finetune(tiny_encoder, toy_tagged)
    names = [name for name in alone.adapter.weights if "lora_B" in name]
    differ = {name for name in names if not torch.equal(tuned.adapter.weights[name], alone.adapter.weights[name])}
    assert any("layer.3" in name for name in differ)


def test_lora_as_a_strategy_and_during_do_not_go_together(tiny_encoder, toy_bitext, toy_tagged):
    settings = RealignmentSettings(schedule="during", batch_size=4)
    links = [WordAlignment(frozenset((i, i) for i in range(5)))] * len(toy_bitext)
    prepared = prepare(tiny_encoder, toy_bitext, links, freeze="lora", settings=settings, seed=3)
    with pytest.raises(SettingsError, match=r"lora cannot be used with schedule 'during'.*set finetuning.adapter"):
        finetune(tiny_encoder, toy_tagged, adapter=None, alongside=prepared)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ("front", r"'front' names no adapters; use lora, lora:16 or front\+lora"),
        ("lora:0", "the rank of adapters is at least 1"),
        ("lora+lora", "names adapters twice"),
        ("loar", "Did you mean 'lora'"),
    ],
)
def test_a_setting_that_makes_no_sense(tiny_encoder, toy_tagged, adapter, message):
    with pytest.raises(SettingsError, match=message):
        finetune(tiny_encoder, toy_tagged, adapter=adapter)


def test_without_an_adapter_none_is_saved(tiny_encoder, toy_tagged, tmp_path):
    model, history = tuned = finetune(tiny_encoder, toy_tagged, adapter=None)
    assert (tuned.adapter, history.adapter) == (None, None)
    assert model is tuned.model
    with pytest.raises(SettingsError, match="there is no adapter"):
        tuned.save_adapter(tmp_path / "adapter")
