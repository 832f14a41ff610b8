"""Realigned encoders from which several runs start."""

import pytest
import torch

from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.experiment import recipe, starting
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.dispatch import run_experiment, run_experiments
from alignfreeze.running.sharing import remove_shared
from tests.support.cli import alignfreeze
from tests.support.runs import comparable, planned


@pytest.fixture
def realignments(monkeypatch):
    """What was realigned, as a list that grows."""
    done, realign = [], recipe.realign

    def counting(encoder, **options):
        done.append(str(options["freeze"]))
        return realign(encoder, **options)

    monkeypatch.setattr(recipe, "realign", counting)
    return done


def at_rates(project, *rates, **changes):
    """Plans that differ in the learning rate of fine-tuning."""
    first = planned(project, seeds=[1], **changes)
    settings = [
        first.settings.model_copy(update={"finetuning": first.settings.finetuning.model_copy(update=rate)})
        for rate in rates
    ]
    return [plan(one, base=project) for one in settings]


RATES = ({"learning_rate": 1e-3}, {"learning_rate": 2e-3})


def test_a_realigned_encoder_is_made_once_and_changes_no_record(project, realignments):
    plans = at_rates(project, *RATES)
    run_experiments(plans, out=project / "together")
    assert realignments == ["front"]
    for one in plans:
        run_experiment(one, out=project / "apart")
    assert realignments == ["front"] * 3
    assert comparable(project / "together") == comparable(project / "apart")
    assert len(comparable(project / "apart")) == 4
    # No run waits for it.
    assert not (project / "together" / "realigned").exists()


def test_it_stays_as_long_as_a_run_waits_for_it(project, realignments):
    plans, out = at_rates(project, *RATES), project / "out"
    name = plans[0].specs[1].folder
    run_experiments(plans, out=out, only=[name])
    assert len([path for path in (out / "realigned").iterdir() if path.is_dir()]) == 1
    run_experiments(plans, out=out)
    assert realignments == ["front"]
    assert not (out / "realigned").exists()


def test_with_the_models_it_is_kept_as_an_ordinary_encoder(project, realignments):
    (one,) = at_rates(project, RATES[0], keep_models=True)
    out = project / "out"
    study = run_experiment(one, out=out)
    (folder,) = [path for path in (out / "realigned").iterdir() if path.is_dir()]
    assert folder.name.startswith("front-1-")
    realigned, fresh = load_encoder(str(folder)), load_encoder(one.settings.encoder)
    moved = [
        any(not torch.equal(a, b) for a, b in zip(new.parameters(), old.parameters(), strict=True))
        for new, old in zip(realigned.layers, fresh.layers, strict=True)
    ]
    assert moved == [False, False, True, True]
    assert "front" in (folder / "README.md").read_text()
    # Done again by force, it is not taken for done.
    again = run_experiment(one, out=out, force=True)
    assert realignments == ["front", "front"]
    assert again.records[1].scores == study.records[1].scores


def test_other_settings_of_the_realignment_make_another(project):
    first = planned(project, seeds=[1])
    slower = first.settings.realignment.model_copy(update={"learning_rate": 1e-6})
    other = plan(first.settings.model_copy(update={"realignment": slower}), base=project)
    baseline, front = first.specs
    assert baseline.realigned_encoders == {}
    assert front.realigned_encoders != other.specs[1].realigned_encoders
    fewer = first.settings.data.model_copy(update={"max_test": 9})
    tested = plan(first.settings.model_copy(update={"data": fewer}), base=project)
    assert front.realigned_encoders == tested.specs[1].realigned_encoders
    assert front.digest != tested.specs[1].digest
    later = first.settings.realignment.model_copy(update={"schedule": "during"})
    assert (
        plan(first.settings.model_copy(update={"realignment": later}), base=project).specs[1].realigned_encoders == {}
    )


def test_tasks_of_several_files_share_it(project, toy_items):
    lines = ["\n".join(f"{w}\t{t}" for w, t in zip(s.words, s.tags, strict=True)) + "\n" for s in toy_items["ner"]]
    for name in ("train", "en", "de", "tr"):
        (project / f"ner-{name}.iob2").write_text("\n".join(lines))
    text = (project / "experiment.toml").read_text().replace("seeds = [1, 2]", "seeds = [1]")
    (project / "experiment.toml").write_text(text)
    text = text.replace('name = "toy"', 'name = "names"\ntask = "ner"').replace("en-train.conllu", "ner-train.iob2")
    (project / "ner.toml").write_text(text.replace("{language}-test.conllu", "ner-{language}.iob2"))
    files = [project / "experiment.toml", project / "ner.toml"]
    plans = [plan(ExperimentSettings.from_toml(path), base=project) for path in files]
    assert plans[0].specs[1].realigned_encoders == plans[1].specs[1].realigned_encoders
    done = alignfreeze("run", *files, "--out", project / "out")
    assert done.returncode == 0, done.stderr
    assert "toy: pos" in done.stdout
    assert "names: ner" in done.stdout
    assert done.stderr.count("realigned before") == 1
    assert len(list((project / "out" / "runs").iterdir())) == 4


def test_where_an_encoder_lies_does_not_name_a_run(project, monkeypatch, tiny_folder):
    (project / "enc").symlink_to(tiny_folder)
    text = (project / "experiment.toml").read_text().replace(str(tiny_folder), "enc")
    (project / "experiment.toml").write_text(text)
    from_afar = planned(project).specs[0].folder
    monkeypatch.chdir(project)
    settings = ExperimentSettings.from_toml("experiment.toml")
    assert plan(settings, base=project.relative_to(project)).specs[0].folder == from_afar


def test_the_memory_of_a_stage_is_its_own():
    meter = Meter("cpu")
    with meter.measure("large"):
        taken = torch.ones(30_000_000)
        del taken
    with meter.measure("small"):
        pass
    large, small = meter.memory["large"]["process"], meter.memory["small"]["process"]
    assert large > 120e6
    assert small <= large
    assert list(meter.seconds) == ["large", "small"]


def test_an_encoder_that_another_process_is_at_stays(project, realignments):
    plans, out = at_rates(project, *RATES), project / "out"
    run_experiments(plans, out=out, only=[plans[0].specs[1].folder])
    (place,) = (out / "realigned").iterdir()
    with starting.lock_of(place):
        remove_shared(place)
        assert place.exists()
    remove_shared(place)
    assert not place.exists()
