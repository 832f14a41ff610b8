"""Many runs: shared among processes, killed, failed, done again; and how far they are."""

import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from filelock import FileLock

from alignfreeze.errors import DataError, OutputError, SettingsError, TrainingError
from alignfreeze.files import THIS_HOST
from alignfreeze.running import dispatch, sweep
from alignfreeze.running.claims import claim_run, is_claimed, read_claim
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.status import read_status
from tests.support.cli import alignfreeze
from tests.support.runs import comparable, failing, planned


def test_a_run_that_fails_does_not_stop_the_others_and_its_error_is_kept(project, monkeypatch, remarks):
    found, out = planned(project, seeds=[1]), project / "out"
    with monkeypatch.context() as patched:
        patched.setattr(sweep, "run", failing("baseline", TrainingError("the loss is nan")))
        study = run_experiment(found, out=out)
    assert [record.strategy for record in study.records] == ["front"]
    assert [(f.strategy, f.seed, f.error, f.trace) for f in study.failures] == [("baseline", 1, "the loss is nan", "")]
    assert any("baseline, seed 1 failed: the loss is nan" in text for text in remarks)
    assert [run.state for run in read_status(out).runs] == ["failed", "complete"]
    # It is left alone until it is asked for.
    assert len(run_experiment(found, out=out).failures) == 1
    again = run_experiment(found, out=out, retry_failed=True)
    assert (len(again.records), again.failures, again.reused) == (2, (), 1)


def test_the_place_of_a_mistake_in_the_code_is_kept(project, monkeypatch):
    monkeypatch.setattr(sweep, "run", failing("baseline", ZeroDivisionError("nothing there")))
    (failure,) = run_experiment(planned(project, seeds=[1], strategies=["baseline"]), out=project / "out").failures
    assert failure.error == "ZeroDivisionError: nothing there"
    assert "runs.py" in failure.trace


def test_a_full_disk_is_one_error_and_the_folder_goes_on(project, monkeypatch):
    found, out = planned(project, seeds=[1]), project / "out"
    full = RuntimeError("File write failed: No space left on device")
    for error in (full, OSError(errno.ENOSPC, "No space left on device")):
        with monkeypatch.context() as patched:
            patched.setattr(sweep, "run", failing("front", error))
            with pytest.raises(OutputError, match="the disk is full; make room, and the same command continues"):
                run_experiment(found, out=out)
    assert [run.state for run in read_status(out).runs] == ["complete", "waiting"]
    assert len(run_experiment(found, out=out).records) == 2


def test_only_some_runs(project):
    found, out = planned(project), project / "out"
    study = run_experiment(found, out=out, only=["baseline-2-*"])
    assert [(record.strategy, record.seed) for record in study.records] == [("baseline", 2)]
    assert [run.state for run in read_status(out).runs] == ["waiting", "waiting", "complete", "waiting"]
    with pytest.raises(SettingsError, match=r"no run matches 'back-\*'; the runs are baseline-1-"):
        run_experiment(found, out=out, only=["back-*"])


def test_complete_runs_are_done_again_by_force(project):
    found, out = planned(project, seeds=[1], strategies=["baseline"]), project / "out"
    run_experiment(found, out=out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/[!.]*/record.json")}
    assert run_experiment(found, out=out, force=True).reused == 0
    assert len(before) == 1
    assert all(path.stat().st_mtime_ns > written for path, written in before.items())


@pytest.mark.slow
def test_workers_give_the_same_records(project):
    out, alone = project / "out", project / "alone"
    run_experiment(planned(project), out=alone)
    study = run_experiment(planned(project), out=out, workers=2)
    assert len(study.records) == 4
    assert comparable(out) == comparable(alone)
    assert len(list((out / "logs").iterdir())) == 2


def test_a_claim_is_of_one_process_and_says_whose(project, remarks):
    code = f"""
import sys, time
from pathlib import Path
from alignfreeze.running.claims import claim_run
from alignfreeze.progress import stage
with claim_run(Path({str(project)!r}), "a") as ours, stage("sleeping", total=9) as bar:
    bar.advance(4)
    print(ours, flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "True\n"
    with claim_run(project, "a") as ours, claim_run(project, "b") as another:
        assert (ours, another) == (False, True)
    assert is_claimed(project, "a")
    assert (read_claim(project, "a").process, read_claim(project, "a").stage) == (other.pid, "sleeping")
    other.kill()
    other.wait()
    # What it left behind is seen to be stale.
    assert not is_claimed(project, "a")
    with claim_run(project, "a") as ours:
        assert ours
    assert any(f"taken over from process {other.pid} on" in text for text in remarks)
    assert read_claim(project, "a") is None


def command(project, out, *more):
    return [sys.executable, "-m", "alignfreeze", "run", str(project / "experiment.toml"), "--out", str(out), *more]


def test_two_processes_on_one_folder_do_no_run_twice(project):
    out = project / "out"
    both = [subprocess.Popen(command(project, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    seen = {}
    while any(process.poll() is None for process in both):
        for path in out.glob("runs/[!.]*/record.json"):
            with suppress(FileNotFoundError):
                # A number of a file is given away again; the time it was written is not.
                seen.setdefault(path.parent.name, set()).add(path.stat().st_mtime_ns)
        time.sleep(0.01)
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert len(seen) == 4
    assert all(len(times) == 1 for times in seen.values())
    assert all(b"average" in shown for shown, _ in outputs)


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_as_if_undisturbed(project):
    """SIGKILL at random moments; the records equal an undisturbed sweep's, and no run ends twice."""
    file = project / "experiment.toml"
    file.write_text(
        file.read_text()
        .replace('["baseline", "front"]', '["baseline", "full", "front", "back"]')
        .replace("[data]", "[compute]\ncheckpoint_steps = 3\n[data]")
    )
    out, calm = project / "out", project / "calm"
    began = time.monotonic()
    subprocess.run(command(project, calm), check=True, capture_output=True)
    whole = time.monotonic() - began
    chance = random.Random(20)
    seen, kills = {}, 0

    def look():
        for path in out.glob("runs/[!.]*/record.json"):
            json.loads(path.read_text())  # never half-written
            seen.setdefault(path.parent.name, set()).add((path.stat().st_ino, path.stat().st_mtime_ns))

    while kills < 20:
        process = subprocess.Popen(command(project, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The beginning loads and plans: most moments are to fall behind it.
        deadline = time.monotonic() + chance.uniform(0.2, 0.6) * whole
        while time.monotonic() < deadline and process.poll() is None:
            look()
            time.sleep(0.01)
        if process.poll() is not None and kills < 20 and len(seen) == 8:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    subprocess.run(command(project, out), check=True, capture_output=True)
    look()
    assert len(seen) == 8
    assert all(len(times) == 1 for times in seen.values())
    assert comparable(out) == comparable(calm)
    assert not list(out.rglob("*.part"))
    assert not (out / "checkpoints").exists()


def test_the_status_of_no_experiment(tmp_path):
    with pytest.raises(DataError, match="no experiment has been run here"):
        read_status(tmp_path)


def test_commands_on_a_folder_of_runs(project):
    out = project / "out"
    done = alignfreeze(*command(project, out, "--only", "*-1-*")[3:])
    assert done.returncode == 0, done.stderr
    shown = alignfreeze("status", out)
    assert "2 complete, 2 waiting" in shown.stdout
    facts = json.loads(alignfreeze("status", out, "--json").stdout)
    assert (facts["complete"], facts["waiting"], len(facts["runs"])) == (2, 2, 4)
    table = project / "scores.csv"
    assert alignfreeze("export", out, "--out", table).stdout == f"# 6 scores in {table}\n"
    rows = list(csv.DictReader(table.open()))
    assert {(row["strategy"], row["language"], row["seed"]) for row in rows} == {
        (strategy, language, "1") for strategy in ("baseline", "front") for language in ("en", "de", "tr")
    }
    assert len({row["tests"] for row in rows}) == 2  # German and Turkish are the same here
    assert alignfreeze("export", out, "--out", project / "scores.tex").returncode == 0
    assert r"\toprule" in (project / "scores.tex").read_text()
    compared = json.loads(alignfreeze("compare", out, "--json").stdout)["comparisons"]
    assert [(item["aligner"], item["n_languages"]) for item in compared] == [("argmax", 2)]
    front = compared[0]["languages"]["de"]["front"]
    assert front["judged"]["gain"] == pytest.approx(front["gain"])
    refused = alignfreeze("export", out, "--out", project / "scores.docx")
    assert refused.returncode == 2
    assert "the form cannot be recognised from the name; give one of csv, parquet, markdown, latex" in refused.stderr


def test_parquet_holds_what_csv_holds(project, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = project / "out"
    run_experiment(planned(project, seeds=[1], strategies=["baseline"]), out=out)
    assert alignfreeze("export", out, "--out", tmp_path / "scores.parquet").returncode == 0
    alignfreeze("export", out, "--out", tmp_path / "scores.csv")
    rows = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    by_csv = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert [row["value"] for row in rows] == [float(row["value"]) for row in by_csv]


def test_what_a_process_with_our_number_left_is_no_obstacle(project):
    """In a container a process that starts again often has the number of the one that was killed."""
    found, out = planned(project, seeds=[1], keep_models=True), project / "out"
    baseline, front = found.specs
    for left in (out / "runs" / baseline.folder, out / "realigned" / front.realigned_encoders["front"]):
        left.with_name(f".{left.name}.{os.getpid()}-{THIS_HOST}.part").mkdir(parents=True)
    assert len(run_experiment(found, out=out).records) == 2
    assert not list(out.rglob("*.part"))


def test_links_that_cannot_be_found_fail_the_runs_that_need_them_and_no_others(project, monkeypatch):
    monkeypatch.setattr(dispatch, "run_workers", lambda *_, **__: None)

    def no_links(*_, **__):
        raise SettingsError("no layer 99")

    monkeypatch.setattr(sweep, "find_links", no_links)
    study = run_experiment(planned(project, seeds=[1]), out=project / "out", workers=2)
    assert [record.strategy for record in study.records] == ["baseline"]
    assert [(failure.strategy, failure.error) for failure in study.failures] == [("front", "no layer 99")]


def test_a_study_is_shown_whole_though_only_some_of_it_was_to_be_done(project):
    found, out = planned(project), project / "out"
    run_experiment(found, out=out)
    again = run_experiment(found, out=out, only=["front-1-*"], force=True)
    assert len(again.records) == 4
    with pytest.raises(SettingsError, match=r"no run matches 'bakc-\*'; the runs are"):
        run_experiment(found, out=out, only=["front-1-*", "bakc-*"])


def test_runs_of_other_commands_in_the_folder_are_shown_too(project):
    out = project / "out"
    for seed in (1, 2):
        run_experiment(planned(project, seeds=[seed], strategies=["baseline"]), out=out)
    assert [run.state for run in read_status(out).runs] == ["complete", "complete"]


def _not_ours(*_, **__):
    raise PermissionError("not ours")


def test_somebody_else_may_look(project, monkeypatch):
    with claim_run(project, "a"):
        monkeypatch.setattr(FileLock, "acquire", _not_ours)
        assert is_claimed(project, "a")
    assert not is_claimed(project, "a")


def test_options_for_how_it_is_computed(project):
    file, out = project / "experiment.toml", project / "out"
    done = alignfreeze("run", file, "--out", out, "--only", "baseline-1-*", "--compute", "micro_batch=4")
    assert done.returncode == 0, done.stderr
    done = alignfreeze("run", file, "--out", out, "--only", "baseline-2-*", "--log-to", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert len(list((out / "logs").glob("baseline-2-*/*/events*"))) == 1


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_experiments_that_share_a_run_keep_its_model_if_one_of_them_wants_it(project, order):
    plans = [planned(project, name=str(keep), keep_models=keep, strategies=["baseline"], seeds=[1]) for keep in order]
    dispatch.run_experiments(plans, out=project / "out")
    (folder,) = (project / "out" / "runs").iterdir()
    assert (folder / "model" / "config.json").exists()


def test_a_folder_without_locks_is_an_error_of_the_user(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", fail)
    with pytest.raises(OutputError, match=r"no run can be claimed here .*Read-only"), claim_run(tmp_path, "run"):
        pass
    (tmp_path / "locks" / "run.lock").touch()
    assert not is_claimed(tmp_path, "run")  # as there is no note


@pytest.mark.parametrize("strategy", ["projected", "seeds(baseline)"])
def test_each_folder_of_checkpoints_belongs_to_one_process(project, strategy):
    """A process whose plan lacks `strategy` does not share the baseline, and takes no lock that keeps others away."""

    def places(*strategies):
        finetuning = {"steps": 4, "head_seed": 1}
        plan = planned(project, strategies=list(strategies), finetuning=finetuning, seeds=[1, 2], seeds_per_average=2)
        found = sweep.Sweep([plan], project / "out")
        specs = [spec for spec, _ in found.jobs.values() if spec.seed == 1]
        return {str(spec.strategy): found._places_of(spec, project) for spec in specs}

    alone, several = places("baseline")["baseline"], places("baseline", strategy)
    others = several[strategy]
    first = others.members[0] if others.members else others.first
    assert alone.tuned is None
    assert first.tuned == several["baseline"].tuned is not None
    # Whoever holds the lock of the shared model continues from the same checkpoints.
    assert first.checkpoints == several["baseline"].checkpoints != alone.checkpoints
    assert len({alone.checkpoints, first.checkpoints, others.checkpoints}) == 3
