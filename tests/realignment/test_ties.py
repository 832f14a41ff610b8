"""Merging the changes of encoders without their contradictions."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.realignment.averaging import average_encoders
from alignfreeze.realignment.ties import merge_changes
from tests.realignment.test_averaging import of_numbers, shaken

PRETRAINED = (1.0, 1.0, 1.0, 1.0)


def weights(encoder):
    return encoder.model.weight.tolist()


def merge(*encoders, density):
    return merge_changes(of_numbers(*PRETRAINED), [of_numbers(*values) for values in encoders], density=density)


def test_directions_by_hand():
    # Changes +4 -2 +3 0 and -2 -4 +1 0. Sums: +2 -6 +4 0, so the directions are up, down, up, none.
    # Means in these directions: 4 alone, (-2 - 4) / 2 = -3, (3 + 1) / 2 = 2, and nothing.
    merged = merge((5.0, -1.0, 4.0, 1.0), (-1.0, -3.0, 2.0, 1.0), density=1.0)
    assert weights(merged) == [5, -2, 3, 1]


def test_small_changes_are_left_out_by_hand():
    # The model has eight numbers: four weights w and a buffer 2 w, so changes of the buffer are twice those of w.
    # First encoder: 4 -2 3 0 and 8 -4 6 0. Half of six changes are kept: 8, 6 and both of absolute value 4.
    # Second encoder: -2 -4 1 0 and -4 -8 2 0: -8, -4 and -4.
    # Weights: +4 -2 against -2: up, 4 alone; -4: down; 3 was left out, and so was 1.
    merged = merge((5.0, -1.0, 4.0, 1.0), (-1.0, -3.0, 2.0, 1.0), density=0.5)
    assert weights(merged) == [5, -3, 1, 1]
    # Buffer: +8 against -4: up, 8 alone; (-4 - 8) / 2 = -6; 6 alone.
    assert merged.model.scale.tolist() == [10, -4, 8, 2]


def test_weights_that_no_training_changed_do_not_count():
    """Of ten weights, only two changed, by 1 and 2. Their buffer changed by 2 and 4, so half of these is 4, 2 and 2."""
    start, trained = [1.0] * 10, [*[1.0] * 8, 2.0, 3.0]
    merged = merge_changes(of_numbers(*start), [of_numbers(*trained)], density=0.5)
    assert weights(merged) == [*[1.0] * 9, 3.0]
    untouched = merge_changes(of_numbers(*start), [of_numbers(*start)], density=0.5)
    assert weights(untouched) == start


def test_changes_that_cancel_out_change_nothing():
    assert weights(merge((3.0, 1.0, 1.0, 1.0), (-1.0, 1.0, 1.0, 1.0), density=1.0)) == list(PRETRAINED)


@given(values=st.lists(st.floats(-8, 8, width=16), min_size=4, max_size=4))
@settings(max_examples=30)
def test_all_changes_of_one_encoder_or_of_equal_ones_give_that_encoder(values):
    for several in ([values], [values, values, values]):
        assert weights(merge(*several, density=1.0)) == pytest.approx(values, abs=1e-5)


def test_a_real_encoder(tiny_folder):
    """Frozen parts stay bit-identical, and about the stated share of the other weights moves."""
    start = load_encoder(str(tiny_folder))
    first, second = (shaken(start, seed, but=("embeddings",)) for seed in (1, 2))
    before = {name: tensor.clone() for name, tensor in start.model.state_dict().items()}
    merged = merge_changes(replace(start), [first, second], density=0.1)
    after = merged.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("embeddings"))
    n = sum(tensor.numel() for name, tensor in before.items() if not name.startswith("embeddings"))
    moved = sum(int((before[name] != after[name]).sum()) for name in before)
    assert 0.1 < moved / n < 0.2  # two encoders, which rarely keep the same weight


def test_changes_that_agree_are_those_of_the_mean(tiny_folder):
    start = load_encoder(str(tiny_folder))
    one = shaken(start, 1)
    half = average_encoders([shaken(start, 1), load_encoder(str(tiny_folder))])  # half of the same changes
    mean = average_encoders([shaken(start, 1), replace(half, model=half.model)])
    merged = merge_changes(start, [one, half], density=1.0)
    for name, tensor in mean.model.named_parameters():
        torch.testing.assert_close(merged.model.get_parameter(name), tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("density", [0, -0.1, 1.1, float("nan"), float("inf")])
def test_a_share_is_between_0_and_1(density):
    with pytest.raises(SettingsError, match="is no share of the changes: it must be more than 0 and at most 1"):
        merge((1.0, 2.0, 3.0, 4.0), density=density)


def test_what_cannot_be_merged_is_refused():
    with pytest.raises(ValueError, match="no encoder is given"):
        merge(density=0.5)
    with pytest.raises(EncoderError, match=r"cannot be merged: weight has the shape \[4\] in one and \[2\]"):
        merge((1.0, 2.0), density=0.5)
    with pytest.raises(EncoderError, match=r"not finite|no number"):
        merge((1.0, 2.0, float("nan"), 4.0), density=0.5)
