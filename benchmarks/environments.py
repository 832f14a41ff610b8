"""Environments of their own for other people's packages, and processes in them that take turns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from alignfreeze.cache import cache_folder

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
READY = "ready.txt"
"""The file of an environment that says what it was made from."""


class NotInstalledError(Exception):
    """A package cannot be installed here."""


def environment(*requirements):
    """Return the Python of an environment with these packages, and make it if need be.

    It lies in the cache folder, never in the project's own environment. All other packages have the versions of
    `constraints.txt`, so that both sides compute with the same torch and the same transformers.

    Raises:
        NotInstalledError: The packages cannot be installed.
    """
    folder = cache_folder() / "peers" / "+".join(requirements)
    python = folder / "bin" / "python"
    wanted = "\n".join([*requirements, CONSTRAINTS.read_text(encoding="utf-8")])
    ready = folder / READY
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "--quiet", "install", "--constraint", CONSTRAINTS, *requirements],
    ):
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise NotInstalledError(f"{' '.join(requirements)} cannot be installed here")
    ready.write_text(wanted, encoding="utf-8")
    return python


class Side:
    """A process of one side of a comparison, which does a turn when it is asked to."""

    def __init__(self, process, name):
        self.process, self.name = process, name

    def ask(self, **request):
        """Let the side do a turn, and return its answer."""
        self.process.stdin.write(json.dumps(request or {"go": True}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with exit code {self.process.wait()} before it answered")
        return json.loads(line)


@contextmanager
def side(python, module, how):
    """Start one side, wait until it is ready, and end it after the block."""
    command = [str(python), "-m", module, json.dumps(how)]
    env = dict(os.environ)
    if Path(python) != Path(sys.executable):
        env.pop("PYTHONPATH", None)  # it may lead to packages of the project's environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=env, text=True, encoding="utf-8", **pipes) as process:
        started = Side(process, module)
        try:
            started.answer()
            yield started
        finally:
            process.kill()
