"""Losses and gradients against those of the paper's own code, on its tiny random encoders."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from alignfreeze.encoding.batches import EncodedBitext, EncodedPair
from alignfreeze.encoding.packing import packing
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.settings import RealignmentSettings

TOLERANCE = 1e-9


@pytest.fixture(params=range(6))
def case(request, shared_data):
    folder = shared_data / "reference_losses"
    case = json.loads((folder / "cases.json").read_text())[request.param]
    case["weights"] = np.load(folder / case["weights"])
    return case


def build_model(case):
    config = AutoConfig.for_model(**case["config"], attn_implementation="eager")
    n_layers = config.num_hidden_layers
    settings = RealignmentSettings(
        temperature=case["temperature"],
        negatives="strong" if case["strong"] else "weak",
        loss=case["loss_name"],
        pull=0.0,
        layer="last" if case["hidden_states_index"] == n_layers else "reference",
        projection=case["weights"]["projection.2.weight"].shape[0] if "projection.2.weight" in case["weights"] else 0,
    )
    model = RealignmentModel(AutoModel.from_config(config), settings, padding=config.pad_token_id).double().train()
    weights = {name: torch.from_numpy(case["weights"][name]) for name in case["weights"].files}
    result = model.load_state_dict(weights, strict=False)
    assert not result.unexpected_keys
    assert all("pooler" in key for key in result.missing_keys)
    return model


def build_batch(case):
    pairs = [
        EncodedPair(
            source=np.array(pair["source_ids"]),
            target=np.array(pair["target_ids"]),
            source_words=np.array(pair["source_first_subword"]),
            target_words=np.array(pair["target_first_subword"]),
            links=np.array(pair["links"]),
            languages=("en", "de"),
        )
        for pair in case["pairs"]
    ]
    return EncodedBitext.of(pairs).batch(range(len(pairs)))


@pytest.mark.parametrize("form", ["packed", "padded"])
def test_loss_and_gradient_norms_are_those_of_the_reference_code(case, form):
    model = build_model(case)
    with packing(model.encoder) if form == "packed" else nullcontext():
        loss = model(**build_batch(case))["loss"]
    loss.backward()
    assert loss.item() == pytest.approx(case["loss"], abs=TOLERANCE)
    ours = {
        name.removeprefix("encoder."): parameter.grad
        for name, parameter in model.named_parameters()
        if "pooler" not in name
    }
    compared = 0
    for name, norm in case["gradient_norms"].items():
        gradient = ours[name]
        if norm is None:
            assert gradient is None or not gradient.any(), name
        else:
            assert gradient.norm().item() == pytest.approx(norm, rel=TOLERANCE, abs=TOLERANCE), name
            compared += 1
    assert compared > 40
