import shutil

import numpy as np
import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import OutputError, SettingsError, TrainingError
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings
from alignfreeze.training.trainer import OrderedTrainer
from alignfreeze.training.watching import Watch

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))
SETTINGS = RealignmentSettings(steps=7, batch_size=4, learning_rate=1e-3)
EVERY_TWO = ComputeSettings(checkpoint_steps=2)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the product catches it."""


def run(folder, bitext, **options):
    """Realign a fresh encoder; return its weights and the history."""
    encoder = load_encoder(str(folder))
    options = {"settings": SETTINGS, "device": "cpu", "freeze": "front", **options}
    history = realign(encoder, bitext, [DIAGONAL] * len(bitext), **options).history
    return {name: value.clone() for name, value in encoder.model.state_dict().items()}, history.training


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def kill_after(monkeypatch, step):
    original = Watch.on_step_end

    def on_step_end(self, arguments, state, *rest, **options):
        original(self, arguments, state, *rest, **options)
        if state.global_step == step:
            raise Killed

    monkeypatch.setattr(Watch, "on_step_end", on_step_end)


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_at_any_step_it_ends_with_the_same_weights(tiny_folder, toy_bitext, tmp_path, monkeypatch, step):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, step)
        run(tiny_folder, toy_bitext, **options)
    kept = [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")]
    assert kept == ([f"checkpoint-{(step - 1) // 2 * 2}"] if step > 2 else [])
    torch.rand(5)  # the state of the random numbers is the checkpoint's, not this process's
    weights, history = run(tiny_folder, toy_bitext, **options)
    whole, expected = run(tiny_folder, toy_bitext)
    assert same(weights, whole)
    assert history.steps == expected.steps == 7
    assert np.allclose(history.losses, expected.losses)


def test_fine_tuning_goes_on_too(tiny_encoder, toy_tagged, tmp_path, monkeypatch):
    def tune(**options):
        settings = FinetuningSettings(steps=6, batch_size=16, learning_rate=1e-3)
        return finetune(tiny_encoder, TASKS["pos"], toy_tagged, settings=settings, device="cpu", **options)[0]

    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        tune(**options)
    assert same(tune(**options).model.state_dict(), tune().model.state_dict())


def test_a_checkpoint_that_was_being_written_is_passed_over(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    """The checkpoint before is there until all of the next one is."""
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(OrderedTrainer, "_save_rng_state", _nth(2, OrderedTrainer._save_rng_state, killed))
        run(tiny_folder, toy_bitext, **options)
    kept = {path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")}
    assert kept == {"checkpoint-2", "checkpoint-4"}
    (tmp_path / "checkpoints" / "checkpoint-mine").mkdir()
    weights, _ = run(tiny_folder, toy_bitext, **options)
    assert same(weights, run(tiny_folder, toy_bitext)[0])
    assert (tmp_path / "checkpoints" / "checkpoint-mine").exists()


def _nth(number, original, instead):
    """Call the original, but the n-th time something else."""
    calls = iter(range(1, 100))

    def call(*arguments, **options):
        return (instead if next(calls) == number else original)(*arguments, **options)

    return call


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5},
        {"settings": SETTINGS.model_copy(update={"learning_rate": 2e-3})},
        {"settings": SETTINGS.model_copy(update={"temperature": 0.5})},
        {"settings": SETTINGS.model_copy(update={"layer": "reference"})},
        {"compute": ComputeSettings(checkpoint_steps=2, precision="bf16")},
    ],
)
def test_checkpoints_of_another_training_are_not_taken(tiny_folder, toy_bitext, tmp_path, monkeypatch, change):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        run(tiny_folder, toy_bitext, **options)
    found, _ = run(tiny_folder, toy_bitext, **{**options, **change})
    assert same(found, run(tiny_folder, toy_bitext, **change)[0])


def test_checkpoints_of_other_data_are_not_taken(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        run(tiny_folder, toy_bitext, **options)
    other = list(reversed(toy_bitext))
    assert same(run(tiny_folder, other, **options)[0], run(tiny_folder, other)[0])


def test_checkpoints_change_no_weights(tiny_folder, toy_bitext, tmp_path):
    with_them, _ = run(tiny_folder, toy_bitext, compute=EVERY_TWO, checkpoints=tmp_path / "checkpoints")
    assert same(with_them, run(tiny_folder, toy_bitext)[0])


def close(weights, others, tolerance=1e-4):
    # Biases of keys do nothing to a softmax: their gradients are rounding, which Adam blows up to whole steps.
    names = [name for name in weights if not name.endswith("key.bias")]
    return all(torch.allclose(weights[name], others[name], atol=tolerance) for name in names)


@pytest.fixture
def still(tmp_path, tiny_folder):
    """The tiny encoder without dropout, whose random numbers would depend on the pieces of a batch."""
    encoder = load_encoder(str(tiny_folder))
    encoder.model.config.hidden_dropout_prob = encoder.model.config.attention_probs_dropout_prob = 0.0
    encoder.save(tmp_path / "still")
    return tmp_path / "still"


@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_a_batch_in_pieces_trains_to_the_same_weights(still, toy_bitext, micro_batch):
    pieces, _ = run(still, toy_bitext, compute=ComputeSettings(micro_batch=micro_batch))
    assert close(pieces, run(still, toy_bitext)[0])


def test_gradient_checkpointing_changes_no_weights(still, toy_bitext):
    weights, _ = run(still, toy_bitext, compute=ComputeSettings(gradient_checkpointing=True))
    assert close(weights, run(still, toy_bitext)[0])


def short_of_memory(monkeypatch, sentences):
    """Let more than so many sentences at once fail as they do on a full GPU; return how many were tried."""
    from alignfreeze.encoding import packing

    tried = []
    original = packing._encode

    def encode(model, packed, *more, **options):
        tried.append(packed.n_sentences)
        if packed.n_sentences > sentences:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(model, packed, *more, **options)

    monkeypatch.setattr(packing, "_encode", encode)
    return tried


def test_out_of_memory_takes_smaller_pieces_of_the_same_batch(still, toy_bitext, monkeypatch):
    expected, history = run(still, toy_bitext)
    tried = short_of_memory(monkeypatch, 3)
    weights, found = run(still, toy_bitext)
    assert tried[:5] == [8, 4, 2, 2, 2]  # 4 pairs are 8 sentences
    assert max(tried[3:]) == 2
    assert close(weights, expected)
    assert np.allclose(found.losses, history.losses, rtol=1e-4)


def test_the_pieces_stay_small_after_a_restart(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    """With dropout: in other pieces it would hit other values."""
    tried = short_of_memory(monkeypatch, 3)
    expected, _ = run(tiny_folder, toy_bitext)
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        run(tiny_folder, toy_bitext, **options)
    tried.clear()
    assert same(run(tiny_folder, toy_bitext, **options)[0], expected)
    assert max(tried) == 2


def test_out_of_memory_with_one_sentence_is_an_error_that_says_what_to_do(still, toy_bitext, monkeypatch):
    short_of_memory(monkeypatch, 0)
    with pytest.raises(TrainingError, match=r"one sentence at a time.*max_length"):
        run(still, toy_bitext)


def test_another_error_is_not_taken_for_lack_of_memory(still, toy_bitext, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr("alignfreeze.encoding.packing._encode", fail)
    with pytest.raises(RuntimeError, match="something else"):
        run(still, toy_bitext)


def test_half_precision_stays_close_and_keeps_weights_in_single(still, toy_bitext):
    weights, history = run(still, toy_bitext, compute=ComputeSettings(precision="bf16"))
    expected, whole = run(still, toy_bitext)
    assert all(value.dtype == torch.float32 for value in weights.values() if value.is_floating_point())
    assert history.losses[0][1] == pytest.approx(whole.losses[0][1], rel=0.02)
    assert not same(weights, expected)
    assert close(weights, expected, 0.02)


def test_a_batch_that_cannot_be_divided_among_processes(still, toy_bitext, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingsError, match="batch of 4 cannot be divided evenly among 3 processes"):
        run(still, toy_bitext)


@pytest.mark.slow
def test_the_compiled_model_trains_to_the_same_weights(still, toy_bitext):
    compiled, _ = run(still, toy_bitext, compute=ComputeSettings(compile=True))
    assert close(compiled, run(still, toy_bitext)[0], 1e-4)


def test_a_compiled_model_with_another_loss_is_refused(still, toy_bitext, monkeypatch):
    def wrong(self, **_):
        """Compile to something that computes another function."""
        object.__setattr__(self, "_compiled_call_impl", lambda hidden, *a, **k: 2.0 * hidden + 1.0)

    monkeypatch.setattr(torch.nn.Module, "compile", wrong)
    with pytest.raises(TrainingError, match="the loss of the compiled model is"):
        run(still, toy_bitext, compute=ComputeSettings(compile=True))


def test_a_finished_training_is_not_repeated_and_keeps_no_moments(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    weights, history = run(tiny_folder, toy_bitext, **options)
    (checkpoint,) = (tmp_path / "checkpoints").glob("checkpoint-*")
    assert not (checkpoint / "optimizer.pt").exists()
    monkeypatch.setattr(OrderedTrainer, "training_step", None)  # no step is made
    again, same_history = run(tiny_folder, toy_bitext, **options)
    assert same(again, weights)
    assert (same_history.steps, same_history.losses) == (history.steps, history.losses)


def test_what_else_lies_in_a_folder_for_checkpoints_stays(tiny_folder, toy_bitext, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    run(tiny_folder, toy_bitext, compute=EVERY_TWO, checkpoints=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_logger_follows_the_losses(tiny_folder, toy_bitext, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    compute = ComputeSettings(log_to=["tensorboard"]).set_log_folder(tmp_path / "logs")
    _, history = run(tiny_folder, toy_bitext, compute=compute, checkpoints=tmp_path / "checkpoints")
    found = events.EventAccumulator(str(tmp_path / "logs" / "realigning (front)"))
    found.Reload()
    logged = [(event.step, event.value) for event in found.Scalars("train/loss")]
    assert np.allclose(logged, history.losses)
    assert not list((tmp_path / "checkpoints").rglob("events*"))


def test_a_logger_that_is_not_there():
    with pytest.raises(SettingsError, match=r"unknown logger 'tensorbord'.*Did you mean 'tensorboard'"):
        ComputeSettings.from_values({"log_to": ["tensorbord"]}, origin="here")
    with pytest.raises(SettingsError, match=r"log_to.*'comet_ml' is not installed; pip install comet_ml"):
        ComputeSettings.from_values({"log_to": ["comet_ml"]}, origin="here")


CHECKPOINT_DAMAGES = {
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "half of it zeros": lambda file: file.write_bytes(
        file.read_bytes()[: file.stat().st_size // 2] + bytes(-(-file.stat().st_size // 2))
    ),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "missing": lambda file: file.unlink(),
    "another shape": lambda file: file.write_text("[" * 100_000),
}


@pytest.fixture
def whole_weights(tiny_folder, toy_bitext):
    return run(tiny_folder, toy_bitext)[0]


@pytest.fixture
def killed_at_five(tiny_folder, toy_bitext, tmp_path):
    """The checkpoint of a training that was killed after five steps, and a function that starts it again."""
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 5)
        run(tiny_folder, toy_bitext, **options)
    return tmp_path / "checkpoints" / "checkpoint-4", lambda: run(tiny_folder, toy_bitext, **options)[0]


@pytest.mark.parametrize("damage", CHECKPOINT_DAMAGES.values(), ids=list(CHECKPOINT_DAMAGES))
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json", "training_facts.json"])
def test_a_damaged_checkpoint_is_told_of_and_the_training_begins_anew(
    killed_at_five, whole_weights, remarks, name, damage
):
    checkpoint, again = killed_at_five
    damage(checkpoint / name)
    assert same(again(), whole_weights)
    assert sum("checkpoint-4: this checkpoint is damaged" in text for text in remarks) == 1
    assert any("this training begins anew" in text for text in remarks)
    assert not any("continuing after step" in text for text in remarks)


def test_after_a_damaged_checkpoint_the_one_before_is_taken(tiny_folder, toy_bitext, tmp_path, monkeypatch, remarks):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    for step in (3, 5):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_after(patch, step)
            run(tiny_folder, toy_bitext, **options)
        shutil.copytree(tmp_path / "checkpoints", tmp_path / "kept", dirs_exist_ok=True)
    # As after a kill between the completion of a checkpoint and the removal of the one before.
    shutil.copytree(tmp_path / "kept", tmp_path / "checkpoints", dirs_exist_ok=True)
    (tmp_path / "checkpoints" / "checkpoint-4" / "optimizer.pt").write_bytes(b"")
    weights, _ = run(tiny_folder, toy_bitext, **options)
    assert same(weights, run(tiny_folder, toy_bitext)[0])
    assert [text for text in remarks if "continuing after step" in text][-1].endswith("after step 2")


def test_no_room_for_a_checkpoint_is_one_error_and_the_one_before_stays(tiny_folder, toy_bitext, tmp_path, monkeypatch):
    options = {"compute": EVERY_TWO, "checkpoints": tmp_path / "checkpoints"}
    full = RuntimeError("I/O error: No space left on device (os error 28)")

    def fail(*_, **__):
        raise full

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="checkpoints: cannot be written: the disk"):
        patch.setattr(OrderedTrainer, "_save_rng_state", _nth(2, OrderedTrainer._save_rng_state, fail))
        run(tiny_folder, toy_bitext, **options)
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]
    assert same(run(tiny_folder, toy_bitext, **options)[0], run(tiny_folder, toy_bitext)[0])
