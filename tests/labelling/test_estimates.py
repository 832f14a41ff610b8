"""Estimates from a few drawn items: worked examples, unbiasedness by enumeration, and coverage by simulation."""

import math
from itertools import permutations

import numpy as np
import pytest

from alignfreeze.labelling.counting import collect_evidence
from alignfreeze.labelling.estimates import Checks, Estimate, Estimates, Evidence, sum_up, widen, wilson
from alignfreeze.labelling.sampling import Sampling
from tests.labelling.support import draw, texts


def evidence(numerators, shares, *, labelled=None, denominators=None, known=None, checks=None, most=1.0):
    numerators = np.array(numerators, dtype=float)
    shares = np.array(shares, dtype=float)
    models = numerators.shape[1]
    return Evidence(
        numerators=numerators[:labelled],
        denominators=np.zeros_like(numerators)[:labelled] if denominators is None else np.array(denominators),
        known_numerators=np.zeros(models),
        known_denominators=np.full(models, 1.0) if known is None else np.array(known, dtype=float),
        left=np.cumsum(shares[::-1])[::-1],
        shares=shares,
        most=np.full((models, models), most),
        checks=checks,
    )


def test_one_estimate_for_each_draw_by_hand():
    # Items of sizes 0.5, 0.3 and 0.2 hold 4, 3 and 1. The first draw says 4 / 0.5. The second says that 4 is there,
    # and that the other half holds 3 / (0.3 / 0.5). The third says that 7 are there, and the rest holds 1.
    found = sum_up(np.array([[4.0], [3.0], [1.0]]), np.array([1, 0.5, 0.2]), np.array([0.5, 0.3, 0.2]))
    assert found[:, 0] == pytest.approx([8, 4 + 3 / 0.6, 8])


def test_each_draw_is_right_on_average():
    counts, sizes = np.array([3.0, 0.0, 5.0, 1.0]), np.array([0.4, 0.1, 0.3, 0.2])
    means = np.zeros(3)
    for order in permutations(range(4)):
        drawn, shares = counts[list(order)], sizes[list(order)]
        left = np.cumsum(shares[::-1])[::-1]
        chance = np.prod((shares / left)[:3])
        means += chance * sum_up(drawn[:, None], left, shares)[:3, 0]
    assert means == pytest.approx([9, 9, 9])


def test_labels_for_everything_give_the_true_scores():
    found = Estimates(evidence([[3, 1], [0, 2], [4, 4]], [0.5, 0.2, 0.3], known=[10, 10]))
    assert found.scores == pytest.approx([0.7, 0.7])
    assert found.difference(0, 1) == Estimate(0, (0, 0), (0, 0))
    assert found.score(0).interval == pytest.approx((0.7, 0.7))
    assert not found.covariance.any()


def test_f1_is_a_ratio_of_sums_by_hand():
    # Items of equal size. Model A finds 4 entities in all, B finds 6. The labelled items hold 2 and 1 true entities;
    # A has 1 and 1 of them right, B has 2 and 0.
    shares = np.full(4, 0.25)
    some = evidence(
        [[2, 4], [2, 0], [0, 0], [0, 0]],  # twice the right entities
        shares,
        labelled=2,
        denominators=[[2, 2], [1, 1]],
        known=[4, 6],
    )
    found = Estimates(some)
    # First draw: 4 * 2 = 8 for A. Second: 2 are there, and three quarters hold 2 / (1/3), so 2 + 6 = 8. The rest was
    # 1 and 3/4, so the weights are 1 and 16/9. The same for the true entities: 8, and 2 + 3 = 5.
    weights = np.array([1, 16 / 9])
    true = np.average([8, 5], weights=weights)
    assert found.scores[0] == pytest.approx(8 / (4 + true))
    assert found.scores[1] == pytest.approx(np.average([16, 4], weights=weights) / (6 + true))


def test_fewer_than_three_items_have_no_interval():
    found = Estimates(evidence([[1, 0]] * 4, [0.25] * 4, labelled=2))
    assert found.difference(0, 1).interval is None
    assert found.score(0).at_any_time is None


def test_intervals_have_a_width_even_if_all_labels_agree():
    found = Estimates(evidence([[0.1, 0]] * 20, [0.05] * 20, labelled=5, most=2.0)).difference(0, 1)
    assert found.interval[1] - found.interval[0] > 0.1
    assert found.at_any_time[1] - found.at_any_time[0] > 1


def test_intervals_shrink_as_expected_when_more_is_labelled():
    random = np.random.default_rng(0)
    some = evidence(random.random((100, 2)), [0.01] * 100, labelled=20)
    found = Estimates(some)
    now = found.difference(0, 1).at_any_time
    assert found.half_width(0, 1, 20) == pytest.approx((now[1] - now[0]) / 2)
    widths = [found.half_width(0, 1, n) for n in range(20, 101)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0


def test_wilsons_interval_by_hand():
    # The textbook example: 8 of 10.
    assert wilson(0.8, 10, 1.959964) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(1.0, 10, 1.959964) == pytest.approx((0.7225, 1), abs=1e-4)


def test_the_width_for_any_time_is_that_of_the_formula():
    rho = math.sqrt((-2 * math.log(0.05) + math.log(-2 * math.log(0.05)) + 1) / 30)
    t = 17
    radius = math.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * math.log(math.sqrt(t * rho**2 + 1) / 0.05))
    assert widen(t) == pytest.approx(radius * math.sqrt(t))


def test_independent_estimates_add_up():
    one = Estimate(0.5, (0.2, 0.9), (0.1, 0.9))
    found = one.add(Estimate(0.25, (0.25 - 0.4, 0.25 + 0.3), (0.25, 0.25)))
    assert found.value == 0.75
    assert found.interval == pytest.approx((0.75 - 0.5, 0.75 + 0.5))
    assert found.at_any_time == pytest.approx((0.75 - 0.4, 0.75 + 0.4))
    assert one.add(Estimate(0.1)).interval is None


@pytest.fixture(scope="module")
def population():
    """Texts on which two models differ: right words of each where they differ, and words on which they agree."""
    random = np.random.default_rng(5)
    n = 150
    differing, agreed = random.poisson(2, n), random.poisson(12, n) + 1
    first = random.binomial(differing, random.beta(4, 3, n))
    second = random.binomial(differing - first, 0.6)
    return differing, agreed, random.binomial(agreed, 0.9), np.stack([first, second], axis=1)


def simulate(population, seed):
    """Draw items and return what labels of any number of them say."""
    differing, agreed, right, numerators = population
    sizes = 0.9 * np.sqrt(differing) / np.sqrt(differing).sum() + 0.1 * agreed / agreed.sum()
    drawn = Sampling.draw(sizes, seed=seed)
    order = list(drawn.order)
    checked = np.random.default_rng([seed, 1]).random(len(order)) < (right / agreed)[order]
    shares = np.array(drawn.shares)
    most = math.sqrt((differing[order] ** 2 / shares).sum())
    units = float((differing + agreed).sum())

    def after(n):
        checks = Checks(checked[:n].astype(float), agreed[order][:n].astype(float), float(agreed.sum()))
        return Estimates(
            evidence(numerators[order], shares, labelled=n, known=[units, units], checks=checks, most=most)
        )

    return after


def test_coverage(population):
    differing, agreed, right, numerators = population
    units = (differing + agreed).sum()
    gain = (numerators[:, 0] - numerators[:, 1]).sum() / units
    score = (numerators[:, 0] + right).sum() / units
    hits, rounds = {"gain": 0, "score": 0, "peeking": 0}, 300
    for seed in range(rounds):
        after = simulate(population, seed)
        several = {n: after(n) for n in range(3, 31)}
        low, high = several[10].difference(0, 1).interval
        hits["gain"] += low <= gain <= high
        low, high = several[30].score(0).interval
        hits["score"] += low <= score <= high
        always = [found.difference(0, 1).at_any_time for found in several.values()]
        hits["peeking"] += all(low <= gain <= high for low, high in always)
    assert 0.91 <= hits["gain"] / rounds <= 0.98
    assert 0.91 <= hits["score"] / rounds <= 0.995
    assert hits["peeking"] / rounds >= 0.95


@pytest.mark.parametrize("n", [5, 20])
def test_scores_of_texts_are_not_known_before_one_is_labelled_on_which_models_agree(n):
    """Nearly all first draws are texts on which models differ, so nothing may be known of the others."""
    random = np.random.default_rng(1)
    truth = random.choice(["good", "bad"], 300)
    several = {
        name: np.where(random.random(300) < share, truth, "bad").tolist()
        for name, share in {"a": 0.9, "b": 0.85}.items()
    }
    true = np.mean(np.array(several["a"]) == truth)
    unknown, hits, rounds = 0, 0, 200
    for seed in range(rounds):
        drawing = draw(
            several, task="classification", items=texts(*map(str, range(300))), labels=("good", "bad"), seed=seed
        )
        truths = [(str(truth[place]),) for place in drawing.sampling.order[:n]]
        score = Estimates(collect_evidence(drawing, truths)).score(0)
        if score is None:
            unknown += 1
            continue
        low, high = score.interval
        assert low <= score.value <= high
        hits += low <= true <= high
    assert unknown > 0
    assert hits / (rounds - unknown) >= 0.93
