import json

from huggingface_hub import ModelCard

from alignfreeze.encoding import embedded
from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment.cards import CardFacts, card_text, write_card
from alignfreeze.experiment.single import card_of_encoder
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
