"""From a study to a trained model in each kind of task, as a program does it."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

import alignfreeze as af
from alignfreeze.errors import DataError
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings

N = 24


def write_data(items, task, path):
    """Write items of a task as a file."""
    if task == "ner":
        blocks = ("\n".join(f"{word}\t{tag}" for word, tag in zip(one.words, one.tags, strict=True)) for one in items)
        path.write_text("\n\n".join(blocks) + "\n")
    elif task == "qa":
        found = [
            {
                "context": one.context,
                "qas": [
                    {
                        "id": str(n),
                        "question": one.question,
                        "answers": [{"text": one.answers[0], "answer_start": one.starts[0]}],
                    }
                ],
            }
            for n, one in enumerate(items)
        ]
        path.write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": found}]}))
    else:
        rows = ({"premise": one.text, "hypothesis": one.second, "label": one.label} for one in items)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(params=["ner", "nli", "qa"])
def made(request, project, toy_items):
    """A study of a task with two models, the data of a language, and the task."""
    task = request.param
    ending = {"ner": "iob2", "nli": "jsonl", "qa": "json"}[task]
    items = list({str(one): one for one in toy_items[task]}.values())
    write_data(items, task, project / f"en-train.{ending}")
    for code in ("en", "de"):
        write_data(items[:N], task, project / f"{code}-test.{ending}")
    text = (project / "experiment.toml").read_text().replace("conllu", ending)
    text = re.sub("seeds = .*", f'seeds = [1]\nkeep_models = true\ntask = "{task}"', text).replace('"de", "tr"', '"de"')
    text = text.replace("[realignment]", "[realignment]\nlearning_rate = 1e-2").replace("epochs = 2", "epochs = 6")
    (project / "experiment.toml").write_text(text)
    study = af.run_experiment(
        ExperimentSettings.from_toml(project / "experiment.toml"), base=project, out=project / "out"
    )
    assert not study.failures
    confuse(next((project / "out" / "runs").glob("front-*")) / "model" / "model.safetensors")
    return project, task, items[:N], project / f"de-test.{ending}"


def confuse(path):
    """Change the head of a model, so that it does not say what the other says everywhere."""
    weights = load_file(path)
    random = torch.Generator().manual_seed(0)
    for name, weight in weights.items():
        if name.startswith(("classifier", "qa_outputs")):
            weights[name] = weight + torch.randn(weight.shape, generator=random)
    save_file(weights, path, metadata={"format": "pt"})


def answer(task, items, file):
    """Give each item its true label."""
    lines, found = file.read_text().splitlines(), []
    if task == "ner":
        truth = {one.words: one.tags for one in items}
        for block in file.read_text().strip().split("\n\n"):
            name, *rows = block.split("\n")
            words = tuple(row.split("\t")[0] for row in rows)
            found += [name, *(f"{word}\t{tag}" for word, tag in zip(words, truth[words], strict=True)), ""]
    else:
        for row in map(json.loads, lines):
            if task == "qa":
                label = next(
                    one.answers[0] for one in items if (one.question, one.context) == (row["question"], row["context"])
                )
            else:
                label = next(one.label for one in items if (one.text, one.second) == (row["text"], row["text2"]))
            found.append(json.dumps({**row, "label": label}))
    file.write_text("\n".join(found) + "\n")


def true_score(project, strategy):
    """What `evaluate` says of a model on the whole text."""
    record = RunRecord.read(next((project / "out" / "runs").glob(f"{strategy}-*")) / "record.json")
    return next(one.value for one in record.scores if one.language == "de")


def test_a_speaker_labels_settles_and_trains(made):
    project, task, items, data = made
    file = project / ("de.iob2" if task == "ner" else "de.jsonl")
    asked = af.label(project / "out", data, language="de", out=file, sentences=N, proposals=True)
    assert file.read_text().count("?") >= asked.n_labels > 0
    with pytest.raises(DataError, match="at least 3 items with a label are needed"):
        af.settle(project / "out", file)
    answer(task, items, file)
    found = af.settle(project / "out", file)
    assert found.n_items == len(asked.draws)
    assert {one.strategy for one in found.standings} == {"baseline", "front"}
    if found.n_items == N:  # then nothing is estimated
        scores = {one.strategy: one.score for one in found.standings}
        assert scores["baseline"].value == pytest.approx(true_score(project, "baseline"), abs=1e-6)
    if found.n_items >= 10:
        learnt = af.train_on_labels(project / "out", file, settled=found, out=project / "few", epochs=2)
        assert (project / "few" / "config.json").is_file()
        assert learnt.n_items == found.n_items
        assert all(isinstance(one, float) for one in (learnt.gain.value, *learnt.gain.interval))
    assert "np.float64" not in repr(found)


def test_plain_text_has_items_with_one_text_only(made):
    project, task, _, _ = made
    (project / "de.txt").write_text("the dog sees a cat\na bird sings\n\nthe fish sees the bird\n" * 3)
    how = {"language": "de", "out": project / ("de.iob2" if task == "ner" else "de.jsonl")}
    if task == "ner":
        assert af.label(project / "out", project / "de.txt", **how).drawing.rows[0]["words"]
        return
    with pytest.raises(
        DataError, match=rf"de.txt: an item of the task '{task}' has (two texts|a question and a context)"
    ):
        af.label(project / "out", project / "de.txt", **how)
