import pytest

from alignfreeze.experiment.statistics import average, summaries, summarise


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
    result = summaries({"baseline": {1: 0.5, 2: 0.7}, "front": {1: 0.7, 2: 0.8}})
    assert result["baseline"].gain is None
    assert result["front"].gain == pytest.approx(0.15)


def test_without_a_baseline_there_is_no_gain():
    assert summaries({"front": {1: 0.7}})["front"].gain is None


def test_the_average_is_taken_seed_by_seed():
    # Seed 1: (0.2 + 0.4) / 2, seed 2: (0.6 + 1.0) / 2; its sd is that of the averages, not of the languages.
    german, turkish = {"front": {1: 0.2, 2: 0.6}}, {"front": {1: 0.4, 2: 1.0}}
    assert average([german, turkish]) == {"front": {1: pytest.approx(0.3), 2: pytest.approx(0.8)}}
