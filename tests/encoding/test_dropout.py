import pytest
import torch
from torch import nn

from alignfreeze.encoding.attention import attend
from alignfreeze.encoding.dropout import dropout, quick_dropout
from alignfreeze.encoding.packed import Layout


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5])
def test_the_share_that_is_dropped_and_the_expectation(probability):
    torch.manual_seed(0)
    values = torch.ones(1000, 1001)  # 4 does not divide their number
    found = dropout(values, probability)
    # A million decisions: three standard errors are 0.0015 at most.
    assert (found == 0).double().mean().item() == pytest.approx(probability, abs=0.0015)
    assert found.double().mean().item() == pytest.approx(1.0, abs=0.003)
    assert set(found.unique().tolist()) == {0.0, torch.tensor(1 / (1 - probability)).item()}


def test_decisions_are_independent_of_their_neighbours():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_000), 0.5) > 0).double() - 0.5
    for distance in (1, 2, 3, 4, 8):
        assert (kept[:-distance] * kept[distance:]).mean().abs().item() < 0.002


def test_gradients_are_dropped_where_values_are():
    values = torch.randn(50, 7, requires_grad=True)
    found = dropout(values, 0.4)
    found.sum().backward()
    assert torch.equal(values.grad != 0, found != 0)
    torch.testing.assert_close(found, values.detach() * values.grad)


def test_a_seed_repeats_the_decisions():
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(dropout(torch.ones(100), 0.5))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_layers_use_it_inside_the_block_and_only_in_training(monkeypatch):
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    used = []
    monkeypatch.setattr(
        "alignfreeze.encoding.dropout.dropout", lambda values, probability: used.append(probability) or values
    )
    with pytest.raises(KeyboardInterrupt), quick_dropout(model):
        model(torch.ones(1, 4))
        model.eval()(torch.ones(1, 4))
        raise KeyboardInterrupt
    assert used == [0.5]
    model.train()(torch.ones(1, 4))
    assert used == [0.5]


def test_attention_with_dropout_is_right_on_the_average():
    layout = Layout.of(torch.tensor([2, 4]), 4, 6)
    torch.manual_seed(0)
    sides = torch.randn(3, 1, 2, 6, 8)
    expected = attend(None, *sides, None, layout=layout)[0]
    runs = torch.stack([attend(None, *sides, None, layout=layout, dropout=0.2)[0] for _ in range(500)])
    torch.testing.assert_close(runs.mean(dim=0), expected, atol=0.15, rtol=0)
    assert runs.std(dim=0).min() > 0.01
