"""Choosing among complete runs for each language, by what their models say of held-out pairs."""

import json
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from alignfreeze.advice import per_language
from alignfreeze.advice.choices import choice_lines, choice_sheet
from alignfreeze.advice.outcome import how_far
from alignfreeze.advice.per_language import choose_strategies
from alignfreeze.evaluation.checks import LEARNT_NOTHING
from alignfreeze.evaluation.predictions import PREDICTIONS, write_predictions
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.files import read_json, write_json
from tests.advice.test_advice import predictions
from tests.support.cli import alignfreeze, refused

HELD = ("--set", "bitext.held_out=30")


@pytest.fixture
def study(project):
    """Writes runs with invented scores and predictions: `study(front={"de": (0.9, 0.7)})` is agreement and score."""
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--set", "seeds=[1]", *HELD)
    assert done.returncode == 0, done.stderr
    records = [RunRecord.from_json(read_json(path)) for path in (project / "out").glob(f"runs/*/{RECORD}")]
    templates = {record.strategy: record for record in records}
    runs = project / "study" / "runs"

    def write(seeds=(1, 2), **strategies):
        for strategy, languages in strategies.items():
            for seed in seeds:
                template = templates[strategy]
                scores = tuple(
                    Score(code, "accuracy", value + seed / 1000, 100, "words")
                    for code, value in {"en": 0.9, **{code: score for code, (_, score) in languages.items()}}.items()
                )
                record = replace(template, seed=seed, scores=scores)
                folder = runs / f"{strategy}-{seed}"
                folder.mkdir(parents=True)
                record.write(folder)
                several = [predictions(code, right, seed=3) for code, (right, _) in languages.items()]
                write_predictions(folder / PREDICTIONS, several)
        return runs.parent

    return write


def test_each_language_gets_the_strategy_that_estimates_say(study):
    folder = study(
        baseline={"de": (0.7, 0.6), "tr": (0.7, 0.5)},
        # Agreement and score go together in German; in Turkish the estimate is wrong.
        front={"de": (0.95, 0.8), "tr": (0.1, 0.55)},
    )
    found = choose_strategies(folder)
    assert {one.language: one.strategy for one in found.languages} == {"de": "front", "tr": "baseline"}
    assert found.chosen == pytest.approx((0.8 + 0.5) / 2 + 0.0015)
    assert found.single == ("front", pytest.approx((0.8 + 0.55) / 2 + 0.0015))
    assert found.best == pytest.approx((0.8 + 0.55) / 2 + 0.0015)
    assert found.gain == pytest.approx(-0.025)
    assert [row[0].text for row in choice_sheet(found).rows] == ["de", "tr", "average"]
    assert "gains -2.5 points over the best single strategy, 'front', which scores 67.7" in " ".join(
        choice_lines(found)
    )


def test_the_interval_of_a_gain_lies_around_it(study):
    for seed, german in ((1, 0.80), (2, 0.82), (3, 0.84)):
        folder = study(
            seeds=(seed,),
            baseline={"de": (0.7, 0.6), "tr": (0.7, 0.5)},
            front={"de": (0.95, german), "tr": (0.1, german - 0.2)},
        )
    found = choose_strategies(folder)
    # Of Turkish the baseline is taken, which loses 0.10, 0.12 and 0.14: half of that in the mean over languages.
    assert found.gain == pytest.approx(-0.06)
    half = stats.t.ppf(0.975, 2) * 0.01 / 3**0.5
    assert found.interval == pytest.approx((-0.06 - half, -0.06 + half))


def test_of_entities_less_is_taken_for_sure(study):
    folder = study(baseline={"de": (0.7, 0.6)}, front={"de": (0.95, 0.8)})

    def width():
        low, high = choose_strategies(folder).advice.overall.estimated["front"].interval
        return high - low

    words = width()
    for path in folder.rglob(RECORD):
        values = read_json(path)
        values["settings"]["task"] = "ner"
        write_json(path, values)
    assert width() > 2 * words
    found = choose_strategies(folder)
    assert any(line.startswith("how far to trust this: hardly") for line in choice_lines(found))
    (prior,) = {item.prior for item in found.advice.languages}
    assert f"the prior alone says {prior:.0%}, your runs moved it to" in " ".join(choice_lines(found))
    assert found.answers()[1].startswith("German: perhaps use the models of front (")


def test_runs_that_have_learnt_nothing_are_not_believed(study):
    folder = study(baseline={"de": (0.7, 0.6)}, front={"de": (0.95, 0.8)})
    for path in folder.rglob(RECORD):
        doubt = f"English: an accuracy of 20.0% is no better than to say 'X'; {LEARNT_NOTHING}"
        write_json(path, read_json(path) | {"doubts": [doubt]})
    found = choose_strategies(folder)
    assert found.advice.weak == ("baseline", "front")
    assert found.advice.overall.confidence <= found.advice.overall.prior
    assert "your runs are too weak to move it" in " ".join(choice_lines(found))


def test_without_test_data_a_choice_is_made_all_the_same(study):
    folder = study(baseline={"de": (0.7, 0.6), "tr": (0.7, 0.5)}, front={"de": (0.95, 0.8), "tr": (0.1, 0.5)})
    for path in folder.rglob(RECORD):
        record = RunRecord.from_json(read_json(path))
        replace(record, scores=record.scores[:1]).write(path.parent)
    found = choose_strategies(folder)
    assert {one.language: one.strategy for one in found.languages} == {"de": "front", "tr": "baseline"}
    assert found.chosen is None
    assert "the gain of these choices is not known" in list(choice_lines(found))[-1]
    assert choice_sheet(found).rows[-1][-1].text == "–"


def test_joined_and_taught_runs_are_chosen_from_too(study):
    folder = study(
        seeds=(1, 2, 3),
        baseline={"de": (0.7, 0.60), "tr": (0.7, 0.5)},
        front={"de": (0.95, 0.70), "tr": (0.1, 0.5)},
    )
    add = {
        ("seeds(front)", (1, 2, 3)): {"de": 0.75, "tr": 0.55},
        ("projected", (1,)): {"de": 0.5, "tr": 0.9},
        ("projected", (4,)): {"de": 0.1, "tr": 0.1},  # a seed that the others do not have
        ("seeds(back)", (1, 2, 3)): {"de": 0.9, "tr": 0.9},  # no single run of `back` is here
    }
    for (strategy, seeds), scores in add.items():
        template = RunRecord.from_json(read_json(folder / "runs" / "front-1" / RECORD))
        found = tuple(Score(code, "accuracy", value, 100, "words") for code, value in {"en": 0.9, **scores}.items())
        identity = replace(template.identity, seed=seeds[0]).join(seeds)
        record = replace(template, strategy=strategy, seed=seeds[0], identity=identity, scores=found)
        place = folder / "runs" / f"{strategy}-{seeds[0]}"
        place.mkdir()
        record.write(place)
    with mock.patch.object(per_language, "remark") as said:
        found = choose_strategies(folder)
    assert said.call_args.args[0].startswith("seeds(back): left out of the choice, because single runs")
    assert list(found.advice.overall.estimated) == ["baseline", "front", "projected", "seeds(front)"]
    # Joined seeds are known to gain more than projected labels, whatever these runs scored.
    assert {one.language: one.strategy for one in found.languages} == {"de": "seeds(front)", "tr": "seeds(front)"}
    assert found.chosen == pytest.approx(0.65)
    assert found.single == ("projected", pytest.approx(0.7))
    assert found.interval is None  # the strategies have different numbers of runs
    again = folder / "runs" / "projected-again"
    again.mkdir()
    values = read_json(folder / "runs" / "projected-1" / RECORD)
    values |= {"digest": "7" * 12}  # as with other settings of teaching
    write_json(again / RECORD, values)
    refused(alignfreeze("advise", folder), "differ in more than strategy and seed")


def test_the_command_says_what_choosing_gains_and_names_the_models(project, tmp_path):
    options = [*HELD, "--set", "keep_models=true"]
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", *options)
    assert done.returncode == 0, done.stderr
    chosen = alignfreeze("advise", project / "out", "--out", tmp_path / "choice", "--json")
    assert chosen.returncode == 0, chosen.stderr
    facts = json.loads(chosen.stdout)
    records = [RunRecord.from_json(read_json(path)) for path in (project / "out").glob(f"runs/*/{RECORD}")]
    scores = {}
    for record in records:
        for score in record.scores:
            if score.metric == "accuracy":
                scores.setdefault((record.strategy, score.language), []).append(score.value)
    ours = np.mean([np.mean(scores[one["strategy"], one["language"]]) for one in facts["languages"]])
    singles = {name: np.mean([np.mean(scores[name, code]) for code in ("de", "tr")]) for name in ("baseline", "front")}
    assert facts["chosen_score"] == pytest.approx(ours)
    assert facts["best_single"][1] == pytest.approx(max(singles.values()))
    assert facts["gain"] == pytest.approx(ours - max(singles.values()))
    for one in facts["languages"]:
        assert len(one["models"]) == 2
        assert all(one["strategy"] in path for path in one["models"])
    assert json.loads((tmp_path / "choice" / "choice.json").read_text()) == facts
    assert facts["how_far"] == how_far("pos")
    shown = alignfreeze("advise", project / "out")
    assert "models of German: " in shown.stdout
    assert "seeds: 1, 2" in shown.stdout
    assert how_far("pos") in " ".join(shown.stdout.split())
    assert "chosen for each language" in shown.stdout
    assert "over the best single strategy" in " ".join(shown.stdout.split())


def test_what_cannot_be_chosen_from_is_refused(study, project):
    for path in (project / "out").rglob(PREDICTIONS):
        path.unlink()
    refused(alignfreeze("advise", project / "out"), "set bitext.held_out, such as bitext.held_out = 100")
    refused(alignfreeze("advise", project / "nowhere.toml"), "nowhere.toml")
    folder = study(baseline={"de": (0.7, 0.6)})
    refused(alignfreeze("advise", folder), "there is nothing to choose from", "found: baseline 1, baseline 2")
    refused(alignfreeze("advise", folder, "--fraction", "0.5"), "--fraction: only for pilots")
    study(seeds=(3,), front={"de": (0.7, 0.6)})
    refused(alignfreeze("advise", folder), "a seed with a run of the baseline", "front 3")


def test_runs_of_several_kinds_are_refused(study):
    folder = study(baseline={"de": (0.7, 0.6)}, front={"de": (0.9, 0.7)})
    path = next(path for path in folder.rglob(RECORD) if "front-1" in str(path))
    record = RunRecord.from_json(read_json(path))
    chosen = record.identity.settings
    other = {**chosen, "fine-tuning": {**chosen["fine-tuning"], "finetuning.learning_rate": 7}}
    replace(record, identity=replace(record.identity, settings=other)).write(path.parent)
    refused(alignfreeze("advise", folder), "differ in more than strategy and seed")


@pytest.mark.parametrize(
    "change",
    [("files", "tests", "test de"), ("settings", "tests", "languages"), ("settings", "pairs", "bitext.held_out")],
)
def test_a_baseline_of_other_tests_or_pairs_is_not_chosen_from(study, change):
    folder = study(baseline={"de": (0.7, 0.6)}, front={"de": (0.9, 0.7)})
    path = next(path for path in folder.rglob(RECORD) if "baseline-1" in str(path))
    values = read_json(path)
    place = values["identity"]
    for name in change[:-1]:
        place = place[name]
    place[change[-1]] = "another"
    write_json(path, values)
    refused(alignfreeze("advise", folder), "differ in more than strategy and seed")


def test_damaged_predictions_are_named(study):
    folder = study(baseline={"de": (0.7, 0.6)}, front={"de": (0.9, 0.7)})
    damaged = folder / "runs" / "front-2" / PREDICTIONS
    damaged.write_bytes(damaged.read_bytes()[:50])
    refused(alignfreeze("advise", folder), str(damaged), "repeat the run")
