"""How the sides of a comparison take turns: the benchmark sends a line of JSON, and a side does one turn and answers.

A side runs in an environment of its own, so this file needs only Python and, for a training, transformers.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path

from transformers import TrainerCallback


class Turns:
    """Reads requests and writes answers. What libraries print goes to standard error instead."""

    def __init__(self):
        self.answers, sys.stdout = sys.stdout, sys.stderr
        self.how = json.loads(sys.argv[1])
        self.n = 0

    def wait(self):
        """Return the next request; None if there is no more. Memory is counted from the first request on."""
        line = sys.stdin.readline()
        if line and not self.n:
            with suppress(OSError):  # not Linux: the peak then includes loading
                Path("/proc/self/clear_refs").write_text("5")
        self.n += 1
        return json.loads(line) if line else None

    def answer(self, **facts):
        print(json.dumps(facts), file=self.answers, flush=True)

    def pairs(self):
        """Return the sentence pairs: words of the source, words of the target, codes of both languages."""
        return json.loads(Path(self.how["pairs"]).read_text(encoding="utf-8"))


class TurnsOfSteps(TrainerCallback):
    """Lets a training of transformers' Trainer wait after each window of steps, until it is its turn again."""

    def __init__(self, turns):
        self.turns, self.window = turns, turns.how["window"]
        self.began = 0.0

    def on_step_begin(self, args, state, control, **_):
        if state.global_step % self.window == 0:
            self.turns.wait()
            self.began = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        if state.global_step % self.window == 0:
            self.turns.answer(seconds=time.perf_counter() - self.began, peak=peak())


def peak():
    """Return the most bytes that this process has held since the first request; None where Linux does not say it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
