"""Realignment while sentence-transformers trains, and one model that goes through all loops."""

import pytest
import torch
from datasets import Dataset
from transformers import AutoModel, AutoTokenizer, BertForSequenceClassification, Trainer, TrainingArguments

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment

sentence_transformers = pytest.importorskip("sentence_transformers")
from sentence_transformers import (  # noqa: E402
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.losses import CachedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss  # noqa: E402
from sentence_transformers.models import Pooling, Transformer  # noqa: E402

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


@pytest.fixture
def model(tiny_folder):
    words = Transformer(str(tiny_folder))
    return SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())], device="cpu")


@pytest.fixture(scope="module")
def texts(toy_bitext):
    sides = {name: [" ".join(getattr(pair, name)) for pair in toy_bitext[:16]] for name in ("source", "target")}
    return Dataset.from_dict({"anchor": sides["source"], "positive": sides["target"]})


@pytest.fixture
def links(toy_bitext):
    return [DIAGONAL] * len(toy_bitext)


def trainer_of(model, texts, folder, **options):
    how = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "save_strategy": "no"}
    arguments = SentenceTransformerTrainingArguments(
        str(folder),
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        logging_steps=1,
        **{**how, **options.pop("how", {})},
    )
    return SentenceTransformerTrainer(model=model, args=arguments, train_dataset=texts, **options)


@pytest.mark.parametrize("kind", [None, MultipleNegativesRankingLoss, CachedMultipleNegativesRankingLoss])
def test_a_loss_for_its_trainer(model, texts, toy_bitext, links, tmp_path, kind):  # noqa: PLR0917
    other = None if kind is None else kind(model)
    loss = af.SentenceTransformerRealignment(model, toy_bitext, links, loss=other, freeze="front", batch_size=4)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    how = {"eval_strategy": "steps", "eval_steps": 1}
    trainer = trainer_of(model, texts, tmp_path, loss=loss, eval_dataset=texts, how=how)
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert all(entry["realignment_loss"] > 0 for entry in logged)
    assert all(("base_loss" in entry) == (kind is not None) for entry in logged)
    assert loss.realignment.state_dict()["_extra_state"][0] == 2  # evaluations draw no batch
    moved = {name for name, value in loss.state_dict().items() if not torch.equal(before[name], value)}
    assert any("projection" in name for name in moved)
    assert any("layer.3" in name for name in moved)
    assert any("layer.0" in name for name in moved) == (kind is not None)  # frozen for the realignment alone


def test_the_parts_are_those_of_both_losses(model, texts, toy_bitext, links):
    model.eval()
    other = MultipleNegativesRankingLoss(model)
    how = {"batch_size": 4, "coefficient": 0.25}
    loss = af.SentenceTransformerRealignment(model, toy_bitext, links, loss=other, **how)
    features = [model.preprocess(texts[name][:4]) for name in ("anchor", "positive")]
    parts = loss(features, None)
    assert parts["base_loss"].item() == pytest.approx(other(features, None).item())
    alone = af.RealignmentLoss(model, toy_bitext, links, **how)()
    assert parts["realignment_loss"].item() == pytest.approx(0.25 * alone.item())


def test_the_card_of_the_model_tells_of_the_realignment(model, texts, toy_bitext, links, tmp_path):
    other = MultipleNegativesRankingLoss(model)
    loss = af.SentenceTransformerRealignment(model, toy_bitext, links, loss=other, freeze="front", batch_size=4)
    config = loss.get_config_dict()
    assert (config["freeze"], config["coefficient"], config["batch_size"]) == ("front", 0.1, 4)
    trainer_of(model, texts, tmp_path, loss=loss).train()
    model.save(str(tmp_path / "model"))
    card = (tmp_path / "model" / "README.md").read_text()
    assert "SentenceTransformerRealignment" in card
    assert '"freeze": "front"' in card


def test_the_callback_works_with_its_trainer_and_resumes(tiny_folder, texts, toy_bitext, links, tmp_path):
    def train(resume=None):
        words = Transformer(str(tiny_folder))
        model = SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())], device="cpu")
        callback = af.RealignmentCallback(toy_bitext, links, batch_size=4)
        how = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4, "seed": 1}
        trainer = trainer_of(
            model, texts, tmp_path, loss=MultipleNegativesRankingLoss(model), callbacks=[callback], how=how
        )
        trainer.train(resume_from_checkpoint=resume)
        assert all("realignment_loss" in entry for entry in trainer.state.log_history if "loss" in entry)
        return model.state_dict()

    whole = train()
    resumed = train(str(tmp_path / "checkpoint-2"))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_one_model_is_realigned_then_trained_by_transformers_then_by_sentence_transformers(
    tiny_folder, texts, toy_bitext, links, tmp_path
):
    # 1. realign a loaded model on a data set of translations
    rows = [{"translation": {"en": " ".join(pair.source), "de": " ".join(pair.target)}} for pair in toy_bitext]
    bitext = Dataset.from_list(rows)
    pair = {"languages": ("en", "de"), "freeze": "front", "batch_size": 4}
    model = AutoModel.from_pretrained(tiny_folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    af.realign(model, bitext, links, tokenizer=tokenizer, **pair, steps=2, device="cpu")

    # 2. hand the same object to transformers, and realign while it is fine-tuned
    classifier = BertForSequenceClassification(model.config)
    classifier.bert = model
    subwords = tokenizer([*texts["anchor"], *texts["positive"]], padding=True)
    labelled = Dataset.from_dict({**subwords, "labels": [0] * len(texts) + [1] * len(texts)})
    arguments = TrainingArguments(str(tmp_path / "a"), max_steps=2, use_cpu=True, report_to="none", save_strategy="no")
    callback = af.RealignmentCallback(bitext, links, tokenizer=tokenizer, **pair)
    Trainer(classifier, arguments, train_dataset=labelled, callbacks=[callback]).train()
    classifier.save_pretrained(tmp_path / "classifier")
    tokenizer.save_pretrained(tmp_path / "classifier")

    # 3. hand it to sentence-transformers, and realign while it learns sentences
    words = Transformer(str(tmp_path / "classifier"))
    words.model = model
    sentences = SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())], device="cpu")
    task = MultipleNegativesRankingLoss(sentences)
    loss = af.SentenceTransformerRealignment(sentences, bitext, links, loss=task, **pair)
    before = model.encoder.layer[3].output.dense.weight.clone()
    trainer_of(sentences, texts, tmp_path / "b", loss=loss).train()
    assert not torch.equal(model.encoder.layer[3].output.dense.weight, before)
    assert sentences.encode(["the dog"]).shape == (1, 32)
