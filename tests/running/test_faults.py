"""Processes that are killed or terminated at any time leave nothing behind that runs, and lose no work."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.sweep import Sweep
from alignfreeze.termination import TERMINATED
from tests.support.cli import alignfreeze, refused
from tests.support.runs import comparable, planned

MARK = "ALIGNFREEZE_TEST_MARK"
"""A variable of the environment that all descendants of a process have."""

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")


def marked(mark):
    """Return the numbers of the living processes with a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_ended = (path / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            if not is_ended and f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


def wait_for_end(mark, seconds=10):
    """Wait until no process has a mark; return those that are left, after ending them."""
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return left


def start(*command, **options):
    mark = uuid.uuid4().hex
    started = subprocess.Popen(
        [sys.executable, *map(str, command)], env={**os.environ, MARK: mark}, text=True, **options
    )
    return started, mark


PARENT = """
import os, signal, subprocess, sys
worker = subprocess.Popen([sys.executable, "-m", "alignfreeze.running.worker"], stdin=subprocess.PIPE)
os.write(worker.stdin.fileno(), sys.argv[1].encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_proc
@pytest.mark.parametrize("written", ["", '{"experiments"', '{"experiments": [], "out": "/nowhere", "only": ["a"]}\n'])
def test_a_worker_ends_with_its_parent_even_while_it_starts(written):
    """The parent is killed before it has said what to do, in the middle of saying it, or just after."""
    parent, mark = start("-c", PARENT, written, stderr=subprocess.DEVNULL)
    parent.wait()
    assert not wait_for_end(mark)


TERMINATED_AT_WORK = """
import sys, time
from alignfreeze.termination import clean_up_when_terminated
with clean_up_when_terminated():
    try:
        print("ready", flush=True)
        try:
            time.sleep(60)
        except Exception:
            print("swallowed")
    finally:
        print("cleaned up", flush=True)
        time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("stuck", [False, True])
def test_sigterm_runs_the_clean_up_but_does_not_wait_for_it_for_ever(stuck):
    process, _ = start("-c", TERMINATED_AT_WORK, 60 if stuck else 0, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.stdout.read() == "cleaned up\n"
    assert process.wait(timeout=10) == (-signal.SIGALRM if stuck else TERMINATED)


@needs_proc
def test_a_second_sigterm_ends_a_process_at_once():
    process, mark = start("-c", TERMINATED_AT_WORK, 60, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.stdout.readline() == "cleaned up\n"
    process.terminate()
    assert process.wait(timeout=2) == -signal.SIGTERM
    assert not wait_for_end(mark)


def test_a_command_that_is_terminated_says_so_in_one_line(project):
    process, _ = start(
        *("-m", "alignfreeze", "run", project / "experiment.toml", "--out", project / "out"), stderr=subprocess.PIPE
    )
    while not list(project.glob("out/locks/*.json")) and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == TERMINATED
    assert "error: ended by SIGTERM; complete runs and checkpoints are kept" in said
    assert "Traceback" not in said
    assert not list(project.glob("out/locks/*.json"))
    assert not list(project.glob("out/runs/.*"))


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_any_time_leave_no_process_and_lose_no_run(project):
    """30 SIGKILLs and 10 SIGTERMs of `run --workers 2`; a third of them arrive within the first second."""
    generator = random.Random(19)
    signals = [signal.SIGKILL] * 30 + [signal.SIGTERM] * 10
    generator.shuffle(signals)
    began = time.monotonic()
    run_experiment(planned(project), out=project / "alone")
    usual = max(8.0, 2 * (time.monotonic() - began))
    command = ("-m", "alignfreeze", "run", project / "experiment.toml", "--workers", 2)
    expected = comparable(project / "alone")
    out, ended = project / "out-0", 0
    for number, chosen in enumerate(signals):
        process, mark = start(*command, "--out", out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(generator.uniform(0, 1 if number % 3 == 0 else usual))
        process.send_signal(chosen)
        process.wait(timeout=10)
        left = wait_for_end(mark)
        assert not left, f"{len(left)} processes are left of start {number}, ended by {chosen.name}"
        found = comparable(out)
        assert all(expected[name] == record for name, record in found.items())
        if len(found) == len(expected):
            ended += 1
            out = project / f"out-{ended}"
    assert run_experiment(planned(project), out=out).failures == ()
    assert comparable(out) == expected
    assert not list((out / "runs").glob(".*"))
    assert not (out / "checkpoints").exists()


def deleting(place, times):
    """Return a `do` that deletes a complete run when it has ended, so many times."""
    do = Sweep.do

    def do_and_delete(sweep, names):
        do(sweep, names)
        for path in list(sweep.out.glob(place))[:1] if len(calls) < times else ():
            calls.append(path)
            shutil.rmtree(path)

    calls = []
    return do_and_delete


@pytest.mark.parametrize("place", ["runs/front-1-*", "runs"])
def test_a_run_that_is_deleted_meanwhile_is_done_again(project, monkeypatch, remarks, place):
    alone = run_experiment(planned(project, seeds=[1]), out=project / "alone")
    monkeypatch.setattr(Sweep, "do", deleting(place, 1))
    study = run_experiment(planned(project, seeds=[1]), out=project / "out")
    assert [record.scores for record in study.records] == [record.scores for record in alone.records]
    assert comparable(project / "out") == comparable(project / "alone")
    (said,) = [text for text in remarks if "deleted from" in text]
    assert "front-1-" in said


def test_runs_that_are_deleted_again_and_again_are_an_error(project, monkeypatch):
    monkeypatch.setattr(Sweep, "do", deleting("runs/front-1-*", 2))
    done = alignfreeze("run", project / "experiment.toml", "--set", "seeds=[1]", "--out", project / "out")
    refused(done, "front-1-", "are missing, though they were done", "the same command does these runs again")
    monkeypatch.undo()
    assert run_experiment(planned(project, seeds=[1]), out=project / "out").reused == 1
