"""Every family of encoders, realigned with every freezing and fine-tuned on every task."""

import copy

import pytest
import torch
from transformers import AutoModel

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.families import FAMILIES, is_known
from alignfreeze.errors import EncoderError
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from tests.conftest import family_config, train_tokenizer

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))
FREEZINGS = [
    *("full", "front", "back", "0", "0..1", "embeddings", "attention", "feed-forward", "random:1"),
    "front+embeddings",
    "attention+embeddings",
]
STEPS = RealignmentSettings(steps=2, batch_size=4, learning_rate=1e-2)
QUICK = FinetuningSettings(steps=2, batch_size=8, learning_rate=1e-3, max_length=32, stride=4)


@pytest.fixture(scope="module")
def tokenizer(toy_bitext):
    return train_tokenizer([side for pair in toy_bitext for side in (pair.source, pair.target)])


# CamemBERT is RoBERTa in all but its words.
@pytest.fixture(params=[family for family in FAMILIES if family != "camembert"])
def encoder(request, tokenizer):
    torch.manual_seed(0)
    config = family_config(request.param, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id)
    return Encoder(request.param, AutoModel.from_config(config), tokenizer)


def test_frozen_parameters_are_bit_identical_and_the_others_move(encoder, toy_bitext):
    bitext, links = toy_bitext[:20], [DIAGONAL] * 20
    start = copy.deepcopy(encoder.model.state_dict())
    tried = 0
    for freeze in FREEZINGS:
        encoder.model.load_state_dict(start)
        try:
            fixed = FreezePolicy.parse(freeze).parts_of(encoder.model, seed=3)
        except EncoderError as error:
            assert encoder.name == "albert"
            assert "share their weights" in str(error)
            continue
        tried += 1
        history = realign(encoder, bitext, links, freeze=freeze, settings=STEPS, seed=3, device="cpu").history
        still = {id(parameter) for part in fixed for parameter in part.parameters()}
        assert history.frozen.parameters == sum(p.numel() for p in encoder.model.parameters() if id(p) in still)
        for name, parameter in encoder.model.named_parameters():
            unmoved = torch.equal(parameter, start[name])
            if id(parameter) in still:
                assert unmoved, (freeze, name)
            elif not _gets_no_gradient(name, freeze):
                assert not unmoved, (freeze, name)
    assert tried == (5 if encoder.name == "albert" else len(FREEZINGS))


def _gets_no_gradient(name, freeze):
    """The pooler is not used; a bias of keys does nothing to a softmax; of a table of types one row is used."""
    return "pooler" in name or name.endswith(("key.bias", "k_lin.bias", "key_proj.bias"))


@pytest.mark.parametrize("task", ["pos", "ner", "nli", "qa"])
def test_every_task_is_learnt_and_tested_and_loaded_again(encoder, task, toy_items, tmp_path):
    items = toy_items[task]
    before = copy.deepcopy(encoder.model.state_dict())
    model, history = finetune(encoder, TASKS[task], items, settings=QUICK, device="cpu")
    assert history.steps == 2
    assert all(torch.isfinite(p).all() for p in model.model.parameters())
    assert all(torch.equal(before[name], value) for name, value in encoder.model.state_dict().items())
    scores = assess(model, TASKS[task], {"en": items, "de": items[:10]}, device="cpu").scores
    assert {score.language for score in scores} == {"en", "de"}
    assert all(0 <= score.value <= 1 and score.n for score in scores)
    predicted = TASKS[task].kind.predict(model, items)
    assert predicted == TASKS[task].kind.predict(model, items, at_once=1)
    model.save(tmp_path)
    again = load_task_model(tmp_path, TASKS[task].kind.head, max_length=32, stride=4)
    assert TASKS[task].kind.predict(again, items) == predicted


def test_all_are_known(encoder):
    assert is_known(encoder.model)
