"""What the benchmarks share: the data, the machine, memory, matrix products, and the form of the results."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alignfreeze import training
from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding.order import WINDOW

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SHARED = HERE.parents[1] / "shared" / "data"
LANGUAGES = ("ar", "de", "es", "fi", "zh")
SEED = 31
MATRIX_PRODUCTS = {torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default}


@dataclass(frozen=True)
class Corpus:
    """What is trained and tested on."""

    name: str
    bitext: list
    train: list
    tests: dict


def corpus(languages=LANGUAGES, max_pairs=200):
    """Tatoeba and Universal Dependencies where they stand beside the project, else the mini corpus."""
    bitext, tests = [], {}
    if not SHARED.is_dir():
        for code in languages:
            bitext += read_bitext(mini.mini_path(f"en-{code}.tsv"), languages=("en", code), max_pairs=max_pairs)
            tests[code] = read_conllu(mini.mini_path(f"{code}-test.conllu"))
        return Corpus("mini", bitext, read_conllu(mini.mini_path("en-train.conllu")), tests)
    for code in languages:
        files = [SHARED / "tatoeba" / f"en-{code}.{side}" for side in ("en", code)]
        bitext += read_bitext(*files, languages=("en", code), max_pairs=max_pairs)
        test = SHARED / "ud" / f"{code}-test.conllu"
        if test.exists():
            tests[code] = read_conllu(test)
    return Corpus("Tatoeba, UD", bitext, read_conllu(SHARED / "ud" / "en-train.conllu"), tests)


class Stopwatch(training._Watch):
    """Times the steps of a training of ours, and makes a step of something else before each of them.

    Attributes:
        times: Seconds of each step, with what the loop around it costs and fetching its batch.
        between: Seconds of that which pass between two steps: fetching the batch, and the loop's own work.
        others: Seconds of each step of the other.
        products: The matrix products of the last window of steps, which are not timed, and without the other.
    """

    def __init__(self, bar, title, other, steps):
        super().__init__(bar, title)
        self.other, self.steps = other, steps
        self.times, self.between, self.others = [], [], []
        self.products = Products()
        self.ended = None

    def on_step_begin(self, *_, **__):
        now = time.perf_counter()
        self.between.append(now - self.ended if self.ended else 0.0)
        timed = len(self.between) <= self.steps - WINDOW
        if self.other is not None and timed:
            self.other()
            self.others.append(time.perf_counter() - now)
        if not timed:
            self.products.__enter__()
        self.began = time.perf_counter()

    def on_step_end(self, *arguments, **options):
        super().on_step_end(*arguments, **options)
        self.ended = time.perf_counter()
        if len(self.between) > self.steps - WINDOW:
            self.products.__exit__(None, None, None)
        else:
            self.times.append(self.ended - self.began + self.between[-1])


@contextmanager
def stopwatch(steps, other=None):
    """Time the training made inside the block; yields a function that returns its `Stopwatch`."""
    before, made = training._Watch, []

    def make(bar, title):
        made.append(Stopwatch(bar, title, other, steps))
        return made[-1]

    training._Watch = make
    try:
        yield lambda: made[-1]
    finally:
        training._Watch = before


def mean(values, skip=WINDOW):
    """The mean over whole windows of steps: within one, batches are sorted by length, so a median is no measure."""
    return statistics.fmean(values[skip:])


def rounded(row):
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in row.items()}


class Products(TorchDispatchMode):
    """Notes the matrix products made inside the block: shapes and strides, and how often."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in MATRIX_PRODUCTS:
            # addmm has its bias first
            left, right = args[-2:]
            self.found[tuple((tuple(side.shape), side.stride()) for side in (left, right))] += 1
        return function(*args, **(kwargs or {}))

    def flops(self):
        return sum(n * 2 * torch.Size(left).numel() * right[-1] for ((left, _), (right, _)), n in self.found.items())

    def seconds(self, repeats=7):
        """How long these products alone take, at their best order of memory: the machine's peak on these shapes."""
        total = 0.0
        for (left, right), n in self.found.items():
            sides = [torch.empty_strided(*side).normal_() for side in (left, right)]
            times = []
            for _ in range(repeats):
                began = time.perf_counter()
                torch.matmul(*sides)
                times.append(time.perf_counter() - began)
            total += n * statistics.median(times[1:])
        return total


def peak_memory():
    """The most memory that this process has held, in bytes."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins with the parent's
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_a_process_of_its_own(script, *arguments):
    """Run a benchmark's part alone, so that its peak memory is its own; return what it prints as JSON."""
    command = [sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout.decode().splitlines()[-1])


def machine():
    names = [line.split(":")[1].strip() for line in _cpu_info() if line.startswith("model name")]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device or "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cpu_info():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def keep(name, facts):
    """Write the results of a benchmark."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), **facts}, indent=2) + "\n")


def table(columns, rows):
    """Print rows as a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    print("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines))
