"""Runs that join several seeds beside runs of one seed: like is compared with like."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.errors import SettingsError
from alignfreeze.running.scores import find_groups, judge_scores, summarise_all
from alignfreeze.running.trials import average_group_counts, average_groups, try_strategy
from alignfreeze.running.verdicts import judge_gains
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import Result, Setup
from alignfreeze.studies.summaries import name_strategy, summarise_comparison
from alignfreeze.studies.tables import table_of

SEEDS = (31, 42, 66)
BASELINE = {31: 0.72, 42: 0.71, 66: 0.73}
FULL = {31: 0.73, 42: 0.72, 66: 0.74}


def results(language, strategy, by_seed, *, size=1):
    """The results of a strategy; with a size, each seed stands for a group that begins with it."""
    order = [31, 42, 66, 23, 17, 5]
    for seed, value in by_seed.items():
        group = tuple(order[order.index(seed) :][:size]) if size > 1 else ()
        setup = Setup("m", "pos", "dico", "before", "s") if "full" in strategy else Setup("m", "pos", settings="b")
        place = f"{strategy}-{seed}-{size}"
        yield Result(setup, "f", strategy, seed, language, False, "accuracy", value, None, place, group=group)


def compared(*several):
    (found,) = compare_results([one for found in several for one in found])
    return found


def test_one_run_of_three_seeds_is_one_observation():
    """The baseline of the group is (0.72 + 0.71 + 0.73) / 3 = 0.72, so 0.74 gains 0.02; full has 0.73 over it."""
    found = compared(
        results("de", "baseline", {**BASELINE, 23: 0.9}),  # another seed does not count
        results("de", "full", FULL),
        results("de", "seeds(full)", {31: 0.74}, size=3),
    )
    cell = found.cells["de"]["seeds(full)"]
    assert cell.gain == pytest.approx(0.02)
    assert (cell.n, cell.sd, cell.paper_verdict) == (1, None, None)
    assert (cell.judged.verdict, cell.judged.interval) == ("cannot tell", None)
    assert found.cells["de"]["full"].gain == pytest.approx(0.01)
    over = found.overall["seeds(full)"].over_best
    assert (over.member, over.n, over.interval) == ("full", 1, None)
    assert over.gain == pytest.approx(0.01)
    assert found.joined == {"seeds(full)": 3}
    assert found.seeds == (23, 31, 42, 66)
    assert "seeds(full) joins 3 seeds in each run: gains are over the mean of baseline" in table_of(found).note
    last = summarise_comparison(found)[-1]
    assert last.startswith(
        "The average of seeds of full realignment is 1.0 points above the mean of its members, full realignment"
    )


def test_two_groups_are_two_observations():
    """Groups of two: (31, 42) and (66, 23). Their baselines are 0.715 and 0.74; gains are 0.025 and 0.02."""
    baseline = {31: 0.72, 42: 0.71, 66: 0.73, 23: 0.75}
    found = compared(
        results("de", "baseline", baseline),
        results("de", "ensemble(full)", {31: 0.74, 66: 0.76}, size=2),
    )
    cell = found.cells["de"]["ensemble(full)"]
    assert cell.n == 2
    assert cell.gain == pytest.approx(0.0225)
    low, high = cell.judged.interval
    assert low < 0.0225 < high
    assert found.overall["ensemble(full)"].over_best is None  # its member was not tested


def test_a_group_of_which_the_baseline_lacks_a_seed_has_no_gain():
    found = compared(
        results("de", "baseline", {31: 0.72, 42: 0.71}),
        results("de", "full", FULL),
        results("de", "seeds(full)", {31: 0.74}, size=3),
    )
    assert found.cells["de"]["seeds(full)"].gain is None
    assert found.overall["seeds(full)"].over_best.gain == pytest.approx(0.01)
    assert summarise_comparison(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seeds(full)", "the average of seeds of full realignment"),
        ("ensemble(front)", "the ensemble of seeds of front-freezing"),
        ("seeds(baseline)", "the average of seeds of the baseline"),
        ("seeds(revert(full,front))", "the average of seeds of full realignment with front reverted"),
    ],
)
def test_names_in_sentences(name, words):
    assert name_strategy(name) == words


def test_what_helps_without_realignment_is_not_called_so():
    baseline = {31: 0.50, 42: 0.51, 66: 0.52, 23: 0.49, 17: 0.5, 5: 0.5}
    groups = {31: 0.605, 66: 0.606, 17: 0.6}
    found = compared(
        *(results(code, "baseline", baseline) for code in ("de", "tr")),
        *(results(code, "seeds(baseline)", groups, size=2) for code in ("de", "tr")),
    )
    assert summarise_comparison(found)[0].startswith("Use 'seeds(baseline)': the average of seeds of the baseline")


def test_groups_that_share_a_seed_are_refused():
    several = [
        *results("de", "baseline", BASELINE),
        *results("de", "seeds(full)", {31: 0.74}, size=2),
        *results("de", "seeds(full)", {31: 0.75}, size=3),
    ]
    message = r"two runs of seeds\(full\) join the seed 31: 31 42 and 31 42 66, in seeds\(full\)-31-2 and .*remove one"
    with pytest.raises(SettingsError, match=message):
        compare_results(several)


scores = st.floats(0, 1)


@given(st.lists(st.tuples(scores, scores), min_size=2, max_size=6))
def test_a_run_that_scores_as_the_mean_of_its_seeds_gains_as_much_as_they_do(pairs):
    """If joining changed nothing, its gain would be that of its members."""
    baseline = {seed: one for seed, (one, _) in enumerate(pairs)}
    full = {seed: one for seed, (_, one) in enumerate(pairs)}
    seeds = tuple(full)
    rows = {"baseline": baseline, "full": full, "seeds(full)": {0: sum(full.values()) / len(full)}}
    found = summarise_all(rows, find_groups([("full", (0,)), ("seeds(full)", seeds)]))
    assert found["seeds(full)"].gain == pytest.approx(found["full"].gain)


def test_groups_and_their_means():
    assert find_groups([("full", (1,)), ("seeds(full)", (1, 2)), ("seeds(full)", (3, 4))]) == {
        "seeds(full)": {1: (1, 2), 3: (3, 4)}
    }
    assert average_groups({1: 0.2, 2: 0.4, 3: 0.9}, {1: (1, 2), 3: (3, 4)}) == {1: pytest.approx(0.3)}
    assert average_groups({1: 0.2}, {}) == {1: 0.2}
    counts = {1: np.array([[1.0, 2.0]]), 2: np.array([[0.0, 2.0]]), 3: np.array([[0.0, 1.0]])}
    found = average_group_counts(counts, {1: (1, 2)})
    assert found[1].tolist() == [[0.5, 2.0]]


def test_sentences_count_for_groups_too():
    """Two items; the joined run is right in both, the two baselines in the first alone: each gain is 1 - 0.5."""
    ours, theirs = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
    trial = try_strategy({1: 1.0}, {1: 0.5, 2: 0.5}, {1: ours}, {1: theirs, 2: theirs}, {1: (1, 2)})
    assert (trial.gain, trial.gains, trial.seeds_each, trial.n_sentences) == (0.5, {1: 0.5}, 2, 2)
    # Effects of the baseline are 0.5 and -0.5; their variance is 0.25, divided by n - 1 = 1.
    assert trial.sentence_variance == pytest.approx(0.25)


def test_joined_runs_change_no_verdict_on_single_runs_but_for_the_number_of_questions():
    """Their spread is measured apart: the interval of full is wider only because more is asked."""
    generator = np.random.default_rng(0)
    seeds = range(6)
    baseline = {seed: 0.5 + generator.normal(0, 0.01) for seed in seeds}
    full = {seed: 0.52 + generator.normal(0, 0.01) for seed in seeds}
    wild = {0: 0.1, 3: 0.9}
    rows = {"de": {"baseline": baseline, "full": full, "seeds(full)": wild}}
    groups = find_groups([("seeds(full)", (0, 1, 2)), ("seeds(full)", (3, 4, 5))])
    cells, _ = judge_scores(rows, {}, targets=["de"], groups=groups)
    alone = try_strategy(full, baseline, {}, {})
    tame = try_strategy({0: 0.52, 3: 0.52}, baseline, {}, {}, groups["seeds(full)"])
    calm = judge_gains({"de": {"full": alone, "seeds(full)": tame}})
    assert cells["de"]["full"].judged.interval == calm["de"]["full"].interval


def test_what_would_settle_it_is_said_in_seeds():
    """An observation of three seeds costs three seeds."""
    baseline = dict.fromkeys(range(6), 0.5)
    groups = find_groups([("seeds(full)", (0, 1, 2)), ("seeds(full)", (3, 4, 5))])
    rows = {"de": {"baseline": baseline, "seeds(full)": {0: 0.51, 3: 0.53}}}
    judged = judge_scores(rows, {}, targets=["de"], groups=groups)[0]["de"]["seeds(full)"].judged
    assert judged.verdict == "cannot tell"
    assert judged.more_seeds is not None
    assert judged.more_seeds % 3 == 0
    one = {"de": {"baseline": baseline, "seeds(full)": {0: 0.51}}}
    judged = judge_scores(one, {}, targets=["de"], groups=find_groups([("seeds(full)", (0, 1, 2))]))[0]["de"]
    assert judged["seeds(full)"].judged.fewest_seeds == 6


WITHOUT_TORCH = """
import sys
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import Result, Setup
from alignfreeze.studies.summaries import summarise_comparison

def result(strategy, seed, value, group=()):
    setup = Setup("m", "pos", "dico", "before", "s") if "full" in strategy else Setup("m", "pos")
    return Result(setup, "f", strategy, seed, "de", False, "accuracy", value, None, "here", group=group)

single = [result(strategy, seed, 0.5) for strategy in ("baseline", "full") for seed in (1, 2)]
(found,) = compare_results([*single, result("seeds(full)", 1, 0.6, (1, 2))])
assert found.overall["seeds(full)"].over_best and summarise_comparison(found)
assert "torch" not in sys.modules
"""


def test_joined_strategies_are_compared_without_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
