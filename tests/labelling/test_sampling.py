"""The order in which items are drawn."""

import numpy as np
import pytest

from alignfreeze.errors import DataError
from alignfreeze.labelling.sampling import EVERYWHERE, Sampling, size_items


def test_each_item_is_drawn_in_proportion_to_its_size_among_those_that_are_left():
    sizes = np.array([1.0, 2.0, 5.0])
    orders = [Sampling.draw(sizes, seed=seed).order for seed in range(4_000)]
    first = np.bincount([order[0] for order in orders], minlength=3) / len(orders)
    assert first == pytest.approx(sizes / 8, abs=0.025)
    after_last = [order[1] for order in orders if order[0] == 2]
    assert np.mean(np.array(after_last) == 1) == pytest.approx(2 / 3, abs=0.03)


def test_a_seed_draws_the_same_order_again():
    sizes = np.arange(1.0, 50.0)
    assert Sampling.draw(sizes, seed=3) == Sampling.draw(sizes, seed=3)
    assert Sampling.draw(sizes, seed=3) != Sampling.draw(sizes, seed=4)


def test_what_is_left_before_each_draw():
    drawn = Sampling((2, 0, 1), (0.5, 0.3, 0.2))
    assert drawn.left == pytest.approx([1, 0.5, 0.2])


def test_items_without_a_size_are_never_drawn():
    drawn = Sampling.draw(np.array([0.0, 3.0, 0.0, 1.0]), seed=0)
    assert sorted(drawn.order) == [1, 3]
    assert sum(drawn.shares) == pytest.approx(1)


def test_models_that_agree_everywhere_leave_nothing_to_label():
    sizes = size_items(np.zeros(3), np.array([5.0, 2.0, 3.0]))
    with pytest.raises(DataError, match="all models say the same everywhere, so any of them will do"):
        Sampling.draw(sizes, seed=0)


def test_most_draws_go_where_models_differ_and_some_go_everywhere():
    sizes = size_items(np.array([4.0, 0.0, 1.0]), np.array([10.0, 10.0, 20.0]))
    assert sizes == pytest.approx(
        [(1 - EVERYWHERE) * 2 / 3 + EVERYWHERE / 4, EVERYWHERE / 4, (1 - EVERYWHERE) / 3 + EVERYWHERE / 2]
    )
    assert sizes.sum() == pytest.approx(1)
