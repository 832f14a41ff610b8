"""The paper's experiment files, cut down, from a hub on this machine; the real clients fetch all that they name."""

import json

import pytest

from alignfreeze.experiment.paper import list_experiments
from tests.support.hub.shelf import OLD_UD

CUT = {
    "languages": '["de", "tr"]',
    "seeds": "[1]",
    "strategies": '["baseline", "front"]',
    "device": "cpu",
    "data.n_train": "40",
    "bitext.max_pairs": "60",
    "realignment.steps": "2",
    "finetuning.steps": "2",
    "finetuning.batch_size": "8",
}
ENCODERS = {
    "xlmr": "FacebookAI/xlm-roberta-base",
    "mbert": "google-bert/bert-base-multilingual-cased",
    "distilmbert": "distilbert/distilbert-base-multilingual-cased",
}
DATA = {
    "pos": (OLD_UD,),
    "ner": ("unimelb-nlp/wikiann",),
    "nli": ("facebook/xnli",),
    "qa": ("rajpurkar/squad", "google/xquad"),
}


@pytest.mark.parametrize("name", list_experiments())
def test_an_experiment_of_the_paper_runs_from_the_hub(hub, commands, out, name):
    cut = [part for setting, value in CUT.items() for part in ("--set", f"{setting}={value}")]
    done = commands.run("reproduce", name, "--out", out, "--json", *cut)
    assert done.returncode == 0, done.stderr
    assert not done.strangers
    task, encoder = name.split("-")
    for repo in (*(f"datasets/{name}" for name in DATA[task]), "datasets/Helsinki-NLP/opus-100", ENCODERS[encoder]):
        assert hub.asked(rf"/{repo}/"), repo
    records = [json.loads(path.read_text()) for path in sorted(out.glob("runs/*/record.json"))]
    assert [record["strategy"] for record in records] == ["baseline", "front"]
    for record in records:
        assert {score["language"] for score in record["scores"]} == {"en", "de", "tr"}
