"""Strategies that put encoders together from parts of others, or move them further."""

import re
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.experiment import recipe
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.identity import name_folder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.names import puts_back_what_is_frozen_by, sources_of
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy, policies_of
from alignfreeze.realignment.averaging import combine_encoders
from alignfreeze.realignment.swapping import swap_parts
from alignfreeze.realignment.ties import merge_changes
from alignfreeze.realignment.trainer import realign
from alignfreeze.running import sweep
from alignfreeze.running.dispatch import run_experiment
from tests.experiment.test_averages import averaging
from tests.experiment.test_starting import realignments  # noqa: F401 - a fixture
from tests.support.cli import alignfreeze
from tests.support.runs import comparable

REVERTED = "revert(full,front)"


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("revert(full,front)", "revert(full,front)"),
        (" swap ( full , front = baseline ) ", "revert(full,front)"),
        ("revert(full,4+front+3+front)", "revert(full,3..4+front)"),
        ("swap(full, 0..5 = back)", "swap(full,0..5=back)"),
        ("swap(baseline,back=full)", "swap(baseline,back=full)"),
        # The two encoders are the same there, or everywhere.
        ("swap(full,front=full)", "full"),
        ("revert(baseline,front)", "baseline"),
        ("revert(front,front)", "front"),
        ("revert(front+embeddings,embeddings+back)", "revert(front+embeddings,back)"),
        ("swap(front,front+3=front+embeddings)", "swap(front,3=front+embeddings)"),
        ("swap(full,front=front)", "swap(full,front=front)"),
        # Multiples of the way from the pretrained encoder.
        ("scaled(full, 1.50)", "scaled(full,1.5)"),
        ("scaled(full,1)", "full"),
        ("scaled(full,0.5)", "average(baseline,full)"),
        ("scaled(full,0.9)", "average(0.1*baseline,0.9*full)"),
        ("scaled(revert(full,front),2)", "scaled(revert(full,front),2)"),
        ("average(full,swap(full,front=baseline))", "average(full,revert(full,front))"),
        ("average(2*back,1*revert(full,front))", "average(2*back,1*revert(full,front))"),
        # Merged changes: the share of the paper, if no other is given.
        ("ties(full, front)", "ties(full,front,0.2)"),
        ("ties(full,revert(full,front),back,1.0)", "ties(full,revert(full,front),back,1.0)"),
        ("ties(full,0..1,0.50)", "ties(full,0..1,0.5)"),
        ("ties(full,3..3)", "ties(full,3..3,0.2)"),
        ("ties(full,3,0.2)", "ties(full,3,0.2)"),
    ],
)
def test_one_encoder_has_one_name(written, name):
    assert str(Strategy.parse(written)) == name
    assert Strategy.parse(name) == Strategy.parse(written)


policies = st.sampled_from(["full", "front", "back", "0..1", "random:2", "embeddings", "lora:4", "front+embeddings"])
starts = st.one_of(st.just("baseline"), policies)
parts = st.lists(st.sampled_from(["front", "back", "0", "1..2", "2..3", "embeddings", "random:2"]), min_size=1).map(
    "+".join
)
encoders = st.one_of(
    starts,
    st.builds("revert({},{})".format, starts, parts),
    st.builds("swap({},{}={})".format, starts, parts, starts),
)
factors = st.floats(1e-6, 10)


@given(
    st.one_of(
        encoders,
        st.builds("scaled({},{!r})".format, encoders, factors),
        st.builds("ties({},full,{!r})".format, st.sampled_from(["3..4", "back", "revert(full,front)"]), factors),
    )
)
def test_a_name_that_was_checked_is_read_back_the_same(written):
    try:
        strategy = Strategy.parse(written)
    except SettingsError as error:
        assert "there is nothing to multiply" in str(error) or "is no share of the changes" in str(error)
        return
    assert Strategy.parse(str(strategy)) == strategy
    assert str(Strategy.parse(str(strategy))) == str(strategy)
    assert sum(strategy.shares) == pytest.approx(1)
    assert not set(name_folder(str(strategy), 31, "0" * 64)) & set(' ():,*=?"<>|/\\')


@given(st.lists(st.tuples(encoders, st.floats(0.01, 100)), min_size=2, max_size=4))
def test_averages_have_such_members(several):
    written = ",".join(f"{weight!r}*{member}" for member, weight in several)
    try:
        strategy = Strategy.parse(f"average({written})")
    except SettingsError as error:
        assert "twice" in str(error)
        return
    assert strategy.member_names == [str(Strategy.parse(member)) for member, _ in several]
    assert Strategy.parse(str(strategy)) == strategy


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ties(full,baseline)", "'ties(full,baseline)': baseline has no changes to merge; leave it out"),
        ("ties(full)", "needs at least two different strategies; changes are merged with ties(full,front) or"),
        ("ties(full,full,0.5)", "needs at least two different strategies"),
        ("ties(full,front,1)", "'1' at the end may be a share or a layer; write a share with a point, such as 0.5 or"),
        ("ties(full,front,0,5)", "or the layer as 5..5"),
        (
            "ties(full,front,1.5)",
            "'ties(full,front,1.5)': 1.5 is no share of the changes: it must be more than 0 and at most 1",
        ),
        ("ties(full,average(front,back))", "'average(front,back)' is inside another strategy"),
        ("tie(full,front)", "Did you mean 'ties'?"),
    ],
)
def test_what_merges_no_changes_is_refused(name, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        Strategy.parse(name)


@pytest.mark.parametrize(
    ("name", "other", "is_so"),
    [
        (REVERTED, "front", True),
        (REVERTED, "full", False),
        (REVERTED, REVERTED, False),
        ("revert(embeddings,front)", "front+embeddings", True),
        ("revert(full,front+embeddings)", "front+embeddings", True),
        ("revert(lora:4,front)", "front+lora:4", True),
        ("revert(full,front+embeddings)", "front", False),
        ("swap(baseline,front=full)", "front", False),
        ("swap(full,3=front)", "3", False),
        (f"average(full,{REVERTED})", "front", False),
        ("full", "full", False),
    ],
)
def test_which_strategy_freezes_what_is_put_back(name, other, is_so):
    assert puts_back_what_is_frozen_by(name, other) == is_so


def test_what_they_are_made_from():
    assert list(map(str, policies_of(map(Strategy.parse, [REVERTED, "swap(front,3=full)"])))) == ["full", "front"]
    assert sources_of("front+embeddings") == ["front+embeddings"]
    assert sources_of("swap(full,3=back)") == ["full", "back"]
    assert sources_of(REVERTED) == ["full", "baseline"]
    assert sources_of(f"average(back,{REVERTED})") == ["back", REVERTED]
    assert sources_of(f"average(0.25*back,0.75*{REVERTED})") == ["back", REVERTED]
    assert sources_of(str(Strategy.parse(f"ties(back,{REVERTED})"))) == ["back", REVERTED]
    assert sources_of(f"scaled({REVERTED},1.5)") == ["baseline", REVERTED]
    assert Strategy.parse("scaled(full,2)").shares == [-1, 2]
    for name in (REVERTED, "scaled(full,2)", "scaled(full,0.5)", "swap(full,3=back)"):
        strategy = Strategy.parse(name)
        assert strategy.is_merged
        assert strategy.policy is None
    assert not Strategy.parse("front").is_merged


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("revret(full,front)", r"unknown strategy 'revret\(full,front\)'; .* Did you mean 'revert'\?"),
        ("revert(full,front", r"unknown strategy .*; parts are put back with revert\(full,front\)"),
        ("revert(full)", r"'revert\(full\)' needs two arguments; parts are put back with revert\(full,front\)"),
        ("revert(full,front,back)", "needs two arguments"),
        ("revert(fulll,front)", r"unknown strategy 'fulll'.* Did you mean 'full'\?"),
        ("revert(full,fornt)", r"parts 'fornt': 'fornt' is not known; .* Did you mean 'front'\?"),
        ("revert(full,full)", "'full' names no parts"),
        ("revert(full,lora:4)", "'lora:4' names no parts"),
        (
            "revert(average(full,back),front)",
            r"takes parts of 'average\(full,back\)', but parts come only from encoders",
        ),
        ("swap(full,3=revert(back,0))", r"takes parts of 'revert\(back,0\)'"),
        ("swap(full,back)", r"does not say whose parts these are; parts of another encoder are written swap\(full,0"),
        ("swap(full,=back)", "parts '': '' is not known"),
        ("scaled(full)", r"needs a strategy and a factor; .* scaled\(full,1\.5\)"),
        ("scaled(full,half)", "'half' is not a number"),
        ("scaled(full,0)", "the factor must be greater than 0 and at most 10"),
        ("scaled(full,-1)", "the factor must be"),
        ("scaled(full,nan)", "the factor must be"),
        ("scaled(full,11)", "the factor must be"),
        ("scaled(baseline,0.5)", "baseline is not realigned"),
        ("scaled(average(full,back),0.5)", "is inside another strategy; name its members"),
        ("average(scaled(full,2),back)", "is inside another strategy"),
        ("average(full,swap(full,front=full))", "names 'full' twice"),
    ],
)
def test_names_that_are_wrong(name, message):
    with pytest.raises(SettingsError, match=message):
        Strategy.parse(name)


@pytest.mark.parametrize("schedule", ["during", "after"])
def test_a_head_that_was_trained_along_would_not_fit(project, schedule):
    for name in (REVERTED, "scaled(full,1.5)", "swap(full,3=back)", "ties(full,back,0.2)"):
        changes = [("strategies", f'["baseline", "{name}"]'), ("realignment.schedule", schedule)]
        message = rf"strategies: {re.escape(name)} merges encoders .*, but realignment.schedule is '{schedule}'"
        with pytest.raises(SettingsError, match=message):
            ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)


# --- encoders ------------------------------------------------------------------------


def encoder_of(found, project, spec=None):
    """The encoder that a run would fine-tune."""
    started = {}

    def tuned(encoder, *_, **__):
        started["encoder"] = encoder
        raise InterruptedError

    links = find_links(found.settings, found.data)
    with mock.patch.object(recipe, "finetune", tuned), pytest.raises(InterruptedError):
        places = recipe.Places(project, project / "checkpoints", project / "logs")
        recipe.realign_and_finetune(
            spec or found.specs[-1], found.data, links, places, tokenizer=found.tokenizer, meter=Meter("cpu")
        )
    return started["encoder"]


def test_they_are_made_from_what_each_is_by_itself(project):
    found = averaging(project, REVERTED)
    links = find_links(found.settings, found.data)

    def pretrained():
        return load_encoder(found.settings.encoder)

    def realigned(freeze):
        encoder = pretrained()
        how = {"settings": found.settings.realignment, "seed": 1, "device": "cpu", "freeze": freeze}
        realign(encoder, found.data.bitext, links, **how)
        return encoder

    def reverted():
        return swap_parts(realigned("full"), pretrained(), "front")

    expected = {
        REVERTED: reverted(),
        "revert(full,random:2)": swap_parts(realigned("full"), pretrained(), "random:2", seed=1),
        "swap(full,1..2=back)": swap_parts(realigned("full"), realigned("back"), "1..2"),
        "swap(baseline,back=full)": swap_parts(pretrained(), realigned("full"), "back"),
        "scaled(full,1.5)": combine_encoders([pretrained(), realigned("full")], [-0.5, 1.5]),
        f"average(full,{REVERTED})": combine_encoders([realigned("full"), reverted()]),
        "ties(full,revert(back,2),0.3)": merge_changes(
            pretrained(), [realigned("full"), swap_parts(realigned("back"), pretrained(), "2")], density=0.3
        ),
        "revert(full,front+back+embeddings)": pretrained(),
    }
    before = pretrained().model.state_dict()
    for number, (name, theirs) in enumerate(expected.items()):
        ours = encoder_of(averaging(project, name), project / str(number)).model.state_dict()
        for part, value in theirs.model.state_dict().items():
            assert ours[part].numpy().tobytes() == value.numpy().tobytes(), (name, part)
        moved = {part for part, value in ours.items() if not torch.equal(value, before[part])}
        assert bool(moved) == (name != "revert(full,front+back+embeddings)")
        if name == REVERTED:
            assert not {part for part in moved if part.startswith(("encoder.layer.0.", "encoder.layer.1."))}
            assert {part.split(".")[0] for part in moved} == {"embeddings", "encoder"}


# --- runs ----------------------------------------------------------------------------


def test_nothing_is_realigned_twice(project, realignments):  # noqa: F811
    several = ["baseline", "full", "front", REVERTED, "revert(full,back)", "swap(full,0..1=front)", "scaled(full,1.5)"]
    several.append("ties(full,front,0.2)")
    found, out = averaging(project, *several), project / "out"
    study = run_experiment(found, out=out)
    assert realignments == ["full", "front"]
    assert not (out / "realigned").exists()
    assert [record.strategy for record in study.records] == several
    records = {record.strategy: record for record in study.records}
    assert records[REVERTED].realignment.training == records["full"].realignment.training
    assert records[REVERTED].realignment.freeze == REVERTED
    assert records[REVERTED].realignment.frozen == found.freezing[REVERTED] == found.freezing["front"]
    assert records["swap(full,0..1=front)"].realignment.training.steps == 8
    assert records["swap(full,0..1=front)"].realignment.frozen.parts == ("encoder.layer.0", "encoder.layer.1")
    assert records["scaled(full,1.5)"].realignment.frozen.parts == ()
    assert len({record.digest for record in study.records}) == len(several)
    # Alone, with nothing to share, it comes to the same, and an encoder that is needed twice is realigned once.
    run_experiment(averaging(project, REVERTED), out=project / "alone")
    (name,) = comparable(project / "alone")
    assert comparable(project / "alone")[name] == comparable(out)[name]
    assert realignments == ["full", "front", "full"]
    (record,) = run_experiment(averaging(project, f"average(full,{REVERTED})"), out=project / "twice").records
    assert realignments == ["full", "front", "full", "full"]
    assert record.realignment.training.steps == 4


def test_a_realigned_encoder_goes_when_the_last_run_that_starts_from_it_is_done(project, monkeypatch):
    found, out = averaging(project, "full", REVERTED, "swap(back,3=full)", "back"), project / "out"
    seen, run = [], sweep.run

    def watching(spec, *arguments, **options):
        folder = out / "realigned"
        seen.append(sorted(path.name.rsplit("-", 1)[0] for path in folder.iterdir()) if folder.exists() else [])
        return run(spec, *arguments, **options)

    monkeypatch.setattr(sweep, "run", watching)
    run_experiment(found, out=out)
    assert seen == [[], ["full-1"], ["full-1"], ["back-1"]]
    assert not (out / "realigned").exists()


@pytest.mark.parametrize("name", ["swap(full,3=back)", "ties(full,back,0.2)"])
@pytest.mark.parametrize("stage", ["realignment", "fine-tuning"])
def test_what_was_killed_goes_on_where_it_was(project, realignments, stage, name):  # noqa: F811
    found, out = averaging(project, name), project / "out"
    run_experiment(found, out=project / "apart")
    counting, tuning = recipe.realign, recipe.finetune

    def killed(encoder, **options):
        if stage == "realignment" and str(options["freeze"]) == "back":
            raise KeyboardInterrupt
        return counting(encoder, **options)

    def killed_later(*arguments, **options):
        if stage == "fine-tuning":
            raise KeyboardInterrupt
        return tuning(*arguments, **options)

    with (
        mock.patch.object(recipe, "realign", killed),
        mock.patch.object(recipe, "finetune", killed_later),
        pytest.raises(KeyboardInterrupt),
    ):
        run_experiment(found, out=out)
    folders = {path.name for path in out.rglob("realignment-*")}
    assert folders == {"realignment-full", *(["realignment-back"] if stage == "fine-tuning" else [])}
    run_experiment(found, out=out)
    assert comparable(out) == comparable(project / "apart")
    assert not list(out.rglob("checkpoint*"))


def test_a_run_that_failed_goes_on_with_the_encoders_that_are_there(project, realignments, monkeypatch):  # noqa: F811
    found, out = averaging(project, "full", "swap(full,3=back)", keep_models=True), project / "out"
    counting = recipe.realign

    def failing(encoder, **options):
        if str(options["freeze"]) == "back":
            raise TrainingError("the loss is nan")
        return counting(encoder, **options)

    with monkeypatch.context() as patched:
        patched.setattr(recipe, "realign", failing)
        (failure,) = run_experiment(found, out=out).failures
    assert (failure.strategy, failure.error) == ("swap(full,3=back)", "the loss is nan")
    _, record = run_experiment(found, out=out, retry_failed=True).records
    assert realignments == ["full", "back"]
    card = (out / "runs" / record.folder / "model" / "README.md").read_text()
    assert "merged: swap(full,3=back), fine-tuned" in card
    assert "- merged from several encoders, before fine-tuning: `swap(full,3=back)`" in card


def test_the_plan_and_the_pages_show_it_like_any_other(project):
    text = (project / "experiment.toml").read_text()
    strategies = f'["baseline", "full", "front", "{REVERTED}", "revert(full,front+back+embeddings)"]'
    text = text.replace('["baseline", "front"]', strategies).replace("seeds = [1, 2]", "seeds = [1]")
    (project / "experiment.toml").write_text(text)
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert f"front 1, {REVERTED} 1" in dry.stdout
    lines = [" ".join(line.split()) for line in dry.stdout.splitlines()]
    (front,), (reverted,) = ([line for line in lines if f"frozen {name}: " in line] for name in ("front", REVERTED))
    assert reverted == front.replace("front:", f"{REVERTED}:")
    assert "revert(full,back+embeddings+front): nothing that a realignment trains is left" in dry.stderr
    out = project / "out"
    options = ["--set", f'strategies=["baseline", "full", "front", "{REVERTED}"]', "--out", out]
    done = alignfreeze("run", project / "experiment.toml", *options, "--only", "revert-*", "--only", "b*")
    assert done.returncode == 0, done.stderr
    done = alignfreeze("run", project / "experiment.toml", *options)
    assert REVERTED in done.stdout
    assert sorted(path.name.rsplit("-", 1)[0] for path in (out / "runs").iterdir()) == [
        "baseline-1",
        "front-1",
        "full-1",
        "revert-full-front-1",
    ]
    compared = alignfreeze("compare", out)
    assert "Full realignment with front reverted is " in compared.stdout
    for page in ("page.html", "page.md", "page.tex"):
        assert alignfreeze("report", out, "--out", project / page).returncode == 0
        assert "revert(full,front)" in (project / page).read_text()
