"""Judges, which estimate without labels how good an encoder is while it is realigned."""

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
    """Measures how many linked words find each other, at the layer where most words do so before realignment.

    Attributes:
        bitext: Sentence pairs that no encoder is realigned on.
        links: The word alignments of these pairs.
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
    """Measures how well labels of target sides agree with those of source sides, after a short fine-tuning.

    The labels of the source sides are always those of the first call, before realignment. So the reference is the same
    each time, and only the target sides are measured.

    Attributes:
        task: What is learnt.
        items: Training items of the source language.
        settings: The settings of the short fine-tuning.
        compute: How the short fine-tuning is computed.
        bitext: Sentence pairs that no encoder is realigned on.
        links: The word alignments of these pairs.
        two_texts: Whether an item of a task on texts is a pair of texts, as in NLI.
        seed: The seed of the short fine-tuning, the same each time.
        device: Where the short fine-tuning is computed.
        first: The predictions of the first call's model for the pairs; None before that call.
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
        """Return the mean agreement of the labels over languages.

        Raises:
            SettingsError: The short fine-tuning has learnt nothing.
        """
        # Loggers, checkpoints and compilation are for long trainings.
        compute = self.compute.model_copy(update={"log_to": [], "compile": False, "checkpoint_steps": None})
        start: dict[str, Any] = {"compute": compute, "seed": self.seed, "device": self.device}
        model, _ = finetune(encoder, self.task, self.items, settings=self.settings, tells=False, **start)
        found = predict_pairs(model, self.task, self.bitext, self.links, two_texts=self.two_texts, device=self.device)
        if self.first is None:
            self._check(found)
            self.first = found
        pairs = zip(found, self.first, strict=True)
        values = [value_of(projection_agreement(one, reference)) for one, reference in pairs]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else 0.0

    def _check(self, found: Sequence[Predictions]) -> None:
        """Check that the short fine-tuning has learnt something.

        A model that always predicts the same label agrees with itself, which says nothing.
        """
        given = {int(label) for one in found for label in np.unique(np.nan_to_num(one.source.values).argmax(axis=1))}
        if len(given) < 2:
            label = found[0].labels[given.pop()] if given else "nothing"
            raise SettingsError(
                f"realignment.stopping: after {self.settings.steps} steps of fine-tuning the model gives the label "
                f"{label} to everything in the held-out pairs, so agreement says nothing; raise "
                "realignment.stopping.finetuning_steps or finetuning.head_learning_rate, or set "
                "realignment.stopping.by = 'retrieval'"
            )
