"""Verdicts on gains: worked examples, invariants, and how often they are wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alignfreeze.running.scores import judge_scores
from alignfreeze.running.trials import Trial, try_strategy, vary_sentences
from alignfreeze.running.verdicts import Judgement, judge_gains, needs_text


def trial(*gains, sentence_variance=0.0, n_sentences=0):
    return Trial(float(np.mean(gains)), dict(enumerate(gains)), sentence_variance, n_sentences)


def judge_one(*gains, margin=0.005, **more):
    """The verdict on one strategy in one language."""
    return judge_gains({"tr": {"front": trial(*gains, **more)}}, margin=margin)["tr"]["front"]


def test_one_language_and_strategy_by_hand():
    # Gains 0.1, 0.2, 0.3: mean 0.2, variance 0.01 over 3 seeds. Four fifths of the 5% are for what seeds
    # change in all languages: t with 2 degrees of freedom, exceeded by 4% on both sides together.
    judged = judge_one(0.1, 0.2, 0.3)
    half = stats.t.ppf(1 - 0.02, 2) * 0.1 / math.sqrt(3)
    assert judged.interval == pytest.approx((0.2 - half, 0.2 + half))
    assert judged.verdict == "cannot tell"  # half is 0.28


def test_the_chance_of_the_sentences_is_added():
    # The squares of the half widths add up: 101 sentences have t with 100 degrees of freedom, for the other 1%.
    judged = judge_one(0.1, 0.2, 0.3, sentence_variance=0.0004, n_sentences=101)
    seeds = stats.t.ppf(1 - 0.02, 2) * 0.1 / math.sqrt(3)
    sentences = stats.t.ppf(1 - 0.005, 100) * 0.02
    assert judged.interval[1] - judged.gain == pytest.approx(math.hypot(seeds, sentences))


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((0.020, 0.021, 0.022), "helps"),
        ((-0.020, -0.021, -0.022), "hurts"),
        ((0.0010, 0.0012, 0.0014), "no difference"),  # more than nothing, but within half a point
        ((0.01, 0.02, -0.03), "cannot tell"),
        ((0.02,), "cannot tell"),  # one seed says nothing about chance
        ((0.02, 0.02, 0.02), "cannot tell"),  # seeds that change nothing are no seeds
        ((0.0, 0.0, 0.0), "no difference"),
    ],
)
def test_each_verdict(gains, verdict):
    assert judge_one(*gains).verdict == verdict


def test_the_margin_is_the_users():
    assert judge_one(0.0010, 0.0012, 0.0014, margin=0.0).verdict == "helps"
    assert judge_one(0.020, 0.021, 0.022, margin=0.03).verdict == "no difference"


def test_the_seeds_that_are_asked_for_would_settle_it():
    gains = [0.004, 0.010, 0.016]
    judged = judge_one(*gains)
    assert judged.verdict == "cannot tell"
    assert judged.more_seeds is not None
    assert judged.more_sentences is None  # sentences are not what is missing

    def repeat(seeds):
        """The same mean and variance with more seeds."""
        values = np.resize([-1.0, 1.0], seeds) if seeds % 2 == 0 else np.array([*np.resize([-1.0, 1.0], seeds - 1), 0])
        values = values / values.std(ddof=1) * np.std(gains, ddof=1)
        return judge_one(*(0.01 + values))

    assert repeat(3 + judged.more_seeds).verdict == "helps"
    assert repeat(3 + judged.more_seeds - 1).verdict == "cannot tell"


def test_sentences_are_asked_for_where_they_are_missing():
    few = judge_one(0.0100, 0.0101, 0.0102, sentence_variance=0.0001, n_sentences=50)
    assert few.verdict == "cannot tell"
    assert few.more_seeds is None
    n = 50 + few.more_sentences
    more = judge_one(0.0100, 0.0101, 0.0102, sentence_variance=0.0001 * 50 / n, n_sentences=n)
    assert more.verdict == "helps"
    assert needs_text(few) == f"about {few.more_sentences:,} more test sentences"


def test_more_languages_and_strategies_need_more_proof():
    def width(languages, strategies):
        random = np.random.default_rng(3)
        row = {code: random.normal(0, 0.01, 3) for code in range(12)}
        trials = {
            str(code): {str(name): trial(*(row[code] + 0.01)) for name in range(strategies)}
            for code in range(languages)
        }
        low, high = judge_gains(trials)["0"]["0"].interval
        return high - low

    assert width(12, 1) > width(6, 1)
    assert width(12, 3) > width(12, 1)


def test_a_restless_language_has_a_wide_interval():
    quiet = {f"q{n}": {"full": trial(0.01 + n / 1e4, 0.012, 0.014)} for n in range(8)}
    judged = judge_gains({**quiet, "wild": {"full": trial(-0.2, 0.012, 0.25)}})
    widths = {code: row["full"].interval[1] - row["full"].interval[0] for code, row in judged.items()}
    assert widths["wild"] > 3 * widths["q3"]


@given(
    st.lists(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), min_size=1, max_size=5),
    st.floats(0, 0.05),
)
def test_a_verdict_follows_from_its_interval(rows, margin):
    judged = judge_gains({str(n): {"full": trial(*gains)} for n, gains in enumerate(rows)}, margin=margin)
    mirrored = judge_gains(
        {str(n): {"full": trial(*(-gain for gain in gains))} for n, gains in enumerate(rows)}, margin=margin
    )
    opposite = {"helps": "hurts", "hurts": "helps"}
    for code, row in judged.items():
        one = row["full"]
        assert mirrored[code]["full"].verdict == opposite.get(one.verdict, one.verdict)
        if one.interval is None:
            assert one.verdict == "cannot tell"
            continue
        low, high = one.interval
        assert low <= one.gain <= high
        assert (one.verdict == "helps") == (low > 0 and high > margin)
        assert (one.verdict == "no difference") == (-margin <= low and high <= margin)


def test_the_variance_over_sentences_is_that_of_a_bootstrap():
    random = np.random.default_rng(7)
    words = random.integers(5, 20, 300)
    ours, theirs = (np.stack([random.binomial(words, p), words], axis=1).astype(float) for p in (0.8, 0.7))
    found = vary_sentences([ours], [theirs])
    by_scipy = stats.bootstrap(
        (ours[:, 0], theirs[:, 0], words),
        lambda a, b, n, axis: (a.sum(axis) - b.sum(axis)) / n.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=4000,
        rng=1,
    ).standard_error
    assert math.sqrt(found) == pytest.approx(by_scipy, rel=0.05)
    assert vary_sentences([ours, ours], [ours, ours]) == 0
    with pytest.raises(ValueError, match="the same number of test items"):
        vary_sentences([ours], [theirs[:2]])


def test_seeds_are_paired_where_both_have_them():
    found = try_strategy({1: 0.7, 2: 0.8, 3: 0.9}, {2: 0.5, 3: 0.6, 4: 0.1}, {}, {})
    assert dict(found.gains) == pytest.approx({2: 0.3, 3: 0.3})
    # Without a common seed they are paired in their order: independent pairs are as good as any.
    other = try_strategy({1: 0.7, 2: 0.8}, {5: 0.5, 6: 0.7, 7: 0.9}, {}, {})
    assert dict(other.gains) == pytest.approx({1: 0.2, 2: 0.1})
    assert other.gain == pytest.approx(0.05)  # over all seeds


def test_the_mean_over_languages_is_judged_too_and_the_source_is_not_one_of_them():
    values = {
        "en": {"baseline": {1: 0.9, 2: 0.91, 3: 0.9}, "full": {1: 0.9, 2: 0.9, 3: 0.91}},
        "de": {"baseline": {1: 0.5, 2: 0.51, 3: 0.5}, "full": {1: 0.6, 2: 0.6, 3: 0.602}},
        "tr": {"baseline": {1: 0.4, 2: 0.41, 3: 0.4}, "full": {1: 0.5, 2: 0.5, 3: 0.501}},
    }
    cells, means = judge_scores(values, {}, targets=["de", "tr"])
    assert means["full"].judged.verdict == "helps"
    assert means["full"].gain == pytest.approx(means["full"].judged.gain) == pytest.approx(0.0971666, abs=1e-5)
    assert cells["en"]["full"].judged.verdict != "helps"
    assert cells["de"]["baseline"].judged is None


@pytest.mark.parametrize(
    ("judged", "text"),
    [
        (Judgement("cannot tell", 0.003, (-0.011, 0.017), 4), "about 4 more seeds"),
        (Judgement("cannot tell", 0.003, (-0.011, 0.017), 1), "about 1 more seed"),
        (Judgement("cannot tell", 0.003, (-0.011, 0.017), None, 1200), "about 1,200 more test sentences"),
        (Judgement("cannot tell", 0.003, (-0.011, 0.017)), "many more seeds and test sentences"),
        (Judgement("cannot tell", 0.003, None), "at least 2 more seeds"),
    ],
)
def test_what_is_needed_in_words(judged, text):
    assert needs_text(judged) == text


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_hardly_any_study_without_an_effect_finds_one(seeds):
    """300 studies of 12 languages and 2 strategies: at most 5% may call any language helped or hurt."""
    random = np.random.default_rng(seeds)
    wrong = 0
    for _ in range(300):
        own = 0.01 * np.sqrt(2.5 / random.chisquare(2.5, 12))  # languages differ widely in their spread
        scores = random.normal(0, 0.004, (3, 1, seeds)) + random.normal(0, own[None, :, None], (3, 12, seeds))
        gains = scores[1:] - scores[0]  # two strategies, one baseline
        judged = judge_gains(
            {str(code): {str(name): trial(*gains[name, code]) for name in range(2)} for code in range(12)}
        )
        wrong += any(one.verdict in {"helps", "hurts"} for row in judged.values() for one in row.values())
    assert wrong <= 0.05 * 300


def test_a_restless_strategy_does_not_borrow_the_calm_of_others():
    """150 studies without an effect: one strategy of six has five times the spread over seeds of the others."""
    random = np.random.default_rng(1)
    spreads = np.array([0.015, *[0.003] * 5])[:, None, None]
    wrong = 0
    for _ in range(150):
        baseline = random.normal(0, 0.002, (1, 1, 3)) + random.normal(0, 0.002, (1, 12, 3))
        scores = spreads * (random.normal(0, 0.7, (6, 1, 3)) + random.normal(0, 0.7, (6, 12, 3)))
        gains = scores - baseline
        judged = judge_gains(
            {str(code): {str(name): trial(*gains[name, code]) for name in range(6)} for code in range(12)}
        )
        wrong += any(one.verdict in {"helps", "hurts"} for row in judged.values() for one in row.values())
    assert wrong <= 0.05 * 150
