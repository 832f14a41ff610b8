"""Commands where the disk, the user's rights or names do not allow what they are to do."""

import errno
import os

import pytest

from alignfreeze.experiment import cost
from alignfreeze.experiment.single import SingleTraining, realignment_record
from alignfreeze.running import dispatch
from tests.support.cli import alignfreeze, in_own_process, refused
from tests.support.limits import smallest_files


@pytest.mark.parametrize("command", [["status"], ["compare"], ["report"]])
def test_a_name_that_is_no_utf8_is_one_message(tmp_path, command):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    refused(alignfreeze(*command, folder), r"caf\udce9: this name is not UTF-8; rename the file or folder")


def test_a_run_in_the_folder_of_another_user_is_one_message(project, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(project / "out" / "locks" / "a.lock"))

    monkeypatch.setattr(dispatch.Sweep, "prepare", refuse)
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out")
    refused(done, "a.lock: Permission denied; choose a folder that you may write to")


def test_a_limit_of_the_size_of_files_in_a_run_is_one_message_and_the_folder_goes_on(project):
    out = project / "out"
    options = ["--only", "front-1-*", "--set", "keep_models=true"]
    with smallest_files(30_000):
        done = alignfreeze("run", project / "experiment.toml", "--out", out, *options)
    refused(done, "raise the limit (ulimit -f)")
    assert not list(out.glob("runs/*"))
    assert not list(out.glob("runs/.*"))
    assert alignfreeze("run", project / "experiment.toml", "--out", out, *options).returncode == 0


def test_too_little_memory_for_an_estimate_is_said(project, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(cost, "_time_step", fail)
    done = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "too little memory here to time a step: weights, gradients and optimiser alone need 0.0 GiB" in said
    assert "fine-tuning" in done.stdout


def test_a_plan_is_shown_before_steps_are_timed(project, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "_time_step", stop)
    done = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert done.returncode == 130
    assert "fine-tuning" in done.stdout


SHAPES = ["7", '"freeze"', '{"freeze": 1}', "[" * 100_000, '{"realigned": {"freeze": "\\ud800"}}']


@pytest.mark.parametrize("text", SHAPES)
def test_a_record_of_another_shape_beside_an_encoder_is_left_out(tmp_path, text):
    (tmp_path / "alignfreeze.json").write_text(text)
    assert realignment_record(str(tmp_path)) == {}


TRAININGS = {
    "realign": lambda bitext, _: ["--bitext", f"en-de={bitext}", "--pretokenized", "--steps", 4],
    "finetune": lambda _, tagged: ["--train", tagged, "--epochs", 2],
}


@pytest.fixture(params=TRAININGS)
def training(request, tmp_path, tiny_folder, bitext_file, tagged_file):
    """A command that trains one model of 170 kB, with checkpoints of 340 kB and more, into a folder `out`."""
    options = ["--device", "cpu", "--compute", "checkpoint_steps=2", "--out", tmp_path / "place" / "out"]
    return [request.param, tiny_folder, *TRAININGS[request.param](bitext_file, tagged_file), *options]


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def check_that_nothing_is_left(done, training):
    refused(done, "raise the limit (ulimit -f)")
    place = training[-1].parent
    assert set(names_in(place)) <= {"out.checkpoints", "training.json"}
    assert alignfreeze(*training).returncode == 0
    assert [path.name for path in place.iterdir()] == ["out"]


@pytest.mark.parametrize("n_bytes", [100, 30_000, 200_000])
def test_a_limit_of_the_size_of_files_in_one_training_is_one_message(training, n_bytes):
    """The first file of a checkpoint is not written, or its weights, or the state of its optimiser."""
    with smallest_files(n_bytes):
        done = alignfreeze(*training)
    check_that_nothing_is_left(done, training)


@pytest.mark.slow  # each imports everything anew
def test_a_limit_of_the_shell_is_one_message_of_a_training(training):
    with smallest_files(30_000):
        done = in_own_process(*training)
    check_that_nothing_is_left(done, training)


@pytest.mark.parametrize("n_bytes", [100, 30_000])
def test_a_disk_that_is_full_after_a_training_takes_no_checkpoint(training, monkeypatch, n_bytes):
    place = training[-1].parent
    with monkeypatch.context() as patch:
        save = SingleTraining.save

        def save_on_full_disk(*arguments, **options):
            with smallest_files(n_bytes):
                return save(*arguments, **options)

        patch.setattr(SingleTraining, "save", save_on_full_disk)
        done = alignfreeze(*training)
    refused(done, f"{place / 'out'}: cannot be written", "raise the limit (ulimit -f)")
    assert [path.name for path in place.iterdir()] == ["out.checkpoints"]
    assert "checkpoint-4" in names_in(place)
    assert alignfreeze(*training).returncode == 0
    assert [path.name for path in place.iterdir()] == ["out"]
