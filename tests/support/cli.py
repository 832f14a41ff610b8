"""Runs commands as a user types them."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from alignfreeze.cli import main


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def alignfreeze(*arguments):
    """Run a command in this process: importing torch anew for each would take minutes."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with (
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        mock.patch.object(sys, "argv", ["alignfreeze", *map(str, arguments)]),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    return Done(code, stdout.getvalue(), stderr.getvalue())


def in_own_process(*arguments, python=()):
    """Run a command in a process of its own, with options for Python."""
    command = [sys.executable, *python, "-m", "alignfreeze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)


def refused(done, *expected):
    """Exit code 2, one message, nothing on standard output, no traceback."""
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    for text in expected:
        assert text in done.stderr
