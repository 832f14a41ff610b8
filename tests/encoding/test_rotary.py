"""Turning queries and keys, against the function of `transformers`."""

import pytest
import torch
from transformers import AutoModel
from transformers.models.eurobert import modeling_eurobert
from transformers.models.modernbert import modeling_modernbert

from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.rotary import quick_rotary
from tests.conftest import family_config

FAMILIES = {"modernbert": modeling_modernbert, "eurobert": modeling_eurobert}


def angles(n=7, width=8):
    numbers = torch.arange(n)[None, :, None] * 0.3 ** torch.arange(width // 2)
    both = torch.cat([numbers, numbers], dim=-1)
    return both.cos(), both.sin()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_keys", [3, 1])
def test_vectors_and_gradients_are_those_of_transformers(family, n_keys):
    module = FAMILIES[family]
    model = AutoModel.from_config(family_config(family))
    plain = module.apply_rotary_pos_emb
    sides = torch.randn(1, 7, 3, 8).transpose(1, 2).requires_grad_(), torch.randn(1, n_keys, 7, 8).requires_grad_()
    with quick_rotary(model):
        assert module.apply_rotary_pos_emb is not plain
        found = module.apply_rotary_pos_emb(*sides, *angles(), unsqueeze_dim=1)
    assert module.apply_rotary_pos_emb is plain
    expected = plain(*sides, *angles(), unsqueeze_dim=1)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    weights = [torch.randn_like(one) for one in found]
    gradients = [
        torch.autograd.grad(sum((one * weight).sum() for one, weight in zip(several, weights, strict=True)), sides)
        for several in (found, expected)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_other_precisions_and_exceptions():
    model = AutoModel.from_config(family_config("modernbert"))
    plain = modeling_modernbert.apply_rotary_pos_emb
    query = torch.randn(1, 2, 7, 8, dtype=torch.float64)
    with quick_rotary(model):
        found = modeling_modernbert.apply_rotary_pos_emb(query, query, *angles())
    assert all(torch.equal(*pair) for pair in zip(found, plain(query, query, *angles()), strict=True))
    with pytest.raises(KeyboardInterrupt), packing(model):
        raise KeyboardInterrupt
    assert modeling_modernbert.apply_rotary_pos_emb is plain
    with quick_rotary(AutoModel.from_config(family_config("bert"))):  # it has none
        pass
