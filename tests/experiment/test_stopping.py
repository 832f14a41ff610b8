"""Realignment that ends by what is estimated without labels, and what runs say of held-out pairs."""

import json
import math
from itertools import chain, count
from unittest import mock

import pytest
import torch

from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.evaluation import judges
from alignfreeze.evaluation.estimates import projection_agreement, value_of
from alignfreeze.evaluation.predictions import PREDICTIONS, read_predictions
from alignfreeze.evaluation.retrieval import Retrieval
from alignfreeze.experiment.planning import outline, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.stopping import make_judge
from alignfreeze.progress import stage, use_display
from alignfreeze.realignment.settings import RealignmentSettings, StoppingSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.reports.plans import outline_sheet
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings
from alignfreeze.training.watching import Watch
from tests.advice.test_advice import predictions
from tests.realignment.test_trainer import DIAGONAL, weights
from tests.studies.test_paper import FOLDER, read
from tests.support.cli import alignfreeze, refused
from tests.support.terminal import text_of
from tests.test_progress import Noted

# Eight steps, looked at after every second one.
SETTINGS = RealignmentSettings(steps=8, batch_size=4, learning_rate=1e-3)
STOPPING = SETTINGS.model_copy(update={"stopping": StoppingSettings(every=2, patience=2)})


def realigned(folder, bitext, *, judge=None, settings=STOPPING, **options):
    encoder = load_encoder(str(folder))
    outcome = realign(
        encoder, bitext, [DIAGONAL] * len(bitext), settings=settings, device="cpu", judge=judge, seed=3, **options
    )
    return weights(encoder), outcome.history.training


def says(*values):
    """A judge that says one value after the other."""
    left = iter(values)
    return lambda encoder: next(left)


def same(ours, theirs):
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_judge_that_likes_each_step_changes_nothing(tiny_folder, toy_bitext):
    plain, _ = realigned(tiny_folder, toy_bitext, settings=SETTINGS)
    watched, history = realigned(tiny_folder, toy_bitext, judge=says(0, 1, 2, 3, 4))
    assert same(plain, watched)
    assert history.checks == ((0, 0), (2, 1), (4, 2), (6, 3), (8, 4))
    assert (history.steps, history.kept) == (8, 8)


def test_a_judge_that_trains_leaves_no_trace_in_the_training(tiny_folder, toy_bitext, toy_tagged):
    better = count()

    def trains(encoder):
        settings = FinetuningSettings(steps=3, batch_size=8)
        finetune(encoder, TASKS["pos"], toy_tagged, settings=settings, device="cpu")
        return next(better)

    plain, history = realigned(tiny_folder, toy_bitext, settings=SETTINGS)
    watched, theirs = realigned(tiny_folder, toy_bitext, judge=trains)
    assert same(plain, watched)
    assert [loss for _, loss in history.losses] == [loss for _, loss in theirs.losses]


def test_the_best_weights_are_kept_and_patience_ends_the_training(tiny_folder, toy_bitext):
    seen = []

    def judge(encoder):
        seen.append(weights(encoder))
        return (0.1, 0.5, 0.4, 0.5)[len(seen) - 1]

    best, history = realigned(tiny_folder, toy_bitext, judge=judge)
    # After the best at step 2 there are two that are not better, the second of which is as good.
    assert history.checks == ((0, 0.1), (2, 0.5), (4, 0.4), (6, 0.5))
    assert (history.steps, history.kept) == (6, 2)
    assert same(best, seen[1])
    assert not same(seen[1], seen[2])


def test_realignment_that_only_hurts_leaves_the_encoder_as_it_was(tiny_folder, toy_bitext):
    before = weights(load_encoder(str(tiny_folder)))
    after, history = realigned(tiny_folder, toy_bitext, judge=says(0.5, 0.4, 0.3))
    assert same(before, after)
    assert (history.steps, history.kept) == (4, 0)


def test_the_judge_is_given_the_whole_encoder_as_it_is_just_then(tiny_folder, toy_bitext):
    """Inside the training there are no word embeddings but those of the bitext; the judge has all of them."""
    few = [toy_bitext[0]] * 8
    before, seen = weights(load_encoder(str(tiny_folder))), []

    def judge(encoder):
        seen.append(weights(encoder))
        return len(seen)

    after, _ = realigned(tiny_folder, few, judge=judge)
    assert same(seen[0], before)
    assert same(seen[-1], after)
    table = "embeddings.word_embeddings.weight"
    moved = (before[table] != seen[-1][table]).any(dim=1)
    assert 0 < moved.sum() < len(moved) / 2


TO_THE_END, STOPPED = (0, 1, 2, 3, 4), (0, 3, 2, 1)


@pytest.mark.parametrize(("values", "step"), [(TO_THE_END, 3), (TO_THE_END, 5), (STOPPED, 3), (STOPPED, 5)])
def test_a_training_that_was_killed_goes_on_to_the_same_end(tiny_folder, toy_bitext, tmp_path, values, step):
    whole, history = realigned(tiny_folder, toy_bitext, judge=says(*values))
    options = {"compute": ComputeSettings(checkpoint_steps=2), "checkpoints": tmp_path / "checkpoints"}

    original = Watch.on_step_end

    def killed(self, args, state, control, **more):
        if state.global_step == step:
            raise KeyboardInterrupt
        original(self, args, state, control, **more)

    with mock.patch.object(Watch, "on_step_end", killed), pytest.raises(KeyboardInterrupt):
        realigned(tiny_folder, toy_bitext, judge=says(*values), **options)
    # The judge is asked about the pretrained encoder again, and then about the steps after the checkpoint.
    left = values[0], *values[1 + (step - 1) // 2 :]
    resumed, theirs = realigned(tiny_folder, toy_bitext, judge=says(*left), **options)
    assert same(whole, resumed)
    assert (theirs.checks, theirs.kept, theirs.steps) == (history.checks, history.kept, history.steps)


def test_a_realignment_that_was_stopped_is_not_gone_on_with(tiny_folder, toy_bitext, tmp_path):
    """Killed in what comes after it, it ends where it ended before, though a checkpoint is of its very last step."""
    options = {"compute": ComputeSettings(checkpoint_steps=2), "checkpoints": tmp_path / "checkpoints"}
    first, history = realigned(tiny_folder, toy_bitext, judge=says(*STOPPED), **options)
    again, theirs = realigned(tiny_folder, toy_bitext, judge=says(0), **options)
    assert same(first, again)
    assert (theirs.checks, theirs.kept, theirs.steps) == (history.checks, history.kept, history.steps)


def test_what_a_judge_does_is_shown_as_one_stage(tiny_folder, toy_bitext):
    """Its short fine-tuning is not taken for that of the run."""

    def judge(encoder):
        with stage("fine-tuning (pos)"):
            return 0

    noted = Noted()
    with use_display(noted):
        realigned(tiny_folder, toy_bitext, judge=judge)
    started = [title for kind, *rest in noted.told if kind == "start" for title in rest]
    assert started.count("estimating without labels") == 3  # at first, and twice without a better one
    assert "realigning (full)" in started
    assert "fine-tuning (pos)" not in started


def test_what_no_judge_can_say_is_an_error(tiny_folder, toy_bitext):
    with pytest.raises(TrainingError, match="the judge returned nan at step 2; it must return a finite number"):
        realigned(tiny_folder, toy_bitext, judge=says(0, math.nan))
    with pytest.raises(SettingsError, match="give both or neither"):
        realigned(tiny_folder, toy_bitext)
    with pytest.raises(SettingsError, match="give both or neither"):
        realigned(tiny_folder, toy_bitext, settings=SETTINGS, judge=says(0))


# --- in an experiment ----------------------------------------------------------------


@pytest.fixture
def stopping(project):
    """The experiment file of the project, with pairs held out, and realignment that looks at itself."""
    text = (
        (project / "experiment.toml").read_text().replace("pretokenized = true", "pretokenized = true\nheld_out = 30")
    )
    path = project / "stopping.toml"
    path.write_text(f"{text}[realignment.stopping]\nevery = 2\npatience = 1\nfinetuning_steps = 4\n")
    return path


@pytest.mark.parametrize("by", ["agreement", "retrieval"])
def test_runs_stop_by_estimates_and_keep_what_their_models_say(stopping, by):
    settings = ExperimentSettings.from_toml(stopping, changes=[("realignment.stopping.by", by), ("seeds", "[1]")])
    planned = plan(settings, base=stopping.parent)
    assert len(planned.data.held) == 60
    assert not set(planned.data.held) & set(planned.data.bitext)
    study = run_experiment(planned, out=stopping.parent / "out")
    baseline, front = study.records
    checks = front.realignment.training.checks
    assert [step for step, _ in checks][:2] == [0, 2]
    assert all(0 <= value <= 1 for _, value in checks)
    assert front.realignment.training.kept == max(checks, key=lambda check: check[1])[0]
    for record in (baseline, front):
        found = read_predictions(stopping.parent / "out" / "runs" / record.folder / PREDICTIONS)
        assert list(found) == ["de", "tr"]
        assert {len(one) for one in found.values()} == {30}
    # What is stopped by labels of the task depends on it; what is stopped by retrieval does not.
    other = settings.model_copy(update={"finetuning": settings.finetuning.model_copy(update={"learning_rate": 3e-4})})
    names = [plan(one, base=stopping.parent).specs[1].realigned_encoders for one in (settings, other)]
    assert (names[0] != names[1]) == (by == "agreement")
    fewer = settings.model_copy(update={"data": settings.data.model_copy(update={"max_train": 20})})
    assert (plan(fewer, base=stopping.parent).specs[1].realigned_encoders != names[0]) == (by == "agreement")


def test_held_out_pairs_are_of_the_name_of_a_baseline_too(stopping):
    """Its model is asked about them; of other bitext it knows nothing."""
    settings = ExperimentSettings.from_toml(stopping, changes=[("seeds", "[1]")])

    def baseline(**bitext):
        changed = settings.model_copy(update={"bitext": settings.bitext.model_copy(update=bitext)})
        return plan(changed, base=stopping.parent).specs[0].folder

    plain = settings.realignment.model_copy(update={"stopping": None})
    assert baseline() != baseline(held_out=40)
    settings = settings.model_copy(update={"realignment": plain})
    assert baseline(held_out=30) != baseline(held_out=40)
    assert baseline(held_out=0) == baseline(held_out=0, max_pairs=50)


def test_a_judge_that_has_learnt_a_single_label_is_not_asked(stopping, tiny_encoder):
    """Of rare labels, such as those of names, a short fine-tuning learns nothing."""
    train = stopping.parent / "en-train.conllu"
    text = train.read_text().replace("\tDET\t", "\tNOUN\t")
    train.write_text(text.replace("\tVERB\t", "\tNOUN\t", text.count("\tVERB\t") - 1))
    changes = ("finetuning.learning_rate", "3e-3"), ("realignment.stopping.finetuning_steps", "20")
    _, by_agreement = judge(stopping, *changes)
    with pytest.raises(SettingsError, match=r"20 steps .* gives the label NOUN to everything .*by = 'retrieval'"):
        by_agreement(tiny_encoder)


def judge(stopping, *changes):
    settings = ExperimentSettings.from_toml(stopping, changes=changes)
    data = plan(settings, base=stopping.parent).data
    return data, make_judge(settings, data, seed=1)


def test_words_that_find_each_other_are_liked(stopping, tiny_encoder):
    data, by_retrieval = judge(stopping, ("realignment.stopping.by", "retrieval"))
    before = by_retrieval(tiny_encoder)
    assert by_retrieval(tiny_encoder) == before
    long = RealignmentSettings(steps=80, batch_size=16, learning_rate=2e-3)
    realign(tiny_encoder, data.bitext, [DIAGONAL] * len(data.bitext), settings=long, device="cpu")
    assert by_retrieval(tiny_encoder) > before + 0.3


def test_target_sides_that_get_other_labels_are_not_liked(stopping, tiny_encoder):
    changes = ("realignment.stopping.finetuning_steps", "40"), ("finetuning.learning_rate", "3e-3")
    data, by_agreement = judge(stopping, *changes)
    before = by_agreement(tiny_encoder)
    assert by_agreement(tiny_encoder) == before
    words = {word for pair in data.held for word in pair.target} - {word for pair in data.held for word in pair.source}
    subwords = tiny_encoder.tokenizer(sorted(words), add_special_tokens=False)["input_ids"]
    numbers = torch.tensor(list(chain.from_iterable(subwords)))
    table = tiny_encoder.model.get_input_embeddings().weight
    with torch.no_grad():
        table[numbers] = 5 * torch.randn(len(numbers), table.shape[1], generator=torch.Generator().manual_seed(0))
    assert by_agreement(tiny_encoder) < before - 0.1


def test_labels_are_compared_with_those_of_the_encoder_before_realignment(stopping, tiny_encoder):
    """What a later encoder says of the source sides is not asked: both sides may have gone the same wrong way."""
    _, by_agreement = judge(stopping)
    before, later = predictions("de", 0.7), predictions("de", 1.0, seed=1)
    expected = [value_of(projection_agreement(one, before)) for one in (before, later)]
    assert expected[0] == pytest.approx(0.7)
    assert expected[1] < 0.7
    said = iter([[before], [later], [before]])
    with (
        mock.patch.object(judges, "finetune", lambda *args, **options: (None, None)),
        mock.patch.object(judges, "predict_pairs", lambda *args, **options: next(said)),
    ):
        assert [by_agreement(tiny_encoder) for _ in range(3)] == pytest.approx([*expected, expected[0]])


def test_words_are_looked_for_at_the_layer_that_was_best_before_realignment(stopping, tiny_encoder):
    """The best layer of each encoder would be another measure each time."""
    _, by_retrieval = judge(stopping, ("realignment.stopping.by", "retrieval"))

    def layers(*shares):
        return [Retrieval("de", layer, "csls", share, share, 30) for layer, share in enumerate(shares)]

    found = iter([layers(0.2, 0.6, 0.4), layers(0.1, 0.5, 0.9)])
    with mock.patch.object(judges, "measure_retrieval", lambda *args, **options: next(found)):
        assert [by_retrieval(tiny_encoder) for _ in range(2)] == pytest.approx([0.6, 0.5])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--set", "bitext.held_out=0"], "that are held out of realignment: set bitext.held_out"),
        (["--set", "realignment.schedule=during"], "stopping works only with schedule 'before', not with 'during'"),
        (["--set", "task=qa"], "set realignment.stopping.by = 'retrieval'"),
        (["--set", "bitext.held_out=5"], "5 pairs are too few to estimate anything; hold out at least 20"),
        (["--set", "bitext.held_out=90"], "too few sentence pairs to hold some out"),
        (["--set", "realignment.stopping.by=loss"], "realignment.stopping.by"),
    ],
)
def test_stopping_without_what_it_needs_is_refused(stopping, options, expected):
    refused(alignfreeze("run", stopping, "--out", stopping.parent / "out", *options), expected)


def test_the_plan_says_what_is_held_out_and_what_stops(stopping):
    shown = alignfreeze("run", stopping, "--out", stopping.parent / "out", "--dry-run")
    assert "by agreement, estimated every 2 steps; the steps are a maximum" in shown.stdout
    assert "30 sentence pairs of each of 2 language pairs" in shown.stdout


def test_of_data_on_the_hub_the_plan_says_so_too():
    changes = [
        ("bitext.held_out", "40"),
        ("realignment.stopping.by", "retrieval"),
        ("realignment.stopping.every", "50"),
    ]
    text = text_of(outline_sheet(outline(read("pos", "xlmr", changes=changes), base=FOLDER)))
    assert "held out\t40 sentence pairs of each language pair\n" in text
    assert "stopping\tby retrieval, estimated every 50 steps; the steps are a maximum\n" in text
    assert "held out" not in text_of(outline_sheet(outline(read("pos", "xlmr"), base=FOLDER)))


def test_advise_takes_the_pairs_that_the_experiment_holds_out(stopping):
    advised = alignfreeze("advise", stopping, "--out", stopping.parent / "advice", "--json")
    assert advised.returncode == 0, advised.stderr
    assert [one["n"] for one in json.loads(advised.stdout)["languages"]] == [30, 30]
    refused(
        alignfreeze("advise", stopping, "--out", stopping.parent / "advice", "--held-out", "20"),
        "bitext.held_out of the experiment is 30",
    )
