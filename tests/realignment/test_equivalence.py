"""Our training core against a plain implementation of the reference algorithm: losses and gradients of five steps."""

import copy
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModel

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora import mini
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.families import FAMILIES
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.realignment.freezing import FREEZE_POLICIES, FreezePolicy, frozen
from alignfreeze.realignment.model import RealignmentModel
from alignfreeze.realignment.settings import RealignmentSettings
from benchmarks.reference import Reference, adam
from tests.conftest import family_config

STEPS = 5
BATCH = 6
TOLERANCE = 1e-4
LEARNING_RATE = 7.5e-6
"""The paper's for XLM-R. Adam turns rounding in tiny gradients into steps of this size, so that two orders of
summation part company the sooner the higher it is."""


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def name_of_table(model):
    """The name of the word embeddings among the parameters of a model for realignment."""
    table = model.encoder.get_input_embeddings().weight
    return next(name for name, parameter in model.named_parameters() if parameter is table)


def steps_of_the_reference(encoder, projection, pairs, policy):
    """Yield the loss and the gradients of each step."""
    model = Reference(encoder.model, projection, padding=encoder.padding).train()
    with frozen(FreezePolicy.parse(policy).parts_of(encoder.model)):
        optimizer = adam(model, LEARNING_RATE)
        for start in range(0, STEPS * BATCH, BATCH):
            loss = model([pairs[number] for number in range(start, start + BATCH)])
            loss.backward()
            yield loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            optimizer.step()
            optimizer.zero_grad()


def our_steps(encoder, projection, pairs, policy, *, compact, at_once):
    """Yield the same of our training core; the gradient of the table with all its rows."""
    used = np.append(pairs.subwords.values, encoder.padding)
    full_size = encoder.model.config.vocab_size
    with ExitStack() as stack:
        stack.enter_context(packing(encoder.model))
        vocabulary = stack.enter_context(compacting(encoder.model, used)) if compact else None
        stack.enter_context(frozen(FreezePolicy.parse(policy).parts_of(encoder.model)))
        model = RealignmentModel(encoder.model, RealignmentSettings(), padding=encoder.padding).train()
        model.projection.to(encoder.model.dtype).load_state_dict(projection.state_dict())
        model.at_once = at_once
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        table = name_of_table(model)
        optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
        for start in range(0, STEPS * BATCH, BATCH):
            batch = pairs.batch(range(start, start + BATCH))
            if vocabulary is not None:
                batch["subwords"] = vocabulary.compact(batch["subwords"])
            loss = model(**batch)["loss"]
            loss.backward()
            gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
            if vocabulary is not None and table in gradients:
                small = gradients[table]
                gradients[table] = small.new_zeros(full_size, small.shape[1]).index_copy(0, vocabulary.subwords, small)
            yield loss.item(), gradients
            optimizer.step()
            optimizer.zero_grad()


def check(encoder, pairs, policy, *, compact, at_once=None, double=False, tolerance=None):
    tolerance = tolerance or (1e-7 if double else TOLERANCE)
    without_dropout(encoder.model)
    width = encoder.model.config.hidden_size
    torch.manual_seed(0)
    projection = nn.Sequential(nn.Linear(width, width, bias=False), nn.ReLU(), nn.Linear(width, 128, bias=False))
    if double:
        encoder.model.double()
        projection.double()
    start = encoder.model.get_input_embeddings().weight.detach().clone()
    theirs = steps_of_the_reference(copy.deepcopy(encoder), copy.deepcopy(projection), pairs, policy)
    ours = our_steps(encoder, projection, pairs, policy, compact=compact, at_once=at_once)
    n_steps = 0
    for (loss, gradients), (expected, wanted) in zip(ours, theirs, strict=True):
        n_steps += 1
        assert loss == pytest.approx(expected, rel=tolerance)
        assert gradients.keys() == {name for name in wanted if "pooler" not in name}
        for name, gradient in gradients.items():
            difference = (gradient - wanted[name]).norm()
            # Biases of keys do nothing to a softmax: their gradients are rounding and nothing else.
            floor = 0.0 if not name.endswith(("key.bias", "k_lin.bias")) else 1e-6
            assert difference <= tolerance * wanted[name].norm() + floor, (n_steps, name)
    assert n_steps == STEPS
    used = np.unique(pairs.subwords.values)
    table = encoder.model.get_input_embeddings().weight.detach()
    untouched = torch.ones(len(table), dtype=torch.bool).index_fill(0, torch.from_numpy(used).long(), False)
    assert untouched.sum() > 10
    assert torch.equal(table[untouched], start[untouched])
    assert torch.equal(table[~untouched], start[~untouched]) == (policy == "embeddings")


@pytest.fixture
def toy_pairs(tiny_encoder, toy_bitext):
    # Sentences of several lengths, and words without a link.
    bitext = [type(p)(p.source * (i % 3 + 1), p.target * (i % 2 + 1), p.languages) for i, p in enumerate(toy_bitext)]
    links = [WordAlignment(frozenset((w, w) for w in range(5) if (i + w) % 3)) for i in range(len(bitext))]
    used = [4 * number for number in range(STEPS * BATCH)]
    return encode_pairs(tiny_encoder.tokenizer, [bitext[n] for n in used], [links[n] for n in used])


@pytest.mark.parametrize("policy", FREEZE_POLICIES)
@pytest.mark.parametrize("compact", [True, False], ids=["compact", "whole table"])
def test_five_steps_are_those_of_the_reference(tiny_encoder, toy_pairs, policy, compact):
    check(tiny_encoder, toy_pairs, policy, compact=compact)


def test_five_steps_in_small_pieces_are_those_of_the_reference(tiny_encoder, toy_pairs):
    check(tiny_encoder, toy_pairs, "front", compact=True, at_once=5)


@pytest.mark.parametrize("policy", FREEZE_POLICIES)
@pytest.mark.parametrize("family", ["modernbert", "eurobert"])
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_five_steps_of_packed_modern_encoders_are_those_of_the_reference(
    tiny_encoder, toy_pairs, family, policy, double
):
    """They have rotary positions, windows and shared keys; the reference pads them."""
    torch.manual_seed(0)
    config = family_config(family, vocab_size=len(tiny_encoder.tokenizer), num_hidden_layers=4, num_attention_heads=4)
    encoder = Encoder(family, AutoModel.from_config(config), copy.deepcopy(tiny_encoder.tokenizer))
    assert FAMILIES[family].packs
    check(encoder, toy_pairs, policy, compact=True, double=double, tolerance=1e-9 if double else TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "double"),
    [("front", False), *((policy, True) for policy in ("full", "front", "back"))],
)
def test_five_steps_of_the_embedded_encoder_on_real_pairs(policy, double):
    """In double precision too, where rounding that Adam has blown up cannot be taken for a slip, or hide one."""
    bitext = [
        pair
        for code in ("de", "zh")
        for pair in read_bitext(mini.mini_path(f"en-{code}.tsv"), languages=("en", code), max_pairs=40)
    ]
    encoder = load_encoder(embedded.NAME)
    pairs = encode_pairs(encoder.tokenizer, bitext, align(bitext))
    assert len(pairs) >= STEPS * BATCH
    check(encoder, pairs, policy, compact=True, double=double)
