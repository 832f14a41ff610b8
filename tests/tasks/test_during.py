"""Realignment in the steps of fine-tuning, and after it."""

import copy

import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.packing import packing
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.preparing import prepare
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.during import DuringModel, _together
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.kinds import TaskLoss
from alignfreeze.tasks.models import add_head
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings

POS = TASKS["pos"]
SETTINGS = RealignmentSettings(schedule="during", batch_size=4, coefficient=0.5)
STEPS = FinetuningSettings(steps=1, batch_size=8, learning_rate=1e-3, warmup=0.0)


@pytest.fixture
def still(tiny_encoder):
    """The tiny encoder without dropout, so that two losses are comparable."""
    for module in tiny_encoder.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    config = tiny_encoder.model.config
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return tiny_encoder


@pytest.fixture
def links(toy_bitext):
    return [WordAlignment(frozenset((i, i) for i in range(5)))] * len(toy_bitext)


def gradients(model, batch):
    model.zero_grad(set_to_none=True)
    model(**batch)["loss"].backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("freeze", ["front", "embeddings", "attention", "1..2", "full"])
@pytest.mark.parametrize("at_once", [None, 3])
def test_a_frozen_parts_gradient_is_that_of_the_task_alone(*, still, toy_bitext, toy_tagged, links, freeze, at_once):
    """And so its update: Adam sees nothing else. What is not frozen gets that of both."""
    task_model = add_head(still, WORDS, POS.labels, max_length=32)
    base = task_model.model.base_model
    prepared = prepare(still, toy_bitext, links, freeze=freeze, settings=SETTINGS, seed=1)
    untrained = FreezePolicy.parse(freeze).parts_of(base)
    task = TaskLoss(task_model.model, POS.kind)
    both = DuringModel(task, RealignmentModel(base, SETTINGS, untrained=untrained))
    both.at_once = at_once
    batch = {
        "items": POS.kind.examples(task_model, toy_tagged).batch(range(8)),
        "pairs": prepared.pairs.batch(range(4)),
    }
    with packing(task_model.model):
        found = gradients(both, batch)
        alone = {f"task.{name}": value for name, value in gradients(task, batch["items"]).items()}
    frozen_names = {
        name for name, p in both.named_parameters() if any(p is q for m in untrained for q in m.parameters())
    }
    assert bool(frozen_names) == (freeze != "full")
    for name, gradient in alone.items():
        if name in frozen_names:
            torch.testing.assert_close(found[name], gradient, msg=name)
    moved = [n for n in alone if n not in frozen_names and "encoder.layer" in n and "key.bias" not in n]
    assert moved
    assert all(not torch.allclose(found[name], alone[name]) for name in moved)


def test_a_frozen_layers_update_equals_that_of_the_task_loss_alone(still, toy_bitext, toy_tagged, links):
    prepared = prepare(still, toy_bitext, links, freeze="front", settings=SETTINGS, seed=31)
    before = copy.deepcopy(still.model.state_dict())
    options = {"settings": STEPS, "device": "cpu"}
    with_both, _ = finetune(still, POS, toy_tagged, alongside=prepared, **options)
    task_alone, _ = finetune(still, POS, toy_tagged, **options)
    ours, theirs = with_both.model.state_dict(), task_alone.model.state_dict()
    for name in ours:
        if "encoder.layer.0." in name or "encoder.layer.1." in name:
            torch.testing.assert_close(ours[name], theirs[name], msg=name, atol=1e-6, rtol=1e-4)
    assert any(not torch.allclose(ours[n], theirs[n], atol=1e-5) for n in ours if "encoder.layer.3." in n)
    assert all(torch.equal(before[name], value) for name, value in still.model.state_dict().items())


def test_both_losses_fall(tiny_encoder, toy_bitext, toy_tagged, links):
    prepared = prepare(tiny_encoder, toy_bitext, links, freeze="front", settings=SETTINGS, seed=31)
    settings = FinetuningSettings(steps=60, batch_size=8, learning_rate=3e-3)
    _, history = finetune(tiny_encoder, POS, toy_tagged, settings=settings, alongside=prepared, device="cpu")
    assert history.losses[-1][1] < history.losses[0][1] - 2
    assert prepared.history(history).pairs == len(toy_bitext)


def test_what_cannot_be_kept_apart_is_refused(tiny_encoder, toy_bitext, toy_tagged, links):
    prepared = prepare(tiny_encoder, toy_bitext, links, freeze="front", settings=SETTINGS, seed=31)
    compute = ComputeSettings(gradient_checkpointing=True)
    with pytest.raises(SettingsError, match=r"use compute\.micro_batch"):
        finetune(tiny_encoder, POS, toy_tagged, settings=STEPS, alongside=prepared, compute=compute, device="cpu")


def test_a_batch_holds_both_and_each_process_gets_its_share(monkeypatch):
    import numpy as np

    from alignfreeze.tasks import during

    items, pairs = np.arange(8), np.arange(100, 104)
    assert _together(items, pairs, 4, 2).tolist() == [0, 1, 2, 3, 100, 101, 4, 5, 6, 7, 102, 103]
    monkeypatch.setattr(during, "n_processes", lambda: 2)
    assert _together(items, pairs, 4, 2).tolist() == [0, 1, 100, 2, 3, 101, 4, 5, 102, 6, 7, 103]
