"""Whether task and realignment pull the same way."""

import numpy as np
import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation import gradients
from alignfreeze.evaluation.gradients import compare_gradients
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS

POS = TASKS["pos"]
DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


@pytest.fixture(scope="module")
def tagger(tiny_folder, toy_tagged):
    settings = FinetuningSettings(epochs=2, batch_size=16, learning_rate=1e-3)
    return finetune(load_encoder(str(tiny_folder)), POS, toy_tagged, settings=settings, device="cpu")[0]


def cosines(model, items, bitext, **options):
    return compare_gradients(model, POS, items, bitext, [DIAGONAL] * len(bitext), batches=3, device="cpu", **options)


def test_every_layer_gets_a_cosine_and_the_model_stays_as_it_is(tagger, toy_tagged, toy_bitext):
    before = {name: value.clone() for name, value in tagger.model.state_dict().items()}
    found = cosines(tagger, toy_tagged, toy_bitext)
    assert [item.layer for item in found] == [0, 1, 2, 3, 4]
    assert all(-1 <= item.mean <= 1 and item.sd >= 0 and item.n == 3 for item in found)
    assert any(abs(item.mean) > 1e-4 for item in found)
    after = tagger.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert found == cosines(tagger, toy_tagged, toy_bitext)
    assert found != cosines(tagger, toy_tagged, toy_bitext, seed=1)


def test_the_gradients_are_those_of_a_plain_loop(tagger, toy_tagged, toy_bitext, monkeypatch):
    """The layers' gradients of one batch of either loss, against transformers' own forward and the loss by hand."""
    seen = []
    monkeypatch.setattr(gradients, "_cosine", lambda ours, theirs: seen.append((ours, theirs)) or 0.0)
    monkeypatch.setattr(gradients, "ITEMS", 60)
    monkeypatch.setattr(gradients, "PAIRS", 120)
    compare_gradients(tagger, POS, toy_tagged, toy_bitext, [DIAGONAL] * 120, batches=2, device="cpu")
    last_ours, last_theirs = seen[4]
    model = tagger.model.eval()
    model.zero_grad()
    examples = POS.kind.examples(tagger, toy_tagged)
    losses, n = 0.0, 0
    for number in range(len(examples)):
        subwords, labels = (
            torch.from_numpy(rows[number].astype(np.int64)) for rows in (examples.subwords, examples.labels)
        )
        logits = model(input_ids=subwords[None]).logits[0]
        losses += torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
        n += int((labels != -100).sum())
    (losses / n).backward()
    plain = torch.cat([p.grad.flatten() for p in model.base_model.encoder.layer[3].parameters()])
    assert torch.allclose(last_ours, plain, atol=1e-6)
    assert last_theirs.norm() > 0
    model.zero_grad()


def test_what_is_not_trained_by_one_of_them_has_a_cosine_of_zero(tagger, toy_tagged, toy_bitext):
    """Realigning the third layer's output leaves the fourth alone."""
    found = cosines(tagger, toy_tagged, toy_bitext, settings=RealignmentSettings(layer=[3]))
    assert found[4].mean == found[4].sd == 0
    assert found[3].mean != 0


def test_one_batch_has_no_deviation(tagger, toy_tagged, toy_bitext):
    with pytest.raises(ValueError, match="two batches"):
        compare_gradients(tagger, POS, toy_tagged, toy_bitext, [DIAGONAL] * 120, batches=1)
