"""Two processes on the CPU, as torchrun starts them: the same global batch, the same weights."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from alignfreeze.encoding.encoder import load_encoder

SCRIPT = """
import sys
from pathlib import Path
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.processes import process_number
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune

folder, out = map(Path, sys.argv[1:])
nouns = ["dog", "cat", "tree", "house", "river", "stone", "bird"]
sentences = [("the", *nouns[: 1 + i % 5], "sees", nouns[i % 7]) for i in range(40)]
bitext = [SentencePair(words, tuple(word[::-1] for word in words), ("en", "de")) for words in sentences]
# Not all words have a link, so that the processes have unequal numbers of both.
linked = [[w for w in range(len(words)) if (w + i) % 3] for i, words in enumerate(sentences)]
links = [WordAlignment(frozenset((w, w) for w in words)) for words in linked]
tagged = [TaggedSentence(words, ("DET", *["NOUN"] * (len(words) - 1))) for words in sentences]

encoder = load_encoder(str(folder))
settings = RealignmentSettings(steps=5, batch_size=8, learning_rate=1e-3)
realign(encoder, bitext, links, freeze="front", settings=settings, device="cpu")
tuning = FinetuningSettings(steps=5, batch_size=8, learning_rate=1e-3)
model, _ = finetune(encoder, TASKS["pos"], tagged, settings=tuning, device="cpu")
if process_number() == 0:
    encoder.save(out / "encoder")
    model.save(out / "model")
"""


RESUMED = """
import sys
import torch
from pathlib import Path
from alignfreeze.training.settings import ComputeSettings
from alignfreeze.training.watching import Watch
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.processes import process_number
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign

folder, out, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
words = [(f"word{i}", "sees", f"word{i + 1}") for i in range(40)]
bitext = [SentencePair(w, w[::-1], ("en", "de")) for w in words]
links = [WordAlignment(frozenset([(0, 0), (2, 2)]))] * 40
count = Watch.on_step_end


def on_step_end(self, args, state, *rest, **options):
    count(self, args, state, *rest, **options)
    if state.global_step == last:
        (out / f"seed-{process_number()}").write_text(str(torch.initial_seed()))
        sys.exit(7)


Watch.on_step_end = on_step_end
encoder = load_encoder(str(folder))
settings = RealignmentSettings(steps=6, batch_size=8, learning_rate=1e-3)
compute = ComputeSettings(checkpoint_steps=2)
realign(encoder, bitext, links, settings=settings, compute=compute, device="cpu", checkpoints=out / "checkpoints")
if process_number() == 0:
    encoder.save(out / f"until-{last}")
"""


def launch(processes, *command, code=0):
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), *map(str, command)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


def run(script, folder, out, processes):
    launch(processes, script, folder, out)
    return {part: load_file(out / part / "model.safetensors") for part in ("encoder", "model")}


@pytest.fixture
def still(tmp_path, tiny_folder):
    encoder = load_encoder(str(tiny_folder))
    encoder.model.config.hidden_dropout_prob = encoder.model.config.attention_probs_dropout_prob = 0.0
    encoder.save(tmp_path / "still")
    return tmp_path / "still"


def test_two_processes_train_to_the_weights_of_one(still, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    one, two = (run(script, still, tmp_path / str(n), n) for n in (1, 2))
    for part in one:
        assert one[part].keys() == two[part].keys()
        for name, value in one[part].items():
            if name.endswith("key.bias"):
                continue  # these do nothing to a softmax; their gradients are rounding and nothing else
            torch.testing.assert_close(two[part][name], value, atol=1e-4, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.slow
def test_two_processes_have_dropout_masks_of_their_own_and_go_on_with_them(tiny_folder, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(RESUMED)
    for out in ("killed", "whole"):
        (tmp_path / out).mkdir()
    launch(2, script, tiny_folder, tmp_path / "killed", 5, code=1)
    assert [(tmp_path / "killed" / f"seed-{rank}").read_text() for rank in (0, 1)] == ["31", "32"]
    assert (tmp_path / "killed" / "checkpoints" / "checkpoint-4" / "rng_state_1.pth").exists()
    launch(2, script, tiny_folder, tmp_path / "killed", 0)
    launch(2, script, tiny_folder, tmp_path / "whole", 0)
    resumed, whole = (load_file(tmp_path / out / "until-0" / "model.safetensors") for out in ("killed", "whole"))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.slow
def test_an_experiment_on_two_processes_is_written_and_printed_once(project):
    command = ("-m", "alignfreeze", "run", project / "experiment.toml", "--out", project / "out", "--json")
    printed = json.loads(launch(2, *command))
    assert len(printed["runs"]) == 4
    assert len(list((project / "out" / "runs").iterdir())) == 4
    assert not (project / "out" / "checkpoints").exists()
    again = json.loads(launch(2, *command))
    assert again["runs"] == printed["runs"]


@pytest.mark.slow
def test_a_model_trained_on_two_processes_is_written_once(project, tiny_folder):
    bitext = f"en-de={project / 'en-de.txt'}"
    options = ("--pretokenized", "--steps", 3, "--batch-size", 4, "--device", "cpu", "--json")
    printed = launch(
        2, "-m", "alignfreeze", "realign", tiny_folder, "--bitext", bitext, "--out", project / "new", *options
    )
    assert json.loads(printed)["steps"] == 3
    assert (project / "new" / "model.safetensors").exists()
    assert not list(project.glob("*.checkpoints"))
