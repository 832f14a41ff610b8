"""What a caller holds becomes a task model."""

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

import alignfreeze as af
from alignfreeze.errors import EncoderError
from alignfreeze.tasks.heads import TEXTS, WORDS, head_of
from alignfreeze.tasks.models import to_task_model
from tests.encoding.test_lending import state_of


@pytest.fixture
def finetuned(tiny_encoder, toy_tagged):
    return af.finetune(tiny_encoder, af.TASKS["tagging"], toy_tagged, steps=2, batch_size=4, device="cpu")


def given_kinds(finetuned, folder):
    finetuned.save(folder)
    peft = pytest.importorskip("peft")
    plain = AutoModelForTokenClassification.from_pretrained(folder)
    adapted = AutoModelForTokenClassification.from_pretrained(folder)
    config = peft.LoraConfig(r=2, target_modules=["query"], task_type="TOKEN_CLS")
    return [finetuned, finetuned.model, folder, str(folder), plain, peft.get_peft_model(adapted, config)]


def test_each_kind_predicts_the_same(finetuned, toy_tagged, tmp_path):
    several = [to_task_model(given, WORDS) for given in given_kinds(finetuned, tmp_path / "tagger")]
    predict = af.TASKS["tagging"].kind.predict
    expected = predict(finetuned.model, toy_tagged[:5])
    for model in several:
        assert predict(model, toy_tagged[:5]) == expected
        assert model.labels == finetuned.model.labels
        assert head_of(model.model.config, type(model.model).__name__) is WORDS


def test_a_folder_tells_its_head(finetuned, tmp_path):
    finetuned.save(tmp_path / "tagger")
    assert to_task_model(tmp_path / "tagger").labels == finetuned.model.labels


@pytest.mark.parametrize(
    ("kind", "head", "message"),
    [
        (AutoModel, None, "BertModel has no head for words or texts or spans; fine-tune it first"),
        (AutoModelForSequenceClassification, WORDS, "BertForSequenceClassification has no head for words"),
        (AutoModelForTokenClassification, TEXTS, "BertForTokenClassification has no head for texts"),
    ],
)
def test_another_head_is_refused(tiny_folder, kind, head, message):
    with pytest.raises(EncoderError, match=message):
        to_task_model(kind.from_pretrained(tiny_folder), head)


@pytest.mark.parametrize("wrong", [5, None, ["model"], torch.nn.Linear(2, 2)], ids=repr)
def test_what_is_no_task_model(wrong):
    with pytest.raises(EncoderError, match="expected a fine-tuned model: what finetune returns, its folder, or"):
        to_task_model(wrong)


def test_a_folder_without_a_head(tiny_folder, tmp_path):
    with pytest.raises(EncoderError, match="this model has no head for words or texts or spans"):
        to_task_model(tiny_folder)
    with pytest.raises(EncoderError, match="this folder holds no fine-tuned model"):
        to_task_model(tmp_path)


def test_fine_tuning_leaves_the_state_of_a_model_of_half_precision(tiny_folder, toy_tagged):
    model = AutoModel.from_pretrained(tiny_folder, dtype=torch.bfloat16)
    before, values = state_of(model), {name: value.clone() for name, value in model.state_dict().items()}
    tagger, _ = af.finetune(model, af.TASKS["tagging"], toy_tagged, steps=2, batch_size=4, device="cpu")
    assert state_of(model) == before
    assert all(torch.equal(value, values[name]) for name, value in model.state_dict().items())
    assert {weight.dtype for weight in tagger.model.parameters()} == {torch.float32}
