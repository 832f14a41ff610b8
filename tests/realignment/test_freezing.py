import pytest
import torch
from torch import nn
from transformers import AutoModel

from alignfreeze.encoding.families import FAMILIES, embeddings_of, layers_of
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.realignment.freezing import FreezePolicy, frozen
from alignfreeze.realignment.history import Freezing
from tests.conftest import family_config


def bert(n_layers):
    return AutoModel.from_config(family_config("bert", num_hidden_layers=n_layers))


@pytest.mark.parametrize(
    ("freeze", "n_layers", "expected"),
    [
        ("full", 12, []),
        ("front", 12, [0, 1, 2, 3, 4, 5]),
        ("back", 12, [6, 7, 8, 9, 10, 11]),
        ("front", 24, list(range(12))),
        ("front", 5, [0, 1]),
        ("back", 5, [2, 3, 4]),
        ("front", 1, []),
        ("3", 5, [3]),
        ("3..7", 12, [3, 4, 5, 6, 7]),
        ("0..0", 5, [0]),
        ("3+1..2+3", 5, [3, 1, 2]),
        ("front+11", 12, [0, 1, 2, 3, 4, 5, 11]),
    ],
)
def test_which_layers_a_policy_freezes(freeze, n_layers, expected):
    model = bert(n_layers)
    assert FreezePolicy.parse(freeze).parts_of(model) == [layers_of(model)[number] for number in expected]


@pytest.mark.parametrize("n_layers", range(1, 8))
def test_front_and_back_share_the_layers_without_overlap(n_layers):
    model = bert(n_layers)
    assert FreezePolicy.parse("front").parts_of(model) + FreezePolicy.parse("back").parts_of(model) == list(
        layers_of(model)
    )


def test_layers_drawn_at_random_depend_on_the_seed_alone():
    model = bert(12)
    drawn = [FreezePolicy.parse("random:4").parts_of(model, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 4
    assert FreezePolicy.parse("random:12").parts_of(model) == list(layers_of(model))
    assert FreezePolicy.parse("random:0").parts_of(model) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_attention_and_feed_forward_blocks_are_all_of_an_encoder_but_what_follows(family):
    model = AutoModel.from_config(family_config(family))
    parts = FreezePolicy.parse("embeddings+attention+feed-forward").parts_of(model)
    assert embeddings_of(model) in parts
    inside = {id(parameter) for part in parts for parameter in part.parameters()}
    others = {name.split(".")[0] for name, p in model.named_parameters() if id(p) not in inside}
    allowed = {"pooler", "final_norm", "norm", "encoder"}  # DeBERTa's relative positions, ALBERT's mapping
    assert others <= allowed


def test_what_is_frozen_is_named_and_counted():
    model = bert(4)
    freezing = Freezing.of(model, FreezePolicy.parse("front+embeddings+0").parts_of(model))
    assert freezing.parts == ("encoder.layer.0", "encoder.layer.1", "embeddings")
    layer = sum(p.numel() for p in model.encoder.layer[0].parameters())
    assert freezing.parameters == 2 * layer + sum(p.numel() for p in model.embeddings.parameters())
    assert freezing.share == freezing.parameters / sum(p.numel() for p in model.parameters())
    # A block inside a frozen layer is not counted twice.
    assert Freezing.of(model, FreezePolicy.parse("0..3+attention").parts_of(model)).parameters == 4 * layer


@pytest.mark.parametrize("freeze", ["front", "back", "0", "random:1", "full+front"])
def test_shared_layers_are_not_frozen_in_part(freeze):
    model = AutoModel.from_config(family_config("albert"))
    with pytest.raises(EncoderError, match="all layers of a albert model share their weights"):
        FreezePolicy.parse(freeze).parts_of(model)
    assert FreezePolicy.parse("full").parts_of(model) == []


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ("fornt", "unknown freeze policy 'fornt'.*Did you mean 'front'"),
        ("front+", "unknown freeze policy ''"),
        ("random:", "unknown freeze policy 'random:'"),
        ("-1", "unknown freeze policy"),
    ],
)
def test_a_name_that_is_no_policy(freeze, message):
    with pytest.raises(SettingsError, match=message):
        FreezePolicy.parse(freeze)


@pytest.mark.parametrize("freeze", ["4", "2..4", "3..2", "random:5"])
def test_layers_beyond_the_model(freeze):
    with pytest.raises(SettingsError, match=r"the encoder has (layers 0 to 3|only 4 layers)"):
        FreezePolicy.parse(freeze).parts_of(bert(4))


def test_frozen_restores_what_was_trainable_before():
    layers = [nn.Linear(2, 2) for _ in range(3)]
    layers[0].bias.requires_grad_(False)
    with frozen(layers[:2]):
        assert not any(parameter.requires_grad for layer in layers[:2] for parameter in layer.parameters())
        assert layers[2].weight.requires_grad
    assert layers[0].weight.requires_grad
    assert not layers[0].bias.requires_grad


def test_frozen_restores_after_an_exception():
    layers = [nn.Linear(2, 2)]
    with pytest.raises(RuntimeError), frozen(layers):
        raise RuntimeError
    assert layers[0].weight.requires_grad
    assert torch.is_grad_enabled()
