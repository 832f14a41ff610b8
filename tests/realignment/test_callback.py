"""Realignment while somebody else's Trainer trains."""

import copy
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments, set_seed

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.realignment.callback import check_arguments

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


@pytest.fixture(scope="module")
def items():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(5, 60, (64, 6), generator=generator)
    return [{"input_ids": row, "labels": int(row[0] > 30)} for row in rows]


@pytest.fixture
def model(tiny_folder):
    set_seed(0)
    return AutoModelForSequenceClassification.from_pretrained(tiny_folder)


@pytest.fixture
def callback_of(toy_bitext, tiny_encoder):
    def build(**options):
        how = {"batch_size": 4, "coefficient": 0.5, "tokenizer": tiny_encoder.tokenizer, **options}
        return af.RealignmentCallback(toy_bitext, [DIAGONAL] * len(toy_bitext), **how)

    return build


def trainer_of(model, items, folder, *callbacks, **options):
    how = {"max_steps": 4, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "save_strategy": "no", **options}
    arguments = TrainingArguments(
        str(folder), use_cpu=True, report_to="none", disable_tqdm=True, logging_steps=2, **how
    )
    data = {"train_dataset": items, "eval_dataset": items[:8]}
    if isinstance(model, torch.nn.Module):
        return Trainer(model, arguments, callbacks=list(callbacks), **data)
    return Trainer(model_init=model, args=arguments, callbacks=list(callbacks), **data)


def no_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


class Gradients(TrainerCallback):
    """Keeps the gradients of the first step."""

    def __init__(self):
        self.kept = {}

    def on_pre_optimizer_step(self, args, state, control, *, model, **_):
        if not self.kept:
            self.kept = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("accumulation", "clip"), [(1, 0.0), (2, 0.0), (2, 0.1)])
def test_the_gradient_is_that_of_the_sum_of_both_losses(model, items, callback_of, tmp_path, accumulation, clip):  # noqa: PLR0917
    gradients, callback = Gradients(), callback_of(freeze="front")
    model.accepts_loss_kwargs = False  # or else the Trainer expects a mean that this model does not compute
    by_hand = copy.deepcopy(no_dropout(model))
    how = {"gradient_accumulation_steps": accumulation, "max_grad_norm": clip}
    trainer = trainer_of(model, items, tmp_path, callback, gradients, **how)
    batches = trainer.get_train_dataloader()
    set_seed(trainer.args.seed)
    rows = [batch for batch, _ in zip(batches, range(accumulation), strict=False)]
    trainer.train()

    task = sum(by_hand(**batch).loss for batch in rows) / accumulation
    loss = af.RealignmentLoss(
        by_hand, *callback._given, tokenizer=callback._tokenizer, batch_size=4, freeze="front", seed=31
    )
    (task + 0.5 * loss()).backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), clip)
    expected = {name: p.grad for name, p in by_hand.named_parameters() if p.grad is not None}
    assert set(expected) == set(gradients.kept)
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients.kept[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_frozen_parts_get_the_gradient_of_the_task_alone(model, items, callback_of, tmp_path):
    no_dropout(model)
    other = copy.deepcopy(model)
    both, alone = Gradients(), Gradients()
    trainer_of(model, items, tmp_path, callback_of(freeze="front"), both, max_grad_norm=0.0).train()
    trainer_of(other, items, tmp_path, alone, max_grad_norm=0.0).train()
    equal = {name for name, gradient in alone.kept.items() if torch.equal(gradient, both.kept[name])}
    assert any("layer.0." in name for name in equal)
    assert not any("layer.2." in name or "layer.3." in name for name in equal)
    front = {name for name in alone.kept if "layer.0." in name or "layer.1." in name}
    assert front <= equal


def weights_after(model, items, callback, folder, *, resume=None, **options):
    trainer = trainer_of(copy.deepcopy(model), items, folder, callback, **options)
    trainer.train(resume_from_checkpoint=resume)
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_same_training_twice_gives_the_same_weights(model, items, callback_of, tmp_path):
    first, second = (weights_after(model, items, callback_of(), tmp_path / name) for name in "ab")
    assert same(first, second)
    assert not same(first, weights_after(model, items, callback_of(coefficient=0.01), tmp_path / "c"))


@pytest.mark.parametrize("options", [{}, {"loss": "l2"}, {"every": 3}])
def test_a_resumed_training_equals_one_without_interruption(model, items, callback_of, tmp_path, options):
    how = {"save_strategy": "steps", "save_steps": 2, "max_steps": 6}
    whole = weights_after(model, items, callback_of(**options), tmp_path / "whole", **how)
    callback = callback_of(**options)
    resumed = weights_after(
        model, items, callback, tmp_path / "whole", resume=str(tmp_path / "whole" / "checkpoint-2"), **how
    )
    assert same(whole, resumed)


def test_a_checkpoint_without_the_callback_is_refused(model, items, callback_of, tmp_path):
    how = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4}
    trainer_of(copy.deepcopy(model), items, tmp_path, **how).train()
    with pytest.raises(TrainingError, match=r"checkpoint-2 has no realignment\.pt"):
        weights_after(model, items, callback_of(), tmp_path, resume=str(tmp_path / "checkpoint-2"), **how)


def test_a_loss_that_needs_the_initial_model_is_not_continued_without_it(model, items, callback_of, tmp_path):
    how = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4}
    trainer = trainer_of(model, items, tmp_path, callback_of(loss="l2"), **how)
    trainer.train()
    with pytest.raises(TrainingError, match="'l2' needs the model before its training: make the Trainer anew"):
        trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))


class Heard(TrainerCallback):
    """Notes what a logger gets."""

    def __init__(self):
        self.logs = []

    def on_log(self, args, state, control, logs=None, **_):
        self.logs.append(dict(logs))


def test_the_loss_is_logged(model, items, callback_of, tmp_path):
    heard = Heard()
    trainer = trainer_of(model, items, tmp_path, callback_of(), heard)
    trainer.train()
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in history] == [2, 4]
    assert all(0 < entry["realignment_loss"] < 10 for entry in history)
    assert [entry["realignment_loss"] for entry in heard.logs if "loss" in entry] == [
        entry["realignment_loss"] for entry in history
    ]


def test_the_head_is_trained_with_the_rate_of_the_trainer(model, items, callback_of, tmp_path):
    callback = callback_of()
    trainer = trainer_of(model, items, tmp_path, callback, lr_scheduler_type="constant")
    before = copy.deepcopy(callback.realignment.projection.state_dict())
    trainer.train()
    after = callback.realignment.projection.state_dict()
    # Adam moves a weight by at most about the learning rate in a step.
    moved = max((after[name] - value).abs().max().item() for name, value in before.items())
    assert 1e-3 < moved < 4.1e-3


def test_every_few_steps(model, items, callback_of, tmp_path):
    callback = callback_of(every=3)
    trainer_of(model, items, tmp_path, callback).train()  # steps 0 and 3
    assert callback.realignment.state_dict()["_extra_state"][0] == 2


def test_bf16_and_evaluation_and_gradient_checkpointing(model, items, callback_of, tmp_path):
    how = {"bf16": True, "gradient_checkpointing": True, "max_steps": 2, "eval_strategy": "steps", "eval_steps": 1}
    trainer = trainer_of(model, items, tmp_path, callback_of(freeze="front"), **how)
    trainer.train()
    assert model.config._attn_implementation == "sdpa"


def test_a_model_made_by_the_trainer(tiny_folder, items, callback_of, tmp_path):
    callback = callback_of()
    trainer = trainer_of(
        lambda: AutoModelForSequenceClassification.from_pretrained(tiny_folder), items, tmp_path, callback
    )
    trainer.train()
    (realignment,) = callback.realignment._alongside
    assert realignment.encoder is trainer.model.bert


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"world_size": 2}, "several processes"),
        ({"deepspeed": "ds.json"}, "DeepSpeed"),
        ({"fp16": True, "fsdp": "full_shard"}, "FSDP, fp16"),
        ({"optim": "galore_adamw_layerwise"}, "galore_adamw_layerwise"),
    ],
)
def test_what_it_does_not_work_with(changes, message):
    usual = {"world_size": 1, "deepspeed": None, "fsdp": None, "fp16": False, "optim": "adamw_torch"}
    check_arguments(SimpleNamespace(**usual))
    with pytest.raises(SettingsError, match=message):
        check_arguments(SimpleNamespace(**{**usual, **changes}))


def test_wrong_settings_are_refused_at_once(toy_bitext):
    with pytest.raises(SettingsError, match="every"):
        af.RealignmentCallback(toy_bitext, every=0)
    with pytest.raises(SettingsError, match="coeficient"):
        af.RealignmentCallback(toy_bitext, coeficient=0.3)
