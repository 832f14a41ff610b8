import pytest
from torch import nn

from alignfreeze.realignment.freezing import FREEZE_POLICIES, back, front, frozen, full


@pytest.mark.parametrize(
    ("policy", "n_layers", "expected"),
    [
        (full, 12, []),
        (front, 12, [0, 1, 2, 3, 4, 5]),
        (back, 12, [6, 7, 8, 9, 10, 11]),
        (front, 24, list(range(12))),
        (front, 5, [0, 1]),
        (back, 5, [2, 3, 4]),
        (front, 1, []),
    ],
)
def test_which_layers_a_policy_freezes(policy, n_layers, expected):
    assert list(policy(n_layers)) == expected


@pytest.mark.parametrize("n_layers", range(1, 30))
def test_front_and_back_share_the_layers_without_overlap(n_layers):
    assert [*front(n_layers), *back(n_layers)] == list(range(n_layers))


@pytest.mark.parametrize("policy", FREEZE_POLICIES.values(), ids=FREEZE_POLICIES)
@pytest.mark.parametrize("n_layers", [1, 6, 7])
def test_every_policy_names_existing_layers(policy, n_layers):
    assert set(policy(n_layers)) <= set(range(n_layers))


def test_frozen_restores_what_was_trainable_before():
    layers = [nn.Linear(2, 2) for _ in range(3)]
    layers[0].bias.requires_grad_(False)
    with frozen(layers[:2]):
        assert not any(parameter.requires_grad for layer in layers[:2] for parameter in layer.parameters())
        assert layers[2].weight.requires_grad
    assert layers[0].weight.requires_grad
    assert not layers[0].bias.requires_grad


def test_frozen_restores_after_an_exception():
    layers = [nn.Linear(2, 2)]
    with pytest.raises(RuntimeError), frozen(layers):
        raise RuntimeError
    assert layers[0].weight.requires_grad
