"""Realignment inside training loops of other people."""

import copy

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import AutoModel, AutoModelForSequenceClassification

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.realignment.model import RealignmentModel
from tests.conftest import FAMILY_OPTIONS, family_config

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


@pytest.fixture
def model(tiny_folder):
    """A model of the caller, without dropout so that losses can be compared."""
    return AutoModel.from_pretrained(tiny_folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.fixture
def loss_of(tiny_encoder, toy_bitext):
    def build(model, **options):
        how = {"tokenizer": tiny_encoder.tokenizer, "batch_size": 4, **options}
        return af.RealignmentLoss(model, toy_bitext, [DIAGONAL] * len(toy_bitext), **how)

    return build


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_a_loop_of_one_s_own_realigns(model, loss_of):
    loss = loss_of(model)
    optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=1e-3)
    curve = []
    for _ in range(30):
        optimizer.zero_grad()
        now = loss()
        now.backward()
        optimizer.step()
        curve.append(now.item())
    assert sum(curve[-5:]) < 0.9 * sum(curve[:5])


def test_the_parameters_of_the_loss_are_those_of_its_head(model, loss_of):
    loss = loss_of(model, projection=8)
    assert [list(p.shape) for p in loss.parameters()] == [[32, 32], [8, 32]]
    assert set(loss.state_dict()) == {"projection.0.weight", "projection.2.weight", "_extra_state"}


def test_the_gradient_is_that_of_the_realignment_loss(model, loss_of):
    loss = loss_of(model)
    other = copy.deepcopy(model)
    loss().backward()
    by_hand = RealignmentModel(other, loss.settings)
    by_hand.projection.load_state_dict(loss.projection.state_dict())
    again = loss_of(model)._batches
    by_hand(**again.draw())["loss"].backward()
    ours, theirs = gradients(model), gradients(other)
    assert set(ours) == set(theirs)
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], msg=name)


@pytest.mark.parametrize("freeze", ["front", "back+embeddings"])
def test_frozen_parts_get_the_gradient_of_the_task_alone(model, loss_of, freeze):
    loss = loss_of(model, freeze=freeze)
    words = torch.tensor([[2, 7, 8, 3]])

    def task():
        return model(input_ids=words).last_hidden_state.pow(3).sum()

    task().backward()
    alone = gradients(model)
    model.zero_grad()
    (task() + loss()).backward()
    both = gradients(model)
    equal = {name for name in alone if torch.equal(alone[name], both[name])}
    frozen = ("layer.0.", "layer.1.") if freeze == "front" else ("layer.2.", "layer.3.", "embeddings.")
    encoder = {name for name in alone if "pooler" not in name}
    assert {name for name in equal if "pooler" not in name} == {n for n in encoder if any(part in n for part in frozen)}


def state_of(model):
    return (
        {name: module.training for name, module in model.named_modules()},
        {name: (p.requires_grad, p.dtype, p.device, id(p)) for name, p in model.named_parameters()},
        model.config._attn_implementation,
        [getattr(module, "gradient_checkpointing", None) for module in model.modules()],
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_model_keeps_its_state(model, loss_of, training, attention):
    model.train(training)
    model.set_attn_implementation(attention)
    model.embeddings.requires_grad_(False)
    model.gradient_checkpointing_enable()
    before, weights = state_of(model), copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    loss = loss_of(model, freeze="front")
    assert torch.equal(torch.get_rng_state(), random)
    loss().backward()
    assert state_of(model) == before
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in weights.items())
    assert model.embeddings.word_embeddings.weight.grad is None


def test_the_encoder_of_a_model_with_a_head_is_realigned(tiny_folder, loss_of):
    model = AutoModelForSequenceClassification.from_pretrained(tiny_folder)
    loss_of(model)().backward()
    with_gradient = set(gradients(model))
    assert "bert.encoder.layer.3.output.dense.weight" in with_gradient
    assert not any("classifier" in name for name in with_gradient)


def test_batches_go_on_for_ever_and_visit_all_pairs_alike(model, loss_of, toy_bitext):
    batches = loss_of(model)._batches
    seen = torch.cat([batches.draw()["sentences"] for _ in range(60)])  # two rounds of 30 batches of 4 pairs
    assert torch.bincount(seen, minlength=240).tolist() == [2] * 240
    assert not torch.equal(seen[: len(seen) // 2], seen[len(seen) // 2 :])


def test_a_state_continues_with_the_next_batch(model, loss_of, tmp_path):
    model.eval()
    loss = loss_of(model)
    losses = [loss().item() for _ in range(3)]
    torch.save(loss.state_dict(), tmp_path / "loss.pt")
    losses += [loss().item() for _ in range(3)]
    other = loss_of(model)
    assert [other().item() for _ in range(3)] == losses[:3]
    continued = loss_of(model)
    continued.load_state_dict(torch.load(tmp_path / "loss.pt", weights_only=True))
    assert [continued().item() for _ in range(3)] == losses[3:]


def test_a_state_of_other_batches_is_refused(model, loss_of):
    state = loss_of(model, seed=1).state_dict()
    with pytest.raises(SettingsError, match="other sentence pairs, links, batch size or seed"):
        loss_of(model, seed=2).load_state_dict(state)


def test_a_model_in_bfloat16_is_realigned_in_its_precision(model, loss_of):
    exact = loss_of(model)().item()
    half = model.to(torch.bfloat16)
    loss = loss_of(half)
    now = loss()
    now.backward()
    assert now.dtype == torch.float32
    assert now.item() == pytest.approx(exact, rel=0.05)
    assert {gradient.dtype for gradient in gradients(half).values()} == {torch.bfloat16}
    assert {weight.grad.dtype for weight in loss.parameters()} == {torch.float32}


def test_a_model_in_float16_is_refused_with_the_remedy(model, loss_of):
    with pytest.raises(EncoderError, match=r"float16.*model\.float\(\)"):
        loss_of(model.half())


@pytest.fixture
def accelerator():
    """An accelerator that knows nothing of the Trainers of other tests, and leaves nothing to them."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(mixed_precision="bf16", cpu=True)
    AcceleratorState._reset_state(reset_partial_state=True)


def test_it_works_in_a_loop_of_accelerate(model, loss_of, accelerator):
    loss = loss_of(model)
    exact = loss_of(model)().item()
    optimizer = torch.optim.AdamW([*model.parameters(), *loss.parameters()], lr=1e-3)
    prepared, optimizer = accelerator.prepare(model, optimizer)
    with accelerator.autocast():
        now = loss()
    assert now.item() == pytest.approx(exact, rel=0.05)
    assert now.item() != exact
    accelerator.backward(now)
    optimizer.step()
    prepared(input_ids=torch.tensor([[2, 7, 3]]))


def test_all_frozen_without_a_head_is_refused(model, loss_of):
    with pytest.raises(SettingsError, match="nothing is left to train"):
        loss_of(model, freeze="front+back+embeddings", projection=0)


def test_several_processes_are_refused(model, loss_of, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match="one process only"):
        loss_of(model)


@pytest.mark.parametrize("options", [{"loss": "l2"}, {"loss": "sentence"}, {"layer": [1, 3]}, {"projection": 0}])
def test_other_losses_and_layers(model, loss_of, options):
    loss_of(model, **options)().backward()
    assert gradients(model)


def test_a_name_is_refused(loss_of):
    with pytest.raises(EncoderError, match="embedded:e5-small: your loop trains a model"):
        loss_of("embedded:e5-small")


@pytest.mark.parametrize("family", FAMILY_OPTIONS)
def test_every_family(family, loss_of):
    model = AutoModel.from_config(family_config(family))
    before = state_of(model)
    loss = loss_of(model, freeze="embeddings")
    loss().backward()
    assert state_of(model) == before
    assert all(weight.grad is not None for weight in loss.parameters())
    assert model.get_input_embeddings().weight.grad is None
    assert len(gradients(model)) > 5


def test_adapters_alone_get_gradients(model, loss_of):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["query", "value"], r=2, init_lora_weights=False)
    adapted = peft.get_peft_model(model, config)
    loss_of(adapted, freeze="front")().backward()
    with_gradient = gradients(adapted)
    assert with_gradient
    assert all("lora" in name and ("layer.2." in name or "layer.3." in name) for name in with_gradient)
