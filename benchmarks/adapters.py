"""What do adapters cost and bring in realignment, against the weights themselves, full or with a frozen front?

The embedded encoder is realigned on the mini corpus with each policy, then fine-tuned on tags in English, all weights,
and tested in the other languages. Steps of the policies are timed in turn, window by window, so that whoever else uses
the machine hits all of them. Peak memory is taken in a process each.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from transformers import TrainerCallback

from alignfreeze.alignment.aligning import align
from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.order import WINDOW
from alignfreeze.evaluation.zero_shot import evaluate
from alignfreeze.experiment.demo import DEMO_FINETUNING
from alignfreeze.experiment.meter import Meter
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.table import TASKS
from benchmarks import common

RATES = {"full": 5e-5, "front": 5e-5, "lora:16": 1e-3, "front+lora:16": 1e-3}
"""Learning rates. Those of the weights are the demo's; adapters start without effect and need more."""
BASELINE = "baseline"
STEPS, BATCH = 24, 16
SEEDS = (31, 42)
ROUNDS, WARM = 7, 2
POS = TASKS["pos"]


class Clock(TrainerCallback):
    """Times the steps of a training after the first few."""

    def __init__(self):
        self.times = []

    def on_step_begin(self, *_, **__):
        self.began = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.times.append(time.perf_counter() - self.began)

    @property
    def mean(self):
        return statistics.fmean(self.times[WARM:])


def pairs():
    found = []
    for code in mini.LANGUAGES:
        found += read_bitext(mini.mini_path(f"en-{code}.tsv"), languages=("en", code), max_pairs=100)
    return found, align(found, aligner="fast-align")


def train(encoder, data, policy, *, steps, seed=common.SEED, **options):
    settings = RealignmentSettings(steps=steps, batch_size=BATCH, learning_rate=RATES[policy])
    return realign(encoder, *data, freeze=policy, settings=settings, seed=seed, device="cpu", **options)


def points(data, policy, seed):
    """Return the mean accuracy over the languages that have no training data."""
    encoder = load_encoder(embedded.NAME)
    if policy != BASELINE:
        train(encoder, data, policy, steps=STEPS, seed=seed)
    items = read_conllu(mini.mini_path("en-train.conllu"))
    tests = {code: read_conllu(mini.mini_path(f"{code}-test.conllu")) for code in mini.LANGUAGES}
    model = finetune(encoder, POS, items, settings=DEMO_FINETUNING["pos"], seed=seed, device="cpu").model
    return 100 * statistics.fmean(score.value for score in evaluate(model, POS, tests, device="cpu"))


def seconds(data):
    """Return the seconds of a step by policy, one for each window; the windows of the policies take turns."""
    encoder, found = load_encoder(embedded.NAME), {policy: [] for policy in RATES}
    for _ in range(ROUNDS):
        for policy, times in found.items():
            clock = Clock()
            train(encoder, data, policy, steps=WARM + WINDOW, callbacks=[clock])
            times.append(clock.mean)
    return found


def size(data, policy):
    """Return trained parameters, and the bytes of the weights on the disk: merged, and the adapter alone."""
    done = train(load_encoder(embedded.NAME), data, policy, steps=1)
    frozen = done.history.frozen
    with tempfile.TemporaryDirectory() as folder:
        done.save(Path(folder, "whole"))
        facts = {"trained": frozen.n_parameters - frozen.parameters, "bytes": weigh(Path(folder, "whole"))}
        if done.adapter is not None:
            done.save_adapter(Path(folder, "adapter"))
            facts["adapter_bytes"] = weigh(Path(folder, "adapter"))
    return facts


def weigh(folder):
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def memory(policy):
    """Print the peak memory of a few steps, once the encoder is loaded."""
    encoder, data, meter = load_encoder(embedded.NAME), pairs(), Meter("cpu")
    with meter.measure("training"):
        train(encoder, data, policy, steps=5)
    print(json.dumps(meter.memory["training"]["process"]))


def measure_points(data):
    for policy in (BASELINE, *RATES):
        found = [round(points(data, policy, seed), 2) for seed in SEEDS]
        yield {"policy": policy, "learning_rate": RATES.get(policy), "points": found, "mean": statistics.fmean(found)}


def measure_costs(data):
    times = seconds(data)
    for policy, own in times.items():
        ratios = [full / each for full, each in zip(times["full"], own, strict=True)]
        yield {
            "policy": policy,
            "seconds_a_step": statistics.median(own),
            "faster_than_full": statistics.median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
            "peak_memory_gib": common.in_a_process_of_its_own(__file__, "--memory", policy) / 2**30,
            **size(data, policy),
        }


def main(parts):
    """Measure `points`, `costs` or, by default, both; what is not measured stays in the results."""
    data, path = pairs(), common.RESULTS / "adapters.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    for name, part in {"points": measure_points, "costs": measure_costs}.items():
        if not parts or name in parts:
            kept[name] = [common.rounded(row) for row in part(data)]
            common.table(list(kept[name][-1]), [row.values() for row in kept[name]])
            how = {"steps": STEPS, "batch": BATCH, "seeds": SEEDS, "windows": ROUNDS, "machine_is_shared": True}
            facts = {part: kept[part] for part in ("points", "costs") if part in kept}
            common.keep("adapters", {"corpus": "mini", **how, **facts})


if __name__ == "__main__":
    memory(sys.argv[2]) if "--memory" in sys.argv else main(sys.argv[1:])
