"""Advice without labels: what is held out, what pilots cost, how estimates become a recommendation."""

import json
import re
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from alignfreeze.advice import advice as advice_module
from alignfreeze.advice import pilots
from alignfreeze.advice.additions import add_up
from alignfreeze.advice.advice import advise
from alignfreeze.advice.answers import advice_answers
from alignfreeze.advice.gains import WHOLE_RUNS, Calibration, calibration_of, draw_gains, resample
from alignfreeze.advice.judging import SURE_PROBABILITY, judge_pilots
from alignfreeze.advice.outcome import (
    advice_doubts,
    advice_lines,
    advice_sheet,
    estimate_rows,
    how_far,
    sentence,
)
from alignfreeze.advice.pilots import (
    Pilot,
    PilotCost,
    fit_budget,
    least_fraction_of,
    shorten,
)
from alignfreeze.advice.prior import Prior, draw_prior
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.predictions import Predictions, read_predictions, write_predictions
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import hold_out
from alignfreeze.experiment.planning import anchor_paths, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.ragged import Ragged
from alignfreeze.running.status import read_status
from alignfreeze.tasks.table import TASKS
from tests.support.cli import alignfreeze, refused

TELLING = Calibration(slope=0.2, error=0.01, between=0.008, shared=0.006)
"""Estimated differences are true ones, as far as a fifth of them."""

FRONT = [Strategy.parse("front")]
THREE = [Strategy.parse(name) for name in ("full", "front", "back")]

EXACT = Calibration(slope=1, error=1e-4, between=0.05, shared=1e-4, expected=0, prior=1)


def bitext(n, language="de"):
    return [SentencePair(("a", str(i)), (str(i), "b"), ("en", language)) for i in range(n)]


def data(pairs, links=None):
    return ExperimentData((), [], {}, pairs, links, {})


def test_held_out_pairs_are_the_same_each_time_and_in_no_realignment():
    pairs = [*bitext(200), *bitext(150, "tr"), SentencePair((), (), ("en", "de")), *bitext(200)]
    kept = hold_out(data(pairs), most=None, seed=0)
    held = kept.held
    assert [len([pair for pair in held if pair.languages[1] == code]) for code in ("de", "tr")] == [40, 30]
    # Each German pair is there twice: both go.
    assert len(kept.bitext) == len(pairs) - 2 * 40 - 30
    assert not set(held) & set(kept.bitext)
    assert hold_out(data(pairs), most=None, seed=0).held == held
    assert hold_out(data(pairs), most=None, seed=1).held != held
    assert hold_out(data(bitext(200)), most=None, seed=0).held == held[:40]  # whatever other languages there are


def test_links_that_were_read_stay_with_their_pairs():
    kept = hold_out(data(bitext(100), list(range(100))), most=30, seed=0)
    assert len(kept.held) == 30
    assert [pair.source[1] for pair in kept.bitext] == [str(number) for number in kept.links]


def test_too_few_pairs_are_said_of_all_languages():
    with pytest.raises(DataError, match=r"(?s)de: 99 different .* at least 100 .*tr: 7 different"):
        hold_out(data([*bitext(99), *bitext(7, "tr")]), most=None, seed=0)
    with pytest.raises(DataError, match="de: 99 different sentence pairs, at least 120"):
        hold_out(data(bitext(99)), most=60, seed=0)


@pytest.fixture
def settings(project):
    return ExperimentSettings.from_toml(project / "experiment.toml")


def test_pilots_take_a_fraction_of_the_steps_but_not_too_few(settings):
    whole = settings.model_copy(update={"realignment": settings.realignment.model_copy(update={"steps": 400})})
    short = shorten(whole, 0.25, finetuning_steps=1000)
    assert (short.finetuning.steps, short.realignment.steps) == (250, 100)
    short = shorten(whole, 0.01, finetuning_steps=1000)
    assert (short.finetuning.steps, short.realignment.steps) == (50, 10)
    assert shorten(whole, 0.5, finetuning_steps=30).finetuning.steps == 30
    assert least_fraction_of(whole, finetuning_steps=1000) == 0.05
    for wrong in (0, -1, 1.5):
        with pytest.raises(SettingsError, match="more than 0 and at most 1"):
            shorten(whole, wrong, finetuning_steps=1000)


def test_a_budget_shrinks_the_pilots_or_is_refused():
    cost = PilotCost(whole=60, fixed=2)
    # 2 minutes go to what does not shrink; 6 of the 60 are left.
    assert fit_budget(cost, budget=8, least=0.05, most=0.25) == pytest.approx(0.1)
    assert fit_budget(cost, budget=80, least=0.05, most=0.25) == 0.25
    with pytest.raises(
        SettingsError, match=r"about 5 minutes with the fewest useful steps .*, and 62 minutes with all"
    ):
        fit_budget(cost, budget=4, least=0.05, most=0.25)


# --- from predictions to advice ------------------------------------------------------

N = 300


def predictions(language, right, *, seed=0, n=N):
    """Both sides of sentence pairs of one word; so many target words get the label of the source side."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, n)
    guess = np.where(random.permutation(n) < right * n, truth, 1 - truth)
    sides = [np.eye(2, dtype=np.float32)[labels] * 0.8 + 0.1 for labels in (truth, guess)]
    starts = np.arange(n + 1)
    links = Ragged(np.zeros((n, 2), dtype=np.int32), starts)
    return Predictions(language, ("A", "B"), *(Ragged(side, starts) for side in sides), links)


def pilot(strategy, **right):
    several = {code: predictions(code, share) for code, share in right.items()}
    return Pilot(strategy, 1, 0.9, several)


def test_what_is_surely_better_is_advised():
    pilots = [pilot("baseline", de=0.5, tr=0.6), pilot("front", de=0.9, tr=0.9), pilot("full", de=0.7, tr=0.6)]
    advice = judge_pilots(pilots, calibration=TELLING)
    assert [(item.language, item.strategy, item.verdict) for item in advice.languages] == [
        ("de", "front", "better"),
        ("tr", "front", "better"),
    ]
    german = advice.languages[0]
    assert german.confidence > 0.95
    assert german.rivals == ()
    estimated = german.estimated["front"]
    assert estimated.agreement == pytest.approx(0.9)
    assert estimated.interval[0] < estimated.gain < estimated.interval[1]
    assert advice.overall.strategy == "front"
    assert advice.overall.n == 2 * N
    assert "realign with 'front'" in sentence(german)


def test_where_pilots_show_no_difference_what_is_known_of_other_encoders_is_advised_as_not_sure():
    same = {"de": 0.8, "tr": 0.7}
    advice = judge_pilots([pilot(name, **same) for name in ("baseline", "front", "back")], calibration=WHOLE_RUNS)
    for item in (*advice.languages, advice.overall):
        assert (item.verdict, item.confidence < SURE_PROBABILITY) == ("likely better", True)
        assert {item.strategy, *item.rivals} == {"baseline", "front", "back"}
    assert "though that is not sure" in sentence(advice.overall)
    assert f"{advice.overall.strategy!r} cannot be distinguished from" in sentence(advice.overall)
    assert "cannot be distinguished from no realignment or" in sentence(advice.overall)


def test_where_nothing_is_known_before_and_nothing_shows_realignment_is_not_advised():
    nothing = Calibration(expected=-0.01)
    (german,) = judge_pilots([pilot(name, de=0.8) for name in ("baseline", "front")], calibration=nothing).languages
    assert (german.strategy, german.verdict) == ("baseline", "baseline")
    assert "do not realign. The greatest expected gain is -" in sentence(german)


def test_of_entities_less_is_taken_for_sure():
    """The same predictions: gains of entities lie further apart, in every way, and go less with what is estimated."""
    pilots = [pilot("baseline", de=0.7, tr=0.7), pilot("front", de=0.95, tr=0.95)]
    words, entities, texts = (
        judge_pilots(pilots, calibration=calibration_of(TASKS[name])).languages[0] for name in ("pos", "ner", "nli")
    )
    assert (words.verdict, entities.verdict) == ("better", "likely better")
    widths = [high - low for low, high in (one.estimated["front"].interval for one in (words, entities))]
    assert widths[1] > 2 * widths[0]
    assert texts.estimated == entities.estimated  # of which nothing was measured


def test_only_of_what_was_measured_much_is_taken_for_sure():
    known = {
        name: calibration_of(TASKS[name], whole=True) for name in ("pos", "tagging", "ner", "nli", "classification")
    }
    assert [name for name, calibration in known.items() if calibration == WHOLE_RUNS] == ["pos"]
    assert len(set(known.values())) == 2


def test_no_realignment_is_advised_where_all_else_is_worse():
    pilots = [pilot("baseline", de=0.9), pilot("front", de=0.6), pilot("back", de=0.5)]
    (german,) = judge_pilots(pilots, calibration=TELLING).languages
    assert (german.strategy, german.verdict) == ("baseline", "baseline")
    assert german.confidence == german.best > 0.85
    assert "do not realign" in sentence(german)


def test_two_that_are_alike_are_named_as_rivals():
    advice = judge_pilots([pilot("baseline", de=0.5), pilot("front", de=0.9), pilot("back", de=0.9)])
    (german,) = advice.languages
    assert german.verdict == "better"
    assert set(german.rivals) | {german.strategy} == {"front", "back"}
    assert f"{german.strategy!r} cannot be distinguished from" in sentence(german)


def test_probabilities_of_being_best_are_one_together():
    advice = judge_pilots(
        [pilot("baseline", de=0.7, tr=0.7), pilot("front", de=0.75, tr=0.72), pilot("back", de=0.7, tr=0.6)]
    )
    for item in (*advice.languages, advice.overall):
        assert sum(one.best for one in item.estimated.values()) == pytest.approx(1)
        assert item.estimated["baseline"].gain == 0


def test_a_language_without_labels_to_carry_over_is_left_out():
    silent = predictions("tr", 0.5)
    silent = replace(silent, links=Ragged(np.zeros((0, 2), dtype=np.int32), np.zeros(N + 1, dtype=np.int64)))
    several = [
        Pilot(name, 1, 0.9, {"de": predictions("de", right), "tr": silent})
        for name, right in (("baseline", 0.5), ("front", 0.9))
    ]
    advice = judge_pilots(several)
    assert [item.language for item in advice.languages] == ["de"]
    assert advice.silent == ("tr",)


def gains(estimates, noise, calibration=EXACT):
    """Mean and deviation of drawn gains, where estimates vary so much over sentence pairs."""
    random = np.random.default_rng(0)
    exact = np.array(estimates)
    values = exact[:, None] + random.normal(size=(len(exact), 2000, exact.shape[1])) * np.array(noise)[:, None, None]
    draws = draw_gains(exact, values, calibration, random)
    return draws.mean(axis=0), draws.std(axis=0)


def test_what_is_sure_stays_and_what_is_not_is_drawn_to_the_mean():
    # Nine languages gain 10 points, surely; in the tenth 30 points are seen, with as much noise or with none.
    estimates = [[0.5, 0.6]] * 9 + [[0.5, 0.8]]
    sure, _ = gains(estimates, [0.001] * 10)
    unsure, _ = gains(estimates, [0.001] * 9 + [0.3])
    assert sure[9, 1] == pytest.approx(0.3, abs=0.01)
    assert unsure[9, 1] == pytest.approx(0.1, abs=0.03)
    assert sure[:, 0] == pytest.approx(np.zeros(10))


def test_an_error_of_all_languages_is_not_averaged_away():
    # Fifty languages gain 2 points; what is wrong with that everywhere has the spread of what is presumed: none.
    estimates, noise = [[0.5, 0.52]] * 50, [0.001] * 50
    known = replace(EXACT, between=0.001, shared=0.02, expected=0, prior=0.02)
    mean, spread = gains(estimates, noise, known)
    # Half way between 2 points and none, with the deviation 0.02 / sqrt(2).
    assert mean[0, 1] == pytest.approx(0.01, abs=0.001)
    assert spread[0, 1] == pytest.approx(0.0141, abs=0.001)
    assert gains(estimates, noise, replace(known, shared=1e-4))[0][0, 1] == pytest.approx(0.02, abs=0.001)


def test_resampled_estimates_are_around_the_estimate():
    counts = np.stack([np.stack([np.arange(100) % 4 < right, np.ones(100)], axis=1) for right in (1, 2)]).astype(float)
    values = resample(counts, np.random.default_rng(0))
    assert values.mean(axis=0) == pytest.approx([0.25, 0.5], abs=0.005)
    # The share of a quarter has the standard error sqrt(0.25 * 0.75 / 100).
    assert values.std(axis=0)[0] == pytest.approx((0.25 * 0.75 / 100) ** 0.5, rel=0.1)


def test_predictions_come_back_from_disk(tmp_path):
    several = [predictions("de", 0.5), predictions("zh-Hant", 0.7)]
    write_predictions(tmp_path / "p.npz", several)
    back = read_predictions(tmp_path / "p.npz")
    assert list(back) == ["de", "zh-Hant"]
    for one in several:
        other = back[one.language]
        assert other.labels == one.labels
        assert np.allclose(other.target.values, one.target.values, atol=1e-3)
        assert (other.links.values == one.links.values).all()


# --- the whole of it -----------------------------------------------------------------


@pytest.fixture
def unlabelled(project):
    """The project without any test data."""
    for path in project.glob("*-test.conllu"):
        path.unlink()
    return project


def test_advice_is_given_without_test_data_and_goes_on_from_where_it_was(unlabelled):
    settings = ExperimentSettings.from_toml(unlabelled / "experiment.toml")
    advised = advise(settings, base=unlabelled, out=unlabelled / "out", fraction=0.5, n_seeds=2)
    assert [item.language for item in advised.advice.languages] == ["de", "tr"]
    assert list(advised.advice.overall.estimated) == ["baseline", "front"]
    assert advised.advice.seeds == (1, 2)
    assert advised.pilots == (8, 4)  # no fewer than there are
    assert len(list((unlabelled / "out" / "pilots").iterdir())) == 4
    pilots_done = read_status(unlabelled / "out").runs
    assert [run.state for run in pilots_done] == ["complete"] * 4
    assert all(run.score is not None and run.seconds for run in pilots_done)
    assert not list((unlabelled / "out").rglob("*.safetensors"))
    assert [row[0].text for row in advice_sheet(advised).rows] == ["de", "tr", "average"]
    with (
        mock.patch.object(pilots, "realign_and_finetune", side_effect=AssertionError("trained again")),
        mock.patch.object(advice_module, "judge_pilots", wraps=judge_pilots) as judge,
    ):
        again = advise(settings, base=unlabelled, out=unlabelled / "out", fraction=0.5, n_seeds=2)
    assert again.advice == advised.advice
    assert judge.call_args.kwargs["calibration"] == calibration_of(TASKS["pos"])


def test_a_killed_pilot_leaves_no_half_behind(unlabelled):
    settings = ExperimentSettings.from_toml(unlabelled / "experiment.toml")
    with (
        mock.patch.object(pilots, "predict_held_out", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        advise(settings, base=unlabelled, out=unlabelled / "out")
    assert not list((unlabelled / "out" / "pilots").iterdir())
    assert list((unlabelled / "out" / "checkpoints").iterdir())


def test_the_command_writes_a_file_that_run_accepts(project, tmp_path):
    done = alignfreeze("advise", project / "experiment.toml", "--out", tmp_path / "deep" / "advice")
    assert done.returncode == 0, done.stderr
    assert "advice for pos" in done.stdout
    assert "all languages together" in done.stdout
    assert how_far("pos") in " ".join(done.stdout.split())
    written = tmp_path / "deep" / "advice" / "recommended.toml"
    facts = json.loads((written.parent / "advice.json").read_text())
    assert facts["overall"]["strategy"] in {"baseline", "front"}
    assert facts["how_far"] == how_far("pos")
    assert done.stdout.removeprefix("# ").startswith("do not rely on this: English")  # so few steps teach little
    assert facts["answers"][0] in done.stdout.replace("\n", " ")
    text = (written.parent / "advice.md").read_text()
    assert text.index(facts["answers"][0][:30]) < text.index("**toy: advice")
    settings = ExperimentSettings.from_toml(written)
    # The baseline is run too, so that one can judge what the advised strategy gains.
    assert list(map(str, settings.strategies)) == list(dict.fromkeys(["baseline", facts["overall"]["strategy"]]))
    ran = alignfreeze("run", written, "--out", tmp_path / "runs", "--seed", 1)
    assert ran.returncode == 0, ran.stderr
    again = alignfreeze("advise", project / "experiment.toml", "--out", written.parent, "--json")
    assert json.loads(again.stdout) == facts


@pytest.mark.parametrize(
    ("seeds", "head_seed", "joined"), [([1, 2, 3], None, True), ([1, 2, 3], 7, True), ([1, 2], None, False)]
)
def test_an_advised_run_joins_its_seeds_if_there_are_enough(unlabelled, seeds, head_seed, joined):
    """The mean of weights costs only tests, and needs heads that begin alike."""
    changes = [("seeds", str(seeds))] + ([("finetuning.head_seed", str(head_seed))] if head_seed else [])
    settings = ExperimentSettings.from_toml(unlabelled / "experiment.toml", changes=changes)
    advised = advise(settings, base=unlabelled, out=unlabelled / "out")
    best = advised.advice.overall.strategy
    names = list(dict.fromkeys(["baseline", best])) + ([f"seeds({best})"] if joined else [])
    assert list(map(str, advised.recommended.strategies)) == names
    assert advised.recommended.finetuning.head_seed == (head_seed or 1 if joined else None)
    told = [line for line in advice_lines(advised) if "the recommended run also joins its seeds" in line]
    assert bool(told) is joined
    assert ExperimentSettings.from_toml(unlabelled / "out" / "recommended.toml").strategies


def test_paths_of_the_recommended_experiment_hold_anywhere(project):
    settings = ExperimentSettings.from_toml(
        project / "experiment.toml", changes=[("data.test", "mini:{language}-test.conllu")]
    )
    found = anchor_paths(settings, project)
    assert found.data.train == str(project / "en-train.conllu")
    assert found.data.test == "mini:{language}-test.conllu"
    assert found.bitext.source == str(project / "en-{language}.txt")
    assert plan(found, base=project / "nowhere", tests=False).data.bitext == plan(settings, base=project).data.bitext


def test_pilots_that_have_learnt_nothing_are_said(unlabelled):
    settings = ExperimentSettings.from_toml(
        unlabelled / "experiment.toml", changes=[("finetuning.learning_rate", "1e-9")]
    )
    advised = advise(settings, base=unlabelled, out=unlabelled / "out")
    lines = list(advice_lines(advised))
    assert any("the model has learnt nothing" in line for line in advice_doubts(advised))
    assert "pilots of more than 25% of the steps may learn more; raise --fraction" in lines


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--set", "task=qa"], "quality cannot be estimated without labels for the task 'qa'"),
        (["--set", 'strategies=["baseline"]'], "strategies: 'baseline' is the only one"),
        (["--fraction", "0"], "--fraction 0: expected a share of the steps"),
        (["--fraction", "1.5"], "--fraction 1.5"),
        (["--held-out", "70"], "too few sentence pairs to hold some out"),
        (["--held-out", "3"], "too few sentence pairs to hold some out"),
        (["--budget", "0"], "--budget 0: pilots need about"),
    ],
    ids=["questions", "nothing to compare", "no fraction", "more than all", "too many", "too few", "no time"],
)
def test_what_cannot_be_advised_on_is_refused(project, options, expected):
    refused(alignfreeze("advise", project / "experiment.toml", "--out", project / "out", *options), expected)


def test_without_a_bitext_there_is_nothing_to_go_by(project):
    text = (project / "experiment.toml").read_text()
    start, end = text.index("[bitext]"), text.index("[realignment]")
    (project / "none.toml").write_text((text[:start] + text[end:]).replace('["baseline", "front"]', '["baseline"]'))
    refused(alignfreeze("advise", project / "none.toml"), "advice needs [bitext]")


def test_each_language_is_named_with_its_answer():
    advice = judge_pilots([pilot("baseline", de=0.5, tr=0.9), pilot("front", de=0.95, tr=0.5)], calibration=EXACT)
    everywhere, german, turkish = advice_answers(advice)
    assert everywhere.startswith("all languages together: ")
    assert re.fullmatch(r"German: realign with front \(\+[\d.]+, \+[\d.]+ to \+[\d.]+; [\d]+%, prior 50%\)", german)
    assert re.fullmatch(
        r"Turkish: do not realign \(best front -[\d.]+, -[\d.]+ to -[\d.]+; no gain [\d]+%, prior 50%\)", turkish
    )
    assert advice_answers(advice, whole=True)[1].startswith("German: use the models of front (")
    advised = mock.Mock(advice=advice, fraction=1, settings=mock.Mock(task="ner"))
    advised.recommended.strategies = [Strategy.parse("baseline")]
    assert list(advice_lines(advised))[-1].startswith("how far to trust this: hardly")


# --- what is added to a realignment --------------------------------------------------


def parsed(*names):
    return [Strategy.parse(name) for name in names]


def test_gains_add_up_from_what_a_strategy_is_made_of():
    roots = np.tile([0.0, 0.05], (4, 2, 1))  # the baseline gains nothing, `back` 5 points
    strategies = parsed("baseline", "back", "projected", "seeds(projected)", "seeds(back+projected)", "ensemble(back)")
    drawn = add_up(roots, ["baseline", "back"], strategies, Calibration(), np.random.default_rng(0))
    baseline, back, projected, seeds, all_of_it, ensemble = np.moveaxis(drawn, -1, 0)
    assert (baseline == 0).all()
    assert (back == 0.05).all()
    # Strategies share the draw of what they have in common.
    np.testing.assert_allclose(all_of_it, seeds + 0.05)
    assert projected.std() > 0
    # Nothing but the known mean gain remains in the mean over draws.
    means = [one.mean(axis=0) for one in (projected, seeds, ensemble)]
    np.testing.assert_allclose(means, [[0.009] * 2, [0.033] * 2, [0.074] * 2])


def test_the_prior_of_a_strategy_is_that_of_its_parts():
    prior = Prior.of(Calibration(), parsed("seeds(baseline)", "back+projected"))
    spread = (0.0105**2 + 0.012**2) ** 0.5
    assert prior.gains["seeds(baseline)"] == pytest.approx(stats.norm.cdf(0.024 / spread))
    spread = (0.019**2 + 0.012**2 + 2 * 0.012**2) ** 0.5
    assert prior.gains["back+projected"] == pytest.approx(stats.norm.cdf((0.009 + 0.011) / spread))
    # The two have nothing in common, so the probabilities that they do not gain multiply.
    neither = (1 - prior.gains["seeds(baseline)"]) * (1 - prior.gains["back+projected"])
    assert prior.no_gain == pytest.approx(neither, abs=0.003)


def test_joined_seeds_are_advised_from_the_pilots_of_one():
    pilots = [pilot("baseline", de=0.5, tr=0.5), pilot("front", de=0.9, tr=0.5)]
    strategies = parsed("front", "seeds(front)", "seeds(baseline)", "projected")
    german, turkish = judge_pilots(pilots, strategies=strategies, calibration=EXACT).languages
    # The pilots say that German gains 40 points and Turkish nothing; three seeds add 2.4.
    assert german.estimated["seeds(front)"].gain == pytest.approx(german.estimated["front"].gain + 0.024)
    assert (german.strategy, german.verdict) == ("seeds(front)", "better")
    assert "German: use 'seeds(front)'." in sentence(german)
    assert turkish.estimated["seeds(baseline)"].gain == pytest.approx(0.024)
    assert turkish.estimated["projected"].gain == pytest.approx(0.009)
    # Pilots say nothing about what realigns nothing.
    projected = turkish.estimated["projected"]
    assert projected.better == projected.prior == Prior.of(EXACT, strategies).gains["projected"]


def test_what_realigns_nothing_is_advised_by_the_prior_alone():
    advice = judge_pilots([pilot("baseline", de=0.5)], strategies=parsed("seeds(baseline)"))
    (german,) = advice.languages
    assert (german.strategy, german.verdict, german.is_judged) == ("seeds(baseline)", "better", False)
    line = advice_answers(advice)[1]
    assert line.startswith("German: use seeds(baseline) (+2.4, ")
    assert line.endswith("; 93% by the prior alone)")
    assert "and your pilots say nothing about what it adds" in sentence(german)
    # A baseline that cannot be believed makes nothing sure.
    weak = judge_pilots([replace(pilot("baseline", de=0.5), is_weak=True)], strategies=parsed("seeds(baseline)"))
    assert weak.overall.verdict == "likely better"


def test_pilots_are_trained_only_for_what_estimates_can_judge(unlabelled):
    strategies = ["seeds(front)", "front+projected", "seeds(projected)"]
    changes = {"strategies": strategies, "seeds": [1, 2, 3], "finetuning": {"head_seed": 7}}
    advised = advise(unlabelled / "experiment.toml", out=unlabelled / "out", **changes)
    trained = {path.name.rsplit("-", 2)[0] for path in (unlabelled / "out" / "pilots").iterdir()}
    assert trained == {"baseline", "front"}
    assert list(advised.advice.overall.estimated) == ["baseline", *strategies]
    best = advised.advice.overall.strategy
    single = str(Strategy.parse(best).of_one_seed)
    expected = {"baseline", single, best, f"seeds({single})"}
    assert {str(one) for one in advised.recommended.strategies} == expected
    assert advised.recommended.finetuning.head_seed == 7
    assert "in points: seeds +2.4, projected +0.9. That was measured for PoS" in " ".join(advice_lines(advised))


# --- what the prior alone says -------------------------------------------------------


def test_the_prior_says_how_probable_a_gain_is_before_any_pilot():
    prior = Prior.of(Calibration(), FRONT)
    # A mean of 1.1 points, with a standard deviation of 1.2 over strategies and of 1.2 over languages.
    assert prior.gains["front"] == pytest.approx(stats.norm.cdf(0.011 / (0.012 * 2**0.5)))
    assert prior.no_gain == pytest.approx(1 - prior.gains["front"])
    everywhere = Prior.of(Calibration(), FRONT, n_languages=10_000)
    assert everywhere.gains["front"] == pytest.approx(stats.norm.cdf(0.011 / 0.012), abs=1e-3)
    drawn = draw_prior(2, 3, Calibration(), np.random.default_rng(0))
    assert (drawn[..., 1:] > 0).mean() == pytest.approx(prior.gains["front"], abs=0.02)
    assert (drawn <= 0).all(axis=-1).mean() == pytest.approx(Prior.of(Calibration(), THREE).no_gain, abs=0.02)


def test_advice_says_what_the_prior_says_and_what_the_pilots_moved_it_to():
    advice = judge_pilots([pilot("baseline", de=0.5), pilot("front", de=0.9)])
    (german,) = advice.languages
    before = Prior.of(Calibration(), FRONT).gains["front"]
    assert german.prior == german.estimated["front"].prior == before
    assert german.confidence == german.estimated["front"].better > before
    assert f"the prior alone says {before:.0%}, your pilots moved it to {german.confidence:.0%}" in sentence(german)
    front = next(row for row in estimate_rows(german) if row["strategy"] == "front")
    assert (front["prior"], front["better"]) == (before, german.confidence)


def test_pilots_that_are_too_weak_move_nothing():
    """With the same predictions, pilots that are believed make the gain sure, and others leave it to the prior."""
    pilots = [pilot("baseline", de=0.5, tr=0.5), pilot("back", de=0.6, tr=0.6), pilot("front", de=0.9, tr=0.9)]
    believed = judge_pilots(pilots)
    assert (believed.overall.verdict, believed.weak) == ("better", ())
    weak = judge_pilots([replace(one, is_weak=one.strategy == "baseline") for one in pilots])
    assert weak.weak == ("baseline",)
    for item in (weak.overall, *weak.languages):
        assert (item.strategy, item.verdict) == ("front", "likely better")
        assert max(one.better for one in item.estimated.values()) <= item.prior
        assert item.confidence <= item.prior
        assert item.estimated["front"].gain == pytest.approx(Calibration().expected)
        assert "your pilots are too weak to move it" in sentence(item)
    answer = advice_answers(weak)[1]
    assert answer.startswith("German: perhaps realign with front (+1.1, ")
    assert answer.endswith("by the prior alone)")


def test_a_strategy_with_weak_pilots_is_no_more_probable_than_before():
    pilots = [pilot("baseline", de=0.5), pilot("back", de=0.6), pilot("front", de=0.9), pilot("full", de=0.1)]
    believed = judge_pilots(pilots).languages[0].estimated
    (german,) = judge_pilots([replace(one, is_weak=one.strategy in {"front", "full"}) for one in pilots]).languages
    assert german.estimated["back"].better == believed["back"].better
    assert german.estimated["front"].better <= german.estimated["front"].prior < believed["front"].better
    assert german.estimated["full"].better == believed["full"].better < german.estimated["full"].prior


@pytest.fixture
def learning(unlabelled):
    """Advice of pilots of so many steps, with an encoder that knows nothing yet."""

    def ask(**finetuning):
        values = [(f"finetuning.{name}", str(value)) for name, value in finetuning.items()]
        settings = ExperimentSettings.from_toml(unlabelled / "experiment.toml", changes=values)
        return advise(settings, base=unlabelled, out=unlabelled / "out", fraction=1)

    return ask


def test_a_random_encoder_is_doubted_first_and_advised_no_surer_than_by_the_prior(learning):
    advised = learning(steps=4)
    assert "baseline" in advised.advice.weak
    assert re.search("too weak to learn from|learnt nothing", advised.warnings()[0])
    assert advised.advice.overall.confidence <= advised.advice.overall.prior
    assert "your pilots are too weak to move it" in next(advice_lines(advised))


def test_an_encoder_that_learnt_the_task_is_believed(learning):
    advised = learning(steps=150, learning_rate=5e-3)
    assert advised.advice.source_scores["baseline"] > 0.95
    assert (advised.advice.weak, advised.advice.doubts) == ((), ())
    assert "your pilots moved it to" in next(advice_lines(advised))
