"""What a notebook, or a script that asks for it, shows while something takes long."""

import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

import alignfreeze as af
from alignfreeze.progress import get_display, remark, running_shell, stage
from alignfreeze.progress_notebook import NotebookBars

REALIGNS = """
import alignfreeze as af
from tests.conftest import *
bitext = [af.SentencePair(("the", noun), ("eht", noun[::-1]), ("en", "de")) for noun in NOUNS for _ in range(8)]
links = af.align(bitext, aligner="fast-align")
encoder = af.load_encoder({folder!r})
realigned = af.realign(encoder, bitext, links, freeze="front", steps=300, batch_size=4, device="cpu")
"""
FINETUNES = """
from alignfreeze.progress import remark, stage
from alignfreeze.tasks.table import TASKS
items = [TaggedSentence(("the", noun), ("DET", "NOUN")) for noun in NOUNS]
model, _ = af.finetune(encoder, TASKS["pos"], items, epochs=2, device="cpu")
remark("a <remark>")
"""
HIDES = """
af.show_progress(False)
with stage("hidden", total=2) as bar:
    remark("hidden, too")
"""


def run_notebook(*cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def html_of(outputs):
    return [output.data["text/html"] for output in outputs if output.output_type == "display_data"]


def test_a_notebook_draws_bars_in_one_output_per_cell(tiny_folder):
    folder = str(tiny_folder)
    first, second, third = run_notebook(REALIGNS.format(folder=folder), FINETUNES, HIDES)
    assert len(html_of(first)) == len(html_of(second)) == 1
    assert "&lt;remark&gt;" in html_of(second)[0]
    assert len(html_of(second)[0].split("<br>")) < 10
    assert "<progress" not in html_of(second)[0]
    assert third == []
    streams = [output for output in [*first, *second] if output.output_type == "stream"]
    assert not any("alignfreeze" in output.text for output in streams)


class FakeHandle:
    def __init__(self):
        self.shown = []

    def update(self, shown, raw):
        self.shown.append(shown)


@pytest.fixture
def bars(monkeypatch):
    shown = NotebookBars(SimpleNamespace(execution_count=None))
    shown._handle = FakeHandle()
    monkeypatch.setattr("alignfreeze.progress.get_display", lambda: shown)
    return shown


def test_a_bar_says_how_far_it_is(bars):
    with stage("reading <files>", total=200) as bar:
        time.sleep(0.3)
        bar.advance(50)
        last = bars._handle.shown[-1]
        assert last["text/html"].startswith('reading &lt;files&gt; <progress value="50" max="200"></progress> 50/200, ')
        assert last["text/plain"].startswith("reading <files>: 50/200, ")
    assert bars._handle.shown[-1] == {"text/html": "", "text/plain": ""}


def test_it_is_not_drawn_at_each_step(bars):
    with stage("reading", total=10_000) as bar:
        for _ in range(10_000):
            bar.advance()
    assert len(bars._handle.shown) < 20


def test_lines_do_not_grow_without_end(bars):
    for number in range(200):
        remark(f"remark {number}")
    assert len(bars._handle.shown[-1]["text/plain"].splitlines()) == 50


def test_outside_of_a_notebook_nothing_is_shown_until_it_is_wanted():
    assert running_shell() is None
    silence = get_display()
    with af.show_progress():
        assert get_display() is not silence
        with af.show_progress(False):
            assert get_display() is silence
    assert get_display() is silence


def test_a_script_that_asks_for_progress_sees_remarks_and_long_stages():
    code = """
import time, alignfreeze as af
from alignfreeze.progress import stage, remark
remark("a warning")
af.show_progress()
remark("a [remark]")
with stage("slow", total=1): time.sleep(2.1)
with stage("swift", total=1): pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["a warning", "a [remark]", "slow"]
