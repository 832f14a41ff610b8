"""Strategies that join the fine-tuned models of several seeds: the mean of their weights, or of their probabilities."""

import gc
import json
import weakref
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch

from alignfreeze.advice.per_language import choose_strategies
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import EncoderError, TrainingError
from alignfreeze.evaluation.predictions import PREDICTIONS, read_predictions
from alignfreeze.evaluation.together import predict_together
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.experiment import joining, recipe
from alignfreeze.experiment.cost import estimate_cost
from alignfreeze.experiment.joining import average_models
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.records import RunRecord
from alignfreeze.running import sweep
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.folder import read_planned
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from tests.experiment.test_averages import averaging
from tests.support.cli import alignfreeze
from tests.support.runs import change, comparable
from tests.training.test_loop import Killed, kill_after

MEAN, TOGETHER = "seeds(full)", "ensemble(full)"


def joining_plan(project, *strategies, seeds=(1, 2), size=2, steps=4, **changes):
    """The plan of the toy experiment with joined strategies; heads begin alike, and few steps are needed."""
    settings = averaging(project, "baseline", seeds=list(seeds)).settings
    tuning = {"finetuning": FinetuningSettings(steps=steps, batch_size=16, learning_rate=3e-3, head_seed=1)}
    changes = {"strategies": list(strategies), "seeds_per_average": size, **tuning, **changes}
    return plan(change(settings, **changes), base=project)


@pytest.fixture
def tunings(monkeypatch):
    """The seeds of all fine-tunings that are begun, in order."""
    seen, original = [], recipe.finetune

    def counting(*arguments, **options):
        seen.append(options["seed"])
        return original(*arguments, **options)

    monkeypatch.setattr(recipe, "finetune", counting)
    return seen


def model_in(folder):
    return load_task_model(folder, WORDS)


def weights_of(model):
    return dict(model.model.named_parameters())


# --- which runs there are ------------------------------------------------------------


def test_seeds_are_cut_into_groups_in_their_order(project, remarks):
    found = joining_plan(project, "baseline", MEAN, seeds=(31, 42, 66, 23, 17), size=2)
    assert found.settings.seed_groups == [(31, 42), (66, 23)]
    joined = [spec for spec in found.specs if spec.members]
    assert [spec.seed for spec in joined] == [31, 66]
    assert [spec.identity.seeds for spec in joined] == [(31, 42), (66, 23)]
    assert [[one.seed for one in spec.members] for spec in joined] == [[31, 42], [66, 23]]
    assert "seeds(full): without seed 17, because seeds_per_average is 2" in remarks
    # The run follows those of its seeds, whose models it needs.
    names = [(str(spec.strategy), spec.seed) for spec in found.specs]
    assert names[:4] == [("baseline", 31), ("baseline", 42), (MEAN, 31), ("baseline", 66)]


def test_other_groups_are_other_runs(project):
    two, three = (joining_plan(project, MEAN, seeds=(1, 2, 3), size=size).specs[-1] for size in (2, 3))
    assert two.seed == three.seed == 1
    assert two.folder != three.folder
    assert two.members[0].model_name == three.members[0].model_name


def test_a_model_is_named_after_what_decides_its_training(project):
    def name_of(strategy="full", **changes):
        return joining_plan(project, strategy, **changes).specs[0].model_name

    first = name_of()
    others = [
        name_of(steps=5),
        name_of("front"),
        name_of(seeds=(2, 1)),
        name_of(finetuning=FinetuningSettings(steps=4, batch_size=16, learning_rate=3e-3, head_seed=2)),
    ]
    assert len({first, *others}) == 5
    data = joining_plan(project, "full").settings.data
    assert name_of(data=data.model_copy(update={"max_test": 5}), languages=["de"]) != first  # other languages of bitext
    assert name_of(data=data.model_copy(update={"max_test": 5})) == first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"finetuning": {"steps": 4}}, r"seeds\(full\) is the mean of the weights .*; set finetuning.head_seed = 1"),
        ({"seeds_per_average": 3}, r"seeds\(full\) joins 3 seeds, but seeds names only 2; name more, or lower"),
        ({"seeds_per_average": 1}, "seeds_per_average"),
    ],
)
def test_what_is_refused(project, changes, message):
    settings = joining_plan(project, "full").settings
    with pytest.raises(ValueError, match=message):
        change(settings, **{"strategies": ["baseline", MEAN], **changes})


def test_an_ensemble_needs_no_heads_that_begin_alike(project):
    settings = joining_plan(project, "full").settings
    found = change(settings, strategies=[TOGETHER], finetuning={"steps": 4})
    assert found.finetuning.head_seed is None


def test_a_task_whose_models_cannot_predict_together_is_refused(project, monkeypatch):
    settings = joining_plan(project, "full").settings
    kind = replace(TASKS["pos"].kind, joint=None)
    monkeypatch.setattr("alignfreeze.experiment.settings.TASKS", {"pos": replace(TASKS["pos"], kind=kind)})
    with pytest.raises(ValueError, match=r"'pos' cannot predict together"):
        change(settings, strategies=[TOGETHER])


# --- the mean of models --------------------------------------------------------------


@pytest.fixture(scope="module")
def several(tiny_folder, toy_tagged):
    encoder = load_encoder(str(tiny_folder))
    settings = FinetuningSettings(steps=4, batch_size=16, learning_rate=3e-3, head_seed=1)
    return [finetune(encoder, "pos", toy_tagged, settings=settings, seed=seed, device="cpu")[0] for seed in (1, 2, 3)]


def copy_of(model, tmp_path, name):
    model.save(tmp_path / name)
    return replace(model_in(tmp_path / name), tokenizer=model.tokenizer)


def test_the_mean_of_equal_models_is_the_model_bit_by_bit(several, tmp_path):
    copies = [(str(n), copy_of(several[0], tmp_path, str(n))) for n in range(5)]
    mean = average_models(iter(copies))
    assert mean.model is copies[0][1].model
    for (name, ours), theirs in zip(weights_of(mean).items(), weights_of(several[0]).values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_the_mean_is_that_of_each_weight_and_of_the_head_too(several, tmp_path):
    copies = [(str(n), copy_of(one, tmp_path, str(n))) for n, one in enumerate(several)]
    mean = weights_of(average_models(copies))
    for name, ours in mean.items():
        expected = torch.stack([weights_of(one)[name] for one in several]).mean(dim=0)
        assert torch.allclose(ours, expected, atol=1e-6), name
    assert any("classifier" in name for name in mean)


def test_models_that_differ_in_more_than_weights_are_refused(several, tiny_folder, toy_items, tmp_path):
    other = finetune(load_encoder(str(tiny_folder)), "nli", toy_items["nli"], steps=1, device="cpu")[0]
    with pytest.raises((EncoderError, ValueError), match=r"same labels|cannot be averaged"):
        average_models([("1", copy_of(several[0], tmp_path, "1")), ("2", other)])


# --- runs ----------------------------------------------------------------------------


def test_a_joined_run_trains_nothing_that_single_runs_train(project, tunings):
    found = joining_plan(project, "baseline", "full", MEAN, TOGETHER, keep_models=True)
    out = project / "out"
    study = run_experiment(found, out=out)
    assert not study.failures
    assert tunings == [1, 1, 2, 2]  # baseline and full, each seed once
    by_name = {(record.strategy, record.seed): record for record in study.records}
    mean, together = by_name[MEAN, 1], by_name[TOGETHER, 1]
    assert mean.seeds == together.seeds == (1, 2)
    assert by_name["full", 2].seeds == (2,)
    # Its model is the mean of the two that were kept.
    folders = {key: out / "runs" / record.folder / "model" for key, record in by_name.items()}
    ones = [weights_of(model_in(folders["full", seed])) for seed in (1, 2)]
    ours = weights_of(model_in(folders[MEAN, 1]))
    assert all(torch.allclose(ours[name], (ones[0][name] + ones[1][name]) / 2, atol=1e-6) for name in ours)
    assert not all(torch.equal(ours[name], ones[0][name]) for name in ours)
    # Its record has the trainings of both.
    full = [by_name["full", seed] for seed in (1, 2)]
    assert mean.finetuning.steps == sum(one.finetuning.steps for one in full) == 8
    assert mean.realignment.training.steps == 8
    assert mean.seconds["fine-tuning"] == pytest.approx(sum(one.seconds["fine-tuning"] for one in full))
    # An ensemble has no model of its own.
    assert not folders[TOGETHER, 1].exists()
    assert (mean.keeps_model, together.keeps_model) == (True, False)
    card = (folders[MEAN, 1] / "README.md").read_text()
    assert "mean of the weights of the fine-tuned models of the seeds 1, 2" in card
    for record in study.records:
        (folder,) = (out / "runs").glob(f"*{record.digest[:12]}")
        assert RunRecord.from_json(json.loads((folder / "record.json").read_text())) == record
    # Models that are kept for users stay, with their cards.
    assert len(list((out / "tuned").iterdir())) == 2
    assert all("freezing: `full`" in path.read_text() for path in (out / "tuned").glob("*/README.md"))
    assert not (out / "checkpoints").exists()


def test_it_predicts_what_its_models_predict_together(project):
    found = joining_plan(project, "full", TOGETHER, keep_models=True)
    out = project / "out"
    study = run_experiment(found, out=out)
    *full, together = study.records
    models = [model_in(out / "runs" / record.folder / "model") for record in full]
    task = TASKS["pos"]

    def predict(items):
        return predict_together(models, task, items, device="cpu")

    expected = assess(models[0], task, found.data.tests, source="en", device="cpu", predict=predict)
    assert together.scores == expected.scores


def test_alone_it_comes_to_the_same(project, tunings):
    run_experiment(joining_plan(project, "full", MEAN, TOGETHER), out=project / "out")
    assert tunings == [1, 2]
    assert not (project / "out" / "tuned").exists()
    assert not (project / "out" / "realigned").exists()
    for strategy in (MEAN, TOGETHER):
        out = project / strategy
        run_experiment(joining_plan(project, strategy), out=out)
        (name,) = comparable(out)
        assert comparable(out)[name] == comparable(project / "out")[name]
        assert not (out / "tuned").exists()
    assert tunings == [1, 2] * 3


def test_single_runs_are_the_same_with_and_without_it(project):
    run_experiment(joining_plan(project, "full", MEAN), out=project / "out")
    run_experiment(joining_plan(project, "full"), out=project / "alone")
    alone = comparable(project / "alone")
    assert {name: comparable(project / "out")[name] for name in alone} == alone


@pytest.mark.parametrize("schedule", ["during", "after"])
def test_members_are_realigned_by_any_schedule(project, schedule, tunings):
    settings = joining_plan(project, "full").settings
    realignment = settings.realignment.model_copy(update={"schedule": schedule})
    found = joining_plan(project, "full", MEAN, TOGETHER, realignment=realignment)
    study = run_experiment(found, out=project / "out")
    assert not study.failures
    assert tunings == [1, 2]
    assert [record.strategy for record in study.records] == ["full", "full", MEAN, TOGETHER]
    alone = run_experiment(joining_plan(project, MEAN, realignment=realignment), out=project / "alone")
    assert alone.records[0].scores == study.records[2].scores


def test_it_joins_averages_adapters_and_means_of_snapshots_too(project):
    for strategy, tuning in [
        ("seeds(average(full,front))", {}),
        (MEAN, {"adapter": "lora:2"}),
        (MEAN, {"average_last": 2}),
        ("seeds(baseline)", {}),
        ("ensemble(baseline)", {}),
    ]:
        settings = FinetuningSettings(steps=4, batch_size=16, learning_rate=3e-3, head_seed=1, **tuning)
        found = joining_plan(project, strategy, finetuning=settings)
        study = run_experiment(found, out=project / f"out {strategy} {tuning}")
        assert [record.strategy for record in study.records] == [strategy], study.failures


def test_models_go_when_the_last_run_that_joins_them_is_done(project, monkeypatch):
    found, out = joining_plan(project, "full", MEAN, TOGETHER, seeds=(1, 2, 3, 4)), project / "out"
    seen, run = [], sweep.run

    def watching(spec, *arguments, **options):
        folder = out / "tuned"
        seen.append(sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir()) if folder.exists() else [])
        return run(spec, *arguments, **options)

    monkeypatch.setattr(sweep, "run", watching)
    run_experiment(found, out=out)
    one, both = ["full-1"], ["full-1", "full-2"]
    later, last = ["full-3"], ["full-3", "full-4"]
    assert seen == [[], one, both, both, [], later, last, last]
    assert not (out / "tuned").exists()


def test_a_joined_run_that_was_killed_keeps_its_finished_members(project, tunings, monkeypatch):
    found, out = joining_plan(project, MEAN), project / "out"
    whole = run_experiment(joining_plan(project, MEAN), out=project / "whole").records[0]
    tunings.clear()
    make, seen = recipe.finetune, []

    def dying(*arguments, **options):
        seen.append(options["seed"])
        if options["seed"] == 2:
            raise Killed
        return make(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(recipe, "finetune", dying)
        with pytest.raises(Killed):
            run_experiment(found, out=out)
    (kept,) = (out / "tuned").iterdir()
    assert kept.name.startswith("full-1-")
    (record,) = run_experiment(found, out=out).records
    assert (seen, tunings) == ([1, 2], [1, 2])  # the second of the first time did not begin
    assert record.scores == whole.scores
    assert not (out / "tuned").exists()


def test_a_member_goes_on_from_its_checkpoint(project, monkeypatch):
    compute = joining_plan(project, "full").settings.compute.model_copy(update={"checkpoint_steps": 1})
    found, out = joining_plan(project, MEAN, compute=compute, steps=6), project / "out"
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_after(patched, 5)  # a realignment has four steps
        run_experiment(found, out=out)
    saved = sorted((out / "checkpoints").glob("*full-1-*/*/checkpoint-*"))
    assert [path.name for path in saved if path.parent.name == "fine-tuning"] == ["checkpoint-4"]
    (record,) = run_experiment(found, out=out).records
    whole = run_experiment(joining_plan(project, MEAN, steps=6), out=project / "whole").records[0]
    assert record.scores == whole.scores
    assert not (out / "checkpoints").exists()


def test_a_damaged_model_is_trained_again(project, tunings, remarks):
    found, out = joining_plan(project, "full", MEAN), project / "out"
    run_experiment(found, out=out, only=["full-*"])
    (one, _) = sorted((out / "tuned").iterdir())
    weights = one / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    run_experiment(found, out=out)
    assert tunings == [1, 2, 1]
    assert any("this fine-tuned model is damaged; training it again" in text for text in remarks)
    run_experiment(joining_plan(project, MEAN), out=project / "alone")
    (name,) = comparable(project / "alone")
    assert comparable(project / "alone")[name] == comparable(out)[name]


def test_if_the_run_of_a_seed_failed_the_joined_run_trains_it(project, tunings, monkeypatch):
    found, out = joining_plan(project, "full", MEAN), project / "out"
    run = sweep.run

    def failing(spec, *arguments, **options):
        if str(spec.strategy) == "full" and spec.seed == 2:
            raise TrainingError("the loss is nan")
        return run(spec, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(sweep, "run", failing)
        study = run_experiment(found, out=out)
    assert [failure.seed for failure in study.failures] == [2]
    assert tunings == [1, 2]
    assert [record.strategy for record in study.records] == ["full", MEAN]
    assert not (out / "tuned").exists()


def test_the_run_of_a_seed_reads_what_a_joined_run_has_trained_before(project, tunings):
    found, out = joining_plan(project, "full", MEAN), project / "out"
    run_experiment(found, out=out, only=["seeds-*"])
    assert tunings == [1, 2]
    assert len(list((out / "tuned").iterdir())) == 2  # the runs of the seeds wait for them
    assert len(run_experiment(found, out=out).records) == 3
    assert tunings == [1, 2]
    assert not (out / "tuned").exists()
    run_experiment(joining_plan(project, "full"), out=project / "alone")
    alone = comparable(project / "alone")
    assert {name: comparable(out)[name] for name in alone} == alone
    # Done again, each model is trained again.
    run_experiment(found, out=out, force=True)
    assert tunings == [1, 2] * 3


def test_workers_share_the_models(project):
    out = project / "out"
    study = run_experiment(joining_plan(project, "full", MEAN, TOGETHER), out=out, workers=2)
    assert not study.failures
    assert len(study.records) == 4
    run_experiment(joining_plan(project, "full", MEAN, TOGETHER), out=project / "alone")
    assert comparable(out) == comparable(project / "alone")
    assert not (out / "tuned").exists()


def test_processes_that_train_together_share_no_models(project, tunings, monkeypatch):
    """They would wait for each other's locks. Each joined run trains its members."""
    found, out = joining_plan(project, "full", MEAN, TOGETHER), project / "out"
    alone = run_experiment(found, out=project / "alone")
    tunings.clear()
    monkeypatch.setattr(sweep, "n_processes", lambda: 2)
    monkeypatch.setattr("alignfreeze.running.sharing.n_processes", lambda: 2)
    study = run_experiment(found, out=out)
    assert tunings == [1, 2] * 3
    assert [record.scores for record in study.records] == [record.scores for record in alone.records]
    assert not (out / "tuned").exists()
    assert not (out / "checkpoints").exists()


def test_no_more_than_two_models_are_held_at_once(project):
    """The mean, and the one that is added to it."""
    alive, make = [], joining.ModelMaker.make_once

    def counting(*arguments):
        gc.collect()
        assert sum(model() is not None for model in alive) <= 1
        made = make(*arguments)
        alive.append(weakref.ref(made.model.model))
        return made

    with mock.patch.object(joining.ModelMaker, "make_once", counting):
        run_experiment(joining_plan(project, MEAN, seeds=(1, 2, 3, 4), size=4), out=project / "out")
    assert len(alive) == 4


def test_held_out_pairs_get_the_mean_of_the_probabilities(project):
    text = (project / "experiment.toml").read_text()
    text = text.replace("pretokenized = true", "pretokenized = true\nheld_out = 20")
    (project / "experiment.toml").write_text(text)
    out = project / "out"
    *full, together = run_experiment(joining_plan(project, "full", TOGETHER), out=out).records
    found = [read_predictions(out / "runs" / one.folder / PREDICTIONS)["de"] for one in (*full, together)]
    expected = np.mean([one.target.values.astype(np.float32) for one in found[:2]], axis=0)
    assert np.allclose(found[2].target.values, expected, atol=2e-3, equal_nan=True)
    # Estimates judge the runs of one seed; what joining adds is known beforehand.
    run_experiment(joining_plan(project, "baseline", "full", TOGETHER), out=out)
    choices = choose_strategies(out)
    assert list(choices.advice.overall.estimated) == ["baseline", "full", "ensemble(full)"]
    assert choices.advice.seeds == (1, 2)


def test_plans_and_costs_count_each_training_once(project):
    found = joining_plan(project, "full", MEAN, TOGETHER, "seeds(front)")
    run = sweep.Sweep([found], project / "out")
    run.prepare()
    steps = {name.rsplit("-", 2)[0]: n for name, n in read_planned(project / "out").items()}
    assert steps["full"] == {"realigning": 4, "fine-tuning": 4}
    assert steps["seeds-full"] == steps["ensemble-full"] == {"fine-tuning": 0}
    assert steps["seeds-front"] == {"realigning": 8, "fine-tuning": 8}
    hours = []
    for strategies in (["full"], ["full", MEAN, TOGETHER], [MEAN]):
        with mock.patch("alignfreeze.experiment.cost._time_step", side_effect=[(3600.0, 0), (0.0, 0)]):
            settings = joining_plan(project, *strategies).settings
            hours.append(estimate_cost(settings, finetuning_steps=4).hours)
    assert hours == [8, 8, 8]


def test_the_command_line_shows_it_like_any_other(project):
    text = (project / "experiment.toml").read_text()
    strategies = f'["baseline", "full", "{MEAN}", "{TOGETHER}"]\nseeds_per_average = 2'
    text = text.replace('["baseline", "front"]', strategies).replace("[finetuning]", "[finetuning]\nhead_seed = 1")
    (project / "experiment.toml").write_text(text)
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert f"6: baseline 1, full 1, baseline 2, full 2, {MEAN} 1+2, {TOGETHER} 1+2" in dry.stdout
    out = project / "out"
    done = alignfreeze("run", project / "experiment.toml", "--out", out)
    assert done.returncode == 0, done.stderr
    assert MEAN in done.stdout
    assert {path.name.rsplit("-", 1)[0] for path in (out / "runs").iterdir()} >= {"seeds-full-1", "ensemble-full-1"}
    for page in ("page.html", "page.md", "page.tex"):
        done = alignfreeze("report", out, "--out", project / page)
        assert done.returncode == 0, done.stderr
        assert MEAN in (project / page).read_text()
    assert alignfreeze("status", out).returncode == 0
    one_seed = alignfreeze("run", project / "experiment.toml", "--out", out, "--seed", "1")
    assert one_seed.returncode == 0
    assert "seeds(full), ensemble(full): without seed 1, because seeds_per_average is 2" in one_seed.stderr
    refused = alignfreeze("run", project / "experiment.toml", "--out", out, "--set", "seeds=[1]")
    assert refused.returncode == 2
    assert "seeds(full) joins 2 seeds, but seeds names only 1; name more, or lower" in refused.stderr


def test_seeds_of_models_that_are_taught_are_joined(project):
    """The mean of two models, each of which has learnt from labels of its own first model."""
    found = joining_plan(project, "projected", "seeds(projected)", steps=30, keep_models=True)
    out = project / "out"
    one, other, mean = sorted(run_experiment(found, out=out).records, key=lambda record: len(record.seeds))
    assert mean.strategy == "seeds(projected)"
    assert mean.teaching.items == one.teaching.items + other.teaching.items
    assert [taught.pairs for taught in mean.teaching.languages] == [240, 240]
    weights = [weights_of(model_in(out / "runs" / record.folder / "model")) for record in (one, other, mean)]
    for name, found_mean in weights[2].items():
        expected = (weights[0][name] + weights[1][name]) / 2
        torch.testing.assert_close(found_mean, expected, rtol=1e-5, atol=1e-6)
