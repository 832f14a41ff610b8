"""Runs commands as a user types them."""

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from alignfreeze.cli import main
from tests.support.terminal import Terminal


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def alignfreeze(*arguments, stream=io.StringIO):
    """Run a command in this process: importing torch anew for each would take minutes."""
    stdout, stderr = stream(), stream()
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


def in_terminal(width, *arguments):
    """Run a command as a terminal of a width shows it; without colours."""
    size = {"COLUMNS": str(width), "LINES": "50", "TERM": "xterm"}
    with mock.patch.dict(os.environ, size):
        done = alignfreeze(*arguments, stream=Terminal)
    return Done(done.returncode, *(_CODES.sub("", text) for text in (done.stdout, done.stderr)))


_CODES = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")


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
