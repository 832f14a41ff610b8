"""The other losses of realignment, by what they compute and what they do to an encoder."""

import copy

import pytest
import torch
from torch.nn import functional as F

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.realignment.losses import contrastive_loss, l2_loss, pool_means, pull_loss
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


def settings(**changes):
    return RealignmentSettings(steps=3, batch_size=4, learning_rate=1e-3, **changes)


@pytest.fixture
def pairs(tiny_encoder, toy_bitext):
    return encode_pairs(tiny_encoder.tokenizer, toy_bitext, [DIAGONAL] * len(toy_bitext), cache=False)


def loss_of(encoder, batch, **changes):
    torch.manual_seed(0)
    model = RealignmentModel(encoder.model.eval(), settings(**changes))
    return model(**batch)["loss"], model


def states_of(encoder, batch, *layers):
    return encode(encoder.model.eval(), Packed.of(batch), at=layers).unbind(1)


def test_sentences_are_means_of_their_subwords():
    states = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
    assert pool_means(states, torch.tensor([2, 1])).tolist() == [[2.0, 1.0], [5.0, 5.0]]


def test_each_sentence_has_to_find_its_translation(tiny_encoder, pairs):
    batch = pairs.batch(range(6))
    loss, model = loss_of(tiny_encoder, batch, loss="sentence", temperature=0.2)
    (states,) = states_of(tiny_encoder, batch, 4)
    vectors = F.normalize(model.projection(pool_means(states, batch["lengths"])), dim=-1)
    slow = []
    for i in range(12):
        scores = torch.stack([vectors[i] @ vectors[j] / 0.2 for j in range(12) if j != i])
        partner = (i + 6) % 12
        slow.append(-scores.log_softmax(0)[partner - (partner > i)])
    torch.testing.assert_close(loss, torch.stack(slow).mean())


def test_a_loss_over_several_layers_is_the_mean_of_those_of_each(tiny_encoder, pairs):
    batch = pairs.batch(range(4))
    together, _ = loss_of(tiny_encoder, batch, layer=[4, 0, 2])
    each = [loss_of(tiny_encoder, batch, layer=[number])[0] for number in (4, 0, 2)]
    torch.testing.assert_close(together, torch.stack(each).mean())
    with packing(tiny_encoder.model):
        torch.testing.assert_close(loss_of(tiny_encoder, batch, layer=[4, 0, 2])[0], together)
    last, _ = loss_of(tiny_encoder, batch)
    torch.testing.assert_close(last, each[0])
    torch.testing.assert_close(
        loss_of(tiny_encoder, batch, layer="reference")[0], loss_of(tiny_encoder, batch, layer=[3])[0]
    )


def test_without_a_projection_the_states_themselves_are_compared(tiny_encoder, pairs):
    batch = pairs.batch(range(4))
    loss, model = loss_of(tiny_encoder, batch, projection=0)
    assert not list(model.projection.parameters())
    (states,) = states_of(tiny_encoder, batch, 4)
    torch.testing.assert_close(loss, contrastive_loss(states[batch["words"]], batch["links"], batch["is_target"]))


def test_l2_pulls_source_sentences_to_what_the_initial_model_computes(tiny_encoder, pairs):
    batch = pairs.batch(range(4))
    _, model = loss_of(tiny_encoder, batch, loss="l2", pull=0.5)
    before = states_of(tiny_encoder, batch, 4)[0].detach()
    with torch.no_grad():
        for parameter in tiny_encoder.model.encoder.layer[3].parameters():
            parameter.mul_(1.1)
    (now,) = states_of(tiny_encoder, batch, 4)
    n = int(batch["lengths"][:4].sum())
    expected = l2_loss(now[batch["words"]], batch["links"]) + 0.5 * pull_loss(now[:n], before[:n])
    torch.testing.assert_close(model(**batch)["loss"], expected)
    assert not any("initial" in name for name in model.state_dict())


def test_l2_by_hand():
    words = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    # (1 - 0)^2 + (0 - 2)^2 = 5 over 2 numbers
    assert l2_loss(words, torch.tensor([[0, 2]])).item() == 2.5


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "sentence"},
        {"loss": "l2"},
        {"layer": [2, 4]},
        {"negatives": "weak"},
        {"projection": 0},
        {"loss": "l2", "layer": [0, 1]},
        {"freeze_embeddings": True, "layer": [1, 4]},
    ],
)
def test_every_loss_trains_and_keeps_what_is_frozen(tiny_folder, toy_bitext, changes):
    encoder = load_encoder(str(tiny_folder))
    before = copy.deepcopy(encoder.model.state_dict())
    links = align(toy_bitext, aligner="sentence") if changes.get("loss") == "sentence" else [DIAGONAL] * 120
    history = realign(encoder, toy_bitext, links, freeze="front", settings=settings(**changes), device="cpu").history
    assert history.pairs == 120
    after = encoder.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("layer.0." in name or "layer.1." in name for name in moved)


def test_whole_sentences_find_each_other_without_links(tiny_encoder, toy_bitext):
    more = RealignmentSettings(steps=60, batch_size=16, learning_rate=2e-3, loss="sentence")
    history = realign(
        tiny_encoder, toy_bitext, align(toy_bitext, aligner="sentence"), settings=more, device="cpu"
    ).history
    losses = [loss for _, loss in history.training.losses]
    assert losses[-1] < losses[0] - 0.5


def test_words_without_links_do_not_train_the_others(tiny_encoder, toy_bitext):
    with pytest.raises(DataError, match="usable link"):
        realign(tiny_encoder, toy_bitext, align(toy_bitext, aligner="sentence"), settings=settings(), device="cpu")


def test_layers_that_are_not_there(tiny_encoder, toy_bitext):
    with pytest.raises(SettingsError, match="the encoder has layers 0 to 4, not 5"):
        realign(tiny_encoder, toy_bitext, [DIAGONAL] * 120, settings=settings(layer=[5]), device="cpu")
    for layer in ("first", []):
        with pytest.raises(SettingsError, match="layer: "):
            RealignmentSettings.from_values({"layer": layer}, origin="test")
