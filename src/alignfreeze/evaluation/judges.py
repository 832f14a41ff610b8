"""Judges of an encoder while it is realigned: they estimate without labels how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.estimates import projection_agreement, value_of
from alignfreeze.evaluation.predictions import Predictions, predict_pairs
from alignfreeze.evaluation.retrieval import best_layer, measure_retrieval, word_retrieval
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.task import Task
from alignfreeze.training.settings import ComputeSettings


@dataclass(slots=True)
class RetrievalJudge:
    """Linked words have to find each other, at the layer where most did at first.

    Attributes:
        bitext: Sentence pairs that nothing is realigned on.
        links: Their word alignments.
        device: Where the encoder runs.
        layer: The layer; None before the first call.
    """

    bitext: Sequence[SentencePair]
    links: Sequence[WordAlignment]
    device: str
    layer: int | None = None

    def __call__(self, encoder: Encoder) -> float:
        """Return the share of words that find their translation, mean over languages."""
        found = measure_retrieval(encoder, self.bitext, self.links, device=self.device)
        if self.layer is None:
            self.layer = best_layer(found)
        values = word_retrieval(found, self.layer).values()
        return sum(values) / len(values)


@dataclass(slots=True, kw_only=True)
class AgreementJudge:
    """After a short fine-tuning, the labels of target sides have to agree with those of the source sides.

    The labels of the source sides stay those of the first call, before realignment: the yardstick is the same each
    time, and only the target sides are measured.

    Attributes:
        task: What is learnt.
        items: Training items of the source language.
        settings: Of the short fine-tuning.
        compute: How it is computed.
        bitext: Sentence pairs that nothing is realigned on.
        links: Their word alignments.
        two_texts: Whether the texts of pairs are taken by twos.
        seed: Of the short fine-tuning, the same each time.
        device: Where it is computed.
        first: What the model of the first call says of the pairs; None before.
    """

    task: Task
    items: Sequence[Any]
    settings: FinetuningSettings
    compute: ComputeSettings
    bitext: Sequence[SentencePair]
    links: Sequence[WordAlignment]
    two_texts: bool
    seed: int
    device: str
    first: list[Predictions] | None = field(default=None, init=False)

    def __call__(self, encoder: Encoder) -> float:
        """Return how far the labels agree, mean over languages.

        Raises:
            SettingsError: The short fine-tuning has learnt nothing.
        """
        # Loggers, checkpoints and compilation are for trainings that last.
        compute = self.compute.model_copy(update={"log_to": [], "compile": False, "checkpoint_steps": None})
        start: dict[str, Any] = {"compute": compute, "seed": self.seed, "device": self.device}
        model, _ = finetune(encoder, self.task, self.items, settings=self.settings, **start)
        found = predict_pairs(model, self.task, self.bitext, self.links, two_texts=self.two_texts, device=self.device)
        if self.first is None:
            self._check(found)
            self.first = found
        pairs = zip(found, self.first, strict=True)
        values = [value_of(projection_agreement(one, reference)) for one, reference in pairs]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else 0.0

    def _check(self, found: Sequence[Predictions]) -> None:
        """Check that the short fine-tuning has learnt anything: a model with one label agrees with itself at once."""
        given = {int(label) for one in found for label in np.unique(np.nan_to_num(one.source.values).argmax(axis=1))}
        if len(given) < 2:
            label = found[0].labels[given.pop()] if given else "nothing"
            raise SettingsError(
                f"realignment.stopping: after {self.settings.steps} steps of fine-tuning the model says {label} of all "
                "held-out pairs, so that nothing can be told by agreement; raise "
                "realignment.stopping.finetuning_steps or finetuning.head_learning_rate, or take by = 'retrieval'"
            )
