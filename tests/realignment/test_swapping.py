"""Parts of one encoder in another."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.families import FAMILIES
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.realignment.averaging import combine_encoders
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.history import Freezing
from alignfreeze.realignment.swapping import parse_parts, swap_parts, unchanged_after_swap
from tests.conftest import family_config
from tests.realignment.test_averaging import of_numbers, shaken


@pytest.fixture(scope="module")
def four_layers():
    torch.manual_seed(0)
    return Encoder("four", AutoModel.from_config(family_config("bert", num_hidden_layers=4)), None)


def values_of(encoder):
    return {name: value.numpy().tobytes() for name, value in encoder.model.state_dict().items()}


def constant(value, n_layers=2):
    """An encoder all of whose weights are one number."""
    model = AutoModel.from_config(family_config("bert", num_hidden_layers=n_layers))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return Encoder(f"of {value}", model, None)


def test_by_hand():
    # Weights are 1 in one encoder and 5 in the other. The first of two layers is the front half.
    found = swap_parts(constant(1.0), constant(5.0), "front")
    values = {name: parameter.unique().tolist() for name, parameter in found.model.named_parameters()}
    assert {name for name, value in values.items() if value == [5]} == {
        name for name in values if name.startswith("encoder.layer.0.")
    }
    assert all(value == [1] for name, value in values.items() if not name.startswith("encoder.layer.0."))
    # Half as far again from 1 as 5 is: 1 + 1.5 * 4 = 7; half as far: 3.
    for factor, expected in ((1.5, 7), (0.5, 3)):
        moved = combine_encoders([constant(1.0), constant(5.0)], [1 - factor, factor])
        assert {parameter.unique().item() for parameter in moved.model.parameters()} == {expected}


def test_only_the_named_parts_change_and_the_donor_does_not(tiny_encoder):
    donor = shaken(tiny_encoder, 1)
    mine, theirs = values_of(tiny_encoder), values_of(donor)
    changed = swap_parts(shaken(tiny_encoder, 2), donor, "3+embeddings")
    other = values_of(shaken(tiny_encoder, 2))
    for name, value in values_of(changed).items():
        assert value == (theirs if name.startswith(("encoder.layer.3.", "embeddings.")) else other)[name], name
    assert values_of(donor) == theirs
    assert values_of(tiny_encoder) == mine
    assert all(parameter.requires_grad for parameter in changed.model.parameters())


PARTS = ["front", "back", "0", "1..2", "embeddings", "attention", "feed-forward", "random:2"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3), st.integers(0, 3))
def test_a_swap_with_itself_is_itself_and_swapping_back_undoes_it(four_layers, names, seed):
    first = four_layers
    parts = "+".join(names)
    before = values_of(first)
    assert values_of(swap_parts(shaken(first, 7, but=("",)), first, parts, seed=seed)) == before
    changed = swap_parts(shaken(first, 7, but=("",)), shaken(first, 8), parts, seed=seed)
    assert values_of(changed) != before
    assert values_of(swap_parts(changed, first, parts, seed=seed)) == before


@pytest.mark.parametrize("family", [name for name in FAMILIES if not FAMILIES[name].shared])
def test_all_parts_make_the_other_encoder(family):
    torch.manual_seed(0)
    donor = Encoder(family, AutoModel.from_config(family_config(family)), None)
    paths = FAMILIES[family].layers, FAMILIES[family].embeddings
    named = [donor.model.get_submodule(path) for path in paths]
    inside = {id(parameter) for module in named for parameter in module.parameters()}
    changed = swap_parts(shaken(donor, 1), donor, "front+back+embeddings")
    for (name, ours), theirs in zip(changed.model.named_parameters(), donor.model.parameters(), strict=True):
        # No part names a norm after the last layer, or a pooler.
        assert torch.equal(ours, theirs) == (id(theirs) in inside), name


def test_encoders_that_do_not_go_together(tiny_encoder):
    with pytest.raises(EncoderError, match=r"cannot be merged: only one of them has encoder\.layer\.2"):
        swap_parts(constant(1.0, 2), constant(1.0, 3), "0")
    with pytest.raises(EncoderError, match="finite"):
        swap_parts(of_numbers(1.0), of_numbers(float("nan")), "front")
    with pytest.raises(SettingsError, match=r"the encoder has layers 0 to 3"):
        swap_parts(tiny_encoder, tiny_encoder, "3..9")
    albert = Encoder("albert", AutoModel.from_config(family_config("albert")), None)
    with pytest.raises(EncoderError, match="share their weights"):
        swap_parts(albert, albert, "front")


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("front", "front"),
        ("front+embeddings+front", "embeddings+front"),
        ("back+4+embeddings+3", "3..4+back+embeddings"),
        ("3..7+5..9+11+007", "3..9+11"),
        ("1..1", "1"),
        ("random:4+random:2", "random:2+random:4"),
    ],
)
def test_parts_have_one_name(written, parts):
    assert str(parse_parts(written)) == parts
    assert parse_parts(parts) == parse_parts(written)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([*PARTS, "2", "3", "0..3", "2..2"]), min_size=1))
def test_the_name_of_parts_names_the_same_modules(four_layers, names):
    model = four_layers.model
    parts = parse_parts("+".join(names))
    assert parse_parts(str(parts)) == parts == parse_parts("+".join(names[::-1]))
    assert set(parts.parts_of(model)) == set(FreezePolicy.parse("+".join(names)).parts_of(model))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("fornt", r"parts 'fornt': 'fornt' is not known; choose one of front, back, .* Did you mean 'front'\?"),
        ("front+", r"parts 'front\+': '' is not known"),
        ("full", "'full' names no parts of an encoder"),
        ("front+lora:4", "'lora:4' names no parts of an encoder"),
        ("7..3", r"name the lower layer first, as in 3\.\.7"),
    ],
)
def test_parts_that_are_none(parts, message):
    with pytest.raises(SettingsError, match=message):
        parse_parts(parts)


@pytest.mark.parametrize(
    ("base", "donor", "parts", "expected"),
    [
        ("full", None, "front", ["encoder.layer.0", "encoder.layer.1"]),
        ("front", None, "1..2", ["encoder.layer.1", "encoder.layer.2", "encoder.layer.0"]),
        ("front", "full", "1..2", ["encoder.layer.0"]),
        ("front", "back", "1..2", ["encoder.layer.2", "encoder.layer.0"]),
        (
            None,
            "full",
            "0..2+attention",
            ["embeddings", *(f"encoder.layer.3.{part}" for part in ("intermediate", "output")), "pooler"],
        ),
        ("embeddings", "0", "embeddings", []),
    ],
)
def test_what_is_as_in_the_pretrained_encoder(four_layers, base, donor, parts, expected):
    model = four_layers.model

    def still(policy):
        return [model] if policy is None else FreezePolicy.parse(policy).parts_of(model)

    found = unchanged_after_swap(still(base), still(donor), parse_parts(parts).parts_of(model))
    assert list(Freezing.of(model, found).parts) == expected
