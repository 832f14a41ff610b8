"""What is shown while something takes long."""

import io

from rich.console import Console

from alignfreeze.cli.shown import _table_of
from alignfreeze.progress import as_one_stage, remark, stage, use_display
from alignfreeze.progress_bars import ProgressBars
from alignfreeze.running.dispatch import run_experiment
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
    assert "baseline-1-" in text
    assert "1 complete" in text
