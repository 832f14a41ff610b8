"""The experiment of `alignfreeze demo`: the main job on what comes with the package."""

from __future__ import annotations

from alignfreeze.corpora import mini
from alignfreeze.encoding import embedded
from alignfreeze.experiment.settings import BitextSettings, DataSettings, ExperimentSettings
from alignfreeze.realignment.trainer import RealignmentSettings
from alignfreeze.tasks.finetuning import FinetuningSettings


def demo_settings() -> ExperimentSettings:
    """Return the demo's settings: few steps, and learning rates to match them."""
    return ExperimentSettings(
        name="demo",
        encoder=embedded.NAME,
        seeds=[31],
        languages=list(mini.LANGUAGES),
        data=DataSettings(train="mini:en-train.conllu", test="mini:{language}-test.conllu"),
        bitext=BitextSettings(source="mini:en-{language}.tsv"),
        realignment=RealignmentSettings(steps=24, learning_rate=5e-5),
        finetuning=FinetuningSettings(epochs=2, learning_rate=5e-4),
    )
