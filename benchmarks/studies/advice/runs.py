"""The runs of a study: their true scores, and what their models say of held-out sentence pairs."""

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from alignfreeze.advice.pilots import Pilot
from alignfreeze.corpora.bitext import group_by_languages, read_bitext
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.evaluation.drift import measure_drift
from alignfreeze.evaluation.gradients import compare_gradients
from alignfreeze.evaluation.predictions import predict_pairs, read_predictions, write_predictions
from alignfreeze.evaluation.retrieval import measure_retrieval
from alignfreeze.experiment.held_out import align_held_out
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.records import RECORD, SENTENCES, RunRecord
from alignfreeze.files import make_folder, new_file, read_json, write_json
from alignfreeze.tasks.models import load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from benchmarks import estimates as more

SOURCE = "en"
CACHED = "estimates"
"""The folder of a study in which the predictions of its models are kept."""

GRADIENT_BATCHES = 2


@dataclass(frozen=True)
class Run:
    """A run with its true scores, and what its model says of the held-out pairs."""

    name: str
    record: RunRecord
    parts: dict
    predictions: dict
    layers: dict | None

    @property
    def scores(self):
        metric = TASKS[self.task].metric
        return {score.language: score.value for score in self.record.scores if score.metric == metric}

    @property
    def task(self):
        return self.record.task


def read_pairs(folder, languages):
    """Read the sentence pairs of some languages, such as those that nothing was realigned on."""
    return [
        pair
        for code in languages
        for pair in read_bitext(folder / f"en-{code}.en", folder / f"en-{code}.{code}", languages=(SOURCE, code))
    ]


def read_runs(study, held, *, layers, most):
    """Yield the complete runs of a study; predictions of their models that are not kept are computed."""
    for folder in sorted((study / "runs").glob("*/")):
        if folder.name.startswith(".") or not (folder / "model").is_dir() or not (values := read_json(folder / RECORD)):
            continue
        record = RunRecord.from_json(values)
        settings = record.settings
        place = make_folder(study / CACHED) / f"{folder.name}.npz"
        languages = [code for code in dict.fromkeys(score.language for score in record.scores) if code != SOURCE]
        if not place.exists() and most > 0:
            most -= 1
            predict(folder, settings, read_pairs(held, languages), record.encoder, place)
        if place.exists():
            found = read_json(place.with_suffix(".json"))
            if layers and found is None:
                found = look_into(folder, record, read_pairs(held, languages), place)
            parts = json.loads((folder / SENTENCES).read_text())
            yield Run(folder.name, record, parts, read_predictions(place), found)


def task_model(folder, settings):
    kind = TASKS[settings["task"]].kind
    return load_task_model(folder / "model", kind.head, max_length=settings["finetuning"]["max_length"])


def predict(folder, settings, pairs, encoder, place):
    """Write what the model of a run says of the held-out pairs."""
    print(f"predicting: {folder.name}", file=sys.stderr)
    links = align_held_out(pairs, encoder=encoder, device="cpu")
    found = predict_pairs(task_model(folder, settings), TASKS[settings["task"]], pairs, links, device="cpu")
    with new_file(place) as path:
        write_predictions(path, found)


def look_into(folder, record, pairs, place):
    """Measure retrieval by layer, gradients and drift of the model of a run, which takes longest."""
    print(f"looking into layers: {folder.name}", file=sys.stderr)
    settings, name = record.settings, record.encoder
    task = TASKS[settings["task"]]
    links = align_held_out(pairs, encoder=name, device="cpu")
    model = task_model(folder, settings)
    encoder = Encoder(folder.name, model.model.base_model, model.tokenizer)
    items = task.read(Source(Path(settings["data"]["train"])))
    cosines = {
        language: more.gradient_agreement(
            compare_gradients(
                model,
                task,
                items,
                [pairs[n] for n in numbers],
                [links[n] for n in numbers],
                batches=GRADIENT_BATCHES,
                device="cpu",
            )
        )
        for (_, language), numbers in group_by_languages(pairs).items()
    }
    found = {
        "retrieval": [asdict(item) for item in measure_retrieval(encoder, pairs, links, device="cpu")],
        "gradients": cosines,
        "drift": [asdict(item) for item in measure_drift(load_encoder(name), encoder)],
    }
    write_json(place.with_suffix(".json"), found)
    return found


@dataclass(frozen=True)
class Outcome:
    """The runs of a task: all strategies with the same seeds, the baseline first.

    Estimates are of the models of some seeds. The truth may be of other seeds, as the advised run is not a pilot.
    """

    task: str
    strategies: list
    seeds: list
    tested: list
    languages: list
    runs: dict  # by strategy and seed
    new: dict  # links of words that no realignment has seen, by language

    @property
    def truth(self):
        """The true scores, in the mean over seeds, [languages, strategies]."""
        return np.mean([self.of_seed(seed) for seed in self.tested], axis=0)

    def views(self):
        """Return the estimates of each seed with the truth of another; a single seed has its own, which flatters."""
        pairs = [(a, b) for a in self.seeds for b in self.seeds if a != b]
        return [replace(self, seeds=[a], tested=[b]) for a, b in pairs] or [self]

    def of_seed(self, seed):
        return np.array([[self.runs[s, seed].scores[code] for s in self.strategies] for code in self.languages])

    def several(self, strategy, language):
        return [self.runs[strategy, seed].predictions[language] for seed in self.seeds]

    def pilots(self, languages, seeds=None):
        return [
            Pilot(s, seed, self.runs[s, seed].scores[SOURCE], {c: self.runs[s, seed].predictions[c] for c in languages})
            for s in self.strategies
            for seed in seeds or self.seeds
        ]

    def rows(self, languages):
        return [self.languages.index(code) for code in languages]


def group_by_task(runs, held, bitext):
    """Yield one outcome per task, with the seeds for which most strategies are complete."""
    for task in dict.fromkeys(run.task for run in runs):
        found = {(run.record.strategy, run.record.seed): run for run in runs if run.task == task}
        by_seed = {seed: {s for s, other in found if other == seed} for _, seed in found}
        most = max(by_seed.values(), key=len)
        if BASELINE not in most or len(most) < 2:
            continue
        strategies = [s for s in order_strategies(found) if s in most]
        seeds = sorted(seed for seed, there in by_seed.items() if there >= most)
        languages = list(next(iter(found.values())).predictions)
        first = Pilot(BASELINE, 0, 0.0, next(iter(found.values())).predictions)
        new = {code: links_of_new_words(first, held, bitext, code) for code in languages}
        yield Outcome(task, strategies, seeds, seeds, languages, found, new)


def links_of_new_words(pilot, held, bitext, code):
    return more.new_words(pilot.predictions[code].links, read_pairs(held, [code]), read_pairs(bitext, [code]))


def order_strategies(found):
    names = dict.fromkeys(s for s, _ in found)
    return [BASELINE, *(s for s in ("full", "front", "back") if s in names)] + [
        s for s in names if s not in {BASELINE, "full", "front", "back"}
    ]


def replace_predictions(run, by_key):
    other = by_key.get((run.task, run.record.strategy, run.record.seed))
    return None if other is None else Run(run.name, run.record, run.parts, other.predictions, other.layers)
