"""Strategies whose models are trained a second time, on target-language items that a first model helps to label."""

import json
import re
import time
from copy import deepcopy
from dataclasses import asdict, replace
from unittest import mock

import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.predictions import PREDICTIONS
from alignfreeze.experiment import recipe, teaching
from alignfreeze.experiment.cost import estimate_cost
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.experiment.taught import Teaching, TeachingSettings
from alignfreeze.reports.plans import plan_facts, plan_sheet
from alignfreeze.reports.run_pages import run_page
from alignfreeze.running import sweep
from alignfreeze.running.claims import Claim
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.folder import read_planned
from alignfreeze.running.pace import Pace, guess_seconds_left
from alignfreeze.running.status import RunStatus
from alignfreeze.running.sweep import Sweep
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results, results_of
from alignfreeze.studies.summaries import name_strategy
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.watching import Watch
from tests.experiment.test_joining import tunings  # noqa: F401 - a fixture
from tests.experiment.test_starting import realignments  # noqa: F401 - a fixture
from tests.support.cli import alignfreeze, refused
from tests.support.records import make_record, make_settings
from tests.support.runs import change, comparable, planned
from tests.support.terminal import text_of
from tests.training.test_loop import Killed


def planned_steps(found, project):
    """The steps of each run of a plan, by strategy, as the folder of the study keeps them."""
    Sweep([found], project / "steps").prepare()
    return {name.rsplit("-", 2)[0]: steps for name, steps in read_planned(project / "steps").items()}


SURE = {
    "finetuning": {"steps": 30, "batch_size": 16, "learning_rate": 5e-3},
}
"""Enough steps to be sure of some labels."""

HEADS = FinetuningSettings(**SURE["finetuning"], head_seed=1)


def taught(project, *strategies, seeds=(1,), **changes):
    """The plan of the toy experiment with some strategies, whose first models have learnt something."""
    return planned(project, seeds=list(seeds), strategies=list(strategies), **{**SURE, **changes})


def kept_weights(out, record):
    from safetensors.torch import load_file

    return load_file(out / "runs" / record.folder / "model" / "model.safetensors")


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_second_model_learns_what_a_first_one_says_of_the_bitext(project):
    found, out = taught(project, "baseline", "projected", "self-trained", keep_models=True), project / "out"
    baseline, projected, own = run_experiment(found, out=out).records
    assert baseline.teaching is None
    for record in (projected, own):
        # The first training is that of the baseline, and the second sees English as often.
        assert record.teaching.first.steps == baseline.finetuning.steps == 30
        assert record.teaching.first.losses == baseline.finetuning.losses
        assert record.finetuning.steps == 60
        assert [one.language for one in record.teaching.languages] == ["de", "tr"]
        assert all(one.pairs == 120 for one in record.teaching.languages)
        assert record.teaching.items > 0
        assert record.realignment is None
        assert not same(kept_weights(out, record), kept_weights(out, baseline))
        assert RunRecord.read(out / "runs" / record.folder / "record.json") == record
    assert not same(kept_weights(out, projected), kept_weights(out, own))
    run_experiment(taught(project, "projected", "self-trained", keep_models=True), out=project / "again")
    again, first = comparable(project / "again"), comparable(out)
    assert all(first[name] == again[name] for name in again)


def test_a_realigned_encoder_is_shared_with_the_strategy_that_is_not_taught(project, realignments):  # noqa: F811
    found, out = taught(project, "full", "full+projected", "full+self-trained"), project / "out"
    full, projected, own = run_experiment(found, out=out).records
    assert realignments == ["full"]
    assert projected.realignment == own.realignment == full.realignment
    assert projected.teaching.first.losses == full.finetuning.losses
    apart = run_experiment(taught(project, "full+projected"), out=project / "apart")
    name = apart.records[0].folder
    assert comparable(project / "apart")[name] == comparable(out)[name]


def test_labels_go_over_links_also_where_the_realignment_has_none(project, realignments):  # noqa: F811
    sentence = {"realignment": {"steps": 4, "batch_size": 4, "loss": "sentence"}}
    found = taught(project, "full", "projected", "full+projected", **sentence)
    full, projected, both = found.specs
    assert full.realigned_encoders == both.realigned_encoders != {}
    assert Part.LINKS not in both.identity.settings
    assert "alignment.aligner" in projected.identity.settings[Part.TEACHING]
    full, projected, both = run_experiment(found, out=project / "out").records
    assert realignments == ["full"]
    assert projected.teaching.items > 0
    assert (projected.aligner, both.aligner) == ("none", "none")
    values = found.settings.model_dump(mode="json") | {"alignment": {"aligner": "sentence"}}
    with pytest.raises(SettingsError, match=r"finds no links; .* and without label projection"):
        ExperimentSettings.from_values(values, origin="x")


# --- the first model -----------------------------------------------------------------


@pytest.mark.parametrize("strategies", [("baseline", "projected", "self-trained"), ("projected", "self-trained")])
def test_runs_share_the_first_model(project, tunings, strategies):  # noqa: F811
    found, out = taught(project, *strategies), project / "out"
    study = run_experiment(found, out=out)
    assert len(tunings) == 3  # the first model, and a second one for each way
    assert not (out / "tuned").exists()
    assert not (out / "checkpoints").exists()
    for record in study.records:
        alone = project / record.strategy
        run_experiment(taught(project, record.strategy), out=alone)
        assert comparable(alone)[record.folder] == comparable(out)[record.folder]
    by_strategy = {record.strategy: record for record in study.records}
    projected, own = by_strategy["projected"], by_strategy["self-trained"]
    assert projected.teaching.first == own.teaching.first  # with its time: both name what it took
    assert projected.seconds["fine-tuning"] > projected.teaching.first.seconds


def test_a_realigned_first_model_is_shared_and_the_realignment_too(project, realignments, tunings):  # noqa: F811
    names, out = ("full+projected", "full+self-trained", "seeds(full+projected)"), project / "out"
    study = run_experiment(taught(project, *names, seeds=(1, 2), seeds_per_average=2, finetuning=HEADS), out=out)
    assert not study.failures
    assert realignments == ["full", "full"]
    assert sorted(tunings) == [1] * 3 + [2] * 3
    for left in ("tuned", "realigned", "checkpoints"):
        assert not (out / left).exists()


def test_a_run_that_was_killed_keeps_the_first_model(project, tunings, monkeypatch):  # noqa: F811
    found, out = taught(project, "projected", "self-trained"), project / "out"
    make = recipe.finetune

    def dying(*arguments, **options):
        if options["mixture"] is not None:
            raise Killed
        return make(*arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(recipe, "finetune", dying)
        run_experiment(found, out=out)
    assert [path.name.rsplit("-", 1)[0] for path in (out / "tuned").iterdir()] == ["baseline-1"]
    run_experiment(found, out=out)
    assert len(tunings) == 1 + 2
    run_experiment(found, out=project / "whole")
    assert comparable(project / "whole") == comparable(out)


def test_processes_that_train_together_share_no_first_model(project, tunings, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sweep, "n_processes", lambda: 2)
    run_experiment(taught(project, "baseline", "projected"), out=project / "out")
    assert len(tunings) == 3
    assert not (project / "out" / "tuned").exists()


# --- labels --------------------------------------------------------------------------

DIAGONAL = WordAlignment(frozenset((n, n) for n in range(5)))


@pytest.fixture
def first(project):
    """The plan of a taught run, and a model that gives labels."""
    found = taught(project, "projected")
    with (
        mock.patch.object(teaching, "label_languages", side_effect=InterruptedError) as stop,
        pytest.raises(InterruptedError),
    ):
        recipe.realign_and_finetune(
            found.specs[0],
            found.data,
            [DIAGONAL] * len(found.data.bitext),
            recipe.Places(project, project / "checkpoints", project / "logs"),
            tokenizer=found.tokenizer,
            meter=recipe.Meter("cpu"),
        )
    return found, stop.call_args.args[0][0]


def label(first, *, way="projected", pairs=None, links=DIAGONAL, tests=None, **changes):
    found, model = first
    bitext = found.data.bitext if pairs is None else pairs
    data = replace(found.data, bitext=bitext, tests=found.data.tests if tests is None else tests)
    settings = change(found.settings, **{"projection": {"surest": 1}, "self_training": {"surest": 1}, **changes})
    return teaching.label_languages([model], way, settings, data, [links] * len(bitext), seed=1)


def says(model, items):
    return [tuple(row) for row in teaching.TASKS["pos"].kind.predict(model, items)]


@pytest.mark.parametrize("way", ["projected", "self-trained"])
def test_over_an_identity_bitext_a_model_gets_its_own_labels_back(first, way):
    same_sides = [SentencePair(pair.source, pair.source, ("en", "de")) for pair in first[0].data.bitext]
    ((facts, items),) = label(first, way=way, pairs=same_sides, tests={})
    assert (facts.language, facts.pairs, facts.labelled, facts.items) == ("de", 240, 240, 240)
    assert (facts.coverage, facts.decision) == (1, "keep")
    assert [item.tags for item in items] == says(first[1], items)
    assert [item.words for item in items] == [pair.source for pair in same_sides]


def test_a_sentence_by_hand(first):
    """Source words 0, 1, 2 are the target words 2, 0, 1, and the last target word has no link."""
    pair = SentencePair(("the", "dog", "sees"), ("god", "sees", "eht", "!"), ("en", "de"))
    links = WordAlignment(frozenset({(0, 2), (1, 0), (2, 1)}))
    ((facts, (item,)),) = label(first, pairs=[pair], links=links, tests={}, teaching={"guard": False})
    (source,) = says(first[1], [TaggedSentence(pair.source, (None,) * 3)])
    assert item == TaggedSentence(pair.target, (source[1], source[2], source[0], None))
    assert (facts.labelled, facts.coverage) == (1, 0.75)
    assert facts.sentence == "German: projected labels are not checked (teaching.guard = false)."


def test_labels_of_a_bitext_that_cuts_words_otherwise_are_refused(first, toy_tagged):
    """Of its 5 words a sentence of the tests has 2 that no sentence of the bitext has: 40 %, and 20 % are enough."""
    words = [TaggedSentence(("e", "ht", *sentence.words[1:4]), sentence.tags) for sentence in toy_tagged[:20]]
    tests = {"de": words}
    german, turkish = label(first, tests=tests)
    assert (german[0].decision, german[0].items, len(german[1])) == ("refuse", 0, 0)
    assert german[0].labelled == 120
    assert re.match(r"German: projected labels are refused: \d+% of the words .* never occur", german[0].sentence)
    assert turkish[0].language == "tr"
    (unguarded, items), _ = label(first, tests=tests, teaching={"guard": False})
    assert unguarded.items == len(items) == 120
    own, _ = label(first, tests=tests, way="self-trained")
    assert own[0].sentence.startswith("German: the model's own labels are refused: ")


def test_not_more_pairs_are_labelled_than_wanted(first):
    (german, items), (turkish, others) = label(first, teaching={"max_pairs": 50, "guard": False})
    assert (german.pairs, turkish.pairs) == (50, 50)
    assert [item.words for item in items] != [item.words for item in others]
    assert label(first, teaching={"max_pairs": 50, "guard": False})[0][1] == items


def test_the_best_half_of_doubtful_labels_is_learnt(first):
    guarded = teaching.Guarded("de", "weigh down", 0.5, 0.75, "German: only the best 50% are used.")
    with mock.patch.object(teaching, "judge_evidence", lambda *_, **__: guarded):
        german, _ = label(first)
    assert (german[0].labelled, german[0].items, len(german[1])) == (120, 60, 60)


def test_what_is_learnt_is_said(project, remarks):
    found = taught(project, "projected", teaching={"guard": False})
    (record,) = run_experiment(found, out=project / "out").records
    said = (
        f"projected: {record.teaching.items} target-language items are learnt; the labels of 2 of 2 languages are kept"
    )
    assert said in remarks
    assert record.teaching.items > 0


def test_if_all_labels_are_refused_the_first_model_stays(project, remarks):
    found, out = taught(project, "baseline", "projected", keep_models=True), project / "out"
    refusing = teaching.Guarded("de", "refuse", 0, 1, "German: projected labels are refused: a reason.")
    with mock.patch.object(teaching, "judge_evidence", lambda *_, **__: refusing):
        baseline, projected = run_experiment(found, out=out).records
    assert same(kept_weights(out, projected), kept_weights(out, baseline))
    assert projected.finetuning == projected.teaching.first
    assert projected.scores == baseline.scores
    assert "German: projected labels are refused: a reason." in remarks
    assert any("no labels are left to learn from" in text for text in remarks)
    page = run_page(projected, [baseline, projected])
    assert "German: projected labels are refused: a reason." in page.summary
    (sheet,) = (one for one in page.sheets if one.title == "Labels in target languages")
    assert "projected labels are refused: a reason." in text_of(sheet)
    card = (out / "runs" / projected.folder / "model" / "README.md").read_text()
    assert "trained a second time" not in card


@pytest.mark.parametrize(("way", "table"), [("projected", "projection"), ("self-trained", "self_training")])
def test_labels_of_which_the_model_is_not_sure_are_refused_with_a_remedy(first, way, table):
    (german, items), _ = label(first, way=way, **{table: {"confidence": 0.999}})
    assert (german.decision, german.labelled, len(items)) == ("refuse", 0, 0)
    remedy = f"a probability of 0.999 or more; lower {table}.confidence, or train for more steps."
    assert german.sentence.endswith(remedy)


@pytest.mark.parametrize("task", ["ner", "nli"])
def test_other_tasks_are_taught_too(project, toy_items, task):
    if task == "ner":
        train = "\n\n".join(
            "\n".join(f"{n}\t{w}\t{t}" for n, (w, t) in enumerate(zip(item.words, item.tags, strict=True), 1))
            for item in toy_items["ner"]
        )
        suffix = "iob2"
    else:
        rows = [{"premise": item.text, "hypothesis": item.second, "label": item.label} for item in toy_items["nli"]]
        train, suffix = "\n".join(map(json.dumps, rows)), "jsonl"
    for name in ("en-train", "en-test", "de-test", "tr-test"):
        (project / f"{name}.{suffix}").write_text(train + "\n")
    data = {"train": f"en-train.{suffix}", "test": f"{{language}}-test.{suffix}"}
    sure = {"projection": {"surest": 1}, "self_training": {"surest": 1}, "teaching": {"guard": False}}
    found = taught(project, "projected", "self-trained", task=task, data=data, **sure)
    for record in run_experiment(found, out=project / "out").records:
        assert record.teaching.items > 0
        assert record.finetuning.steps == 60


def test_adapters_are_taught(project):
    pytest.importorskip("peft")
    changes = {"finetuning": {**SURE["finetuning"], "adapter": "lora:4"}, "projection": {"surest": 1}}
    found = taught(project, "projected", teaching={"guard": False}, **changes)
    (record,) = run_experiment(found, out=project / "out").records
    assert record.teaching.items > 0
    assert record.finetuning.adapter.rank == record.teaching.first.adapter.rank == 4


# --- runs that are killed ------------------------------------------------------------


def count_steps(patch, *, killed_after=None):
    """The titles of trainings, one per step; the process may be killed after some title and step."""
    titles, original = [], Watch.on_step_end

    def on_step_end(self, arguments, state, *rest, **options):
        original(self, arguments, state, *rest, **options)
        titles.append(self.title)
        if (self.title, state.global_step) == killed_after:
            raise KeyboardInterrupt

    patch.setattr(Watch, "on_step_end", on_step_end)
    return titles


@pytest.mark.parametrize("killed_after", [None, ("fine-tuning (pos)", 25), ("fine-tuning again (pos)", 50)])
def test_what_was_killed_goes_on_where_it_was(project, monkeypatch, killed_after):
    """None stands for the moment in which labels are made."""
    found, out = taught(project, "full+projected", compute={"checkpoint_steps": 20}), project / "out"
    run_experiment(found, out=project / "apart")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        count_steps(patch, killed_after=killed_after)
        if killed_after is None:
            patch.setattr(teaching, "label_languages", mock.Mock(side_effect=KeyboardInterrupt))
        run_experiment(found, out=out)
    with monkeypatch.context() as patch:
        titles = count_steps(patch)
        run_experiment(found, out=out)
    assert comparable(out) == comparable(project / "apart")
    assert not list(out.rglob("checkpoint*"))
    # A finished training is not repeated; one that was not goes on from the checkpoint after 20 or 40 steps.
    again = 20 if killed_after == ("fine-tuning again (pos)", 50) else 60
    first = 10 if killed_after == ("fine-tuning (pos)", 25) else 0
    assert (titles.count("fine-tuning (pos)"), titles.count("fine-tuning again (pos)")) == (first, again)
    assert titles.count("realigning (full)") == 0


# --- several first models ---------------------------------------------------------------


def test_the_first_of_several_models_has_the_seed_of_the_run():
    two, three = TeachingSettings(models=2), TeachingSettings(models=3)
    assert TeachingSettings().seeds_of(31) == [31]
    assert three.seeds_of(31)[:2] == two.seeds_of(31)
    assert two.seeds_of(31) == [31, 1536455955]  # this number may never change: records name only the first
    assert len({seed for one in (1, 2, 3) for seed in three.seeds_of(one)}) == 9


def test_two_models_label_together(project):
    """Each has its own training, and a label on which they do not agree is not learnt."""
    changes = {"projection": {"surest": 1, "coverage": 0}, "teaching": {"guard": False, "models": 2}}
    found = taught(project, "projected", "self-trained", **changes)
    for record in run_experiment(found, out=project / "out").records:
        assert record.teaching.first.steps == 60
        assert record.finetuning.steps == 60
        assert record.teaching.items > 0
    alone = {**changes, "teaching": {"guard": False}}
    (one,) = run_experiment(taught(project, "projected", **alone), out=project / "alone").records
    two = RunRecord.read(next((project / "out" / "runs").glob("projected*/record.json")))
    assert two.teaching.first.losses[: len(one.teaching.first.losses)] == one.teaching.first.losses


def test_labels_that_a_second_model_contradicts_are_not_learnt(first):
    found, model = first
    other = replace(model, model=deepcopy(model.model))
    found = replace(found, data=replace(found.data, bitext=found.data.bitext[:20]))
    settings = change(found.settings, projection={"surest": 1}, teaching={"guard": False})
    links = [DIAGONAL] * 20

    def label_with(*models):
        ((facts, items),) = teaching.label_languages(models, "projected", settings, found.data, links, seed=1)
        return facts, items

    assert label_with(model, other) == label_with(model)
    with torch.no_grad():  # now it gives each word another label than the first model
        other.model.classifier.weight.copy_(other.model.classifier.weight.roll(1, dims=0))
        other.model.classifier.bias.copy_(other.model.classifier.bias.roll(1, dims=0))
    assert label_with(model, other)[0].labelled == 0


def test_several_models_continue_from_their_own_checkpoints(project, monkeypatch):
    changes = {"compute": {"checkpoint_steps": 20}, "teaching": {"models": 2}}
    found, out = taught(project, "self-trained", **changes), project / "out"
    run_experiment(found, out=project / "apart")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        count_steps(patch, killed_after=("fine-tuning of model 2 of 2 (pos)", 25))
        run_experiment(found, out=out)
    assert {path.name for path in out.glob("checkpoints/*/*")} == {"fine-tuning", "fine-tuning-of-model-2-of-2"}
    with monkeypatch.context() as patch:
        titles = count_steps(patch)
        run_experiment(found, out=out)
    assert comparable(out) == comparable(project / "apart")
    counts = [titles.count(f"fine-tuning{which} (pos)") for which in ("", " of model 2 of 2", " again")]
    assert counts == [0, 10, 60]


def test_a_plan_counts_all_first_models(project):
    found = taught(project, "baseline", "projected", teaching={"models": 3})
    assert "3 of different seeds, 30 steps each, give the labels together" in text_of(plan_sheet(found))
    assert planned_steps(found, project) == {
        "baseline": {"fine-tuning": 30},
        "projected": {"fine-tuning": 60, "fine-tuning again": 60},  # the first of three is that of the baseline
    }
    cost = estimate_cost(change(found.settings, strategies=["projected"]), finetuning_steps=30)
    assert cost.hours == pytest.approx(150 * cost.finetuning_step / 3600)


@pytest.mark.parametrize("planned", [40, 20], ids=["the first model is its own", "the first model is that of another"])
def test_the_time_left_knows_which_first_model_is_trained(planned):
    """After 5 of 20 steps of the second and last model, 15 and then 40 steps are left, a second each."""
    claim = Claim("here", 1, 0.0, "fine-tuning of model 2 of 2 (pos)", 5, 20, time.time() - 5.0)
    steps = {"a": {"fine-tuning": planned, "fine-tuning again": 40}}
    assert guess_seconds_left([RunStatus("a", "running", claim)], {}, steps) == pytest.approx(55, rel=0.01)


# --- plans, identities and refusals --------------------------------------------------


def test_a_plan_counts_the_second_training(project):
    found = taught(project, "baseline", "projected", "full+self-trained")
    assert "projected, full+self-trained: 60 more steps of 16, 50% of the items in en" in text_of(plan_sheet(found))
    assert plan_facts(found)["second_finetuning_steps"] == 60
    assert plan_facts(taught(project, "baseline", "full"))["second_finetuning_steps"] == 0
    assert planned_steps(found, project) == {
        "baseline": {"fine-tuning": 30},
        "projected": {"fine-tuning": 0, "fine-tuning again": 60},  # the baseline's model gives the labels
        "full+self-trained": {"realigning": 4, "fine-tuning": 30, "fine-tuning again": 60},
    }
    for names, n in ((["baseline"], 30), (["projected"], 90), (["projected", "self-trained"], 150)):
        for more, both in (([], n), (["baseline"], max(n, 30))):
            settings = change(found.settings, strategies=list(dict.fromkeys([*more, *names])))
            with mock.patch("alignfreeze.experiment.cost._time_step", side_effect=[(3600.0, 0), (0.0, 0)]):
                assert estimate_cost(settings, finetuning_steps=30).hours == both
    (record,) = run_experiment(taught(project, "projected"), out=project / "out").records
    assert Pace.of(record).per_step.keys() == {"fine-tuning", "fine-tuning again"}


@pytest.mark.parametrize(("share", "steps"), [(0.5, 60), (0.3, 100), (0.75, 40), (0.99, 31)])
def test_the_source_language_is_seen_as_often_as_by_the_baseline(share, steps):
    assert TeachingSettings(source_share=share).total_steps(30) == steps


def test_settings_of_teaching_change_taught_runs_only(project):
    def digests(**changes):
        found = taught(project, "baseline", "full", "projected", "full+projected", **changes)
        return [spec.digest for spec in found.specs]

    first = digests()
    for changes in (
        {"teaching": {"guard": False}},
        {"teaching": {"source_share": 0.4}},
        {"teaching": {"max_pairs": 9}},
        {"teaching": {"models": 2}},
        {"projection": {"confidence": 0.6}},
        {"projection": {"coverage": 0.6}},
        {"self_training": {"confidence": 0.6}},
        {"self_training": {"coverage": 0.6}},
    ):
        found = digests(**changes)
        assert [one != other for one, other in zip(first, found, strict=True)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "qa"}, r"projected lets a model label sentences, which have no labels in the task 'qa'"),
        (
            {"strategies": ["projected", "full+projected"], "realignment": {"schedule": "during"}},
            r"full\+projected begins with an encoder .*schedule is 'during'; without realignment, projected works",
        ),
        ({"bitext": None}, r"\[bitext\] is required: its target sides are labelled"),
        ({"teaching": {"source_share": 1}}, "teaching.source_share.*less than 1"),
        ({"teaching": {"models": 0}}, "teaching.models.*greater than or equal to 1"),
        ({"projection": {"confidence": 1}}, "projection.confidence"),
        ({"self_training": {"coverage": 2}}, "self_training.coverage"),
    ],
)
def test_what_cannot_be_taught_is_refused(changes, message):
    values = {
        "languages": ["de"],
        "strategies": ["projected"],
        "data": {"train": "t", "test": "{language}"},
        "bitext": "{language}.txt",
    }
    with pytest.raises(SettingsError, match=message):
        ExperimentSettings.from_values({**values, **changes}, origin="x")


def test_without_realignment_each_schedule_is_possible(project):
    found = taught(project, "full", "projected", realignment={"schedule": "during", "batch_size": 4})
    assert [record.strategy for record in run_experiment(found, out=project / "out").records] == ["full", "projected"]


def test_a_command_refuses_in_one_line(project):
    options = ["--set", "strategies=['projected']", "--set", "task=qa"]
    refused(alignfreeze("run", project / "experiment.toml", "--out", project / "out", *options), "'qa'")


def test_a_comparison_names_what_was_taught(project):
    found = taught(project, "baseline", "full", "projected", "full+projected", "self-trained")
    run_experiment(found, out=project / "out")
    shown = alignfreeze("compare", project / "out")
    assert shown.returncode == 0, shown.stderr
    for name in ("projected", "full+projected", "self-trained"):
        assert name in shown.stdout
    (compared,) = compare_results(read_results([project / "out"]))
    assert set(compared.strategies) == {"baseline", "full", "projected", "full+projected", "self-trained"}
    assert compared.overall["full+projected"].over_best.member == "full"
    assert compared.overall["projected"].over_best is None


def test_records_from_before_there_was_teaching_are_read():
    record = make_record(make_settings(["de"]), "full", {"en": 0.9, "de": 0.5})
    values = json.loads(json.dumps(asdict(record)))
    assert RunRecord.from_json({name: value for name, value in values.items() if name != "teaching"}) == record


def test_strategies_in_words():
    assert name_strategy("projected") == "label projection"
    assert name_strategy("full+projected") == "full realignment with label projection"
    assert name_strategy("self-trained") == "self-training"
    assert name_strategy("revert(full,front)+self-trained") == (
        "full realignment with front reverted with self-training"
    )


def test_each_way_to_teach_has_a_comparison_of_its_own():
    """With the runs that are trained once in both, as the baseline is in several."""

    def results(strategy, score, **changes):
        settings = make_settings(["de"], strategies=[strategy], **changes)
        first = TrainingHistory(1, 1.0, ())
        given = {"teaching": Teaching(first, ())} if Strategy.parse(strategy).taught else {}
        return list(results_of(make_record(settings, strategy, {"en": 0.9, "de": score}, **given), ""))

    once = [*results("baseline", 0.5), *results("full", 0.6)]
    usual, sure = results("projected", 0.7), results("projected", 0.8, projection={"confidence": 0.8})
    (alone,) = compare_results([*once, *usual])
    assert alone.strategies == ("baseline", "full", "projected")
    both = compare_results([*once, *usual, *sure])
    assert [one.cells["de"]["projected"].mean for one in both] == [0.7, 0.8]
    assert [one.cells["de"]["full"].mean for one in both] == [0.6, 0.6]
    assert all(one.setup.has_runs_of(result.setup) for one in both for result in results("full", 0.6))
    assert len({one.label for one in both} - {""}) == 2


def test_advice_does_not_judge_models_by_what_they_have_learnt(project):
    """What projected labels add is known from a study; the predictions of such models are not even read."""
    file = project / "experiment.toml"
    file.write_text(file.read_text().replace("pretokenized = true", "pretokenized = true\nheld_out = 30"))
    found = planned(project, seeds=[1], strategies=["baseline", "front", "projected"])
    run_experiment(found, out=project / "out")
    for path in (project / "out" / "runs").glob(f"projected-*/{PREDICTIONS}"):
        path.write_bytes(b"nothing that can be read")
    advised = alignfreeze("advise", project / "out", "--json")
    assert advised.returncode == 0, advised.stderr
    gains = [one["estimated"]["projected"]["gain"] for one in json.loads(advised.stdout)["languages"]]
    assert gains == pytest.approx([0.009, 0.009])
