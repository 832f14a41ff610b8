"""How good a realigned encoder is, estimated without labels while it is being realigned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.estimates import projection_agreement, value_of
from alignfreeze.evaluation.predictions import Predictions
from alignfreeze.evaluation.retrieval import best_layer, measure_retrieval, word_retrieval
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import held_out_links, predict_held_out
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.settings import StoppingSettings
from alignfreeze.realignment.trainer import Judge
from alignfreeze.tasks.finetuning import finetune
from alignfreeze.tasks.table import TASKS


def judge_of(settings: ExperimentSettings, data: ExperimentData, *, seed: int) -> Judge | None:
    """Return what `realignment.stopping` says the encoder is to be judged by; None where it says nothing.

    Args:
        settings: The experiment.
        data: With the held-out pairs.
        seed: Of the short fine-tunings, the same for all of them.
    """
    stopping = settings.realignment.stopping
    if stopping is None:
        return None
    links = held_out_links(settings, data)
    if stopping.by == "retrieval":
        return _ByRetrieval(settings, data, links)
    return _ByAgreement(settings, stopping, data, links, seed)


class _ByRetrieval:
    """Linked words have to find each other, at the layer where most did at first."""

    def __init__(self, settings: ExperimentSettings, data: ExperimentData, links: Sequence[WordAlignment]) -> None:
        self.settings = settings
        self.data = data
        self.links = links
        self.layer: int | None = None

    def __call__(self, encoder: Encoder) -> float:
        found = measure_retrieval(encoder, self.data.held, self.links, device=self.settings.device)
        if self.layer is None:
            self.layer = best_layer(found)
        values = word_retrieval(found, self.layer).values()
        return sum(values) / len(values)


class _ByAgreement:
    """A short fine-tuning, whose labels of the target sides have to agree with what the first one said of the sources.

    The labels of the source sides stay those of the encoder before realignment: what is measured is the target sides,
    by the same yardstick each time.
    """

    def __init__(
        self,
        settings: ExperimentSettings,
        stopping: StoppingSettings,
        data: ExperimentData,
        links: Sequence[WordAlignment],
        seed: int,
    ) -> None:
        self.settings = settings
        self.short = settings.finetuning.model_copy(update={"steps": stopping.finetuning_steps})
        self.data = data
        self.links = links
        self.seed = seed
        self.first: list[Predictions] | None = None

    def __call__(self, encoder: Encoder) -> float:
        task, device = TASKS[self.settings.task], self.settings.device
        # Neither loggers nor checkpoints nor compilation: they are for trainings that last.
        compute = self.settings.compute.model_copy(update={"log_to": [], "compile": False, "checkpoint_steps": None})
        model, _ = finetune(
            encoder, task, self.data.train, settings=self.short, compute=compute, seed=self.seed, device=device
        )
        found = predict_held_out(model, task, self.data, self.links, device=device)
        if self.first is None:
            self._check(found)
            self.first = found
        pairs = zip(found, self.first, strict=True)
        values = [value_of(projection_agreement(one, reference)) for one, reference in pairs]
        told = [value for value in values if value is not None]
        return sum(told) / len(told) if told else 0.0

    def _check(self, found: Sequence[Predictions]) -> None:
        """Check that the short fine-tuning has learnt anything: a model with one label agrees with itself at once."""
        given = {int(label) for one in found for label in np.unique(np.nan_to_num(one.source.values).argmax(axis=1))}
        if len(given) < 2:
            label = found[0].labels[given.pop()] if given else "nothing"
            raise SettingsError(
                f"realignment.stopping: after {self.short.steps} steps of fine-tuning the model says {label} of all "
                "held-out pairs, so that nothing can be told by agreement; raise "
                "realignment.stopping.finetuning_steps or finetuning.head_learning_rate, or take by = 'retrieval'"
            )
