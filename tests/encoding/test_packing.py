from contextlib import nullcontext

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

from alignfreeze.encoding import attention
from alignfreeze.encoding.attention import PACKED, attend, takes_flash
from alignfreeze.encoding.families import FAMILIES, layers_of
from alignfreeze.encoding.packed import Layout, Packed
from alignfreeze.encoding.packing import classify, encode, packing
from tests.conftest import family_config

LENGTHS = [5, 1, 9, 9, 3]


def build(family, kind=AutoModel, **changes):
    torch.manual_seed(0)
    return kind.from_config(family_config(family, num_hidden_layers=3, **changes), dtype=torch.float64)


def sentences():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(5, 50, (sum(LENGTHS),), generator=generator), torch.tensor(LENGTHS)


def run(model, **options):
    subwords, lengths = sentences()
    return encode(model, Packed(subwords, lengths, 9), padding=model.config.pad_token_id, **options)


def one_by_one(model):
    """Each sentence alone, as transformers means the model to be used."""
    subwords, lengths = sentences()
    return torch.cat([model(ids[None])[0][0] for ids in subwords.split(lengths.tolist())])


def gradients(model, vectors):
    (vectors * torch.arange(vectors.numel()).view_as(vectors).sin()).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", ["packed", "padded"])
@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_sentences_end_to_end_give_what_each_gives_alone(family, form, at_once):
    model, expected = build(family).eval(), build(family).eval()
    alone = one_by_one(expected)
    if form == "packed":
        with packing(model):
            assert (model.config._attn_implementation == PACKED) == FAMILIES[family].packs
            vectors = run(model, at_once=at_once)
            found = gradients(model, vectors)
    else:
        vectors = run(model, at_once=at_once)
        found = gradients(model, vectors)
    torch.testing.assert_close(vectors, alone)
    wanted = gradients(expected, alone)
    assert found.keys() == {name for name in wanted if "pooler" not in name}
    for name in found:
        torch.testing.assert_close(found[name], wanted[name], msg=name)


def test_a_model_with_a_head_on_each_subword():
    model = build("bert", AutoModelForTokenClassification).eval()
    alone = one_by_one(model)
    with packing(model):
        torch.testing.assert_close(run(model), alone)


POOLINGS = [("modernbert", "cls"), ("modernbert", "mean"), *(("eurobert", how) for how in ("bos", "mean", "late"))]


@pytest.mark.parametrize(("family", "pooling"), [*((family, None) for family in FAMILIES), *POOLINGS])
@pytest.mark.parametrize("at_once", [None, 2])
def test_a_head_on_whole_sentences_gives_what_it_gives_for_each_alone(family, pooling, at_once):
    model = build(family, AutoModelForSequenceClassification, **({"classifier_pooling": pooling} if pooling else {}))
    model.eval()
    subwords, lengths = sentences()
    types = (torch.arange(len(subwords)) % 3 == 0).long() if family == "bert" else None
    pieces = [None] * 5 if types is None else types.split(LENGTHS)
    alone = torch.cat(
        [
            model(ids[None], token_type_ids=None if piece is None else piece[None]).logits
            if types is not None
            else model(ids[None]).logits
            for ids, piece in zip(subwords.split(LENGTHS), pieces, strict=True)
        ]
    )
    for form in (packing(model), nullcontext()):
        with form:
            packed = Packed(subwords, lengths, 9, types)
            found = classify(model, packed, padding=model.config.pad_token_id, at_once=at_once)
        torch.testing.assert_close(found, alone)


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_are_those_that_transformers_gives(family):
    model = build(family).eval()
    first = sentences()[0][:5][None]
    states = model(first, output_hidden_states=True).hidden_states
    hooks = [len(layer._forward_hooks) for layer in layers_of(model)]  # those of transformers
    for form in (packing(model), nullcontext()):
        with form:
            found = run(model, at=(0, 2, 3))
            torch.testing.assert_close(found[:5], torch.stack([states[k][0] for k in (0, 2, 3)], dim=1))
            # Below the last layer no norm follows.
            torch.testing.assert_close(run(model, layers=range(2))[:5], states[2][0])
    assert [len(layer._forward_hooks) for layer in layers_of(model)] == hooks


def test_parts_that_are_not_trained_get_no_gradient_but_pass_it_on():
    model = build("bert").eval()
    untrained = [model.encoder.layer[1], model.embeddings]
    with packing(model):
        found = gradients(model, run(model, untrained=untrained, at_once=2))
    plain = build("bert").eval()
    expected = gradients(plain, one_by_one(plain))
    assert not any("layer.1." in name or "embeddings" in name for name in found)
    for name in found:
        torch.testing.assert_close(found[name], expected[name], msg=name)
    assert all(isinstance(p, torch.nn.Parameter) for p in model.parameters())


def test_the_attention_is_as_before_afterwards_and_after_an_exception():
    model = build("bert")
    before = model.config._attn_implementation
    with pytest.raises(KeyboardInterrupt), packing(model):
        raise KeyboardInterrupt
    assert model.config._attn_implementation == before
    assert "attn" not in model.config.to_json_string()


@pytest.mark.parametrize("packed", [True, False])
def test_layers_run_in_two_parts_give_what_they_give_together(packed):
    model = build("distilbert").eval()
    with packing(model) if packed else nullcontext():
        below = run(model, layers=range(2))
        torch.testing.assert_close(run(model, layers=range(2, 3), hidden=below), run(model))
    first = model(sentences()[0][:5][None], output_hidden_states=True)
    torch.testing.assert_close(below[:5], first.hidden_states[2][0])
    assert len(layers_of(model)) == 3


_SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.mark.parametrize(
    ("name", "packs", "options"),
    [
        ("electra", True, {"embedding_size": 8}),
        ("xlm-roberta-xl", True, {"pad_token_id": 1}),
        ("ernie", True, {}),
        ("mpnet", False, {}),  # its attention cannot be chosen
        ("llama", False, {"pad_token_id": 0}),  # subwords do not see later ones
        ("longformer", False, {"attention_window": 4}),  # short sentences do not show what long ones see
    ],
)
def test_a_model_of_an_unknown_family_is_packed_if_a_trial_gives_the_same(name, packs, options, caplog):
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(name, **_SMALL, **options), dtype=torch.float64)
    before = model.config._attn_implementation
    with packing(model):
        assert (model.config._attn_implementation == PACKED) == packs
    assert model.config._attn_implementation == before
    assert model.training
    assert not caplog.records
    model.half()
    with packing(model):  # rounding would hide a difference
        assert model.config._attn_implementation == before


class OnAGpu(torch.Tensor):
    """Says that it is on a GPU."""

    @property
    def is_cuda(self):
        return True


@pytest.mark.parametrize(("n_keys", "window"), [(2, None), (1, None), (2, 4), (1, 9), (2, 1)])
def test_flash_attention_is_given_what_it_takes(monkeypatch, n_keys, window):
    """Its arguments, by a stand-in with the signature of torch 2.13, since it runs on a GPU only."""

    def stand_in(  # noqa: PLR0917 - torch's
        query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale=None, window_size=(-1, -1), enable_gqa=False
    ):
        assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
        assert (max_q, max_k) == (9, 9)
        assert enable_gqa == (key.shape[1] < query.shape[1])
        parts = [side.float().split(cu_seq_q.diff().tolist()) for side in (query, key, value)]
        attended = []
        for sides in zip(*parts, strict=True):
            before, after = (len(sides[0]) if reach < 0 else reach for reach in window_size)
            near = torch.ones(len(sides[0]), len(sides[0]), dtype=torch.bool).tril(after).triu(-before)
            rows = (side.transpose(0, 1) for side in sides)
            how = {"attn_mask": near, "scale": scale, "enable_gqa": enable_gqa}
            attended.append(torch.nn.functional.scaled_dot_product_attention(*rows, **how))
        return torch.cat([part.transpose(0, 1) for part in attended])  # [subwords, heads, width of a head]

    layout = Layout.of(torch.tensor(LENGTHS), 9, sum(LENGTHS))
    sides = torch.randn(3, 1, 2, sum(LENGTHS), 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    query, others = sides[0], sides[1:, :, :n_keys]
    how = {"layout": layout, "scaling": 0.3, "sliding_window": window}
    expected = attend(None, query, *others, None, **how)[0]
    monkeypatch.setattr(attention, "varlen_attn", stand_in)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    found = attend(None, query.as_subclass(OnAGpu), *others, None, **how)[0]
    assert found.shape == expected.shape == (1, sum(LENGTHS), 2, 8)
    torch.testing.assert_close(found.as_subclass(torch.Tensor), expected.float(), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_places_without_a_subword_that_no_subword_is_near_do_not_spoil_gradients(dropout):
    """The second sentence is so short that the last places of its row are further from it than the window."""
    layout = Layout.of(torch.tensor(LENGTHS), 9, sum(LENGTHS))
    sides = torch.randn(3, 1, 2, sum(LENGTHS), 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    attended, _ = attend(None, *sides, None, layout=layout, sliding_window=2, dropout=dropout)
    attended.sum().backward()
    assert attended.isfinite().all()
    assert sides.grad.isfinite().all()
    assert sides.grad[2].any()


@pytest.mark.parametrize(("width", "capability"), [(8, (7, 5)), (12, (8, 0))])
def test_flash_attention_is_left_alone_where_it_cannot_run(monkeypatch, width, capability):
    monkeypatch.setattr(attention, "varlen_attn", lambda *_, **__: pytest.fail("called"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    query = torch.zeros(1, 2, 5, width, dtype=torch.bfloat16).as_subclass(OnAGpu)
    assert not takes_flash(query)
