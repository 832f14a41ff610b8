"""What a newcomer meets first: the names, the README, the command and the examples."""

import pydoc
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import alignfreeze
from alignfreeze.experiment.paper import FOLDER
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.files import write_json
from alignfreeze.running.folder import PLANNED
from tests.support.records import make_record, make_settings, write_runs

ROOT = Path(__file__).resolve().parents[1]


def test_every_public_name_can_be_imported():
    for name in alignfreeze.__all__:
        assert getattr(alignfreeze, name) is not None
    assert set(alignfreeze.__all__) == {*alignfreeze._HOMES, "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'relaign'"):
        alignfreeze.relaign  # noqa: B018


def test_importing_the_package_does_not_import_torch():
    code = "import sys, alignfreeze; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LOOKS = """
import sys
from alignfreeze.cli import main
sys.argv = ["alignfreeze", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code
assert not {"torch", "transformers"} & sys.modules.keys()
"""
"""Runs a command, and fails if it has imported what takes seconds."""


@pytest.mark.parametrize("command", ["status", "compare"])
def test_looking_at_complete_runs_does_not_wait_for_torch(command, tmp_path):
    settings = make_settings(["de", "fr"])
    records = [
        make_record(settings, strategy, {"en": 0.9, "de": value, "fr": value}, seed=seed)
        for strategy, value in (("baseline", 0.6), ("full", 0.7))
        for seed in (17, 31)
    ]
    write_runs(tmp_path, records)
    write_json(tmp_path / PLANNED, [record.folder for record in records])
    looked = subprocess.run(
        [sys.executable, "-c", LOOKS, command, tmp_path], capture_output=True, text=True, check=False
    )
    assert looked.returncode == 0, looked.stderr
    assert "full" in looked.stdout


def test_the_stages_import_only_what_comes_before_them():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_versions_agree():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["dynamic"] == ["version"]
    assert (
        (ROOT / settings["tool"]["hatch"]["version"]["path"])
        .read_text()
        .endswith(f'__version__ = "{alignfreeze.__version__}"\n')
    )
    assert f"version: {alignfreeze.__version__}" in (ROOT / "CITATION.cff").read_text()
    (ruff,) = re.findall(r"rev: v(\S+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert f"\nruff=={ruff}\n" in (ROOT / "constraints.txt").read_text()


def test_the_public_checks_are_those_of_every_machine():
    assert "run: bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_the_two_commands_come_first_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    first = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert first is not None
    commands = [line.split("#")[0].strip() for line in first[1].splitlines() if line.strip()]
    assert commands[-2:] == ["make demo", "make test"]


def python_blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run_quickly(code, folder, monkeypatch, tiny_folder):
    """Execute an example with the tiny encoder and few steps, in a folder of its own."""
    monkeypatch.chdir(folder)
    code = (
        code.replace("embedded:e5-small", str(tiny_folder))
        .replace("steps=20", "steps=1")
        .replace('"steps": 20', '"steps": 2')
        .replace("epochs=3", "epochs=1")
    )
    exec(compile(code, "example", "exec"), {})


def test_the_readme_is_executed(tmp_path, monkeypatch, tiny_folder, capsys):
    blocks = python_blocks((ROOT / "README.md").read_text())
    assert blocks
    for block in blocks:
        run_quickly(block, tmp_path, monkeypatch, tiny_folder)
    assert "Score(language='de', metric='accuracy'" in capsys.readouterr().out
    assert (tmp_path / "tagger" / "model.safetensors").exists()


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_executed(example, tmp_path, monkeypatch, tiny_folder):
    run_quickly(example.read_text(), tmp_path, monkeypatch, tiny_folder)


def test_the_readmes_example_is_the_one_in_the_examples():
    (block,) = python_blocks((ROOT / "README.md").read_text())
    assert block.strip() in (ROOT / "examples" / "realign_and_tag.py").read_text()


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "experiments").glob("*.toml"), *FOLDER.glob("*.toml")]), ids=lambda path: path.stem
)
def test_experiment_files_are_valid(path):
    assert ExperimentSettings.from_toml(path).name == path.stem


def test_the_readmes_experiment_file_is_valid():
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    ExperimentSettings.from_values(tomllib.loads(block), origin="README.md")


def test_help_and_tab_completion_show_the_pipeline_in_order():
    from rlcompleter import Completer

    found = set()
    completer = Completer({"af": alignfreeze})
    for number in range(1000):
        if (text := completer.complete("af.", number)) is None:
            break
        found.add(text.removeprefix("af.").rstrip("()"))
    assert set(alignfreeze.__all__) <= found | {"__version__"}
    helped = pydoc.plain(pydoc.render_doc(alignfreeze))
    listed = alignfreeze.__doc__
    assert listed is not None
    for name in alignfreeze._HOMES:
        assert re.search(rf"\b{name}\b", listed), name
        assert re.search(rf"\b{name}\b", helped.split("PACKAGE CONTENTS")[1]), name
    pipeline = ["read_bitext", "align", "load_encoder", "realign", "finetune", "evaluate", "probe", "run_experiment"]
    places = [re.search(rf"\b{name}\b", listed).start() for name in [*pipeline, "compare", "advise", "report"]]
    assert places == sorted(places)


def test_the_typed_example_uses_every_public_name():
    used = set(re.findall(r"\baf\.(\w+)", (ROOT / "tests" / "typed_example.py").read_text()))
    assert used == set(alignfreeze.__all__)
    assert (
        "tests/typed_example.py" in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]["include"]
    )


def test_the_page_on_python_is_executed(tmp_path, monkeypatch, tiny_folder):
    """Its samples are one script: each goes on with the names of those before it."""
    blocks = python_blocks((ROOT / "docs" / "api.md").read_text())
    run_quickly("\n".join(blocks), tmp_path, monkeypatch, tiny_folder)
    assert (tmp_path / "my-study.html").exists()


def test_the_page_on_your_own_code_is_executed(tmp_path, monkeypatch, tiny_folder):
    """Its samples are one script, with a tiny encoder."""
    for framework in ("datasets", "pandas", "peft", "sentence_transformers"):
        pytest.importorskip(framework)
    shutil.copytree(tiny_folder, tmp_path / "models" / "my-encoder")
    blocks = python_blocks((ROOT / "docs" / "own-code.md").read_text())
    run_quickly("\n".join(blocks), tmp_path, monkeypatch, tiny_folder)
    assert (tmp_path / "vectors" / "modules.json").exists()
