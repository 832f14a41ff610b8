"""The mean of the last snapshots of a fine-tuning, and a seed of its own for the head."""

from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import TrainerCallback

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.preparing import prepare
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings
from alignfreeze.training.snapshots import SnapshotCallback, steps_of_snapshots
from tests.training.test_loop import DIAGONAL, EVERY_TWO, Killed, kill_after, same


class Collector(TrainerCallback):
    """Keeps the weights after each step."""

    def __init__(self):
        self.after = {}

    def on_step_end(self, _, state, *__, model, **___):
        self.after[state.global_step] = {name: value.clone() for name, value in model.network.named_parameters()}


def tune(encoder, items, *, steps=12, average_last=None, head_seed=None, **options):
    settings = FinetuningSettings(
        steps=steps, batch_size=16, learning_rate=1e-2, average_last=average_last, head_seed=head_seed
    )
    return finetune(encoder, TASKS["pos"], items, settings=settings, device="cpu", **options)


# --- when, and what ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "snapshots"),
    [
        (1, [1]),
        (4, [1, 2, 3, 4]),
        (10, [*range(1, 11)]),
        # 25 steps: the tenths end after 2.5, 5, 7.5, ... steps.
        (25, [2, 5, 7, 10, 12, 15, 17, 20, 22, 25]),
        (1000, [*range(100, 1001, 100)]),
    ],
)
def test_a_snapshot_is_taken_at_each_tenth_of_the_steps(steps, snapshots):
    assert steps_of_snapshots(steps) == snapshots


@given(st.integers(1, 10_000))
def test_snapshots_rise_and_end_with_the_last_step(steps):
    found = steps_of_snapshots(steps)
    assert found == sorted(set(found))
    assert found[-1] == steps
    assert found[0] >= 1
    assert len(found) == min(10, steps)


def callback_for(weights, *, steps, last):
    network = nn.Module()
    network.weight = nn.Parameter(torch.tensor(weights))
    network.register_buffer("count", torch.tensor([7.0]))
    return network, SnapshotCallback(SimpleNamespace(network=network), steps=steps, last=last)


def take(callback, network, step, weights):
    network.weight.data = torch.tensor(weights)
    callback.on_step_end(None, SimpleNamespace(global_step=step), None)


def test_the_mean_of_one_two_and_three_is_two():
    network, callback = callback_for([0.0], steps=3, last=3)
    for step, weight in enumerate([1.0, 2.0, 3.0], start=1):
        take(callback, network, step, [weight])
        network.count += 1
    callback.trained = dict(network.named_parameters())
    callback.put_mean()
    assert network.weight.item() == 2.0
    assert network.count.item() == 10.0  # a buffer is that of the last model


def test_only_the_last_snapshots_count():
    """Of 20 steps, snapshots are after 2, 4, ..., 20; the last three are after 16, 18 and 20."""
    network, callback = callback_for([0.0], steps=20, last=3)
    for step in range(1, 21):
        take(callback, network, step, [float(step)])
    assert callback.due == [16, 18, 20]
    assert callback.mean["weight"].item() == pytest.approx(18.0)
    take(callback, network, 21, [1000.0])  # a step after the end
    assert callback.mean["weight"].item() == pytest.approx(18.0)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), st.integers(2, 10))
def test_the_mean_of_equal_weights_is_these_weights_bit_by_bit(weights, last):
    network, callback = callback_for(weights, steps=10, last=last)
    for step in range(1, 11):
        take(callback, network, step, weights)
    assert torch.equal(callback.mean["weight"], torch.tensor(weights))


# --- a tiny real model ---------------------------------------------------------------


def test_the_model_is_the_mean_of_its_last_snapshots(tiny_encoder, toy_tagged):
    collector = Collector()
    model, history = tune(tiny_encoder, toy_tagged, steps=20, average_last=4, callbacks=[collector])
    kept = [collector.after[step] for step in (14, 16, 18, 20)]
    last = tune(tiny_encoder, toy_tagged, steps=20).model.model
    differ = 0
    for (name, ours), theirs in zip(model.model.named_parameters(), last.parameters(), strict=True):
        if (several := [one[name] for one in kept])[0].shape == ours.shape:  # a table holds fewer rows while it trains
            assert torch.allclose(ours, torch.stack(several).mean(dim=0), atol=1e-6), name
        differ += not torch.equal(ours, theirs)
    assert differ > 10
    assert history.steps == 20


def test_without_it_nothing_changes(tiny_encoder, toy_tagged):
    plain = tune(tiny_encoder, toy_tagged, steps=3).model.model.state_dict()
    collector = Collector()
    again = tune(tiny_encoder, toy_tagged, steps=3, callbacks=[collector]).model.model.state_dict()
    assert same(plain, again)
    # A head that begins with the seed of the run is the head of before.
    assert same(plain, tune(tiny_encoder, toy_tagged, steps=3, head_seed=31).model.model.state_dict())


@pytest.mark.parametrize("step", [1, 8, 9, 11, 12])
def test_killed_at_any_step_it_ends_with_the_same_mean(tiny_encoder, toy_tagged, tmp_path, monkeypatch, step):
    options = {"average_last": 5, "compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, step)
        tune(tiny_encoder, toy_tagged, **options)
    found = tune(tiny_encoder, toy_tagged, **options).model.model.state_dict()
    assert same(found, tune(tiny_encoder, toy_tagged, average_last=5).model.model.state_dict())


def test_a_checkpoint_whose_mean_was_changed_is_not_taken(tiny_encoder, toy_tagged, tmp_path, monkeypatch):
    options = {"average_last": 5, "compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 11)
        tune(tiny_encoder, toy_tagged, **options)
    (mean,) = tmp_path.rglob("mean.safetensors")
    mean.write_bytes(mean.read_bytes()[:-4] + b"\0\0\0\0")
    found = tune(tiny_encoder, toy_tagged, **options).model.model.state_dict()
    assert same(found, tune(tiny_encoder, toy_tagged, average_last=5).model.model.state_dict())


def test_checkpoints_of_another_number_are_not_taken(tiny_encoder, toy_tagged, tmp_path, monkeypatch):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 11)
        tune(tiny_encoder, toy_tagged, average_last=2, **options)
    found = tune(tiny_encoder, toy_tagged, average_last=5, **options).model.model.state_dict()
    assert same(found, tune(tiny_encoder, toy_tagged, average_last=5).model.model.state_dict())


def test_it_works_while_an_encoder_is_realigned(tiny_encoder, toy_tagged, toy_bitext):
    policy = FreezePolicy.parse("front")

    def together(**options):
        links: list[WordAlignment] = [DIAGONAL] * len(toy_bitext)
        alongside = prepare(
            tiny_encoder, toy_bitext, links, freeze=policy, settings=RealignmentSettings(batch_size=4), seed=31
        )
        return tune(tiny_encoder, toy_tagged, alongside=alongside, **options).model.model

    collector = Collector()
    mean = together(average_last=2, callbacks=[collector])
    layer = "encoder.layer.3.output.dense.weight"
    name = next(name for name in collector.after[12] if name.endswith(layer))
    expected = torch.stack([collector.after[step][name] for step in (10, 12)]).mean(dim=0)
    assert torch.allclose(mean.get_parameter(name), expected, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 11])
def test_two_to_ten_snapshots_are_averaged(n):
    with pytest.raises(ValueError, match="average_last"):
        FinetuningSettings(average_last=n)


def test_with_adapters_it_is_refused(tiny_encoder, toy_tagged):
    with pytest.raises(SettingsError, match="average_last and adapter cannot be used together"):
        finetune(tiny_encoder, "pos", toy_tagged, average_last=2, adapter="lora:2", device="cpu")


# --- the head ------------------------------------------------------------------------


def heads_before(encoder, items, **options):
    """The weights of a new head before the first step, and the order of the items."""
    seen = {}

    def stop(model, _collate, _plan, *, order, **__):
        head = [part for name, part in model.network.named_children() if name != model.network.base_model_prefix]
        seen["head"] = [weights.clone() for part in head for weights in part.parameters()]
        seen["order"] = order.tolist()
        raise InterruptedError

    with mock.patch("alignfreeze.tasks.finetuning.train", stop), pytest.raises(InterruptedError):
        tune(encoder, items, **options)
    return seen


def test_heads_of_several_seeds_begin_alike_with_a_seed_of_their_own(tiny_encoder, toy_tagged):
    one, other = (heads_before(tiny_encoder, toy_tagged, seed=seed, head_seed=7) for seed in (31, 42))
    assert all(map(torch.equal, one["head"], other["head"]))
    assert one["order"] != other["order"]
    apart = [heads_before(tiny_encoder, toy_tagged, seed=seed)["head"] for seed in (31, 42)]
    assert not all(map(torch.equal, *apart))
    # Only the head begins otherwise.
    assert heads_before(tiny_encoder, toy_tagged, seed=31)["order"] == one["order"]


def test_dropout_follows_the_seed_of_the_run(tiny_encoder, toy_tagged):
    """With the same items in each batch, only dropout tells the seeds apart."""
    items = toy_tagged[:1] * 64
    compute = ComputeSettings(checkpoint_steps=None)
    losses = [
        tune(tiny_encoder, items, steps=2, seed=seed, head_seed=7, compute=compute).history.losses for seed in (1, 2)
    ]
    assert losses[0] != losses[1]
