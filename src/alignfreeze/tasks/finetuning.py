"""Fine-tunes a realigned encoder on task data of the source language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from transformers import set_seed

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import Encoder, check_device
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacted
from alignfreeze.errors import DataError
from alignfreeze.files import digest_of_arrays
from alignfreeze.settings import Settings
from alignfreeze.tasks import Task
from alignfreeze.tasks.tagging import TaggingModel, TaskModel, training_examples, with_head
from alignfreeze.training import ComputeSettings, TrainingHistory, TrainingPlan, train, visits


class FinetuningSettings(Settings):
    """Settings of the fine-tuning stage; the defaults are the paper's for PoS tagging."""

    epochs: int = Field(default=5, gt=0)
    """Passes over the training data."""
    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps, instead of epochs."""
    batch_size: int = Field(default=32, gt=0)
    """Sentences a step."""
    learning_rate: float = Field(default=2e-5, gt=0)
    """Of Adam, at its highest. The paper takes 7.5e-6 for XLM-R."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate rises; it falls linearly after."""
    max_length: int = Field(default=128, ge=3)
    """Most subwords at once; longer sentences are trained on, and tested, in windows."""

    def total_steps(self, sentences: int) -> int:
        """Return the number of optimiser steps for so many training sentences."""
        return self.steps or self.epochs * math.ceil(sentences / self.batch_size)


def finetune(
    encoder: Encoder,
    task: Task,
    sentences: Sequence[TaggedSentence],
    *,
    settings: FinetuningSettings | None = None,
    compute: ComputeSettings | None = None,
    seed: int = 31,
    device: str = "auto",
    checkpoints: Path | None = None,
) -> tuple[TaskModel, TrainingHistory]:
    """Put a new head on an encoder and train both; the encoder given stays as it is.

    Args:
        encoder: The encoder, realigned or not.
        task: What to learn.
        sentences: Training sentences of the source language.
        settings: How to train.
        compute: How it is computed.
        seed: For the head, the order of the sentences and dropout.
        device: `auto`, `cpu`, `cuda` or `mps`.
        checkpoints: A folder for checkpoints, from which a training that was killed goes on.

    Raises:
        SettingsError: The device does not exist here.
        DataError: No sentence has a tagged word.
        TrainingError: The training diverges, or memory does not suffice.
    """
    settings = settings or FinetuningSettings()
    compute = compute or ComputeSettings()
    device = check_device(device)
    set_seed(seed)
    task_model = with_head(encoder, task.labels, max_length=settings.max_length)
    examples = training_examples(task_model, sentences)
    if not len(examples):
        raise DataError("no training sentence has a tagged word; there is nothing to learn from")
    steps = settings.total_steps(len(sentences))
    plan = TrainingPlan(
        title=f"fine-tuning ({task.name})",
        steps=steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        schedule="linear",
        warmup_steps=math.ceil(settings.warmup * steps),
        seed=seed,
        device=device,
    )
    order = visits([np.arange(len(examples))], examples.subwords.lengths(), plan)
    used = examples.subwords.take(np.unique(order))
    with (
        packing(task_model.model),
        compacted(task_model.model, np.append(used, encoder.padding), shared=True) as vocabulary,
    ):
        model = TaggingModel(task_model.model, padding=int(vocabulary.numbers[encoder.padding]))
        model.at_once = compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = examples.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        identity = [
            settings.model_dump(mode="json"),
            digest_of_arrays(examples.subwords.values, examples.labels.values),
        ]
        history = train(model, collate, plan, order=order, compute=compute, checkpoints=checkpoints, identity=identity)
    return task_model, history
