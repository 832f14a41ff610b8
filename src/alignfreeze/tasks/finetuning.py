"""Fine-tunes a realigned encoder on task data of the source language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator
from transformers import PreTrainedTokenizerBase, TrainerCallback, set_seed

from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.encoding.lending import lending
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.errors import DataError
from alignfreeze.external.peft import Adapter, check_adapter
from alignfreeze.progress import remark
from alignfreeze.realignment.preparing import Prepared
from alignfreeze.settings import LearningRate, Settings, to_settings
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.adapters import adapting_task_model, check_adapter_policy
from alignfreeze.tasks.during import check_during, train_during
from alignfreeze.tasks.given import to_items, to_task
from alignfreeze.tasks.kinds import Examples, TaskLoss
from alignfreeze.tasks.models import STRIDE, TaskModel, add_head
from alignfreeze.tasks.task import Task
from alignfreeze.training.callbacks import check_callbacks
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.loop import order_visits, train
from alignfreeze.training.randomness import keeping_random_state
from alignfreeze.training.settings import ComputeSettings, TrainingPlan
from alignfreeze.training.snapshots import N_SNAPSHOTS

TITLE = "fine-tuning"
"""What a fine-tuning is called while it runs."""


class FinetuningSettings(Settings):
    """Settings of the fine-tuning stage; the defaults are the paper's for PoS tagging."""

    epochs: int = Field(default=5, gt=0)
    """Passes over the training data. Each window of a long text is one example."""
    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps, instead of epochs."""
    batch_size: int = Field(default=32, gt=0)
    """Sentences per step."""
    learning_rate: LearningRate = 2e-5
    """The highest learning rate of Adam. The paper uses 7.5e-6 for XLM-R."""
    head_learning_rate: LearningRate | None = None
    """The highest learning rate of the new head; by default that of the encoder. Ten times the rate of the encoder
    helps to learn rare labels, such as names, in few steps."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate rises. Afterwards it falls linearly."""
    max_length: int = Field(default=128, ge=3)
    """The most subwords at once. Longer sentences and contexts are split into windows; longer texts are cut off."""
    stride: int = Field(default=STRIDE, ge=0)
    """For `qa`: subwords that two windows of a context share."""
    head_seed: int | None = Field(default=None, ge=0, lt=2**32)
    """The seed of the new head; by default that of the run. With it, the heads of all seeds begin alike, which
    `seeds(...)` needs. The order of the items and dropout still follow the seed of the run."""
    average_last: int | None = Field(default=None, ge=2, le=N_SNAPSHOTS)
    """Keep the mean of the weights of the last snapshots, this many of ten, and not the last weights. A snapshot is
    taken after each tenth of the steps."""
    adapter: Annotated[str | None, AfterValidator(check_adapter_policy)] = None
    """Train adapters and the head, and not the weights of the encoder: a strategy that names `lora`, such as `lora:16`
    or `front+lora`. Adapters need a higher learning rate than weights, such as 1e-3. This needs the extra `peft`."""

    @model_validator(mode="after")
    def _check_mean(self) -> Self:
        if self.average_last is not None and self.adapter is not None:
            raise ValueError(
                "average_last and adapter cannot be used together: an adapter is a product of two matrices, and the "
                "product of their means is not the mean of the products; leave one of the two out"
            )
        return self

    def total_steps(self, examples: int) -> int:
        """Return the number of optimiser steps for this many examples: sentences, or windows of long sentences."""
        return self.steps or self.epochs * math.ceil(examples / self.batch_size)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Items that are learnt together with those of the source language, such as items of target languages.

    Attributes:
        items: The items. Their labels are among those of the other items.
        source_share: The share of the visits that belongs to the items of the source language.
        steps: Optimiser steps, or a function that returns them for the steps of a training without the mixture.
    """

    items: Sequence[Any]
    source_share: float
    steps: int | Callable[[int], int]


def n_examples(encoder: Encoder, task: Task, items: Sequence[Any], settings: FinetuningSettings) -> int:
    """Return how many training examples some items give: one per item, or one per window of a long item."""
    items = to_items(task, items)
    if not task.kind.splits:
        return len(items)
    model = _new_model(encoder, task, items, settings)
    return len(task.kind.examples(model, items))


def _new_model(encoder: Encoder, task: Task, items: Sequence[Any], settings: FinetuningSettings) -> TaskModel:
    labels = task.labels_of(items)
    return add_head(encoder, task.kind.head, labels, max_length=settings.max_length, stride=settings.stride)


class _Parts(NamedTuple):
    model: TaskModel
    history: TrainingHistory


class Finetuned(_Parts, Tabular):
    """The outcome of a fine-tuning: `model, history = finetune(...)`.

    Attributes:
        model: The fine-tuned model.
        history: What was done.
        adapter: The adapter with the head, which is also merged into the weights of the model; None if the weights were
            trained.
    """

    adapter: Adapter | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return the curve of the loss."""
        return [{"step": step, "loss": loss} for step, loss in self.history.losses]

    def to_dict(self) -> dict[str, Any]:
        """Return what was done as plain values."""
        return {"labels": self.model.labels, "training": asdict(self.history)}

    def save(self, folder: Path | str) -> None:
        """Write the model as an ordinary Hugging Face folder."""
        self.model.save(Path(folder))

    def save_adapter(self, folder: Path | str, *, base: str = "") -> None:
        """Write adapter and head alone, as `peft.PeftModel.from_pretrained` reads them, with config and tokenizer.

        Args:
            folder: The folder.
            base: The name of the encoder that was fine-tuned, for the config of the adapter.

        Raises:
            SettingsError: There is no adapter, or peft is not installed.
            OutputError: The folder cannot be written.
        """
        check_adapter(self.adapter).save(Path(folder), base=base)
        self.model.model.config.save_pretrained(folder)  # with the labels
        self.model.tokenizer.save_pretrained(folder)


def finetune(
    encoder: Model,
    task: str | Task,
    items: Any,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    settings: FinetuningSettings | Mapping[str, Any] | None = None,
    alongside: Prepared | None = None,
    mixture: Mixture | None = None,
    compute: ComputeSettings | Mapping[str, Any] | None = None,
    seed: int = 31,
    device: Device = "auto",
    checkpoints: Path | str | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    tells: bool = True,
    title: str = TITLE,
    **options: Any,
) -> Finetuned:
    """Put a new head on a copy of an encoder, and train both.

    Args:
        encoder: The encoder, realigned or not, or its name; it stays unchanged. It may also be a model of transformers,
            peft or sentence-transformers, as for `realign`.
        task: What to learn: a task or its name.
        items: Training items of the source language: a list of items, or anything else that `to_items` takes, such as
            a data set, a data frame, a list of dicts or a path.
        tokenizer: The tokenizer of a model.
        settings: How to train.
        alongside: A realignment whose loss is added to the loss of the task in each step (schedule `during`). Its
            frozen parts ignore the realignment loss, but learn the task.
        mixture: Items of other languages that are learnt together with the items; not with a realignment.
        compute: How the training is computed.
        seed: The random start of the order of the items and of dropout; of the head too, unless `head_seed` is set.
        device: `auto`, or a device as torch names it.
        checkpoints: A folder for checkpoints. A training that was killed continues from there.
        callbacks: Callbacks of transformers' Trainer.
        tells: Whether to say that all labels are the same.
        title: What the training is called while it runs.
        options: Settings by name, such as `epochs=3`; they replace those in `settings`.

    Raises:
        SettingsError: A setting, the task or the device does not exist.
        DataError: No item has a label, or something is not an item of the task.
        EncoderError: This is no encoder, or its weights cannot be trained.
        TrainingError: The training diverges, or memory is too small.
    """
    task = to_task(task)
    items = to_items(task, items)
    if tells:
        task.say_one_label(items, name="training data")
    settings = to_settings(FinetuningSettings, settings, "finetuning", **options)
    if alongside is not None:
        check_during(alongside.policy)
    how: dict[str, Any] = {"compute": to_settings(ComputeSettings, compute, "compute")}
    how["callbacks"] = check_callbacks(callbacks)
    how["checkpoints"] = None if checkpoints is None else Path(checkpoints)
    device = check_device(device)
    found = to_encoder(encoder, tokenizer=tokenizer)
    n_frozen = sum(not parameter.requires_grad for parameter in found.model.parameters())
    if n_frozen and settings.adapter is None:
        remark(f"{found.name}: fine-tuning trains a copy of the whole encoder, its {n_frozen} frozen parameters too")
    with keeping_random_state(), lending(found.model):  # the copy shares the table of word embeddings until trained
        set_seed(seed if settings.head_seed is None else settings.head_seed)
        task_model = _new_model(found, task, items, settings)
        set_seed(seed)
        examples = task.kind.examples(task_model, items)
        if not len(examples):
            raise DataError("no training item has a label, so nothing can be learnt; give labelled items")
        plan = _plan(task, settings, len(examples), title=title, seed=seed, device=device)
        groups = [np.arange(len(examples))]
        if mixture is not None:
            plan = _change_plan(plan, settings, mixture)
            more = task.kind.examples(task_model, to_items(task, mixture.items))
            if not len(more):
                raise DataError("no item of the mixture has a label, so nothing more can be learnt")
            examples = examples.join(more)
            groups.append(np.arange(len(groups[0]), len(examples)))
        how["identity"] = [settings.model_dump(mode="json"), examples.digest, list(task.labels_of(items))]
        how["identity"] += [] if alongside is None else alongside.identity
        how["identity"] += [] if mixture is None else [mixture.source_share]
        with adapting_task_model(task_model.model, settings.adapter, seed=seed) as adapter:
            if alongside is None:
                lengths, share = examples.subwords.lengths(), mixture and mixture.source_share
                order = order_visits(groups, lengths, plan, share=share)
                history = _train(task_model, task, examples, plan, order=order, **how)
            else:
                history = train_during(task_model, task, examples, alongside, plan=plan, **how)
    task_model = replace(task_model, in_bf16=how["compute"].precision == "bf16")
    outcome = Finetuned(task_model, replace(history, adapter=adapter and adapter.lora))
    outcome.adapter = adapter
    return outcome


def train_further(
    task_model: TaskModel,
    task: Task,
    items: Sequence[Any],
    *,
    settings: FinetuningSettings,
    seed: int,
    device: Device = "auto",
    title: str = "training further",
) -> TrainingHistory:
    """Train a fine-tuned model on more items, such as a few of a target language; it is trained in place.

    Args:
        task_model: The model, with its head.
        task: What it has learnt.
        items: Labelled items. Units without a label do not count.
        settings: How to train; `head_seed`, `max_length` and `adapter` are not used.
        seed: The random start of the order of the items and of dropout.
        device: `auto`, or a device as torch names it.
        title: What the training is called while it runs.

    Raises:
        DataError: No item has a label, or the model does not know one.
        TrainingError: The training diverges, or memory is too small.
    """
    if unknown := task.find_unknown(items, task_model.labels, name="items"):
        raise DataError(unknown)
    with keeping_random_state():
        set_seed(seed)
        examples = task.kind.examples(task_model, items)
        if not len(examples):
            raise DataError("no item has a label, so nothing can be learnt; give labelled items")
        plan = _plan(task, settings, len(examples), title=title, seed=seed, device=check_device(device))
        order = order_visits([np.arange(len(examples))], examples.subwords.lengths(), plan)
        compute = ComputeSettings(checkpoint_steps=None)
        how: dict[str, Any] = {"compute": compute, "checkpoints": None, "identity": None, "callbacks": ()}
        return _train(task_model, task, examples, plan, order=order, **how)


def _plan(task: Task, settings: FinetuningSettings, n: int, *, title: str, seed: int, device: str) -> TrainingPlan:
    """Return how long and how fast to train on some number of examples."""
    steps = settings.total_steps(n)
    return TrainingPlan(
        title=f"{title} ({task.name})",
        steps=steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        head_learning_rate=settings.head_learning_rate,
        schedule="linear",
        warmup_steps=math.ceil(settings.warmup * steps),
        seed=seed,
        device=device,
        average_last=settings.average_last,
    )


def _change_plan(plan: TrainingPlan, settings: FinetuningSettings, mixture: Mixture) -> TrainingPlan:
    """Return the plan of a training on a mixture."""
    steps = mixture.steps if isinstance(mixture.steps, int) else mixture.steps(plan.steps)
    return replace(plan, steps=steps, warmup_steps=math.ceil(settings.warmup * steps))


def _train(
    task_model: TaskModel,
    task: Task,
    examples: Examples,
    plan: TrainingPlan,
    *,
    order: NDArray[np.int64],
    compute: ComputeSettings,
    checkpoints: Path | None,
    identity: Any,
    callbacks: Sequence[TrainerCallback],
) -> TrainingHistory:
    used = examples.subwords.take(np.unique(order))
    with (
        packing(task_model.model),
        compacting(task_model.model, np.append(used, task_model.padding), shared=True) as vocabulary,
    ):
        model = TaskLoss(task_model.model, task.kind, padding=int(vocabulary.numbers[task_model.padding]))
        model.at_once = compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = examples.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        how: dict[str, Any] = {"compute": compute, "checkpoints": checkpoints, "callbacks": callbacks}
        return train(model, collate, plan, order=order, identity=identity, **how)
