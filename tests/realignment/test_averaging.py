"""The mean of the weights of encoders."""

import gc
import weakref
from dataclasses import replace
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel

from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.families import FAMILIES
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.realignment.averaging import average_encoders
from alignfreeze.realignment.freezing import FreezePolicy, intersect
from tests.conftest import family_config, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(toy_bitext):
    return train_tokenizer([side for pair in toy_bitext for side in (pair.source, pair.target)])


def shaken(encoder, seed, *, but=()):
    """A copy of an encoder with other weights, but for some parts."""
    model = AutoModel.from_config(encoder.model.config)
    model.load_state_dict(encoder.model.state_dict())
    kept = {id(parameter) for part in but for parameter in model.get_submodule(part).parameters()}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if id(parameter) not in kept:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return replace(encoder, model=model)


class Numbers(nn.Module):
    """A model whose weights can be reckoned with by hand."""

    def __init__(self, *values):
        super().__init__()
        self.config = family_config("bert")
        self.weight = nn.Parameter(torch.tensor(values))
        self.register_buffer("scale", torch.tensor(values) * 2)
        self.register_buffer("positions", torch.arange(3))


def of_numbers(*values):
    return Encoder("numbers", Numbers(*values), None)


def test_means_by_hand():
    # (1 + 3) / 2 = 2 and (0 - 8) / 2 = -4; the buffer is twice that.
    mean = average_encoders([of_numbers(1.0, 0.0), of_numbers(3.0, -8.0)])
    assert mean.model.weight.tolist() == [2, -4]
    assert mean.model.scale.tolist() == [4, -8]
    assert mean.model.positions.tolist() == [0, 1, 2]
    # 1:3 is (1 + 3 * 3) / 4 = 2.5 and (0 - 3 * 8) / 4 = -6; weights need not add up to 1.
    for weights in ([0.25, 0.75], [1, 3], [10, 30]):
        mean = average_encoders([of_numbers(1.0, 0.0), of_numbers(3.0, -8.0)], weights=weights)
        assert mean.model.weight.tolist() == [2.5, -6]
    # Of three, (1 + 2 + 6) / 3 = 3.
    three = average_encoders([of_numbers(1.0), of_numbers(2.0), of_numbers(6.0)])
    assert three.model.weight.item() == pytest.approx(3)
    assert average_encoders([of_numbers(1.0)]).model.weight.item() == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_what_a_slow_loop_says_for_every_family(family, tokenizer):
    torch.manual_seed(0)
    first = Encoder(family, AutoModel.from_config(family_config(family)), tokenizer)
    several = [first, shaken(first, 1), shaken(first, 2)]
    weights = [0.2, 0.3, 0.5]
    expected = {name: 0.0 for name, _ in first.model.named_parameters()}
    for weight, one in zip(weights, several, strict=True):
        for name, parameter in one.model.named_parameters():
            expected[name] = expected[name] + weight * parameter.detach().double()
    mean = average_encoders(several, weights=weights)
    assert mean is first
    for name, parameter in mean.model.named_parameters():
        assert torch.allclose(parameter.double(), expected[name], atol=1e-6), name
        assert parameter.requires_grad


numbers = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=5)


@given(numbers, st.lists(st.floats(0.01, 100), min_size=2, max_size=5))
def test_the_mean_of_an_encoder_with_itself_is_bit_for_bit_the_encoder(values, weights):
    mean = average_encoders([of_numbers(*values) for _ in weights], weights=weights)
    assert mean.model.weight.detach().numpy().tobytes() == torch.tensor(values).numpy().tobytes()


@given(numbers, st.lists(st.tuples(st.floats(0.01, 100), st.floats(-1e3, 1e3, width=32)), min_size=2, max_size=5))
def test_a_mean_lies_between_what_it_is_of_whatever_the_order(values, more):
    several = [(weight, [value + shift for value in values]) for weight, shift in more]

    def mean(some):
        weights = [weight for weight, _ in some]
        return average_encoders([of_numbers(*one) for _, one in some], weights=weights).model.weight.detach()

    found = mean(several)
    rows = torch.tensor([one for _, one in several])
    slack = 1e-5 * rows.abs().max()
    assert (rows.min(dim=0).values - slack <= found).all()
    assert (found <= rows.max(dim=0).values + slack).all()
    assert torch.allclose(mean(several[::-1]), found, atol=1e-3, rtol=1e-5)


def test_what_is_the_same_in_all_stays_bit_identical(tiny_encoder):
    fixed = ("encoder.layer.0", "encoder.layer.2.attention")
    before = {name: value.clone() for name, value in tiny_encoder.model.state_dict().items()}
    with torch.no_grad():
        layer = tiny_encoder.layers[0].output.dense
        layer.weight[0, 0] = -0.0
        before["encoder.layer.0.output.dense.weight"][0, 0] = -0.0
    several = [tiny_encoder, *(shaken(tiny_encoder, seed, but=fixed) for seed in (1, 2))]
    mean = average_encoders(several, weights=[0.1, 0.2, 0.7])
    for name, value in mean.model.state_dict().items():
        same = value.numpy().tobytes() == before[name].numpy().tobytes()
        assert same == name.startswith(fixed), name


def test_no_more_than_two_encoders_are_held_at_once(tiny_folder):
    alive = []

    def made():
        for _ in range(4):
            gc.collect()
            assert sum(one() is not None for one in alive) <= 1
            encoder = load_encoder(str(tiny_folder))
            alive.append(weakref.ref(encoder.model))
            yield encoder
            del encoder

    average_encoders(made())
    assert len(alive) == 4


def test_encoders_that_do_not_go_together(tiny_encoder, tokenizer):
    def bert(**changes):
        return Encoder("other", AutoModel.from_config(family_config("bert", **changes)), tokenizer)

    def refused(one, other, message):
        with pytest.raises(EncoderError, match=f"cannot be averaged: {message}"):
            average_encoders([one, other])

    roberta = Encoder("roberta", AutoModel.from_config(family_config("roberta")), tokenizer)
    refused(bert(), roberta, "one is a bert model, the other a roberta model")
    refused(bert(), bert(vocab_size=150), r"embeddings\.word_embeddings\.weight has the shape \[160, 16\] in one")
    refused(bert(), bert(num_hidden_layers=3), r"only one of them has encoder\.layer\.2\.attention")
    refused(bert(), bert(num_attention_heads=4), "one has 2 attention heads, the other 4")
    words = [["a", "b"], ["c"]]
    refused(bert(), replace(bert(), tokenizer=train_tokenizer(words)), "their vocabularies differ")
    again = replace(bert(), tokenizer=load_encoder(tiny_encoder.name).tokenizer)
    average_encoders([replace(bert(), tokenizer=tiny_encoder.tokenizer), again])  # read twice, it is the same


@pytest.mark.parametrize("weights", [[1, 0], [-1, 2], [float("nan"), 1], [1, float("inf")]])
def test_weights_that_are_none(weights):
    with pytest.raises(SettingsError, match="each weight must be a finite number greater than 0; leave"):
        average_encoders([of_numbers(1.0), of_numbers(2.0)], weights=weights)


def test_as_many_weights_as_encoders():
    with pytest.raises(ValueError, match="more encoders than weights"):
        average_encoders([of_numbers(1.0), of_numbers(2.0)], weights=[1])
    with pytest.raises(ValueError, match="fewer encoders than weights"):
        average_encoders([of_numbers(1.0)], weights=[1, 2])
    with pytest.raises(ValueError, match="or none at all"):
        average_encoders([])


def fail():
    raise EncoderError("cannot be loaded")
    yield


@pytest.mark.parametrize(
    ("rest", "weights", "message"),
    [
        (lambda: [of_numbers(float("nan"))], None, "finite"),
        (lambda: [of_numbers(1.0, 2.0)], None, "cannot be averaged: weight has the shape"),
        (fail, None, "cannot be loaded"),
        (lambda: [], [1, 1, 1], "fewer encoders than weights"),
        (lambda: [of_numbers(1.0)], [1, 1], "more encoders than weights"),
    ],
)
def test_a_failure_in_the_middle_leaves_the_first_encoder_as_it_was(rest, weights, message):
    first = of_numbers(1.0)
    with pytest.raises((EncoderError, ValueError), match=message):
        average_encoders(chain([first, of_numbers(3.0)], rest()), weights=weights)
    assert (first.model.weight.item(), first.model.scale.item()) == (1, 2)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (["front"], ["encoder.layer.0", "encoder.layer.1"]),
        (["front", "full"], []),
        (["front", "back"], []),
        (["front", "1..2"], ["encoder.layer.1"]),
        (["1+embeddings", "front+embeddings", "embeddings+back+1"], ["encoder.layer.1", "embeddings"]),
        (["front", "attention"], ["encoder.layer.0.attention", "encoder.layer.1.attention"]),
    ],
)
def test_what_several_policies_hold_fixed_together(policies, expected):
    model = AutoModel.from_config(family_config("bert", num_hidden_layers=4))
    held = intersect([FreezePolicy.parse(policy).parts_of(model) for policy in policies])
    assert held == [model.get_submodule(path) for path in expected]
