"""What is shown while something takes long."""

import io
import os
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import TimeRemainingColumn

from alignfreeze.cli.shown import _table_of
from alignfreeze.progress import as_one_stage, gather_remarks, gathering_remarks, remark, stage, use_display
from alignfreeze.progress_bars import ProgressBars
from alignfreeze.realignment.history import Freezing, RealignmentHistory
from alignfreeze.reports.status import live_sheet
from alignfreeze.running.claims import Claim
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.pace import Pace, guess_seconds_left
from alignfreeze.running.status import RunStatus, Status
from alignfreeze.terminal import to_rich
from alignfreeze.training.history import TrainingHistory
from tests.support.records import make_record, make_settings
from tests.support.runs import planned


class Noted:
    """A display that notes what it is told."""

    def __init__(self):
        self.told = []

    def start(self, title, total):
        self.told.append(("start", title))
        return self

    def advance(self, steps=1):
        self.told.append(("advance", steps))

    def tell(self, **values):
        self.told.append(("tell", values))

    def finish(self, bar):
        self.told.append(("finish",))

    def remark(self, text):
        self.told.append(("remark", text))


def test_stages_within_one_stage_are_not_shown_and_remarks_are():
    noted = Noted()
    with use_display(noted):
        with as_one_stage("estimating"), stage("fine-tuning", total=3) as bar:
            bar.advance()
            remark("slow")
        with stage("testing"):
            pass
    assert noted.told == [
        ("start", "estimating"),
        ("remark", "slow"),
        ("finish",),
        ("start", "testing"),
        ("finish",),
    ]


def as_text(shown):
    console = Console(width=140, file=io.StringIO())
    console.print(shown)
    return console.file.getvalue()


def test_what_is_below_the_bars():
    shown = iter([None, "a table"])
    bars = ProgressBars(lambda: next(shown)).progress
    assert len(list(bars.get_renderables())) == 1
    assert list(bars.get_renderables())[1] == "a table"
    assert len(list(ProgressBars().progress.get_renderables())) == 1


def test_the_table_of_runs_begins_with_the_runs_and_is_looked_at_once_a_second(project, monkeypatch):
    now = 100.0
    monkeypatch.setattr("alignfreeze.cli.shown._now", lambda: now)
    out = project / "out"
    table = _table_of(out)
    assert table() is None
    run_experiment(planned(project, seeds=[1], strategies=["baseline"]), out=out)
    assert table() is None
    now += 1
    text = as_text(table())
    assert "baseline-1 " in text
    assert "1 complete" in text


def test_remarks_of_a_kind_become_one():
    forms = [f"en-{code}.tsv: read as tsv" for code in ("de", "es", "fi", "hi", "tr", "zh")]
    rows = ["a.txt: 3 rows without a label are skipped", "b.txt: 1,204 rows without a label are skipped"]
    assert gather_remarks([*forms, "out of memory", *rows, forms[0]]) == [
        "en-de.tsv: read as tsv; the same for en-es.tsv, en-fi.tsv, en-hi.tsv and 2 more",
        "out of memory",
        "a.txt: 3 rows without a label are skipped; much the same for b.txt",
    ]
    assert gather_remarks(forms[:3]) == ["en-de.tsv: read as tsv; the same for en-es.tsv and en-fi.tsv"]


def test_gathered_remarks_are_shown_at_the_end_also_of_what_fails(remarks):
    with pytest.raises(ValueError), gathering_remarks():
        remark("a: odd")
        remark("b: odd")
        assert remarks == []
        raise ValueError
    assert remarks == ["a: odd; the same for b"]


def test_the_files_of_an_experiment_are_remarked_on_once(project, remarks):
    planned(project)
    assert [text for text in remarks if "read as" in text] == [
        f"{project / 'en-de.txt'}: read as bars; the same for en-tr.txt"
    ]


def run_record(*, seconds=30.0, steps=(10, 20)):
    settings = make_settings(["de"])
    realigned = RealignmentHistory(TrainingHistory(steps[0], 5.0, ()), "front", Freezing((), 0, 1), 1, 0)
    return replace(
        make_record(settings, "front", {"en": 0.9, "de": 0.7}),
        realignment=realigned,
        finetuning=TrainingHistory(steps[1], 20.0, ()),
        seconds={"all": seconds},
    )


def test_the_time_left_counts_steps_at_the_pace_of_complete_runs():
    """A step of realignment took 0.5 s, one of fine-tuning 1 s, and the rest of the run 5 s."""
    pace = Pace.of(run_record())
    planned_steps = {name: {"realigning": 10, "fine-tuning": 20} for name in ("a", "b", "c")}
    planned_steps["c"] = {"fine-tuning": 40}
    claim = Claim("here", 1, 0.0, "fine-tuning (pos)", 5, 20, time.time() - 5.0)
    runs = [RunStatus("a", "complete", seconds=30.0), RunStatus("b", "waiting"), RunStatus("c", "waiting")]
    assert guess_seconds_left(runs, {"a": pace}, planned_steps) == pytest.approx(30 + 45)
    going = [*runs[:2], RunStatus("c", "running", claim, seconds=6.0)]
    # b: 5 + 20 + 5 s; c: 35 steps and the rest.
    assert guess_seconds_left(going, {"a": pace}, planned_steps) == pytest.approx(30 + 40, rel=0.01)


def test_the_time_left_is_known_soon_after_the_first_run_has_begun():
    claim = Claim("here", 1, 0.0, "realigning (front)", 4, 10, time.time() - 8.0)
    first = RunStatus("a", "running", claim, seconds=9.0)
    steps = {name: {"realigning": 10, "fine-tuning": 10} for name in ("a", "b")}
    # 2 s a step: 6 and 10 steps of the first run, 20 of the other.
    assert guess_seconds_left([first, RunStatus("b", "waiting")], {}, steps) == pytest.approx(72, rel=0.01)
    assert guess_seconds_left([RunStatus("a", "waiting")], {}, steps) is None


def test_the_live_table_shows_loss_speed_score_and_one_estimate():
    claim = Claim("here", 1, 0.0, "fine-tuning (pos)", 5, 20, time.time() - 5.0, {"loss": 1.25})
    runs = (
        RunStatus("front-31-0123456789ab", "complete", seconds=30.0, score=0.705, doubts=("de: odd",)),
        RunStatus("front-42-0123456789ab", "running", claim, seconds=6.0),
        *(RunStatus(f"full-{seed}-0123456789ab", "waiting") for seed in range(20)),
    )
    shown = as_text(to_rich(live_sheet(Status(runs, 754.0), most=6)))
    assert re.search(r"front-31 +complete, 1 doubt +70\.5 +0:30", shown)
    assert re.search(r"front-42 +fine-tuning \(pos\) +5/20 +1\.25 +1 +0:06", shown)
    assert shown.count("waiting") == 4 + 1
    assert "20 waiting; about 12:34 left" in shown
    assert "0123456789ab" not in shown


def test_only_the_outermost_stage_shows_the_time_left():
    bars = ProgressBars()
    outer, inner = bars.start("runs", 4), bars.start("training", 100)
    assert bars.outermost == outer.task
    bars.finish(inner)
    bars.finish(outer)
    assert bars.outermost is None
    assert not any(isinstance(column, TimeRemainingColumn) for column in ProgressBars(lambda: None).progress.columns)


def test_without_a_terminal_a_long_stage_gives_a_sign_of_life(capsys, monkeypatch):
    monkeypatch.setattr("alignfreeze.progress_bars.SIGN_SECONDS", 0.0)
    with ProgressBars() as bars, use_display(bars), stage("realigning", total=10) as bar:
        bar.tell(loss=2.5)
        bar.advance(3)
    assert "realigning: 3/10, loss 2.5, 0 s" in capsys.readouterr().err


ANNOUNCED = """
import sys

class Watch:
    def find_spec(self, name, *_):
        if name in {"torch", "transformers"}:
            print(f"<{name}>", file=sys.stderr, flush=True)

sys.meta_path.insert(0, Watch())
from alignfreeze.cli.shown import working
with working():
    pass
"""


def test_what_takes_long_to_load_is_announced_before():
    environment = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", ANNOUNCED], env=environment, stderr=subprocess.PIPE, text=True, check=True
    )
    assert 0 < done.stderr.index("loading PyTorch") < done.stderr.index("<torch>")
    assert done.stderr.index("loading transformers") < done.stderr.index("<transformers>")
