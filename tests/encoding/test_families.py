import pytest
import torch
from torch import nn
from transformers import AutoModel, BertConfig, BertModel, ElectraConfig, ElectraModel

from alignfreeze.encoding.families import FAMILIES, blocks_of, embeddings_of, family_of, layers_of
from alignfreeze.encoding.overrides import detaching
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode
from alignfreeze.errors import EncoderError
from tests.conftest import FAMILY_OPTIONS, family_config


def test_every_family_is_tried():
    assert set(FAMILY_OPTIONS) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_found_lowest_first(family):
    """What a layer changes shows in the hidden states from its own on, and in none before."""
    model = AutoModel.from_config(family_config(family, num_hidden_layers=3)).eval()
    layers = layers_of(model)
    assert len(layers) == 3
    ids = torch.tensor([[4, 5, 6, 7]])
    with torch.no_grad():
        before = model(ids, output_hidden_states=True).hidden_states
        for parameter in layers[1].parameters():
            parameter.add_(torch.randn_like(parameter))
        after = model(ids, output_hidden_states=True).hidden_states
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    # ALBERT's layers are one and the same.
    assert same == ([True, False, False, False] if family == "albert" else [True, True, False, False])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_two_blocks_make_up_a_layer(family):
    model = AutoModel.from_config(family_config(family))
    known = family_of(model)
    blocks = [blocks_of(model, names) for names in (known.attention, known.feed_forward)]
    inside = [{id(p) for block in part for p in block.parameters()} for part in blocks]
    assert inside[0].isdisjoint(inside[1])
    assert inside[0] | inside[1] == {id(p) for layer in layers_of(model) for p in layer.parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_embeddings_hold_the_table(family):
    model = AutoModel.from_config(family_config(family))
    assert any(part is model.get_input_embeddings() for part in embeddings_of(model).modules())


def electra():
    """A family that is not in the table, whose embeddings are narrower than its layers."""
    config = ElectraConfig(
        vocab_size=60,
        hidden_size=16,
        embedding_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return ElectraModel(config).eval()


def test_an_unknown_family_is_searched_for_its_layers():
    model = electra()
    family = family_of(model)
    assert (family.layers, family.embeddings) == ("encoder.layer", "embeddings")
    assert family.attention == ("attention",)
    assert not family.packs
    assert not family.slices
    ids = torch.tensor([5, 6, 7, 8])
    states = model(ids[None], output_hidden_states=True).hidden_states
    found = encode(model, Packed(ids, torch.tensor([4]), 4), layers=range(2))
    torch.testing.assert_close(found, states[2][0])


def test_a_model_without_layers_is_refused():
    model = nn.Linear(1, 1)
    model.config = BertConfig()
    model.config.model_type = "gpt17"
    with pytest.raises(
        EncoderError, match=r"'gpt17' keeps its layers.*12 modules of the same kind.*known families: bert"
    ):
        layers_of(model)


def test_detached_parameters_are_the_same_afterwards_and_after_an_exception():
    model = BertModel(family_config("bert"))
    before = list(model.parameters())
    with pytest.raises(KeyboardInterrupt), detaching([model.encoder.layer[0]]):
        assert not model.encoder.layer[0].attention.self.query.weight.requires_grad
        raise KeyboardInterrupt
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
