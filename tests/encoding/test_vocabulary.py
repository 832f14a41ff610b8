import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, BertConfig, XLMRobertaConfig, XLMRobertaModel

from alignfreeze.encoding.vocabulary import compacting

USED = np.array([7, 3, 3, 11, 19])


def test_only_used_rows_move_and_the_others_are_bit_identical(tiny_encoder):
    model = tiny_encoder.model
    table = model.get_input_embeddings().weight
    before = table.detach().clone()
    with compacting(model, USED) as vocabulary:
        small = model.get_input_embeddings().weight
        assert small.shape[0] == len(vocabulary.subwords) < 20
        with torch.no_grad():
            small.add_(1.0)
    assert model.get_input_embeddings().weight is table
    moved = (table != before).any(dim=1).nonzero().flatten().tolist()
    assert moved == vocabulary.subwords.tolist() == [0, 3, 7, 11, 19]  # 0 is the padding's
    torch.testing.assert_close(table[moved], before[moved] + 1.0)


def test_the_model_computes_the_same_with_the_compact_table(tiny_encoder):
    model = tiny_encoder.model.eval()
    ids = torch.from_numpy(USED)[None]
    expected = model(ids).last_hidden_state
    with compacting(model, USED) as vocabulary:
        assert torch.equal(model(vocabulary.compact(ids)).last_hidden_state, expected)


def test_positions_found_by_the_paddings_number_stay_where_they_are():
    """XLM-R counts positions at all subwords but the padding's number, 1."""
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
    model = XLMRobertaModel(XLMRobertaConfig(vocab_size=40, pad_token_id=1, **sizes)).eval()
    ids = torch.tensor([[20, 30, 1, 1], [20, 5, 30, 20]])
    expected = model(ids, attention_mask=ids != 1).last_hidden_state
    with compacting(model, ids.numpy()) as vocabulary:
        found = model(vocabulary.compact(ids), attention_mask=ids != 1).last_hidden_state
    assert torch.equal(found[0, :2], expected[0, :2])
    assert torch.equal(found[1], expected[1])


def test_a_tied_head_stays_tied_and_keeps_its_rows():
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
    model = AutoModelForMaskedLM.from_config(BertConfig(vocab_size=40, **sizes))
    with compacting(model, USED), torch.no_grad():
        model.get_input_embeddings().weight.mul_(2.0)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert model(torch.tensor([[39]])).logits.shape[-1] == 40


def test_the_full_table_is_back_after_an_exception(tiny_encoder):
    embedding = tiny_encoder.model.get_input_embeddings()
    table, padding, size = embedding.weight, embedding.padding_idx, embedding.num_embeddings
    with pytest.raises(KeyboardInterrupt), compacting(tiny_encoder.model, USED):
        raise KeyboardInterrupt
    assert (embedding.weight is table, embedding.padding_idx, embedding.num_embeddings) == (True, padding, size)


def test_a_frozen_table_stays_frozen(tiny_encoder):
    embedding = tiny_encoder.model.get_input_embeddings()
    embedding.weight.requires_grad_(False)
    with compacting(tiny_encoder.model, USED):
        assert not embedding.weight.requires_grad


def test_a_subword_that_was_not_named_is_an_error(tiny_encoder):
    with compacting(tiny_encoder.model, USED) as vocabulary, pytest.raises(ValueError, match=r"subwords \[4\]"):
        vocabulary.compact(torch.tensor([3, 4]))


def test_a_subword_beyond_the_table_is_an_error(tiny_encoder):
    with (
        pytest.raises(ValueError, match=r"the subwords are 0 to .*, but the model has"),
        compacting(tiny_encoder.model, np.array([10_000])),
    ):
        pass
