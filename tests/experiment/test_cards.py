import json
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import EvalResultEntry, ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from alignfreeze.encoding import embedded
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.cards import (
    CardFacts,
    card_text,
    escape_markdown,
    plain_uses,
    renew_card,
    to_code,
    write_card,
)
from alignfreeze.experiment.finding import hub_tests_of
from alignfreeze.experiment.leaderboards import HubTest
from alignfreeze.experiment.single import card_of_encoder
from alignfreeze.realignment.history import Freezing
from tests.support.records import make_settings

FACTS = CardFacts(
    encoder=embedded.NAME,
    languages=["en", "de"],
    task="ner",
    strategy="front",
    freezing=Freezing(("encoder.layer.0",), 25, 100),
    aligner="fast-align",
    digests={"train": "abc"},
    scores=(Score("en", "f1", 0.8125, 40, "entities"), Score("de", "f1", 0.5, 20, "entities")),
    doubts=("German: something is wrong",),
)


WIKIANN = {code: HubTest.parse(f"hub:unimelb-nlp/wikiann/{code}", split="test") for code in ("en", "de")}


def test_the_hub_reads_the_card(tmp_path):
    (tmp_path / "model.safetensors").touch()
    write_card(tmp_path, FACTS)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.base_model == "intfloat/multilingual-e5-small"
    assert card.data.language == ["en", "de"]
    assert card.data.license == "mit"
    assert card.data.pipeline_tag == "token-classification"
    results = [(result.dataset_type, result.metric_type, result.metric_value) for result in card.data.eval_results]
    assert results == [("ner-en", "f1", 0.8125), ("ner-de", "f1", 0.5)]
    for text in (
        "# intfloat/multilingual-e5-small, realigned (frozen: front), fine-tuned: named entities",
        "realigned before, freezing: `front`",
        "25 of 100 (25.0%)",
        "train: sha256 `abc`",
        "| German | f1 | 50.0 | 20 entities |",
        "**Doubtful:** German: something is wrong",
        'pipeline("token-classification"',
        "bakos-etal-2025-alignfreeze",
    ):
        assert text in card.content


def entries_in(folder):
    files = sorted((folder / ".eval_results").glob("*"))
    return {path.name: parse_eval_result_entries(yaml.safe_load(path.read_text())) for path in files}


def test_scores_on_data_of_the_hub_appear_on_leaderboards(tmp_path):
    facts = replace(FACTS, tests=WIKIANN, doubts=())
    write_card(tmp_path, facts)
    data = ModelCard.load(tmp_path / "README.md").data
    name, results = model_index_to_eval_results(data.to_dict()["model-index"])
    assert name == facts.title
    found = [(one.dataset_type, one.dataset_config, one.dataset_split, one.metric_value) for one in results]
    wikiann = "unimelb-nlp/wikiann"
    assert found == [(wikiann, "en", "test", 0.8125), (wikiann, "de", "test", 0.5)]
    assert data.eval_results == results
    notes = "f1, {}, split test, fine-tuned in English"
    assert entries_in(tmp_path) == {
        "unimelb-nlp--wikiann.yaml": [
            EvalResultEntry(wikiann, "en", 0.8125, notes=notes.format("English")),
            EvalResultEntry(wikiann, "de", 0.5, notes=f"{notes.format('German')}, zero-shot"),
        ]
    }


def test_each_data_set_has_a_file_and_each_language_its_main_score(tmp_path):
    second = Score("de", "recall", 0.25, 20, "entities")
    tests = WIKIANN | {"de": HubTest.parse("hub:some/entities", split="validation")}
    write_card(tmp_path, replace(FACTS, tests=tests, doubts=(), scores=(*FACTS.scores, second)))
    found = {name: [(e.task_id, e.value) for e in rows] for name, rows in entries_in(tmp_path).items()}
    assert found == {"some--entities.yaml": [("default", 0.5)], "unimelb-nlp--wikiann.yaml": [("en", 0.8125)]}
    assert len(ModelCard.load(tmp_path / "README.md").data.eval_results) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"doubts": ("German: something is wrong",)},
        {"tests": {code: replace(test, is_whole=False) for code, test in WIKIANN.items()}},
        {"tests": {code: HubTest.parse("hub:some/data/all", split=code) for code in WIKIANN}},
        {"tests": {}},
    ],
    ids=["doubtful", "a part", "one data set for all languages", "files"],
)
def test_what_is_no_score_of_a_whole_data_set_is_in_the_card_alone(tmp_path, changes):
    write_card(tmp_path, replace(FACTS, **{"tests": WIKIANN, "doubts": (), **changes}))
    assert entries_in(tmp_path) == {}
    assert len(ModelCard.load(tmp_path / "README.md").data.eval_results) == 2


def test_the_data_sets_of_an_experiment():
    data = {"train": "hub:a/b/en", "test": "hub:a/b/{language}", "names": {"tr": "tr_x/dev"}}
    assert hub_tests_of(make_settings(["de", "tr"], task="ner", data=data)) == {
        "en": HubTest("a/b", "en", "test"),
        "de": HubTest("a/b", "de", "test"),
        "tr": HubTest("a/b", "tr_x", "dev"),
    }
    few = hub_tests_of(make_settings(["de"], task="ner", data={**data, "test_split": "dev", "max_test": 9}))
    assert few["de"] == HubTest("a/b", "de", "dev", is_whole=False)
    assert hub_tests_of(make_settings(["de"])) == {}


@pytest.mark.parametrize(
    ("strategy", "task", "title"),
    [
        ("front", None, "xlm-roberta-base, realigned (frozen: front)"),
        ("full", None, "xlm-roberta-base, realigned (nothing frozen)"),
        (
            "front+embeddings",
            "pos",
            "xlm-roberta-base, realigned (frozen: front+embeddings), fine-tuned: part-of-speech",
        ),
        (None, "pos", "xlm-roberta-base, fine-tuned: part-of-speech"),
        ("average(full,front)", None, "xlm-roberta-base, averaged: average(full,front)"),
        ("revert(full,front)", None, "xlm-roberta-base, merged: revert(full,front)"),
        (None, None, "xlm-roberta-base"),
    ],
)
def test_titles_say_what_was_done(strategy, task, title):
    assert CardFacts("xlm-roberta-base", ["en"], strategy=strategy, task=task).title.startswith(title)


def test_names_of_folders_are_no_markup(tmp_path):
    name = "a`b*c*_d_[e](f)<img src=x>|g\n# h"
    text = card_text(replace(FACTS, encoder=f"/models/{name}", doubts=("see <b>file</b>|x",)))
    assert "# a\\`b\\*c\\*\\_d\\_\\[e\\](f)\\<img src=x\\>\\|g \\# h, realigned" in text
    assert "- encoder: ``a`b*c*_d_[e](f)<img src=x>|g # h``\n" in text
    assert "**Doubtful:** see \\<b\\>file\\</b\\>\\|x" in text
    assert ModelCard(text).data.base_model is None
    assert (to_code("`x``"), to_code("x"), escape_markdown("a_b")) == ("``` `x`` ```", "`x`", "a\\_b")


def test_a_card_is_made_anew_for_another_form():
    text = card_text(FACTS)
    assert renew_card(text, plain_uses(FACTS.head, "ner")) == text
    theirs = text.replace("license: mit", "license: cc-by-4.0").replace(
        "## Citation", "## Mine\n\nText.\n\n## Citation"
    )
    found = renew_card(theirs, plain_uses(None))
    assert found is not None
    assert "license: cc-by-4.0" in found
    assert "\n\n## Mine\n\nText.\n\n## Citation" in found
    assert "af.load_encoder" in found
    assert "load_task_model" not in found
    assert ModelCard(found).data.eval_results == ModelCard(text).data.eval_results
    without = text[: text.index("## Use")]
    assert "af.load_encoder" in renew_card(without, plain_uses(None))
    for other in (
        "",
        "# Somebody's model",
        "---\ntags: [x]\n---\n",
        "---\ntags: [\n---\n",
        text.replace("- name:", "-"),
    ):
        assert renew_card(other, plain_uses(None)) is None


def test_a_folder_of_this_machine_is_not_named(tmp_path):
    text = card_text(CardFacts(str(tmp_path), ["en"]))
    assert str(tmp_path) not in text
    assert "license: unknown" in text
    assert "AutoModel.from_pretrained" in text


def test_what_a_realigned_folder_tells(tmp_path):
    record = {
        "encoder": "xlm-roberta-base",
        "freeze": "front",
        "frozen": {"parts": ["a"], "parameters": 1, "n_parameters": 2},
        "alignment": {"aligner": "eflomal"},
        "digests": {"bitext en-de": ["d1"]},
    }
    (tmp_path / "alignfreeze.json").write_text(json.dumps(record))
    facts = card_of_encoder(str(tmp_path))
    assert (facts.encoder, facts.strategy, facts.aligner) == ("xlm-roberta-base", "front", "eflomal")
    assert card_of_encoder("bert-base-multilingual-cased") == CardFacts("bert-base-multilingual-cased", [])


def test_what_an_encoder_went_through_is_not_forgotten(tmp_path):
    realigned = {
        "encoder": "some/encoder",
        "freeze": "front",
        "frozen": {"parts": ["layer.0"], "parameters": 1, "n_parameters": 4},
        "alignment": None,
        "languages": ["en", "de"],
        "digests": {"bitext en-de": ["abc"]},
    }
    for name, record in (("first", realigned), ("tuned", {"encoder": "first", "realigned": realigned})):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "alignfreeze.json").write_text(json.dumps(record))
        facts = card_of_encoder(str(folder))
        assert (facts.encoder, facts.strategy, facts.languages) == ("some/encoder", "front", ["en", "de"])
        assert facts.aligner is None
    assert card_of_encoder(str(tmp_path)) == CardFacts(str(tmp_path), [])
