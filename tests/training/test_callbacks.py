"""Callbacks that a caller gives to `realign` and `finetune`."""

import pytest
import torch
from transformers import TrainerCallback

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.errors import SettingsError
from alignfreeze.realignment.preparing import prepare
from alignfreeze.tasks.table import TASKS

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


@pytest.fixture
def realign(tiny_encoder, toy_bitext):
    def run(*callbacks, steps=6, **options):
        links = [DIAGONAL] * len(toy_bitext)
        how = {"steps": steps, "batch_size": 4, "device": "cpu", **options}
        return af.realign(tiny_encoder, toy_bitext, links, callbacks=callbacks, **how).history.training

    return run


@pytest.fixture
def finetune(tiny_encoder, toy_tagged):
    def run(*callbacks, steps=6, **options):
        how = {"steps": steps, "batch_size": 4, "device": "cpu", **options}
        return af.finetune(tiny_encoder, TASKS["pos"], toy_tagged, callbacks=callbacks, **how).history

    return run


@pytest.fixture
def during(finetune, tiny_encoder, toy_bitext):
    def run(*callbacks, **options):
        settings = af.RealignmentSettings(schedule="during", batch_size=4)
        links = [DIAGONAL] * len(toy_bitext)
        how = {"freeze": "front", "settings": settings, "seed": 31}
        return finetune(*callbacks, alongside=prepare(tiny_encoder, toy_bitext, links, **how), **options)

    return run


TRAININGS = pytest.mark.parametrize("training", ["realign", "finetune", "during"])


class StopAfter(TrainerCallback):
    """Ends a training after some steps."""

    def __init__(self, steps=3):
        self.steps = steps

    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = state.global_step == self.steps


class Heard(TrainerCallback):
    """Notes the events of a training, and its log."""

    def __init__(self):
        self.events, self.logs = [], []

    def on_train_begin(self, *_, **__):
        self.events.append("begin")

    def on_step_end(self, *_, **__):
        self.events.append("step")

    def on_train_end(self, *_, **__):
        self.events.append("end")

    def on_log(self, *_, logs, **__):
        self.logs.append(logs)


class Fails(TrainerCallback):
    """Raises an error in the second step."""

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 2:
            raise LookupError("nothing there")


@TRAININGS
def test_a_callback_may_end_a_training_early(training, request):
    history = request.getfixturevalue(training)(StopAfter(3))
    assert history.steps == 3
    assert history.losses[-1][0] == 3


def test_the_last_loss_before_an_early_end_is_in_the_history(realign):
    history = realign(StopAfter(7), steps=200)  # a loss is logged every fourth step
    assert [step for step, _ in history.losses] == [4, 7]


@TRAININGS
def test_callbacks_hear_of_each_step_and_of_the_losses(training, request):
    heard = Heard()
    history = request.getfixturevalue(training)(heard, steps=2)
    assert heard.events == ["begin", "step", "step", "end"]
    assert [logs["loss"] for logs in heard.logs if "loss" in logs] == [loss for _, loss in history.losses]


@TRAININGS
def test_the_error_of_a_callback_reaches_the_caller_and_the_model_is_restored(training, request, tiny_encoder):
    before = {name: (p.requires_grad, p.device, tuple(p.shape)) for name, p in tiny_encoder.model.named_parameters()}
    attention = tiny_encoder.model.config._attn_implementation
    with pytest.raises(LookupError, match="nothing there"):
        request.getfixturevalue(training)(Fails())
    after = {name: (p.requires_grad, p.device, tuple(p.shape)) for name, p in tiny_encoder.model.named_parameters()}
    assert after == before
    assert tiny_encoder.model.config._attn_implementation == attention


@TRAININGS
def test_a_class_stands_for_its_instance(training, request):
    assert request.getfixturevalue(training)(StopAfter).steps == 3


class NeedsSteps(TrainerCallback):
    def __init__(self, steps):
        self.steps = steps


@TRAININGS
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([print], "item 1 is <built-in function print>.*TrainerCallback"),
        ([StopAfter(), "early"], "item 2 is 'early'"),
        ([dict], "item 1 is <class 'dict'>"),
        ([NeedsSteps], "item 1 is the class NeedsSteps; give an instance: .*steps"),
    ],
)
def test_something_that_is_no_callback_is_refused(training, request, wrong, message):
    with pytest.raises(SettingsError, match=f"callbacks: {message}"):
        request.getfixturevalue(training)(*wrong)


@pytest.mark.parametrize("wrong", ["early", 3])
def test_something_that_is_no_list_is_refused(tiny_encoder, toy_bitext, wrong):
    with pytest.raises(SettingsError, match="callbacks: expected a list of TrainerCallback"):
        af.realign(tiny_encoder, toy_bitext, [DIAGONAL] * len(toy_bitext), steps=1, callbacks=wrong)


class Writes(TrainerCallback):
    """Keeps something beside each checkpoint, and fails later."""

    def on_save(self, args, state, *_, **__):
        with open(f"{args.output_dir}/checkpoint-{state.global_step}/kept.txt", "w") as file:  # noqa: PTH123
            file.write("kept")


class FailsAt(TrainerCallback):
    def on_step_begin(self, args, state, *_, **__):
        if state.global_step == 3:
            raise KeyboardInterrupt


def test_files_that_a_callback_puts_into_a_checkpoint_belong_to_it(realign, tiny_encoder, tmp_path, remarks):
    first = {name: value.clone() for name, value in tiny_encoder.model.state_dict().items()}
    how = {"checkpoints": tmp_path / "checkpoints", "compute": {"checkpoint_steps": 2}}
    with pytest.raises(KeyboardInterrupt):
        realign(Writes(), FailsAt(), **how)
    assert (tmp_path / "checkpoints" / "checkpoint-2" / "kept.txt").exists()
    with torch.no_grad():
        for name, value in tiny_encoder.model.state_dict().items():
            value.copy_(first[name])
    realign(Writes(), **how)
    assert any("continuing after step 2" in text for text in remarks)
