"""Runs commands of alignfreeze with the real clients of the hub, and with no network but this machine.

The clients read their environment when they are imported, so the commands run in a process of its own. Importing takes
seconds, so each command is a fork of one process that has imported everything. `Commands` is the side of the tests.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

TOO_LATE = 240
"""Seconds after which a command is ended."""


@dataclass
class Done:
    """What a command has done.

    Attributes:
        returncode: Its exit code.
        stdout: What it printed.
        stderr: What it told.
        waits: The seconds of each pause of half a second or more; they are not really waited for.
        strangers: The hosts that it looked for elsewhere.
        seconds: How long it took.
    """

    returncode: int
    stdout: str
    stderr: str
    waits: list[float] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Commands:
    """A process with the environment of a user of a hub, from which commands are forked.

    Attributes:
        home: What `HF_HOME` names.
        folder: The folder in which commands run.
    """

    def __init__(self, endpoint, folder, **environment):
        self.home, self.folder = folder / "home", folder / "work"
        self.folder.mkdir(parents=True)
        own = {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(self.home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # `datasets` would tell a host of its own what it loads
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            # Xet moves large files in pieces between servers of its own; without it they are ordinary downloads.
            "HF_HUB_DISABLE_XET": "1",
            "ALIGNFREEZE_CACHE": str(folder / "cache"),
            "TOKENIZERS_PARALLELISM": "false",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.support.hub.child"]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**kept, **own})

    def run(self, *arguments, token=None, n_bytes=None, network=True, offline=False):
        """Run a command.

        Args:
            arguments: What follows `alignfreeze`.
            token: The token of the user; None if nobody is logged in.
            n_bytes: The size beyond which no file may grow.
            network: Whether there is a network at all.
            offline: Whether the user has set `HF_HUB_OFFLINE`.
        """
        how = {"token": token, "n_bytes": n_bytes, "network": network, "offline": offline}
        order = {"arguments": list(map(str, arguments)), "folder": str(self.folder), **how}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        start = time.monotonic()
        answer = self._process.stdout.readline()
        assert answer, "the process that runs commands has ended"
        return Done(**json.loads(answer), seconds=time.monotonic() - start)

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=30)


class _Machine:
    """What the commands may do with the network and with time."""

    def __init__(self):
        self.network = True
        self.notes = sys.stderr
        self._find, self._sleep = socket.getaddrinfo, time.sleep
        self._connect = socket.socket.connect
        socket.getaddrinfo = self.find
        socket.socket.connect = lambda own, address: self.connect(own, address)  # noqa: PLW0108 - it must be bound anew
        time.sleep = self.sleep

    def find(self, host, *arguments, **options):
        # The viewer of data sets is a host of its own, beside the hub.
        is_own = host in {"localhost", "127.0.0.1"} or str(host) == "datasets-server.localhost"
        if not is_own:
            self.note("stranger", str(host))
        if not is_own or not self.network:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._find("127.0.0.1", *arguments, **options)

    def connect(self, own, address):
        if isinstance(address, tuple) and (address[0] != "127.0.0.1" or not self.network):
            self.note("stranger", address[0])
            raise OSError(101, "Network is unreachable")
        return self._connect(own, address)

    def sleep(self, seconds):
        if seconds >= 0.5:
            self.note("wait", seconds)
        self._sleep(min(seconds, 0.02))

    def note(self, what, value):
        with Path("notes").open("a") as file:
            file.write(json.dumps([what, value]) + "\n")


def _serve():
    machine = _Machine()
    import datasets  # noqa: F401
    import huggingface_hub
    import torch  # noqa: F401
    from transformers import AutoModelForTokenClassification, Trainer  # noqa: F401

    # What the commands of the tests need; a fork that imports it itself takes longer than what it does.
    import alignfreeze.advice.pilots
    import alignfreeze.cli
    import alignfreeze.encoding.requests
    import alignfreeze.experiment.single
    import alignfreeze.progress_bars
    import alignfreeze.reports.status
    import alignfreeze.running.study
    import alignfreeze.studies.results  # noqa: F401

    # So that small files are kept in several pieces, as large ones are.
    huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 1024
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        os.chdir(order["folder"])
        for name in ("notes", "stdout", "stderr"):
            Path(name).unlink(missing_ok=True)
        code = _fork(machine, order)
        notes = [json.loads(note) for note in Path("notes").read_text().splitlines()] if Path("notes").exists() else []
        done = {
            "returncode": code,
            "stdout": Path("stdout").read_text(),
            "stderr": Path("stderr").read_text(),
            "waits": [value for what, value in notes if what == "wait"],
            "strangers": [value for what, value in notes if what == "stranger"],
        }
        answers.write(json.dumps(done) + "\n")
        answers.flush()


def _fork(machine, order):
    number = os.fork()
    if number == 0:
        code = 70
        try:
            code = _run(machine, order)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(number, 0)
    return os.waitstatus_to_exitcode(status)


def _run(machine, order):
    import resource
    import signal
    import traceback

    from alignfreeze.cli import main

    for place, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND), place)
    signal.alarm(TOO_LATE)
    machine.network = order["network"]
    if order["token"] is not None:
        os.environ["HF_TOKEN"] = order["token"]
    if order["offline"]:
        _go_offline()
    if order["n_bytes"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["n_bytes"], resource.RLIM_INFINITY))
    sys.argv = ["alignfreeze", *order["arguments"]]
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _go_offline():
    """What the clients do when they are imported with `HF_HUB_OFFLINE=1`."""
    import datasets
    import huggingface_hub

    os.environ["HF_HUB_OFFLINE"] = "1"
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = datasets.config.HF_DATASETS_OFFLINE = True


if __name__ == "__main__":
    _serve()
