"""Experiments with adapters: plans, records, cards, schedules and averages."""

import json

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.records import RunRecord
from alignfreeze.reports.plans import plan_facts, plan_sheet
from alignfreeze.running.dispatch import run_experiment
from tests.support.runs import planned
from tests.support.terminal import text_of

pytest.importorskip("peft")


def test_a_plan_says_what_is_trained(project):
    found = planned(
        project, strategies=["lora:4", "front+lora:2", "average(lora:4,front)"], finetuning={"adapter": "lora"}
    )
    held = found.freezing["lora:4"]
    assert (held.adapter.rank, held.adapter.alpha) == (4, 8)
    # Four layers, each with four squares of the width 32 and two layers between 32 and 64.
    assert held.adapter.parameters == 4 * 4 * (4 * (32 + 32) + 2 * (32 + 64))
    assert held.parameters == held.n_parameters - held.adapter.parameters
    assert held.share == held.parameters / held.n_parameters
    assert found.freezing["average(lora:4,front)"].parts == ()
    assert found.tuning.adapter.rank == 8
    text = text_of(plan_sheet(found))
    assert "adapters of rank 2, alpha 4, beside 12 linear layers (query, key, value, dense)" in text
    assert "fine-tuning trains adapters of rank 8" in text
    facts = plan_facts(found)
    assert facts["frozen"]["lora:4"]["adapter"]["rank"] == 4
    assert facts["finetuning_frozen"]["adapter"]["parameters"] == 2 * held.adapter.parameters
    json.dumps(facts)


@pytest.mark.parametrize("schedule", ["before", "after"])
def test_a_run_with_adapters_in_both_stages(project, schedule):
    plan = planned(
        project,
        strategies=["baseline", "lora:4", "average(lora:4,full)"][: 3 if schedule == "before" else 2],
        seeds=[1],
        realignment={"steps": 2, "batch_size": 4, "schedule": schedule},
        finetuning={"steps": 2, "batch_size": 8, "adapter": "front+lora:2"},
        keep_models=True,
    )
    study = run_experiment(plan, out=project / "out")
    records = {record.strategy: record for record in study.records}
    record = records["lora:4"]
    assert record.realignment.frozen.adapter == plan.freezing["lora:4"].adapter
    # After fine-tuning, the encoder has no pooler.
    assert (record.realignment.frozen == plan.freezing["lora:4"]) == (schedule == "before")
    assert record.finetuning.adapter == plan.tuning.adapter
    folder = project / "out" / "runs" / record.folder
    assert RunRecord.read(folder / "record.json") == record
    card = (folder / "model" / "README.md").read_text()
    assert "adapters of rank 4, alpha 8, beside 24 linear layers (query, key, value, dense)" in card
    assert "fine-tuned with adapters of rank 2" in card
    if schedule == "before":
        assert records["average(lora:4,full)"].realignment.training.steps == 4


def test_during_with_adapters_in_fine_tuning(project):
    plan = planned(
        project,
        strategies=["front"],
        seeds=[1],
        realignment={"batch_size": 4, "schedule": "during"},
        finetuning={"steps": 2, "batch_size": 8, "adapter": "lora:2"},
    )
    record = run_experiment(plan, out=project / "out").records[0]
    assert record.finetuning.adapter.rank == 2


@pytest.mark.parametrize("by", ["agreement", "retrieval"])
def test_realignment_with_adapters_stops_by_estimates(project, by):
    plan = planned(
        project,
        strategies=["front+lora:2"],
        seeds=[1],
        bitext={"source": "en-{language}.txt", "pretokenized": True, "held_out": 20},
        realignment={"steps": 2, "batch_size": 4, "stopping": {"by": by, "every": 1, "finetuning_steps": 2}},
        finetuning={"steps": 2, "batch_size": 8, "adapter": "lora:2"},
    )
    record = run_experiment(plan, out=project / "out").records[0]
    assert len(record.realignment.training.checks) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategies": ["front+lora"], "realignment": {"schedule": "during"}}, r"front\+lora cannot be used with"),
        ({"strategies": ["lora:0"]}, "the rank of adapters is at least 1"),
        ({"finetuning": {"adapter": "front"}}, "'front' names no adapters"),
        ({"strategies": ["front+back+lora"]}, "no linear layer is left for adapters"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_the_plan(project, changes, message):
    with pytest.raises((SettingsError, ValueError), match=message):
        planned(project, **changes)
