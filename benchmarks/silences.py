"""How long a user waits without seeing anything move: commands in a terminal of their own, their output timed.

    python benchmarks/silences.py                          # every command, on the mini corpus
    python benchmarks/silences.py -- make demo             # one command

The result has the longest silence of each command, when it began, and what stood in the last line before it.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST = 3.0
"""Seconds without any output after which a user wonders whether a command still works."""

ROWS, COLUMNS = 50, 120

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")

EXPERIMENT = """\
name = "silences"
encoder = "embedded:e5-small"
task = "pos"
languages = ["de", "tr"]
strategies = ["baseline", "front"]
seeds = [17]

[data]
train = "mini:en-train.conllu"
test = "mini:{language}-test.conllu"
max_train = 100
max_test = 50

[bitext]
source = "mini:en-{language}.tsv"

[realignment]
steps = 6

[finetuning]
steps = 10
"""


@dataclass(frozen=True)
class Silence:
    """The longest time without output.

    Attributes:
        command: What was run.
        seconds: How long it took.
        code: Its exit code.
        longest: The longest silence, in seconds; also before the first output and after the last.
        began: When that silence began, in seconds since the start.
        before: The last line that was shown before.
        over: How many silences were longer than LONGEST.
    """

    command: str
    seconds: float
    code: int
    longest: float
    began: float
    before: str
    over: int


def listen(command, *, folder=None, log=None) -> Silence:
    """Run a command in a terminal of its own, and time what it shows."""
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "LINES": str(ROWS), "COLUMNS": str(COLUMNS)}
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=environment, start_new_session=True
    )
    os.close(terminal)
    shown, silences, last, text = [], [], began, ""
    try:
        while True:
            ready, _, _ = select.select([main], [], [], 0.5)
            try:
                data = os.read(main, 65_536) if ready else None
            except OSError:  # the end of a terminal under Linux
                data = b""
            if data is None:
                continue
            now = time.monotonic()
            part = data.decode("utf-8", "replace")
            shown.append((now - began, part))
            if not data or _CONTROL.sub("", part).strip():  # nobody sees a cursor that moves
                silences.append((now - last, last - began, _last_line(text)))
                last = now
                text = (text + part)[-4_000:]
            if not data:
                break
        code = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        os.close(main)
    if log is not None:
        log.write_text("".join(f"[{when:.2f}] {part!r}\n" for when, part in shown))
    longest, start, before = max(silences)
    over = sum(seconds > LONGEST for seconds, _, _ in silences)
    words = " ".join(map(str, command[3:] if command[1:2] == ["-m"] else command))
    return Silence(words, round(last - began, 1), code, round(longest, 2), round(start, 1), before, over)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in _CONTROL.sub("", text).split("\n")]
    return next((line for line in reversed(lines) if line), "")[:100]


def commands_on(folder: Path) -> list[list[str]]:
    """Return the commands that a user waits for, in an order in which each finds what it needs."""
    from alignfreeze.corpora.mini import mini_path  # not needed to listen to `make demo`, and not installed then

    (folder / "experiment.toml").write_text(EXPERIMENT)
    pairs = ["--bitext", f"en-de={mini_path('en-de.tsv')}"]
    arguments = [
        ["--help"],
        ["run", "experiment.toml", "--dry-run"],
        ["align", *pairs, "--out", "links.txt", "--view", "links.html"],
        ["align", *pairs, "--aligner", "argmax", "--out", "links2.txt"],
        ["run", "experiment.toml", "--out", "study"],
        ["status", "study"],
        ["compare", "study"],
        ["report", "study", "--out", "report.html"],
        ["advise", "experiment.toml", "--out", "advice"],
        ["demo"],
    ]
    return [[sys.executable, "-m", "alignfreeze", *words] for words in arguments]


def main() -> None:
    """Print what was heard, one line per command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="a file for the results, as JSON")
    parser.add_argument("--logs", type=Path, help="a folder for all output with its times")
    parser.add_argument("--only", default="", help="only commands with this word")
    parser.add_argument("command", nargs="*", help="a command instead of those of alignfreeze")
    options = parser.parse_args()
    if options.logs is not None:
        options.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        if options.command:
            several = [options.command]
        else:
            several = [one for one in commands_on(Path(folder)) if options.only in " ".join(one)]
        heard = []
        for number, command in enumerate(several):
            log = None if options.logs is None else options.logs / f"{number:02}-{Path(command[-1]).name}.log"
            found = listen(command, folder=None if options.command else folder, log=log)
            heard.append(asdict(found))
            print(f"{found.longest:6.2f} s silent of {found.seconds:6.1f} s, {found.over} too long: {found.command}")
            print(f"         from {found.began:.1f} s on, after {found.before!r}", flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(heard, indent=1) + "\n")


if __name__ == "__main__":
    main()
