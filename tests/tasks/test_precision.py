"""A model that was trained in half precision predicts so too."""

from dataclasses import replace

import pytest
import torch

from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.table import TASKS


@pytest.mark.parametrize("name", ["pos", "ner", "nli", "qa"])
def test_predictions_have_the_precision_of_the_training(tiny_encoder, toy_items, name, monkeypatch):
    task, items = TASKS[name], toy_items[name]
    options = {"steps": 3, "learning_rate": 1e-3, "device": "cpu"}
    model, _ = finetune(tiny_encoder, task, items, compute={"precision": "bf16"}, **options)
    assert model.in_bf16
    assert not finetune(tiny_encoder, task, items, **options)[0].in_bf16
    seen = []
    linear = torch.nn.functional.linear

    def watch(*inputs, **more):
        seen.append((found := linear(*inputs, **more)).dtype)
        return found

    monkeypatch.setattr(torch.nn.functional, "linear", watch)
    guesses = task.kind.predict(model, items)
    assert set(seen) == {torch.bfloat16}
    seen.clear()
    assert len(task.kind.predict(replace(model, in_bf16=False), items)) == len(guesses)
    assert set(seen) == {torch.float32}
    assert all(parameter.dtype == torch.float32 for parameter in model.model.parameters())
