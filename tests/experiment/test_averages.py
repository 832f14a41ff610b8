"""Strategies that take the mean of several realigned encoders."""

import gc
import json
import weakref
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.advice.advice import advise
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.experiment import recipe
from alignfreeze.experiment.cost import estimate_cost
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.demo import settings_of_demo
from alignfreeze.experiment.identity import name_folder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy, policies_of
from alignfreeze.realignment.averaging import average_encoders
from alignfreeze.realignment.trainer import realign
from alignfreeze.running import sweep
from alignfreeze.running.dispatch import run_experiment
from tests.experiment.test_starting import realignments  # noqa: F401 - a fixture
from tests.support.cli import alignfreeze
from tests.support.runs import change, comparable, planned

BOTH = "average(full,front)"


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("average(full,front)", "average(full,front)"),
        (" average ( full , front+embeddings ) ", "average(full,front+embeddings)"),
        ("average(0.25*baseline, 0.750 * full)", "average(0.25*baseline,0.75*full)"),
        ("average(1*full,3*back)", "average(1*full,3*back)"),
        ("average(0.5*full,0.5*front)", "average(full,front)"),
        ("average(0.1*full,0.10000000000000002*front)", "average(full,front)"),
        ("average(random:2,3..4,0)", "average(random:2,3..4,0)"),
        ("average(1e-9*full,1*front)", "average(1e-09*full,1*front)"),
    ],
)
def test_blanks_and_equal_weights_do_not_matter(written, name):
    assert str(Strategy.parse(written)) == name
    assert Strategy.parse(name) == Strategy.parse(written)


def shares_of(name):
    strategy = Strategy.parse(name)
    return dict(zip(strategy.member_names, strategy.shares, strict=True))


def test_members_have_weights_that_add_up_to_one():
    assert shares_of("average(full,front)") == {"full": 0.5, "front": 0.5}
    assert shares_of("average(1*baseline,3*full)") == {"baseline": 0.25, "full": 0.75}
    assert shares_of("front") == {"front": 1}
    several = map(Strategy.parse, ["baseline", "front", "average(baseline,full)", BOTH])
    assert list(map(str, policies_of(several))) == ["front", "full"]


members = st.lists(st.sampled_from(["baseline", "full", "front", "0..1", "random:2"]), min_size=2, unique=True)


@given(members, st.data())
def test_a_name_that_was_checked_is_read_back_the_same(names, data):
    weights = data.draw(st.lists(st.floats(1e-6, 1e6), min_size=len(names), max_size=len(names)))
    strategy = Strategy.parse(f"average({', '.join(f'{w!r} * {n}' for n, w in zip(names, weights, strict=True))})")
    name = str(strategy)
    assert str(Strategy.parse(name)) == name
    assert strategy.member_names == names
    assert strategy.shares == pytest.approx([weight / sum(weights) for weight in weights])
    assert not set(name_folder(name, 31, "0" * 64)) & set(' ():,*?"<>|/\\')


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("average(full,fornt)", r"unknown strategy 'fornt'; choose one of baseline, full, .* Did you mean 'front'\?"),
        ("average(full,)", "unknown strategy ''"),
        ("average(full,front+baesline)", r"unknown strategy 'baesline'.* Did you mean 'baseline'\?"),
        ("avarage(full,front)", r"unknown strategy 'avarage\(full,front\)'; an average is .* Did you mean 'average'\?"),
        ("average(full,front", r"an average is written average\(full,front\) or average\(0\.25\*baseline"),
        ("average(full,front)+embeddings", "an average is written"),
        ("average(average(full,front),back)", r"'average\(full,front\)' is inside another strategy; name its members"),
        ("average(full)", "is the average of only one strategy"),
        ("average(full,full)", "names 'full' twice"),
        ("average(0.2*full,0.3*full,0.5*front)", "names 'full' twice"),
        ("average(0.5*full,front)", "gives weights to only some of the strategies"),
        ("average(0*full,1*front)", "the weight 0 is not allowed: each weight must be a finite number greater than 0"),
        ("average(-1*full,2*front)", "the weight -1"),
        ("average(nan*full,1*front)", "the weight nan"),
        ("average(half*full,1*front)", "'half' is not a number"),
        ("average(*full,1*front)", "'' is not a number"),
    ],
)
def test_names_that_are_wrong(name, message):
    with pytest.raises(SettingsError, match=message):
        Strategy.parse(name)


@pytest.mark.parametrize("schedule", ["during", "after"])
def test_only_what_is_realigned_before_fine_tuning_can_be_averaged(project, schedule):
    changes = [("strategies", f'["baseline", "{BOTH}"]'), ("realignment.schedule", schedule)]
    message = rf"strategies: average\(full,front\) averages .*, but realignment.schedule is '{schedule}'"
    with pytest.raises(SettingsError, match=message):
        ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)
    with pytest.raises(SettingsError, match="realignment needs sentence pairs"):
        ExperimentSettings.from_values(
            {"languages": ["de"], "strategies": [BOTH], "data": {"train": "t", "test": "{language}"}}, origin="x"
        )


# --- runs ----------------------------------------------------------------------------


def averaging(project, *strategies, seeds=(1,), **changes):
    """The plan of the toy experiment with some strategies, and steps that are seen in the weights."""
    first = planned(project, seeds=list(seeds), strategies=list(strategies), **changes)
    faster = first.settings.realignment.model_copy(update={"learning_rate": 0.01})
    return plan(first.settings.model_copy(update={"realignment": faster}), base=project)


def test_members_are_realigned_once_and_shared(project, realignments):  # noqa: F811
    found, out = averaging(project, "baseline", "full", "front", BOTH, "average(1*baseline,3*full)"), project / "out"
    study = run_experiment(found, out=out)
    assert realignments == ["full", "front"]
    assert not (out / "realigned").exists()
    baseline, full, front, both, step = study.records
    assert baseline.realignment is None
    assert both.realignment.freeze == BOTH
    assert both.realignment.training.steps == 8
    seconds = [one.realignment.training.seconds for one in (full, front)]
    assert both.realignment.training.seconds == pytest.approx(sum(seconds))
    assert both.seconds["realignment"] == pytest.approx(full.seconds["realignment"] + front.seconds["realignment"])
    assert both.memory["realignment"]["process"] == max(one.memory["realignment"]["process"] for one in (full, front))
    losses = full.realignment.training.losses
    assert both.realignment.training.losses == (
        *losses,
        *((step + 4, loss) for step, loss in front.realignment.training.losses),
    )
    assert both.realignment.frozen.parts == ()
    assert both.realignment.pairs == full.realignment.pairs
    assert step.realignment.training == full.realignment.training
    assert step.realignment.freeze == "average(1*baseline,3*full)"
    # Alone, it comes to the same.
    run_experiment(averaging(project, BOTH), out=project / "alone")
    assert realignments == ["full", "front"] * 2
    (name,) = comparable(project / "alone")
    assert comparable(project / "alone")[name] == comparable(out)[name]
    for record in study.records:
        (folder,) = (out / "runs").glob(f"*{record.digest[:12]}")
        assert RunRecord.from_json(json.loads((folder / "record.json").read_text())) == record


def test_it_starts_from_the_mean_of_what_each_member_is_by_itself(project):
    found = averaging(project, "full", "front", "average(0.25*baseline,0.5*full,0.25*front)")
    settings = found.settings
    spec = found.specs[-1]
    links = find_links(settings, found.data)
    started = {}

    def tuned(encoder, *_, **__):
        started["encoder"] = encoder
        raise InterruptedError

    with mock.patch.object(recipe, "finetune", tuned), pytest.raises(InterruptedError):
        places = recipe.Places(project, project / "checkpoints", project / "logs")
        recipe.realign_and_finetune(spec, found.data, links, places, tokenizer=found.tokenizer, meter=Meter("cpu"))

    def realigned(freeze):
        encoder = load_encoder(settings.encoder)
        how = {"settings": settings.realignment, "seed": spec.seed, "device": "cpu", "freeze": freeze}
        realign(encoder, found.data.bitext, links, **how)
        return encoder

    pretrained = load_encoder(settings.encoder)
    apart = [load_encoder(settings.encoder), realigned("full"), realigned("front")]
    expected = average_encoders(apart, weights=[0.25, 0.5, 0.25])
    moved = 0
    for (name, ours), theirs, before in zip(
        started["encoder"].model.named_parameters(),
        expected.model.parameters(),
        pretrained.model.parameters(),
        strict=True,
    ):
        assert torch.equal(ours, theirs), name
        moved += not torch.equal(ours, before)
    assert moved > 10


def test_what_all_members_hold_fixed_stays_and_is_said_to(project):
    name = "average(front+embeddings,0..2+embeddings)"
    found = averaging(project, "baseline", name, keep_models=True)
    assert found.freezing[name].parts == ("encoder.layer.0", "encoder.layer.1", "embeddings")
    _, record = run_experiment(found, out=project / "out").records
    assert record.realignment.frozen == found.freezing[name]
    kept = sorted((project / "out" / "realigned").iterdir())
    assert [path.name.rsplit("-", 2)[0] for path in kept] == ["0..2+embeddings", "front+embeddings"]
    pretrained = load_encoder(found.settings.encoder).model.state_dict()
    mean = average_encoders(load_encoder(str(path)) for path in kept).model.state_dict()
    same = {name for name, value in mean.items() if value.numpy().tobytes() == pretrained[name].numpy().tobytes()}
    fixed = ("encoder.layer.0.", "encoder.layer.1.", "embeddings.")
    assert {name for name in mean if name.startswith(fixed)} <= same
    assert not {name for name in same if name.startswith("encoder.layer.3.")}
    # Their cards name what each is; that of the fine-tuned model names the average.
    assert "freezing: `front+embeddings`" in (kept[1] / "README.md").read_text()
    card = project / "out" / "runs" / record.folder / "model" / "README.md"
    assert f"mean of the weights of several encoders, before fine-tuning: `{name}`" in card.read_text()


def test_a_realigned_encoder_goes_when_the_last_run_that_starts_from_it_is_done(project, monkeypatch):
    found, out = averaging(project, "full", "front", BOTH, seeds=(1, 2)), project / "out"
    seen, run = [], sweep.run

    def watching(spec, *arguments, **options):
        folder = out / "realigned"
        seen.append(sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir()) if folder.exists() else [])
        return run(spec, *arguments, **options)

    monkeypatch.setattr(sweep, "run", watching)
    run_experiment(found, out=out)
    assert seen == [[], ["full-1"], ["front-1", "full-1"], [], ["full-2"], ["front-2", "full-2"]]
    assert not (out / "realigned").exists()


def test_a_run_that_failed_goes_on_with_the_members_that_are_there(project, realignments, monkeypatch):  # noqa: F811
    found, out = averaging(project, "full", BOTH, keep_models=True), project / "out"
    counting = recipe.realign

    def failing(encoder, **options):
        if str(options["freeze"]) == "front":
            raise TrainingError("the loss is nan")
        return counting(encoder, **options)

    with monkeypatch.context() as patched:
        patched.setattr(recipe, "realign", failing)
        (failure,) = run_experiment(found, out=out).failures
    assert (failure.strategy, failure.error) == (BOTH, "the loss is nan")
    assert len(run_experiment(found, out=out, retry_failed=True).records) == 2
    assert realignments == ["full", "front"]


def test_members_that_no_other_run_has_keep_their_checkpoints_apart(project):
    found = averaging(project, "average(random:1,front)")
    (spec,) = found.specs
    places = recipe.Places(project, project / "checkpoints", project / "logs")
    front = Strategy.parse("front")
    assert places.checkpoints_of(front, front.policy).name == "realignment"
    assert places.checkpoints_of(spec.strategy, spec.strategy.policies[0]).name == "realignment-random1"
    seen, realign_ = [], recipe.realign

    def watching(encoder, **options):
        seen.append(options["checkpoints"].name)
        return realign_(encoder, **options)

    with mock.patch.object(recipe, "realign", watching):
        run_experiment(found, out=project / "out")
    assert seen == ["realignment-random1", "realignment-front"]
    assert not list((project / "out").rglob("checkpoint*"))


def test_other_realignments_have_other_members(project):
    found = averaging(project, "full", "front", BOTH)
    full, front, both = found.specs
    assert both.realigned_encoders == {**full.realigned_encoders, **front.realigned_encoders}
    assert list(both.realigned_encoders) == ["full", "front"]
    slower = found.settings.realignment.model_copy(update={"learning_rate": 1e-6})
    other = plan(found.settings.model_copy(update={"realignment": slower}), base=project).specs[-1]
    assert not set(both.realigned_encoders.values()) & set(other.realigned_encoders.values())


def test_members_that_end_early_are_judged_each_by_itself(project):
    text = (
        (project / "experiment.toml").read_text().replace("pretokenized = true", "pretokenized = true\nheld_out = 20")
    )
    text += '[realignment.stopping]\nby = "retrieval"\nevery = 2\n'
    (project / "experiment.toml").write_text(text)
    found = averaging(project, "baseline", "full", "front", BOTH)
    _, full, front, both = run_experiment(found, out=project / "out").records
    (alone,) = run_experiment(averaging(project, BOTH), out=project / "alone").records
    assert full.realignment.training.kept is not None
    for one in (both, alone):
        training = one.realignment.training
        assert training.checks == (
            *full.realignment.training.checks,
            *((step + full.realignment.training.steps, value) for step, value in front.realignment.training.checks),
        )
        assert training.kept is None
    assert both.scores == alone.scores
    (folder,) = (project / "out" / "runs").glob("full-*")
    assert RunRecord.from_json(json.loads((folder / "record.json").read_text())) == full


def test_an_average_beside_its_members_takes_no_realignment_more(project):
    several = [["baseline", "full", "front"], ["baseline", "full", "front", BOTH], ["baseline", BOTH]]
    with mock.patch("alignfreeze.experiment.cost._time_step", side_effect=[(0.0, 0), (3600.0, 0)] * 3):
        hours = [
            estimate_cost(averaging(project, *strategies).settings, finetuning_steps=8).hours for strategies in several
        ]
    assert hours == [8, 8, 8]


def test_pilots_of_an_average_realign_its_members_once(project, realignments):  # noqa: F811
    settings = averaging(project, "full", "front", BOTH, seeds=(1, 2)).settings
    out = project / "advice"
    advised = advise(settings, base=project, out=out, fraction=1, n_seeds=2)
    assert list(advised.advice.overall.estimated) == ["baseline", "full", "front", BOTH]
    assert realignments == ["full", "front"] * 2
    assert not list(out.rglob("*.safetensors"))
    assert not (out / "realigned").exists()
    # Alone, without anything to share.
    settings = change(settings, strategies=[BOTH])
    advised = advise(settings, base=project, out=project / "alone", fraction=1)
    assert realignments == ["full", "front"] * 3
    assert advised.advice.overall.estimated[BOTH].agreement > 0


def test_the_plan_and_the_pages_show_it_like_any_other(project):
    text = (project / "experiment.toml").read_text()
    strategies = '["baseline", "full", "average(0.25 * baseline, 0.75 * full)"]'
    text = text.replace('["baseline", "front"]', strategies).replace("seeds = [1, 2]", "seeds = [1]")
    (project / "experiment.toml").write_text(text)
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run")
    name = "average(0.25*baseline,0.75*full)"
    assert f"3: baseline 1, full 1, {name} 1" in dry.stdout
    assert f"{name}: nothing; 0 of " in dry.stdout
    out = project / "out"
    done = alignfreeze("run", project / "experiment.toml", "--out", out, "--only", "average-*", "--only", "b*")
    assert done.returncode == 0, done.stderr
    done = alignfreeze("run", project / "experiment.toml", "--out", out)
    assert name in done.stdout
    assert sorted(path.name.rsplit("-", 1)[0] for path in (out / "runs").iterdir()) == [
        "average-0.25xbaseline-0.75xfull-1",
        "baseline-1",
        "full-1",
    ]
    for page in ("page.html", "page.md", "page.tex"):
        assert alignfreeze("report", out, "--out", project / page).returncode == 0
        assert "average(0.25" in (project / page).read_text()
    assert alignfreeze("note", out, "as good", "--run", next((out / "runs").glob("average*")).name).returncode == 0


def test_the_mini_corpus(tmp_path, tiny_folder, realignments):  # noqa: F811
    """What comes with the package, and an encoder with random weights."""
    changes = {"encoder": str(tiny_folder), "languages": ["de", "sw"], "device": "cpu"}
    changes["strategies"] = [Strategy.parse(name) for name in ("baseline", "full", "front", BOTH)]
    settings = settings_of_demo().model_copy(update=changes)
    short = {name: getattr(settings, name).model_copy(update={"steps": 2}) for name in ("realignment", "finetuning")}
    study = run_experiment(plan(settings.model_copy(update=short), base=tmp_path), out=tmp_path / "out")
    assert [record.strategy for record in study.records] == [str(strategy) for strategy in changes["strategies"]]
    assert realignments == ["full", "front"]
    assert {score.language for score in study.records[-1].scores} == {"en", "de", "sw"}


def test_no_more_than_two_encoders_are_held_at_once(project):
    """Nothing that a training leaves holds on to a member that has been added."""
    alive, load = [], recipe.load_encoder

    def counting(*arguments, **options):
        gc.collect()
        assert sum(model() is not None for model in alive) <= 1
        encoder = load(*arguments, **options)
        alive.append(weakref.ref(encoder.model))
        return encoder

    with mock.patch.object(recipe, "load_encoder", counting):
        run_experiment(averaging(project, "average(full,front,baseline,back)"), out=project / "out")
    assert len(alive) == 4
