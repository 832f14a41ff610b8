"""Experiments with several values for some settings."""

import json

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import plan_all
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.dispatch import run_experiments
from alignfreeze.running.grid import read_grid
from tests.support.cli import alignfreeze

GRID = """
[grid]
"realignment.temperature" = [0.05, 0.1]
"finetuning.learning_rate" = [1e-3, 2e-3]
"""


@pytest.fixture
def grid(project):
    path = project / "experiment.toml"
    path.write_text(path.read_text() + GRID)
    return path


def test_every_combination_is_an_experiment(grid):
    found = read_grid(grid)
    assert [(one.realignment.temperature, one.finetuning.learning_rate) for one in found] == [
        (0.05, 1e-3),
        (0.05, 2e-3),
        (0.1, 1e-3),
        (0.1, 2e-3),
    ]
    assert found[0].name == "toy: temperature 0.05, learning_rate 0.001"
    with pytest.raises(SettingsError, match=r"has a table \[grid\]"):
        ExperimentSettings.from_toml(grid)


def test_a_file_without_a_grid_is_one_experiment(project):
    path = project / "experiment.toml"
    assert read_grid(path) == [ExperimentSettings.from_toml(path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"realignment.temperature" = 0.1', r"\[grid\] must give a list of values"),
        ('"realignment.temperature" = []', r"\[grid\] must give a list of values"),
        ('"realignment.temperature" = [0.1, 0]', "realignment.temperature: Input should be greater than 0"),
        ('"realignment.temprature" = [0.1]', "realignment.temprature"),
    ],
)
def test_what_is_no_grid(project, text, message):
    path = project / "experiment.toml"
    path.write_text(f"{path.read_text()}\n[grid]\n{text}\n")
    with pytest.raises(SettingsError, match=message):
        read_grid(path)


def test_what_combinations_share_is_done_once(grid, project):
    plans = plan_all((project, settings) for settings in read_grid(grid))
    assert len({id(planned.data) for planned in plans}) == 1
    studies = run_experiments(plans, out=project / "out", only=["*-1-*"])
    # Four realigned runs, and a baseline for each rate of fine-tuning.
    assert len(list((project / "out" / "runs").iterdir())) == 4 + 2
    assert [len(study.records) for study in studies] == [2, 2, 2, 2]
    baselines = [study.records[0].digest for study in studies]
    assert baselines[0] == baselines[2] != baselines[1] == baselines[3]


def test_the_commands_on_a_grid(grid, project):
    grid.write_text(grid.read_text().replace('"finetuning.learning_rate" = [1e-3, 2e-3]', ""))
    shown = alignfreeze("run", grid, "--dry-run")
    assert "2 experiments, 6 different runs" in shown.stdout, shown.stderr
    done = alignfreeze("run", grid, "--out", project / "out", "--seed", 1)
    assert done.returncode == 0, done.stderr
    assert "toy: temperature 0.1: pos" in done.stdout
    assert "3 runs, " in done.stdout
    compared = json.loads(alignfreeze("compare", project / "out", "--json").stdout)["comparisons"]
    assert sorted(item["label"] for item in compared) == ["toy: temperature 0.05", "toy: temperature 0.1"]
    assert len({item["settings"] for item in compared}) == 2


def test_a_setting_in_the_grid_is_not_changed_beside_it(grid):
    with pytest.raises(SettingsError, match=r"--set realignment.temperature: the table \[grid\] of .* gives values"):
        read_grid(grid, changes=[("realignment.temperature", "0.7")])
