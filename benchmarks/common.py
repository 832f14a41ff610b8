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
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding.order import WINDOW
from alignfreeze.experiment.meter import peak_of_process  # noqa: F401 - the scripts call it from here
from alignfreeze.training import loop

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SHARED = HERE.parents[1] / "shared" / "data"
LANGUAGES = ("ar", "de", "es", "fi", "zh")
SEED = 31
MATRIX_PRODUCTS = {torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default}
COMPOSITES = {torch.ops.aten.linear.default, torch.ops.aten.matmul.default}
"""What is made of matrix products. Without gradients it arrives whole."""


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


class Stopwatch(loop.Watch):
    """Times the steps of a training of ours, and makes a step of something else before each of them.

    Some steps warm up, and in the window of steps after them the matrix products are noted. The windows from then on
    are timed, with the peak of the machine on those products after each, since other users of it come and go.

    Attributes:
        times: Seconds of each timed step, with what the loop around it costs and fetching its batch.
        between: Seconds of that which pass between two steps: fetching the batch, and the loop's own work.
        others: Seconds of each step of the other.
        products: The matrix products of a window of steps.
        peaks: Floating-point operations a second of those products alone, after each window.
    """

    def __init__(self, bar, title, other, warm):
        super().__init__(bar, title)
        self.other, self.warm = other, warm
        self.times, self.between, self.others, self.peaks = [], [], [], []
        self.products = Products()
        self.step, self.ended = 0, None

    @property
    def timed(self):
        return self.step >= self.warm + WINDOW

    @property
    def noted(self):
        return self.warm <= self.step and not self.timed

    def on_step_begin(self, *_, **__):
        now = time.perf_counter()
        if self.timed:
            self.between.append(now - self.ended)
        if self.other is not None:
            self.other()
            if self.timed:
                self.others.append(time.perf_counter() - now)
        if self.noted:
            self.products.__enter__()
        self.began = time.perf_counter()

    def on_step_end(self, *arguments, **options):
        super().on_step_end(*arguments, **options)
        self.ended = time.perf_counter()
        if self.noted:
            self.products.__exit__(None, None, None)
        if self.timed:
            self.times.append(self.ended - self.began + self.between[-1])
            if len(self.times) % WINDOW == 0:
                self.peaks.append(self.products.flops() / self.products.seconds())
                self.ended = time.perf_counter()
        self.step += 1

    def costs(self, items):
        """What a step of so many items costs: medians over the windows, as means hide who else used the machine."""
        fast, slow = windows(self.times), windows(self.others)
        flops = self.products.flops() / WINDOW
        facts = {
            "items_a_second": items / statistics.median(fast),
            "share_between_steps": sum(self.between) / sum(self.times),
            "gflops_a_second": flops / statistics.median(fast) / 1e9,
            "peak_gflops_a_second": statistics.median(self.peaks) / 1e9,
            "share_of_peak": statistics.median(flops / f / peak for f, peak in zip(fast, self.peaks, strict=True)),
            "windows": len(fast),
        }
        if slow:
            ratios = [s / f for s, f in zip(slow, fast, strict=True)]
            facts |= {
                "reference_items_a_second": items / statistics.median(slow),
                "speedup": statistics.median(ratios),
                "speedup_lowest": min(ratios),
                "speedup_highest": max(ratios),
            }
        return facts


@contextmanager
def stopwatch(other=None, warm=WINDOW):
    """Time the training made inside the block; yields a function that returns its `Stopwatch`."""
    before, made = loop.Watch, []

    def make(bar, title):
        made.append(Stopwatch(bar, title, other, warm))
        return made[-1]

    loop.Watch = make
    try:
        yield lambda: made[-1]
    finally:
        loop.Watch = before


def share_alone(train, warm=WINDOW):
    """Return the share of the matrix-product peak of our steps when nothing else runs in the process.

    Where memory is slow to get, the steps of another side, which need much of it, would be felt in ours.
    """
    with stopwatch(warm=warm) as watch:
        train()
    return watch().costs(1)["share_of_peak"]


def is_disturbed(row):
    """Return whether others used the machine so much that the windows of a row say different things."""
    return row["speedup_highest"] > 2 * row["speedup_lowest"]


def windows(values):
    """The means over whole windows of steps: within one, batches are sorted by length, so a median is no measure."""
    return [statistics.fmean(values[start : start + WINDOW]) for start in range(0, len(values), WINDOW)]


def rounded(row):
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in row.items()}


class Products(TorchDispatchMode):
    """Notes the matrix products made inside the block: shapes and strides, and how often."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in COMPOSITES:
            with self:
                return function.decompose(*args, **(kwargs or {}))
        if function in MATRIX_PRODUCTS:
            # addmm has its bias first
            left, right = args[-2:]
            self.found[tuple((tuple(side.shape), side.stride()) for side in (left, right))] += 1
        return function(*args, **(kwargs or {}))

    def flops(self):
        return sum(n * 2 * torch.Size(left).numel() * right[-1] for ((left, _), (right, _)), n in self.found.items())

    def seconds(self, repeats=3):
        """How long these products alone take, each as often as it came: the machine's peak on these shapes."""
        total = 0.0
        for (left, right), n in self.found.items():
            sides = [torch.empty_strided(*side).normal_() for side in (left, right)]
            times = []
            for _ in range(repeats):
                began = time.perf_counter()
                torch.matmul(*sides)
                times.append(time.perf_counter() - began)
            total += n * min(times[1:])
        return total


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
    """Write the results of a benchmark, with the date and the machine of this run."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({**facts, **here()}, indent=2, ensure_ascii=False)
    path_of(name).write_text(text + "\n", encoding="utf-8")


def here():
    """Say when and where a benchmark runs."""
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}


def keep_row(name, row, *, by, **facts):
    """Write one row among the results, so that rows may be measured one by one; return all rows.

    A row with the same values of the fields `by` gives way. Each row has its own date and machine.
    """
    before = read(name) if path_of(name).exists() else {"rows": []}
    rows = {tuple(each[field] for field in by): each for each in [*before["rows"], {**row, **here()}]}
    keep(name, {**before, **facts, "rows": list(rows.values())})
    return list(rows.values())


def path_of(name):
    return RESULTS / f"{name}.json"


def read(name):
    """Return the results of a benchmark.

    Raises:
        FileNotFoundError: It has not run yet.
    """
    path = path_of(name)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; python benchmarks/{name}.py writes it")
    return json.loads(path.read_text(encoding="utf-8"))


def table(columns, rows):
    """Print rows as a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    print("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines))
