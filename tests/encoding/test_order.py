from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.encoding.order import sort_by_length, split_by_budget, take_shares, take_turns


def groups(*counts):
    """Groups of consecutive numbers."""
    ends = np.cumsum(counts)
    return [np.arange(end - count, end) for end, count in zip(ends, counts, strict=True)]


def test_groups_take_turns_even_when_one_is_small():
    order = take_turns(groups(50, 3), 60, seed=1)
    assert (order[::2] < 50).all()
    assert (order[1::2] >= 50).all()


def test_a_group_is_seen_whole_before_it_repeats_and_then_in_another_order():
    order = take_turns(groups(20), 40, seed=1).tolist()
    assert Counter(order[:20]) == Counter(order[20:]) == Counter(range(20))
    assert order[:20] != order[20:]


def test_the_order_depends_on_the_seed_alone():
    orders = [take_turns(groups(20, 20), 30, seed=seed).tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_an_order_shorter_than_the_groups_are_many():
    assert take_turns(groups(5, 5, 5), 2, seed=0).tolist()[0] < 5


@given(st.integers(1, 6), st.integers(0, 200), st.integers(0, 5))
def test_by_length_visits_the_same_members_as_often(batch_size, visits, seed):
    order = np.random.default_rng(seed).integers(0, 30, visits)
    lengths = np.arange(30)[::-1]
    assert Counter(sort_by_length(order, lengths, batch_size, seed=seed).tolist()) == Counter(order.tolist())


@given(st.integers(2, 40), st.integers(1, 4), st.integers(0, 50))
def test_sorting_puts_no_member_beside_itself(members, n_groups, seed):
    """A small corpus begins anew within a window; two copies of a pair are of like length."""

    def repeats(order):
        return sum(len(batch) - len(set(batch)) for batch in order.reshape(-1, 4).tolist())

    order = take_turns(groups(*[members] * n_groups), 120, seed=seed)
    lengths = np.random.default_rng(seed).integers(3, 9, members * n_groups)
    assert repeats(sort_by_length(order, lengths, 4, seed=seed)) <= repeats(order)


def test_batches_hold_members_of_like_length_and_are_shuffled():
    lengths = np.random.default_rng(0).integers(3, 97, 4000)
    order = take_turns([np.arange(4000)], 4000, seed=0)
    batches = lengths[sort_by_length(order, lengths, 16, seed=0)].reshape(-1, 16)

    def padded(batches):
        return (batches.max(axis=1) * 16).sum() / batches.sum()

    assert padded(batches) < 1.15
    assert padded(lengths[order].reshape(-1, 16)) > 1.5
    means = batches[:8].mean(axis=1)
    assert means.tolist() != sorted(means)


def test_languages_stay_evenly_mixed_over_any_50_steps():
    # Group 0 is short, group 4 long: sorting by length sorts by language, but only within a window.
    sizes = groups(2000, 2000, 2000, 2000, 2000)
    lengths = np.concatenate([np.full(2000, length) for length in (10, 20, 30, 40, 50)])
    order = sort_by_length(take_turns(sizes, 16 * 500, seed=3), lengths, 16, seed=3)
    language = (order // 2000).reshape(-1, 16)
    for start in range(0, 450, 7):
        shares = np.bincount(language[start : start + 50].ravel(), minlength=5) / 800
        assert (abs(shares - 0.2) < 0.06).all()


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 200))
def test_budgets_are_kept_and_everybody_is_visited_once(lengths, budget):
    lengths = np.sort(np.array(lengths, dtype=np.int64))
    batches = list(split_by_budget(lengths, budget))
    assert np.concatenate([[], *batches]).tolist() == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= budget for batch in batches)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 200), st.floats(0.05, 0.95))
def test_the_first_of_two_groups_gets_its_share_of_any_beginning(n, m, length, share):
    first, second = np.arange(n), np.arange(n, n + m)
    order = take_shares(first, second, length, share=share, seed=3)
    n_first = np.cumsum(order < n)
    assert (np.abs(n_first - share * np.arange(1, length + 1)) < 1 + 1e-9).all()
    assert set(order.tolist()) <= set(range(n + m))
    # Each group is used up before any of its members comes again.
    for members in (first, second):
        visits = [number for number in order.tolist() if number in members]
        for start in range(0, len(visits) - len(members) + 1, len(members)):
            assert set(visits[start : start + len(members)]) == set(members.tolist())
    assert (order == take_shares(first, second, length, share=share, seed=3)).all()


def test_half_of_the_places_by_hand():
    order = take_shares([0], [1], 6, share=0.5, seed=0)
    assert order.tolist() == [1, 0, 1, 0, 1, 0]


def test_the_first_group_is_visited_in_the_order_that_it_has_alone():
    """So twice the steps with a share of a half visit the source language as the baseline does."""
    both = take_shares(range(7), range(7, 9), 40, share=0.5, seed=5)
    assert both[both < 7].tolist() == take_turns([range(7)], 20, seed=5).tolist()
