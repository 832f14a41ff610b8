import pytest
from transformers import pipeline

from alignfreeze.corpora.labelled import NLI, LabelledText
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError
from alignfreeze.evaluation.zero_shot import assess, evaluate
from alignfreeze.tasks.classification import predict
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source

QUICK = FinetuningSettings(epochs=30, batch_size=16, learning_rate=5e-3, max_length=32)
TASK = TASKS["nli"]


def learnt(encoder, task, items) -> TaskModel:
    """A model that has learnt the items: from some starts so small a model stays where two labels are one."""
    for seed in range(6):
        model, history = finetune(encoder, task, items, settings=QUICK, seed=seed, device="cpu")
        if history.losses[-1][1] < 0.2:
            return model
    raise AssertionError("six starts, and nothing learnt")


@pytest.fixture(scope="module")
def model(tiny_folder, toy_items) -> TaskModel:
    return learnt(load_encoder(str(tiny_folder)), TASK, toy_items["nli"])


def test_fine_tuning_learns_the_toy_labels(model, toy_items):
    (score,) = evaluate(model, TASK, {"en": toy_items["nli"]}, device="cpu")
    assert score.value > 0.8
    assert (score.metric, score.n, score.unit) == ("accuracy", 60, "texts")
    assert model.labels == list(NLI)


def test_the_model_is_told_which_of_two_texts_a_subword_belongs_to(model, toy_items):
    assert model.has_types
    batch = TASK.kind.examples(model, toy_items["nli"][:3]).batch([0])
    assert (
        batch["types"].tolist()
        == model.tokenizer(toy_items["nli"][0].text, toy_items["nli"][0].second)["token_type_ids"]
    )


def test_the_saved_model_works_in_a_pipeline_without_alignfreeze(model, toy_items, tmp_path):
    model.save(tmp_path)
    items = toy_items["nli"][:12]
    classify = pipeline("text-classification", model=str(tmp_path))
    found = [classify({"text": item.text, "text_pair": item.second}) for item in items]
    assert [result["label"] for result in found] == predict(model, items)


def test_labels_of_ones_own(tiny_encoder, tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("label\ttext\n" + "good\tthe dog sees\nbad\tthe cat sees\n" * 20)
    task = TASKS["classification"]
    items = task.read(Source(path))
    model = learnt(tiny_encoder, task, items)
    assert model.labels == ["bad", "good"]
    assert evaluate(model, task, {"en": items}, device="cpu")[0].value == 1.0
    unseen = [LabelledText("the dog", None, "ugly")]
    with pytest.raises(DataError, match="test en: item 1 has the label 'ugly', which does not occur"):
        evaluate(model, task, {"en": unseen}, device="cpu")


def test_labels_in_another_order_are_suspected(model, toy_items):
    """The model's names for its outputs, turned round by one: what it says is wrong, and always alike."""
    outcome = assess(model, TASK, {"en": toy_items["nli"]}, source="en", device="cpu")
    assert outcome.doubts == ()
    config = model.model.config
    right = dict(config.id2label)
    try:
        config.id2label = {number: NLI[(number + 1) % 3] for number in range(3)}
        outcome = assess(model, TASK, {"en": toy_items["nli"]}, source="en", device="cpu")
    finally:
        config.id2label = right
    assert outcome.scores[0].value < 0.2
    assert any("with the labels in another order" in doubt and "id2label" in doubt for doubt in outcome.doubts)


def test_single_texts_among_pairs(model):
    """What a text is encoded as does not depend on the others."""
    texts = [LabelledText("the dog", None, "neutral"), LabelledText("the dog", "the cat sees", "neutral")]
    together = TASK.kind.examples(model, texts)
    alone = [TASK.kind.examples(model, [text]) for text in texts]
    for number, one in enumerate(alone):
        assert together.subwords[number].tolist() == one.subwords[0].tolist()
    assert len(together.subwords[1]) > len(together.subwords[0])
