"""Tasks that are added from outside: one with a file form of its own, and one of a new kind."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from torch.nn import functional as F

import alignfreeze as af
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.packing import classify
from alignfreeze.encoding.subwords import encode_words
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.predictions import check_estimable
from alignfreeze.experiment.cost import Lengths
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import DataSettings
from alignfreeze.ragged import Ragged
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.terms import read_terms
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune, n_examples
from alignfreeze.tasks.heads import TEXTS
from alignfreeze.tasks.kinds import Examples, Kind, run_sorted
from alignfreeze.tasks.metrics import Measure, measure_tags
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.tagging import TAGGING
from alignfreeze.tasks.task import Task
from tests.conftest import backwards


@pytest.fixture
def register():
    """Registers tasks for one test; they are gone afterwards."""
    before = set(TASKS._choices)
    yield af.register_task
    for name in set(TASKS._choices) - before:
        del TASKS._choices[name]


# --- a task of a kind that is there, with a file form of its own: the/DET dog/NOUN --------


def read_slashes(source):
    lines = Path(source.place).read_text().splitlines()[: source.most]
    if any("/" not in word for line in lines for word in line.split()):
        raise DataError(f"{source.place}: expected words of the form WORD/TAG")
    rows = [[word.rsplit("/", 1) for word in line.split()] for line in lines]
    return [TaggedSentence(*map(tuple, zip(*row, strict=True))) for row in rows]


SLASHES = Task(
    name="slashes",
    what="tags after slashes",
    kind=TAGGING,
    read=read_slashes,
    metrics=measure_tags,
    metric="accuracy",
    usual_length=7,
)


def write_slashes(path, sentences):
    pairs = [zip(sentence.words, sentence.tags, strict=True) for sentence in sentences]
    path.write_text("\n".join(" ".join(map("/".join, pair)) for pair in pairs))


@pytest.fixture
def slashes(project, toy_tagged, register):
    """A project whose data have the form of the toy task; a function that plans its experiment."""
    register(SLASHES)
    write_slashes(project / "en-train.txt", toy_tagged)
    for code in ("en", "de", "tr"):
        items = toy_tagged if code == "en" else [backwards(sentence) for sentence in toy_tagged]
        write_slashes(project / f"{code}-test.txt", items[:20])
    data = DataSettings(train="en-train.txt", test="{language}-test.txt")

    def planned(**changes):
        settings = ExperimentSettings.from_toml(project / "experiment.toml", changes=[("task", "slashes")])
        return plan(settings.model_copy(update={"data": data, "seeds": [1], **changes}), base=project)

    return planned


def test_a_registered_task_goes_through_an_experiment(slashes, project, toy_tagged):
    out = project / "out"
    found = slashes(keep_models=True)
    study = run_experiment(found, out=out)
    assert study.failures == ()
    for record in study.records:
        assert [(score.language, score.metric, score.n) for score in record.scores] == [
            (code, "accuracy", 100) for code in ("en", "de", "tr")
        ]
    (folder,) = (out / "runs").glob("front-*")
    card = (folder / "model" / "README.md").read_text()
    assert "fine-tuned: tags after slashes" in card
    assert "pipeline_tag: token-classification" in card
    assert 'pipeline("token-classification", model="FOLDER")' in card
    assert load_task_model(folder / "model").labels == ["DET", "NOUN", "VERB"]
    assert set(read_terms(out)["toy"]) == {"de", "tr", "train"}


def test_the_plan_of_a_registered_task(slashes):
    settings = slashes().settings
    assert Lengths.usual(settings).item == 7
    assert Lengths.of(slashes()).item > 5


def test_wrong_files_of_a_registered_task_are_named(slashes, project):
    (project / "de-test.txt").write_text("the dog")
    with pytest.raises(DataError, match=r"de-test\.txt: expected words of the form WORD/TAG"):
        slashes()


def test_settings_list_what_is_registered(project, register):
    register(SLASHES)
    with pytest.raises(SettingsError, match=r"unknown task 'slashs'; choose one of pos, .*, slashes\. .*'slashes'\?"):
        ExperimentSettings.from_toml(project / "experiment.toml", changes=[("task", "slashs")])


def test_a_name_is_taken_once(register):
    with pytest.raises(ValueError, match="the task 'pos' already exists; choose another name"):
        register(replace(SLASHES, name="pos"))


@pytest.fixture
def with_package(tmp_path, monkeypatch):
    """Runs a command of ours where a package is installed that extends alignfreeze; the package is a module's text."""

    def run(module, *arguments):
        (tmp_path / "toy_tasks.py").write_text(module)
        info = tmp_path / "toy_tasks-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-tasks\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[alignfreeze]\ntoy = toy_tasks\n")
        paths = [str(tmp_path), *sys.path]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
        command = [sys.executable, "-m", "alignfreeze", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)

    return run


PACKAGE = """
from dataclasses import replace
import alignfreeze as af
af.register_task(replace(af.TASKS["tagging"], name="toy-tags"))
"""


def test_the_help_lists_the_tasks_of_an_installed_package(with_package):
    done = with_package(PACKAGE, "finetune", "--help")
    assert "classification or toy-tags." in " ".join(done.stdout.replace("│", " ").split())


def test_a_package_that_fails_is_named_where_a_task_is_not_found(with_package, tmp_path):
    done = with_package(
        "raise RuntimeError('no luck')", "evaluate", tmp_path, "--test", f"de={tmp_path / 'x'}", "--task", "toy-tags"
    )
    assert done.returncode == 2
    assert "the extension 'toy' (toy_tasks) cannot be loaded and is left out: no luck" in done.stderr
    assert "unknown task 'toy-tags'" in done.stderr


# --- a task of a new kind: how many words has a text? -------------------------------------


@dataclass(frozen=True)
class CountedText:
    words: tuple
    count: int


def counting_examples(task_model, items):
    words = [item.words for item in items]
    encoded = list(encode_words(task_model.tokenizer, words, max_length=task_model.max_length))
    counts = [np.array([items[item.sentence].count]) for item in encoded]
    return Examples(Ragged.of([item.subwords for item in encoded]), Ragged.of(counts))


def counting_loss(logits, labels, _):
    return F.mse_loss(logits[:, 0], labels.float(), reduction="sum"), labels.new_tensor(len(labels))


def count(task_model, items, *, at_once=100, bar=None):
    examples = counting_examples(task_model, items)
    subwords = [examples.subwords[row] for row in range(len(items))]
    counts = [0] * len(items)
    for numbers, logits in run_sorted(task_model, classify, subwords, at_once=at_once):
        for number, value in zip(numbers, logits[:, 0].tolist(), strict=True):
            counts[number] = round(value)
    return counts


def of_counts(predicted, items):
    parts = tuple((float(guess == item.count), 1) for guess, item in zip(predicted, items, strict=True))
    return [Measure("exactness", sum(right for right, _ in parts) / len(parts), len(parts), "texts", parts)]


def read_counts(source):
    rows = [line.split("\t") for line in Path(source.place).read_text().splitlines()]
    return [CountedText(tuple(text.split()), int(number)) for number, text in rows]


COUNTING = Task(
    name="counting",
    what="the number of words of a text",
    kind=Kind(
        head=TEXTS,
        item_name="texts",
        texts=lambda item: (item.words,),
        labels=lambda _: (),
        examples=counting_examples,
        logits=classify,
        loss=counting_loss,
        predict=count,
    ),
    read=read_counts,
    metrics=of_counts,
    metric="exactness",
    labels=(),
)


@pytest.fixture
def counted(toy_tagged):
    return [CountedText(item.words[: 1 + n % 5], 1 + n % 5) for n, item in enumerate(toy_tagged)]


def test_a_task_of_a_new_kind_is_learnt_and_tested(register, tiny_folder, counted, tmp_path):
    register(COUNTING)
    task = af.TASKS["counting"]
    settings = FinetuningSettings(epochs=60, batch_size=16, learning_rate=2e-3, head_learning_rate=2e-2)
    encoder = load_encoder(str(tiny_folder))
    model, history = finetune(encoder, task, counted, settings=settings, device="cpu")
    assert history.steps == settings.total_steps(n_examples(encoder, task, counted, settings))
    (score,) = af.evaluate(model, task, {"en": counted}, device="cpu")
    assert (score.metric, score.n, score.unit) == ("exactness", 60, "texts")
    assert score.value > 0.8
    model.save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["BertForSequenceClassification"]
    again = load_task_model(tmp_path, task.kind.head)
    assert task.kind.predict(again, counted) == task.kind.predict(model, counted)


def test_what_has_no_labels_is_not_estimated(register):
    register(COUNTING)
    with pytest.raises(SettingsError, match="quality cannot be estimated without labels for the task 'counting'"):
        check_estimable(af.TASKS["counting"])
