"""Records of runs with made-up figures, for tests of what is made of records."""

from pathlib import Path

from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.data import DataFile, ExperimentData
from alignfreeze.experiment.identity import EncoderDigests, identify
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.realignment.history import Freezing, RealignmentHistory
from alignfreeze.training.history import TrainingHistory

ENVIRONMENT = {
    "finished": "2026-01-02T03:04:05+00:00",
    "versions": {"python": "3.0", "alignfreeze": "0.1.0", "torch": "2.0", "transformers": "5.0"},
    "hardware": {"device": "cpu"},
}


def make_settings(languages, **changes):
    """The settings of an experiment whose files do not exist."""
    values = {
        "name": "golden",
        "encoder": "tiny",
        "device": "cpu",
        "languages": list(languages),
        "data": {"train": "en.conllu", "test": "{language}.conllu"},
        "bitext": {"source": "en-{language}.tsv", "pretokenized": True},
        "alignment": {"aligner": "fast-align"},
        "realignment": {"steps": 10},
        "finetuning": {"steps": 20, "learning_rate": 5e-4},
    }
    return ExperimentSettings.model_validate({**values, **changes})


def make_record(settings, strategy, scores, *, seed=31, metric="accuracy", **changes):
    """The record of a run of an experiment.

    Args:
        settings: The experiment.
        strategy: Name of the strategy.
        scores: Shares by language.
        seed: The random start.
        metric: What was measured.
        changes: Fields of the record that are to be others.
    """
    chosen = Strategy.parse(strategy)
    roles = {"train": "a" * 64} | {f"test {code}": code * 32 for code in settings.tested_languages}
    roles |= {f"bitext {code} source": f"{code}b" * 16 for code in settings.realigned_languages}
    files = tuple(DataFile(role, Path(role), digest) for role, digest in roles.items())
    data = ExperimentData(files, [], {}, [], None, {})
    identity = identify(settings, data, chosen, seed, digests=EncoderDigests("e" * 64))
    realignment = None
    if not chosen.is_baseline:
        parts = () if strategy == "full" else ("encoder.layer.0", "encoder.layer.1")
        training = TrainingHistory(10, 60.0, ((5, 2.5), (10, 1.75)))
        realignment = RealignmentHistory(training, strategy, Freezing(parts, 250 * len(parts), 1000), 300, 0)
    values = {
        "experiment": settings.name,
        "encoder": settings.encoder,
        "strategy": strategy,
        "seed": seed,
        "digest": identity.digest,
        "identity": identity,
        "settings": settings.model_dump(mode="json"),
        "realignment": realignment,
        "finetuning": TrainingHistory(20, 90.0, ((10, 1.5), (20, 0.75))),
        "scores": tuple(Score(code, metric, value, 1000, "words") for code, value in scores.items()),
        "doubts": (),
        "seconds": {"loading": 1.0, "fine-tuning": 90.0, "evaluation": 12.0}
        | ({} if chosen.is_baseline else {"realignment": 60.0}),
        "environment": ENVIRONMENT,
    }
    return RunRecord(**{**values, **changes})


def write_runs(folder, records):
    """Write records as the runs of a study."""
    for record in records:
        place = folder / "runs" / record.folder
        place.mkdir(parents=True)
        record.write(place)
    return folder
