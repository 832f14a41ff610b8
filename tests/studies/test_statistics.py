import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.running.scores import average_languages, interval_of_gain, summarise, summarise_all
from alignfreeze.studies.gains_over import find_next
from alignfreeze.studies.statistics import (
    correct_p_values,
    correlate_ranks,
    interval_of_correlation,
    p_value_of_gains,
    p_value_of_ranks,
    rank_strategies,
)


def test_mean_and_standard_deviation_by_hand():
    # Mean (0.7 + 0.8 + 0.9) / 3; deviations -0.1, 0, 0.1; variance 0.02 / (3 - 1) = 0.01.
    summary = summarise({31: 0.7, 42: 0.8, 66: 0.9})
    assert summary.mean == pytest.approx(0.8)
    assert summary.sd == pytest.approx(0.1)
    assert summary.n == 3
    assert summary.gain is None


def test_one_seed_has_no_standard_deviation():
    assert summarise({31: 0.7}).sd is None


def test_gain_is_over_the_baseline_only():
    result = summarise_all({"baseline": {1: 0.5, 2: 0.7}, "front": {1: 0.7, 2: 0.8}})
    assert result["baseline"].gain is None
    assert result["front"].gain == pytest.approx(0.15)


def test_without_a_baseline_there_is_no_gain():
    assert summarise_all({"front": {1: 0.7}})["front"].gain is None


def test_the_average_is_taken_seed_by_seed():
    # Seed 1: (0.2 + 0.4) / 2, seed 2: (0.6 + 1.0) / 2; its sd is that of the averages, not of the languages.
    german, turkish = {"front": {1: 0.2, 2: 0.6}}, {"front": {1: 0.4, 2: 1.0}}
    assert average_languages([german, turkish]) == {"front": {1: pytest.approx(0.3), 2: pytest.approx(0.8)}}


def test_the_papers_criterion_is_the_greater_standard_deviation():
    # Standard deviations: baseline 0.1, front 0.02; gains 0.2 and 0.05.
    baseline = {1: 0.4, 2: 0.5, 3: 0.6}
    assert summarise({1: 0.68, 2: 0.70, 3: 0.72}, baseline).paper_verdict == "improved"
    assert summarise({1: 0.53, 2: 0.55, 3: 0.57}, baseline).paper_verdict == "unchanged"
    assert summarise({1: 0.28, 2: 0.30, 3: 0.32}, baseline).paper_verdict == "worsened"
    assert summarise({1: 0.9}, baseline).paper_verdict is None


def test_the_interval_of_a_gain_by_hand():
    # Differences by seed 0.1, 0.2, 0.3: mean 0.2, sd 0.1, standard error 0.1 / sqrt(3); t(0.975, 2) = 4.302653.
    ours, baseline = {1: 0.6, 2: 0.8, 3: 0.8}, {1: 0.5, 2: 0.6, 3: 0.5}
    half = 4.302653 * 0.1 / 3**0.5
    assert interval_of_gain(ours, baseline) == pytest.approx((0.2 - half, 0.2 + half))


def test_other_seeds_are_not_paired():
    # Welch: variances 0.01 and 0.01, both with n = 3, so 4 degrees of freedom; t(0.975, 4) = 2.776445.
    half = 2.776445 * (0.01 / 3 + 0.01 / 3) ** 0.5
    found = interval_of_gain({4: 0.7, 5: 0.8, 6: 0.9}, {1: 0.4, 2: 0.5, 3: 0.6})
    assert found == pytest.approx((0.3 - half, 0.3 + half))


def test_no_interval_without_a_spread():
    assert interval_of_gain({1: 0.7}, {1: 0.5}) is None
    assert interval_of_gain({1: 0.75, 2: 0.75}, {1: 0.5, 2: 0.5}) is None


def test_holms_correction_by_hand():
    # 0.01 * 3 = 0.03; 0.02 * 2 = 0.04; 0.03 * 1 = 0.03 would be less than the one before, so 0.04.
    assert correct_p_values([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert correct_p_values([0.9, 0.8]) == [1.0, 1.0]
    assert correct_p_values([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_corrected_p_value_is_never_less(p_values):
    corrected = correct_p_values(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    assert sorted(range(len(p_values)), key=lambda n: (p_values[n], corrected[n])) == sorted(
        range(len(p_values)), key=lambda n: (corrected[n], p_values[n])
    )


def test_gains_over_languages_by_hand():
    # All five gains are positive: of 2^5 signs one is as far out on this side, one on the other.
    assert p_value_of_gains([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)
    assert p_value_of_gains([0.0, 0.0]) is None


def test_ranks_by_hand():
    # First language: front 1, full 2, baseline 3. Second: baseline 1, the other two share 2 and 3.
    ranks = rank_strategies(
        [{"baseline": 0.1, "full": 0.2, "front": 0.3}, {"baseline": 0.5, "full": 0.4, "front": 0.4}]
    )
    assert ranks == {"baseline": 2.0, "full": 2.25, "front": 1.75}


def test_spearman_by_hand():
    # Ranks 1 2 3 and 1 3 2: differences 0, 1, 1; 1 - 6 * 2 / (3 * 8) = 0.5.
    assert correlate_ranks([0.1, 0.2, 0.3], [1, 9, 5]) == pytest.approx(0.5)
    assert correlate_ranks([1, 2], [1, 2]) is None
    assert correlate_ranks([1, 1, 1], [1, 2, 3]) is None


def test_the_interval_of_a_rank_correlation_by_hand():
    # atanh 0.5 = 0.5493; 1.96 * sqrt((1 + 0.125) / 25) = 0.4158; tanh 0.1335 = 0.1327, tanh 0.9651 = 0.7466.
    assert interval_of_correlation(0.5, 28) == pytest.approx((0.1327, 0.7466), abs=1e-4)
    assert interval_of_correlation(0.5, 3) is None
    assert interval_of_correlation(1, 28) is None


def test_a_rank_correlation_of_few_is_held_against_all_their_orders():
    # Of the 120 orders of five, one gives 1 and one -1.
    assert p_value_of_ranks([1, 2, 3, 4, 5], [10, 20, 30, 40, 50]) == pytest.approx(2 / 120)
    many = list(range(20))
    assert p_value_of_ranks(many, many[::-1]) < 1e-6


def test_a_gain_is_over_the_seeds_that_both_have():
    # The strategy's only seed is the baseline's best: 0.7 against 0.7, not against the mean of 0.6.
    summary = summarise({3: 0.7}, {1: 0.5, 2: 0.6, 3: 0.7})
    assert (summary.mean, summary.n, summary.gain) == (0.7, 1, 0)
    assert summary.paper_verdict is None
    assert summarise({3: 0.7, 2: 0.7}, {1: 0.5, 2: 0.6, 3: 0.7}).gain == pytest.approx(0.05)
    # Without a common seed there are only the means.
    assert summarise({4: 0.7}, {1: 0.5, 2: 0.6}).gain == pytest.approx(0.15)


def test_rounding_makes_no_verdict():
    same = {1: 0.1, 2: 0.1 + 1e-17, 3: 0.1}
    assert summarise({1: 0.1, 2: 0.1, 3: 0.1 + 2e-17}, same).paper_verdict == "unchanged"


def test_what_to_freeze_is_asked_of_strategies_that_differ_in_nothing_else():
    means = {
        "baseline": 0.5,
        "full": 0.6,
        "full+lora": 0.8,
        "front": 0.7,
        "seeds(full)": 0.9,
        "revert(full,front)": 0.9,
    }
    by_seed = {name: {1: mean, 2: mean} for name, mean in means.items()}
    assert find_next(by_seed) == {"front": "full"}
    assert find_next({name: by_seed[name] for name in ("baseline", "full", "full+lora")}) == {}
