"""The paper's experiments as files, and what a dry run says of them."""

import json

import pytest
import torch

from alignfreeze.encoding import embedded
from alignfreeze.encoding.shapes import SHAPES
from alignfreeze.errors import SettingsError
from alignfreeze.experiment import cost
from alignfreeze.experiment.cost import Lengths, estimate_cost
from alignfreeze.experiment.paper import FOLDER
from alignfreeze.experiment.planning import is_remote, outline, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.reports.plans import estimate_sheet, outline_sheet
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.training.settings import ComputeSettings
from tests.support.terminal import text_of

# ../shared/method.md, 7 and 8: epochs, and the languages of each task.
LANGUAGES_34 = [
    *("bg", "cs", "de", "es", "lv", "af", "ar", "ca", "da", "el", "fa", "fi", "fr", "he", "hi", "hu", "it"),
    *("ja", "ko", "lt", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "ta", "th", "tr", "uk", "vi", "zh"),
]
LANGUAGES = {
    "pos": LANGUAGES_34,
    "ner": LANGUAGES_34,
    "nli": ["ar", "bg", "de", "el", "es", "fr", "hi", "ru", "th", "tr", "vi", "zh"],
    "qa": ["ar", "de", "el", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh"],
}
EPOCHS = {"pos": 5, "ner": 5, "nli": 2, "qa": 5}
ITEMS = {"pos": 12_544, "ner": 20_000, "nli": 392_702, "qa": 87_599}
ENCODERS = {
    "mbert": "google-bert/bert-base-multilingual-cased",
    "distilmbert": "distilbert/distilbert-base-multilingual-cased",
    "xlmr": "FacebookAI/xlm-roberta-base",
}
FILES = [(task, encoder) for task in LANGUAGES for encoder in ENCODERS]


def read(task, encoder, **options):
    return ExperimentSettings.from_toml(FOLDER / f"{task}-{encoder}.toml", **options)


def test_there_is_a_file_for_each_task_and_encoder():
    assert {path.stem for path in FOLDER.glob("*.toml")} == {f"{task}-{encoder}" for task, encoder in FILES}
    assert len(LANGUAGES_34) == 34


@pytest.mark.parametrize(("task", "encoder"), FILES)
def test_steps_batches_rates_and_languages_are_the_papers(task, encoder):
    settings = read(task, encoder)
    assert is_remote(settings)
    found = outline(settings, base=FOLDER)
    steps = EPOCHS[task] * -(-ITEMS[task] // 32)
    assert found.finetuning_steps == found.settings.realignment.steps == steps
    assert (settings.finetuning.batch_size, settings.realignment.batch_size) == (32, 16)
    rate = 7.5e-6 if encoder == "xlmr" else 2e-5
    assert settings.finetuning.learning_rate == settings.realignment.learning_rate == rate
    assert settings.languages == LANGUAGES[task]
    assert settings.seeds == [31, 42, 66, 23, 17]
    assert list(map(str, settings.strategies)) == ["baseline", "full", "front", "back"]
    assert settings.encoder == ENCODERS[encoder]
    assert settings.realignment.layer == "reference"
    assert settings.realignment.max_length == 96
    assert len(found.runs) == 20
    assert found.fetched["encoder"] == [settings.encoder]
    assert len(found.fetched["test"]) == 1 + len(LANGUAGES[task])
    assert "hub:Helsinki-NLP/opus-100/de-en" in found.fetched["bitext"]
    assert "hub:Helsinki-NLP/opus-100/en-tr" in found.fetched["bitext"]
    text = text_of(outline_sheet(found))
    assert f"{steps:,} steps of 32" in text
    assert f"{steps:,} steps of 16 sentence pairs" in text


def test_every_treebank_has_a_name():
    settings = read("pos", "xlmr")
    assert set(settings.data.names) == {"en", *LANGUAGES_34}
    assert "hub:commul/universal_dependencies/no_bokmaal (test)" in outline(settings, base=FOLDER).fetched["test"]


ENDINGS = {"pos": "conllu", "ner": "iob2", "nli": "jsonl", "qa": "json"}


@pytest.mark.parametrize(
    ("task", "encoder"),
    [("pos", "xlmr"), *(pytest.param(*file, marks=pytest.mark.slow) for file in FILES)],
)
def test_a_file_cut_down_runs_to_its_end_without_a_network(task, encoder, tmp_path):
    prefix = "mini:" if task == "pos" else f"mini:{task}-"
    cut = {
        "encoder": embedded.NAME,
        "bitext": "mini:en-{language}.tsv",
        "alignment.aligner": "fast-align",
        "languages": json.dumps(["de", "zh"]),
        "strategies": json.dumps(["baseline", "front"]),
        "seeds": "[31]",
        "data.train": f"{prefix}en-train.{ENDINGS[task]}",
        "data.test": f"{prefix}{{language}}-test.{ENDINGS[task]}",
        "data.names": "{}",
        "data.max_train": "12",
        "data.max_test": "4",
        "finetuning.steps": "2",
        "finetuning.batch_size": "4",
        "realignment.batch_size": "4",
    }
    settings = read(task, encoder, changes=list(cut.items()))
    assert not is_remote(settings)
    study = run_experiment(plan(settings, base=tmp_path), out=tmp_path / "out")
    assert [record.strategy for record in study.records] == ["baseline", "front"]
    assert {score.language for score in study.records[1].scores} == {"en", "de", "zh"}
    assert study.records[1].realignment.training.steps == 2


def test_steps_that_nobody_knows():
    settings = read("pos", "xlmr").model_copy(
        update={"data": read("pos", "xlmr").data.model_copy(update={"n_train": None})}
    )
    with pytest.raises(SettingsError, match=r"set data\.n_train"):
        outline(settings, base=FOLDER)


def test_an_estimate_grows_with_what_there_is_to_do(tiny_folder):
    settings = read("pos", "mbert").model_copy(update={"encoder": str(tiny_folder), "device": "cpu"})
    found = estimate_cost(settings, finetuning_steps=1_000_000)
    assert not found.random_weights
    assert found.realignment_step > 0
    # Five seeds: four fine-tunings and three realignments each; `steps` left out is as many as in fine-tuning.
    expected = 5 * 1_000_000 * (4 * found.finetuning_step + 3 * found.realignment_step) / 3600
    assert found.hours == pytest.approx(expected)
    assert found.memory_gib > 0.1
    assert "hours of training" in text_of(estimate_sheet(found))
    assert "usual length assumed" in text_of(estimate_sheet(found))


def test_an_estimate_says_where_half_precision_would_be_faster(tiny_folder, monkeypatch):
    monkeypatch.setattr(cost, "multiplies_bf16", lambda device: device == "cpu")
    settings = read("pos", "mbert").model_copy(update={"encoder": str(tiny_folder), "device": "cpu"})
    found = estimate_cost(settings, finetuning_steps=3)
    assert "less time with --set compute.precision=bf16" in text_of(estimate_sheet(found))
    half = settings.model_copy(update={"compute": ComputeSettings(precision="bf16")})
    types = []
    before = cost.encode
    monkeypatch.setattr(cost, "encode", lambda *given: types.append(torch.is_autocast_enabled("cpu")) or before(*given))
    assert "bf16" not in text_of(estimate_sheet(estimate_cost(half, finetuning_steps=3)))
    assert all(types) and types


def test_sentences_are_measured_where_they_are_at_hand(project, tiny_encoder):
    """Toy sentences have five words; backwards, and in all, their subwords are counted with two special ones."""
    found = plan(ExperimentSettings.from_toml(project / "experiment.toml"), base=project)
    lengths = Lengths.of(found)

    def mean(sentences):
        encoded = tiny_encoder.tokenizer([list(words) for words in sentences], is_split_into_words=True)
        return sum(map(len, encoded["input_ids"])) / len(sentences)

    assert lengths.item == round(mean([item.words for item in found.data.train]))
    sides = [mean([getattr(pair, side) for pair in found.data.bitext]) for side in ("source", "target")]
    assert lengths.pair == pytest.approx(sum(sides), abs=1)
    assert not lengths.assumed
    guess = estimate_cost(found.settings, finetuning_steps=8, lengths=lengths)
    assert "as long as those of the data" in text_of(estimate_sheet(guess))


def test_a_large_step_is_scaled_from_a_part_of_it(tiny_encoder, monkeypatch):
    done = []
    encode = cost.encode

    def note(model, packed):
        done.append(len(packed.subwords))
        return encode(model, packed)

    monkeypatch.setattr(cost, "encode", note)
    needs = {n: cost._time_step(tiny_encoder.model, "cpu", sentences=n, subwords=10)[1] for n in (100, 300, 500)}
    assert set(done) == {1_000}
    assert needs[100] == 0
    assert needs[500] == 2 * needs[300] > 0


def test_what_gradients_need_is_counted_without_weights():
    # A product of 5 x 3 by 3 x 4 keeps its 5 x 3 numbers; the square of the result keeps 5 x 4, and a sum nothing.
    model = torch.nn.Linear(3, 4, bias=False)
    given = torch.ones(5, 3)
    assert cost.count_held(lambda: model(given).square().sum(), model) == 4 * (15 + 20)


def test_no_estimate_for_an_encoder_that_is_not_at_hand():
    settings = read("pos", "mbert").model_copy(update={"encoder": "nobody/nothing", "device": "cpu"})
    assert estimate_cost(settings, finetuning_steps=1) is None
    assert "not on this machine" in text_of(estimate_sheet(None))


def test_the_papers_encoders_have_known_shapes():
    assert set(SHAPES) == set(ENCODERS.values())
