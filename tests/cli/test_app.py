"""All commands: their help, their imports, and errors in a process of their own."""

import json
import subprocess
import sys

import pytest

from tests.support.cli import alignfreeze, in_own_process, in_terminal, refused
from tests.support.records import make_record, make_settings, write_runs
from tests.support.terminal import check_lines

COMMANDS = [
    *("demo", "run", "bitext", "align", "aer", "layers", "realign", "average", "swap", "finetune", "evaluate"),
    *("mark", "compare", "correlate", "status", "export", "report", "probe", "advise"),
    *("note", "lens"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_common_options(command):
    help_text = alignfreeze(command, "--help").stdout
    # Comparing links, or results, has neither a random start nor anything to compute.
    needless = {
        "aer": {"--seed", "--device"},
        "average": {"--seed", "--device"},
        "swap": {"--device"},
        "compare": {"--seed", "--device"},
        "correlate": {"--seed", "--device"},
        "mark": {"--seed", "--device"},
        "status": {"--seed", "--device"},
        "export": {"--json", "--seed", "--device"},
        "report": {"--json", "--seed", "--device"},
        "note": {"--json", "--seed", "--device"},
        "lens": {"--json", "--seed", "--device"},
        "layers": {"--seed"},
        "probe": {"--seed"},
    }.get(command, set())
    assert all(option in help_text for option in {"--json", "--seed", "--device"} - needless)


def test_help_does_not_wait_for_torch():
    code = "import sys; sys.argv = ['alignfreeze', '--help']\nfrom alignfreeze.cli import app\n"
    code += "try: app()\nexcept SystemExit: pass\nassert not {'torch', 'transformers', 'pydantic'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


SLOW_TO_IMPORT = {"torch", "transformers", "tokenizers", "datasets", "numpy", "scipy", "pandas", "sklearn"}


@pytest.mark.parametrize("command", ["run", "advise"])
@pytest.mark.parametrize(("content", "found"), [(None, "cannot be read"), ("name = ", "not valid TOML")])
def test_a_wrong_experiment_file_is_refused_before_torch_is_loaded(tmp_path, command, content, found):
    """Loading PyTorch takes seconds, so a mistyped name must not wait for it."""
    path = tmp_path / "nosuch.toml"
    if content is not None:
        path.write_text(content)
    code = (
        f"import sys\nsys.argv = ['alignfreeze', {command!r}, {str(path)!r}]\nfrom alignfreeze.cli import main\n"
        "try: main()\nexcept SystemExit as end: code = end.code\n"
        "assert code == 2 and not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_that_takes_long(command):
    done = in_own_process(command, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"typer", "alignfreeze"} <= imported
    assert not imported & SLOW_TO_IMPORT


def test_version():
    from alignfreeze import __version__

    assert alignfreeze("--version").stdout.strip() == __version__


def test_a_mistake_in_an_own_process(tmp_path):
    done = in_own_process("run", tmp_path / "none.toml", "--out", tmp_path / "out")
    refused(done, "none.toml: cannot be read")


def test_a_message_in_a_narrow_terminal_breaks_only_between_words(tmp_path):
    path = tmp_path / "none.toml"
    done = in_terminal(40, "run", path, "--out", tmp_path / "out")
    assert done.returncode == 2
    message = done.stderr[done.stderr.index("error:") :]  # progress was shown before
    assert str(path) in message.replace(":", " ").split()
    check_lines(message, 40)


@pytest.mark.parametrize("command", ["status", "compare"])
def test_results_are_read_without_torch(tmp_path, command):
    """Loading PyTorch takes seconds; also where strategies are made from others."""
    settings = make_settings(["de"])
    names = ["baseline", "front", "revert(full,front)", "average(full,front)", "front+projected"]
    records = [make_record(settings, name, {"en": 0.9, "de": 0.8}) for name in names]
    study = write_runs(tmp_path, records)
    (study / "planned.json").write_text(json.dumps([record.folder for record in records]))
    done = in_own_process(command, study, python=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not imported & {"torch", "transformers", "datasets", "sklearn"}
