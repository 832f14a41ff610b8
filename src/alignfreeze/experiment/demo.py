"""The experiment of `alignfreeze demo`: the main job, on the encoder and the corpus that come with the package."""

from __future__ import annotations

from alignfreeze.corpora import mini
from alignfreeze.encoding import embedded
from alignfreeze.experiment.names import BASELINE, PAPER_STRATEGIES, PROJECTED
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import BitextSettings, DataSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.tasks.table import TASKS

DEMO_DATA = {
    "pos": DataSettings(train="mini:en-train.conllu", test="mini:{language}-test.conllu"),
    "ner": DataSettings(train="mini:ner-en-train.iob2", test="mini:ner-{language}-test.iob2"),
    "nli": DataSettings(train="mini:nli-en-train.jsonl", test="mini:nli-{language}-test.jsonl"),
    "qa": DataSettings(train="mini:qa-en-train.json", test="mini:qa-{language}-test.json"),
}
"""The data of each task in the mini corpus."""

DEMO_FINETUNING = {
    "pos": FinetuningSettings(steps=16, batch_size=24, learning_rate=5e-4, head_learning_rate=3e-3),
    "ner": FinetuningSettings(epochs=5, batch_size=16, learning_rate=2e-4, head_learning_rate=3e-3),
    "nli": FinetuningSettings(epochs=6, batch_size=16, learning_rate=1e-4),
    "qa": FinetuningSettings(epochs=3, batch_size=16, learning_rate=2e-4, head_learning_rate=2e-3),
}
"""Settings that teach the embedded encoder each task: PoS in seconds, the others in a minute or two."""

_PAIRS = 80
"""Sentence pairs of each language. Realignment uses a quarter of them; all are aligned, and projected to."""


def settings_of_demo(task: str = "pos", *, steps: int | None = None) -> ExperimentSettings:
    """Return the demo's settings for a task in `DEMO_DATA`: few steps, and learning rates to match them.

    If the task has labels that links can carry, label projection is shown instead of the freezing of the back half.

    Args:
        task: The task.
        steps: Steps of each training, to see in seconds that all works: nothing is learnt in two. Only the baseline
            and `front` are trained then. None for the usual demo.
    """
    projects = TASKS[task].kind.pair_labeller is not None
    names = [BASELINE, "full", "front", PROJECTED] if projects else PAPER_STRATEGIES
    finetuning = DEMO_FINETUNING[task]
    if steps is not None:
        names, finetuning = [BASELINE, "front"], finetuning.model_copy(update={"steps": steps, "epochs": None})
    return ExperimentSettings(
        name="demo",
        encoder=embedded.NAME,
        task=task,
        strategies=[Strategy.parse(name) for name in names],
        seeds=[31],
        languages=list(mini.LANGUAGES),
        data=DEMO_DATA[task],
        bitext=BitextSettings(source="mini:en-{language}.tsv", max_pairs=_PAIRS),
        realignment=RealignmentSettings(steps=steps or 12, learning_rate=1e-4),
        finetuning=finetuning,
    )
