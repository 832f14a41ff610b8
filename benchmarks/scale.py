"""Aligns five million generated sentence pairs, and draws 200 steps of realignment from a hundred million.

    python benchmarks/scale.py [align] [stream] [--pairs 5000000] [--lines 100000000]

The pairs are generated: words by Zipf's law, translated by a hidden dictionary, in a slightly different order.
The hundred million lines are a few files with many names (links), so that they need little room on the disk.
The memory is that of the command and its workers together, sampled ten times a second. Pages that several processes
share count once for each of them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from common import RESULTS, SEED, keep, machine

WORDS = 200_000
SHARDS = 4
BATCH = 16
STEPS = 200
RUN = ("-m", "alignfreeze")


def pairs(n, seed):
    """Yield lines with a sentence of 8 to 25 words and its translation."""
    random, dictionary = np.random.default_rng(seed), np.random.default_rng(SEED).permutation(WORDS)
    shares = 1 / np.arange(1, WORDS + 1)
    cumulated = np.cumsum(shares / shares.sum())
    source_names, target_names = ([f"{letter}{word:x}" for word in range(WORDS)] for letter in "st")
    for begin in range(0, n, 10_000):
        lengths = random.integers(8, 26, min(10_000, n - begin))
        words = np.searchsorted(cumulated, random.random(lengths.sum()))
        places = np.repeat(np.arange(len(lengths)) * 1000, lengths) + np.arange(lengths.sum())
        order = np.argsort(
            places + random.normal(0, 1, len(words)) + 1000 * np.repeat(np.arange(len(lengths)), lengths)
        )
        targets = dictionary[words[order]].tolist()
        words, start = words.tolist(), 0
        for length in lengths.tolist():
            source = " ".join([source_names[word] for word in words[start : start + length]])
            target = " ".join([target_names[word] for word in targets[start : start + length]])
            yield f"{source}\t{target}\n"
            start += length


class Watch(threading.Thread):
    """Samples the memory of a process and of all its children."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process = psutil.Process(process.pid)
        self.samples, self.began = [], time.perf_counter()

    def run(self):
        with suppress(psutil.Error):
            while self.process.is_running():
                total = 0
                for each in (self.process, *self.process.children(recursive=True)):
                    with suppress(psutil.Error):
                        total += each.memory_info().rss
                self.samples.append((time.perf_counter() - self.began, total))
                time.sleep(0.1)

    def peak(self, until=math.inf):
        return max((size for at, size in self.samples if at <= until), default=0)

    def curve(self, n=20):
        """The memory over time: the most in each of n spans, in MiB."""
        parts = np.array_split(np.array([size for _, size in self.samples]), n)
        return [round(int(part.max()) / 2**20) for part in parts if len(part)]


def measure(command, environment):
    """Run a command; return seconds, memory over time, and what it said with the time of each line."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    watch = Watch(process)
    watch.start()
    said = []
    reader = threading.Thread(
        target=lambda: [said.append((time.perf_counter() - began, line.strip())) for line in process.stderr]
    )
    reader.start()
    shown = process.stdout.read()
    process.wait()
    reader.join()
    seconds = time.perf_counter() - began
    for at, line in said:
        print(f"{at:8.1f}  {line}", file=sys.stderr)
    if process.returncode:
        raise SystemExit(f"{command} ended with code {process.returncode}")
    return seconds, watch, said, shown


def align(n, folder):
    """Align n pairs with fast-align."""
    path = folder / "pairs.tsv"
    with path.open("w") as file:
        file.writelines(pairs(n, SEED))
    command = [sys.executable, *RUN, "align", "--bitext", f"en-de={path}", "--aligner", "fast-align"]
    environment = {**os.environ, "ALIGNFREEZE_CACHE": str(folder / "cache"), "COLUMNS": "500"}
    load = os.getloadavg()[0]
    seconds, watch, said, shown = measure([*command, "--out", str(folder / "links"), "--json"], environment)
    at, line = next((at, line) for at, line in said if "take about" in line)
    estimate = sum(60**place * int(part) for place, part in enumerate(reversed(clock(line).split(":"))))
    facts = json.loads(shown)
    return {
        "pairs": n,
        "mebibytes": round(path.stat().st_size / 2**20),
        "seconds": round(seconds),
        "seconds_before_estimate": round(at),
        "seconds_after_estimate": round(seconds - at),
        "estimated_seconds": estimate,
        "estimate_by_time": round(estimate / (seconds - at), 3),
        "peak_mebibytes": round(watch.peak() / 2**20),
        "mebibytes_over_time": watch.curve(),
        "links": facts["links"],
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "stages": list_stages(said, folder),
    }


def list_stages(said, folder):
    """Return what a command said, without its progress, and without the place of its files on this machine."""
    return [line.replace(f"{folder}/", "") for _, line in said if not line.endswith("…")]


def clock(line):
    return re.search(r"take about ([0-9:]+)", line)[1]


def make_shards(lines, folder):
    """Write a few compressed files, and link them under so many names that they have the wanted number of lines."""
    each = 100_000
    for number in range(SHARDS):
        with gzip.open(folder / f"original-{number}.gz", "wt", compresslevel=5) as file:
            file.writelines(pairs(each, SEED + number))
    (folder / "shards").mkdir()
    for number in range(max(1, lines // each)):
        os.link(folder / f"original-{number % SHARDS}.gz", folder / "shards" / f"{number:05}.tsv.gz")
    return max(1, lines // each) * each


def stream(lines, folder):
    """Realign the embedded encoder on pairs drawn from many lines, for 200 steps."""
    n = make_shards(lines, folder)
    command = [sys.executable, *RUN, "realign", "embedded:e5-small", "--out", str(folder / "realigned")]
    command += ["--bitext", f"en-de={folder / 'shards' / '*.tsv.gz'}", "--select", f"sample={STEPS * BATCH}"]
    command += ["--steps", str(STEPS), "--batch-size", str(BATCH), "--device", "cpu", "--json"]
    environment = {**os.environ, "ALIGNFREEZE_CACHE": str(folder / "cache"), "COLUMNS": "500"}
    load = os.getloadavg()[0]
    seconds, watch, said, _ = measure(command, environment)
    drawn = next(at for at, line in said if line.startswith(("unpacking", "loading embedded")))
    return {
        "lines": n,
        "shards": n // 100_000,
        "seconds": round(seconds),
        "seconds_of_drawing": round(drawn),
        "peak_mebibytes_of_drawing": round(watch.peak(until=drawn - 10) / 2**20),  # it is said when the model is loaded
        "peak_mebibytes": round(watch.peak() / 2**20),
        "mebibytes_over_time": watch.curve(),
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "stages": list_stages(said, folder),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["align", "stream"])
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--lines", type=int, default=100_000_000)
    given = parser.parse_args()
    path = RESULTS / "scale.json"
    facts = json.loads(path.read_text()) if path.exists() else {}
    facts.pop("machine", None)
    for part in given.parts:
        with tempfile.TemporaryDirectory() as folder:
            measured = align(given.pairs, Path(folder)) if part == "align" else stream(given.lines, Path(folder))
        facts[part] = measured | {"machine": machine()["processor"], "cores": os.cpu_count()}
        print(json.dumps(facts[part], indent=2))
        keep("scale", facts)


if __name__ == "__main__":
    main()
