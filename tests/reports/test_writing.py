import sys

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.reports.writing import report_demo, write_outcome
from alignfreeze.running.dispatch import run_experiments
from alignfreeze.running.study import Outcome
from tests.running.test_sweep import planned


def test_what_experiments_have_in_common_comes_once(project):
    plans = [planned(project, seeds=[1], strategies=strategies) for strategies in (["baseline"], ["baseline", "front"])]
    outcome = Outcome.of(run_experiments(plans, out=project / "out"))
    assert [record.strategy for record in outcome.records] == ["baseline", "front"]
    assert len(outcome.tables) == 2
    assert outcome.cost().startswith("2 runs, ")
    write_outcome(outcome, project / "out")
    assert (project / "out" / "table.md").read_text().count("| average |") == 2


def test_without_its_extra_the_report_of_the_demo_is_left_out_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "alignfreeze.reports.study", None)
    said = report_demo(tmp_path, tmp_path / "page.html", required=False)
    assert said.startswith("no report is written: reports need the extra `report`")
    with pytest.raises(SettingsError, match="need the extra `report`"):
        report_demo(tmp_path, tmp_path / "page.html", required=True)
