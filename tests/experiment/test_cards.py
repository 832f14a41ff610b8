import json

import pytest
from huggingface_hub import ModelCard

from alignfreeze.encoding import embedded
from alignfreeze.errors import OutputError
from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment import cards
from alignfreeze.experiment.cards import CardFacts, card_text, check_hub, push, realigned_facts, write_card
from alignfreeze.realignment.freezing import Freezing

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


def test_the_hub_reads_the_card(tmp_path):
    write_card(tmp_path, FACTS)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.base_model == "intfloat/multilingual-e5-small"
    assert card.data.language == ["en", "de"]
    assert card.data.license == "mit"
    assert card.data.pipeline_tag == "token-classification"
    results = [(result.dataset_type, result.metric_type, result.metric_value) for result in card.data.eval_results]
    assert results == [("ner-en", "f1", 0.8125), ("ner-de", "f1", 0.5)]
    for text in (
        "realigned before, freezing: `front`",
        "25 of 100 (25.0%)",
        "train: sha256 `abc`",
        "| German | f1 | 50.0 | 20 entities |",
        "**Doubtful:** German: something is wrong",
        'pipeline("token-classification"',
        "bakos-etal-2025-alignfreeze",
    ):
        assert text in card.content


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
    facts = realigned_facts(str(tmp_path))
    assert (facts.encoder, facts.strategy, facts.aligner) == ("xlm-roberta-base", "front", "eflomal")
    assert realigned_facts("bert-base-multilingual-cased") == CardFacts("bert-base-multilingual-cased", [])


class FakeApi:
    """The part of the hub's client that is used."""

    endpoint = "hub"

    def __init__(self):
        self.calls = []

    def whoami(self):
        return {"name": "somebody"}

    def create_repo(self, name, *, exist_ok):
        self.calls.append(("create", name, exist_ok))

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        self.calls.append(("upload", repo_id, folder_path))


def test_a_folder_is_uploaded(tmp_path, monkeypatch):
    api = FakeApi()
    monkeypatch.setattr(cards, "HfApi", lambda: api)
    check_hub("me/model")
    assert push(tmp_path, "me/model") == "hub/me/model"
    assert api.calls == [("create", "me/model", True), ("upload", "me/model", tmp_path)]


def test_without_a_connection_nothing_begins(tmp_path):
    """The real client, which may not connect in tests."""
    with pytest.raises(OutputError, match=r"me/model: the hub (cannot be reached|does not know you)"):
        check_hub("me/model")
    with pytest.raises(OutputError, match="the model is in"):
        push(tmp_path, "me/model")


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
        facts = realigned_facts(str(folder))
        assert (facts.encoder, facts.strategy, facts.languages) == ("some/encoder", "front", ["en", "de"])
        assert facts.aligner is None
    assert realigned_facts(str(tmp_path)) == CardFacts(str(tmp_path), [])
