"""A model that is lent to a training comes back in the state that the caller knows."""

import pytest
import torch
from transformers import AutoModel

from alignfreeze.encoding.lending import lending
from alignfreeze.errors import EncoderError
from tests.conftest import family_config

FAMILIES = ["bert", "modernbert", "eurobert"]


def state_of(model):
    """Everything about a model that a training may change, besides its values."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "tensors": {name: (t.dtype, str(t.device), t.requires_grad) for name, t in tensors.items()},
        "modes": {name: module.training for name, module in model.named_modules()},
        "attention": model.config._attn_implementation,
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_all_is_as_before_but_the_values_that_were_trained(family, dtype):
    model = AutoModel.from_config(family_config(family)).to(dtype)
    first = next(model.parameters())
    first.requires_grad_(False)
    model.train()
    before, values = state_of(model), {name: weight.clone() for name, weight in model.state_dict().items()}
    trained = list(model.parameters())[-1]
    with lending(model):
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        model.eval().requires_grad_(True)
        trained.data += 1
    assert state_of(model) == before
    moved = [name for name, weight in model.state_dict().items() if not torch.equal(weight, values[name])]
    assert len(moved) == 1


def test_a_training_that_fails_leaves_the_state_too(tiny_encoder):
    model = tiny_encoder.model.to(torch.bfloat16)
    before = state_of(model)
    with pytest.raises(KeyboardInterrupt), lending(model):
        model.train()
        raise KeyboardInterrupt
    assert state_of(model) == before


def test_buffers_keep_their_own_precision():
    """Positions that turn with the length stay in float32 in a model of half precision."""
    model = AutoModel.from_config(family_config("eurobert"))
    buffers = dict(model.named_buffers())
    for weight in model.parameters():
        weight.data = weight.data.to(torch.bfloat16)
    assert {buffer.dtype for buffer in buffers.values() if buffer.is_floating_point()} == {torch.float32}
    with lending(model):
        pass
    assert {name: buffer.dtype for name, buffer in model.named_buffers()} == {n: b.dtype for n, b in buffers.items()}


def test_quantised_weights_are_refused(tiny_encoder):
    tiny_encoder.model.quantization_method = "bitsandbytes"
    with (
        pytest.raises(EncoderError, match="are quantised and cannot be trained; load it without"),
        lending(tiny_encoder.model),
    ):
        pass
