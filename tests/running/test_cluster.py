"""Runs on Ray: a local one with two workers."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import plan_all
from alignfreeze.experiment.settings import RaySettings
from alignfreeze.running.cluster import _check_resources
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.status import read_status
from alignfreeze.termination import TERMINATED
from tests.running.test_faults import start, wait_for_end
from tests.support.cli import alignfreeze
from tests.support.runs import comparable, planned


def longer(project, **changes):
    """A plan whose realignments take long enough to be caught in the middle."""
    first = planned(project).settings
    return planned(project, realignment=first.realignment.model_copy(update={"steps": 300}), **changes)


def kill_one(out, killed):
    """Kill the first process that is caught in the middle of a realignment."""
    while not killed:
        time.sleep(0.05)
        if not (out / "planned.json").exists():
            continue
        for run in read_status(out).runs:
            if run.state == "running" and run.claim.stage.startswith("realigning") and run.claim.done > 20:
                os.kill(run.claim.process, signal.SIGKILL)
                killed.append((run.name, run.claim.process))
                return


def test_no_cluster_at_the_address(project):
    """Before the tests that start one."""
    pytest.importorskip("ray")
    with pytest.raises(SettingsError, match="--ray auto: no Ray cluster can be reached there"):
        run_experiment(planned(project), out=project / "out", ray="auto")


@pytest.mark.slow
def test_two_workers_give_the_same_records_and_one_that_is_killed_is_replaced(project):
    pytest.importorskip("ray")
    alone, out = project / "alone", project / "out"
    run_experiment(longer(project), out=alone)
    killed = []
    killer = threading.Thread(target=kill_one, args=(out, killed), daemon=True)
    killer.start()
    study = run_experiment(longer(project), out=out, ray="local", workers=2)
    killer.join(timeout=1)
    assert len(killed) == 1
    assert killed[0][1] != os.getpid()
    assert (len(study.records), study.failures) == (4, ())
    assert comparable(out) == comparable(alone)


@pytest.mark.slow
def test_the_command_on_ray(project):
    pytest.importorskip("ray")
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--ray", "local", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "4 runs, " in done.stdout


@pytest.mark.slow
def test_a_run_whose_process_ends_again_and_again_is_given_up(project):
    ray = pytest.importorskip("ray")
    once = RaySettings(retries=0)
    found = longer(project, seeds=[1], strategies=["front"], ray=once)
    killed = []
    threading.Thread(target=kill_one, args=(project / "out", killed), daemon=True).start()
    study = run_experiment(found, out=project / "out", ray="local", workers=1)
    assert not ray.is_initialized()
    (failure,) = study.failures
    assert "ended again and again" in failure.error
    # It goes on from there, without Ray as well.
    assert len(run_experiment(found, out=project / "out", retry_failed=True).records) == 1


def test_without_ray_the_extra_is_named(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r'needs the extra `ray`: pip install "alignfreeze\[ray\]"'):
        run_experiment(planned(project), out=project / "out", ray="local")


def test_gpus_of_other_machines_need_none_here(project):
    settings = planned(project).settings
    settings = settings.model_copy(update={"device": "auto", "ray": RaySettings(gpus_per_run=0.5)})
    (found,) = plan_all([(project, settings)], elsewhere=True)
    assert found.settings.device == "cuda"


def test_more_than_the_cluster_has_is_refused():
    with pytest.raises(SettingsError, match=r"ray\.gpus_per_run: a run needs 1, but the whole cluster has only 0"):
        _check_resources({"CPU": 2.0}, [RaySettings(gpus_per_run=1)])
    _check_resources({"CPU": 2.0, "GPU": 1.0}, [RaySettings(gpus_per_run=1)])


@pytest.mark.slow
def test_sigterm_ends_the_command_and_its_ray(project):
    pytest.importorskip("ray")
    options = ("--out", project / "out", "--ray", "local", "--workers", 1)
    process, mark = start("-m", "alignfreeze", "run", project / "experiment.toml", *options, stderr=subprocess.PIPE)
    while not list(project.glob("out/locks/*.json")) and process.poll() is None:
        time.sleep(0.05)
    process.terminate()
    assert "error: ended by SIGTERM" in process.communicate(timeout=30)[1]
    assert process.returncode == TERMINATED
    assert not wait_for_end(mark)
