"""Strategies whose models are trained a second time, on target-language items that a first model helps to label."""

from alignfreeze.running.dispatch import run_experiment
from tests.support.runs import planned


def test_x(project, remarks):
    found = planned(project, seeds=[1], strategies=["baseline", "projected", "full", "full+projected", "self-trained"])
    study = run_experiment(found, out=project / "out")
    print(study.failures if hasattr(study, "failures") else "")
    for r in study.records:
        print(r.strategy, r.mean_score, r.teaching, r.finetuning.steps)
    print(remarks)
    assert 0
