"""Commands on experiments: plans, runs, and wrong experiment files."""

import json

import pytest

from alignfreeze.experiment import demo
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.status import Status
from tests.support.cli import alignfreeze, in_terminal, refused
from tests.support.figures import progress


def test_run_dry_run_and_json(project):
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert "4: baseline 1, front 1, baseline 2, front 2" in dry.stdout
    assert "front: encoder.layer.0..1; " in dry.stdout
    assert "4 steps of 4 sentence pairs: 16 in all" in dry.stdout
    assert "en-tr.txt" in dry.stdout
    facts = json.loads(alignfreeze("run", project / "experiment.toml", "--dry-run", "--json", "--seed", "9").stdout)
    assert [run["seed"] for run in facts["runs"]] == [9, 9]
    assert facts["sentence_pairs"] == {"en-de": 120, "en-tr": 120}
    refused(alignfreeze("run", project / "experiment.toml"), "--out DIR")
    assert not (project / "out").exists()

    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9")
    assert done.returncode == 0, done.stderr
    assert "of 2 target languages" in done.stdout
    assert "2 runs" in done.stdout
    table = (project / "out" / "table.md").read_text()
    assert "| average | of 2 target languages |" in table
    again = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9", "--json")
    assert "2 of 2 runs are complete" in again.stderr
    printed = json.loads(again.stdout)
    assert [run["strategy"] for run in printed["runs"]] == ["baseline", "front"]
    assert printed["tables"][0]["rows"][0]["name"] == "en"


def test_a_dry_run_without_timing_only_shows_the_plan(project, monkeypatch):
    timed = []
    monkeypatch.setattr("alignfreeze.reports.previews.estimate_cost", lambda *_, **__: timed.append(1))
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run", "--no-timing")
    assert dry.returncode == 0, dry.stderr
    assert "4: baseline 1, front 1, baseline 2, front 2" in dry.stdout
    assert "no estimate" not in dry.stdout
    assert (
        json.loads(alignfreeze("run", project / "experiment.toml", "--dry-run", "--no-timing", "--json").stdout)[
            "estimate"
        ]
        is None
    )
    assert not timed
    assert alignfreeze("run", project / "experiment.toml", "--dry-run").returncode == 0
    assert timed


def test_progress_is_shown_without_a_terminal_only_for_what_takes_long(project):
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9")
    assert "reading data" not in done.stderr


def test_a_name_that_looks_like_markup_is_only_a_name(project):
    path = project / "experiment.toml"
    path.write_text(path.read_text().replace('name = "toy"', 'name = "toy [/b] [red]x"'))
    done = alignfreeze("run", path, "--out", project / "out", "--seed", "9")
    assert done.returncode == 0, done.stderr
    assert "toy [/b] [red]x: pos" in done.stdout


def test_wrong_experiment_files(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("""
languages = ["de", "jp"]
strategies = ["baseline", "frnt"]
[data]
train = "t"
test = "{language}"
[bitext]
source = "{language}"
[realignment]
temperature = 0
""")
    out = tmp_path / "out"
    done = alignfreeze("run", path, "--out", out)
    refused(done, "bad.toml has 3 wrong settings:", "languages.1", "'ja'", "strategies.1", "'front'", "temperature")
    refused(alignfreeze("run", tmp_path / "none.toml", "--out", out), "none.toml: cannot be read")
    assert not out.exists()


def test_an_output_folder_that_cannot_be_written(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text('languages = ["de"]\n[data]\ntrain = "t"\ntest = "{language}"\n[bitext]\nsource = "{language}"\n')
    (tmp_path / "file").touch()
    refused(alignfreeze("run", path, "--out", tmp_path / "file" / "out"), "cannot be written", "choose another place")
    refused(alignfreeze("run", path, "--out", tmp_path / "file"), "cannot be written")
    refused(alignfreeze("run", path, "--out", "/proc/alignfreeze"), "cannot be written")


def test_the_demo_shows_a_table_and_writes_a_report(project, monkeypatch):
    pytest.importorskip("plotly")
    monkeypatch.chdir(project)
    monkeypatch.setattr(
        demo, "settings_of_demo", lambda *_, **__: ExperimentSettings.from_toml(project / "experiment.toml")
    )
    done = alignfreeze("demo", "--seed", 1)
    assert done.returncode == 0, done.stderr
    assert "of 2 target languages" in done.stdout
    assert "the report is demo-report.html" in done.stderr
    assert (project / "demo-report.html").exists()


@pytest.mark.parametrize("strategies", ['["baseline"]', '["baseline", "front"]'])
@pytest.mark.parametrize("languages", ['["en"]', '["en", "en"]'])
def test_an_experiment_without_a_target_language_is_remarked_on(project, languages, strategies):
    changes = (
        "--set",
        f"languages={languages}",
        "--set",
        f"strategies={strategies}",
        "--set",
        'bitext.languages=["de"]',
    )
    done = alignfreeze("run", project / "experiment.toml", "--dry-run", *changes)
    assert done.returncode == 0, done.stderr
    assert "languages names only the source language 'en': no target language is tested" in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize("width", [None, 80])
def test_status_waits_until_no_run_is_left(monkeypatch, width):
    looks = iter([progress(), Status(progress().runs[:1], None)])
    monkeypatch.setattr("alignfreeze.running.status.read_status", lambda _: next(looks))
    monkeypatch.setattr("time.sleep", lambda _: None)
    done = alignfreeze("status", "out", "--watch") if width is None else in_terminal(width, "status", "out", "--watch")
    assert done.returncode == 0, done.stderr
    assert "1 complete" in done.stdout
    if width is None:
        assert "baseline-31-0123abcd\tcomplete\t" in done.stdout
        assert "waiting" not in done.stdout
