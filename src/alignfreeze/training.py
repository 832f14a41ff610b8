"""The one way in which realignment and fine-tuning run `transformers.Trainer`."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from alignfreeze.encoding.dropout import quick_dropout
from alignfreeze.encoding.encoder import moved
from alignfreeze.encoding.families import layers_of
from alignfreeze.encoding.order import by_length, taking_turns
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.files import digest_of_arrays, make_folder, read_json, write_json
from alignfreeze.processes import agreed, n_processes, process_number, wait_for_all
from alignfreeze.progress import Bar, remark, stage
from alignfreeze.settings import Settings, known

LOGGED_LOSSES = 50
"""About as many points the loss curve of a training gets."""

COMPILED_TOLERANCE = {"float32": 1e-3, "bf16": 2e-2}
"""Most that the loss of a compiled model may differ from that of the plain one, relatively, by precision."""

TENSORBOARD, WANDB = "tensorboard", "wandb"

_KEY = "training.json"
_CHECKS, _BEST = "checks.json", "best.safetensors"
"""What a judge has said up to a checkpoint, and the trained weights that it liked best."""

_WHOLE = "whole.json"
"""Written into a checkpoint when all processes have written theirs; holds what a Trainer does not keep."""


def _logger(name: str) -> str:
    """Return the name of a logger as given when there is such a one, and it is installed."""
    callback: Any = INTEGRATION_TO_CALLBACK[known(name, INTEGRATION_TO_CALLBACK, "logger")]
    try:
        callback()
    except (RuntimeError, ImportError):
        raise ValueError(f"{name!r} is not installed; pip install {name}") from None
    return name


LoggerName = Annotated[str, AfterValidator(_logger)]


class ComputeSettings(Settings):
    """How trainings are computed; none of it changes a result but for rounding and what dropout happens to hit."""

    precision: Literal["float32", "bf16"] = "float32"
    """`bf16`: matrix products in half precision, weights and loss in float32."""
    micro_batch: int | None = Field(default=None, gt=0)
    """Sentences, or sentence pairs, at once; left out, the whole batch. The loss is that of the whole batch in
    any case, negatives included. Where memory runs out it is halved."""
    gradient_checkpointing: bool = False
    """Keep only what goes into each layer, and compute the rest again for the gradients: memory for time."""
    compile: bool = False
    """Run the model through `torch.compile`, after checking that its loss is the same."""
    checkpoint_steps: int | None = Field(default=500, gt=0)
    """Optimiser steps between checkpoints, from which a training that was killed goes on; left out: never."""
    log_to: list[LoggerName] = Field(default=[])
    """Loggers that follow losses and learning rates: `tensorboard`, `wandb`, `mlflow`, `trackio`, or another that
    transformers knows."""
    log_folder: Path | None = None
    """Where `tensorboard` finds its files; left out: `logs` in the folder of the runs, or beside the model's."""

    def logging_in(self, folder: Path) -> Self:
        """Return the same settings with a place of their own for the files of loggers, in the folder they may name."""
        place = folder if self.log_folder is None else self.log_folder / folder.name
        return self.model_copy(update={"log_folder": place})


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """What a training did.

    Attributes:
        steps: Optimiser steps.
        seconds: Wall-clock time, without loading data; of a resumed training, since then.
        losses: Pairs of (step, mean training loss since the point before).
        checks: Pairs of (step, what a judge said of the network then), more being better; empty without a judge.
        kept: The step whose weights were kept as the best; None without a judge: those of the last.
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    checks: tuple[tuple[int, float], ...] = ()
    kept: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        title: What the progress bar is called.
        steps: Optimiser steps.
        batch_size: Items a step, on all processes together.
        learning_rate: Of Adam, at its highest.
        schedule: Of the learning rate after warm-up; it follows optimiser steps.
        warmup_steps: Optimiser steps in which the learning rate rises from 0.
        seed: For dropout.
        device: `cpu`, `cuda` or `mps`.
        head_learning_rate: Of Adam, at its highest, for what the network has on top of its encoder; None for the same.
    """

    title: str
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "linear"]
    warmup_steps: int
    seed: int
    device: str
    head_learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Checks:
    """When a training is judged, and when it ends before its last step.

    Attributes:
        judge: Says how good the network is just now; more is better.
        start: What it says before the first step.
        every: Optimiser steps from one check to the next.
        patience: So many checks in a row without a better one end the training.
    """

    judge: Callable[[], float]
    start: float
    every: int
    patience: int


class LossModel(nn.Module, ABC):
    """A model that returns the loss of a batch, and can take the batch in pieces."""

    _at_once: int | None = None

    @property
    def at_once(self) -> int | None:
        """Most sentences at once; None for all of a batch."""
        return self._at_once

    @at_once.setter
    def at_once(self, sentences: int | None) -> None:
        self._at_once = sentences

    def n_sentences(self, batch: Mapping[str, Any]) -> int:
        """Return how many sentences are in a batch."""
        return len(batch["lengths"])

    @property
    @abstractmethod
    def network(self) -> PreTrainedModel:
        """The model inside, without what is added for the loss."""


class _Places(Dataset[int]):
    """Stands for data that the collator fetches: item i is the number i."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> int:
        return place


class _Order(Sampler[int]):
    """Visits items in a given order."""

    def __init__(self, order: NDArray[Any]) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())


class _Trainer(Trainer):
    """A Trainer that visits items in the order it is told, and takes smaller pieces when memory runs out."""

    def __init__(self, *args: Any, order: NDArray[Any], head_learning_rate: float | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.order = order
        self.head_learning_rate = head_learning_rate

    def create_optimizer(self, *args: Any, **options: Any) -> torch.optim.Optimizer:
        optimizer = super().create_optimizer(*args, **options)
        if self.head_learning_rate is not None:
            assert isinstance(self.model, LossModel)
            _give_rate(optimizer, _head(self.model.network), self.head_learning_rate)
        return optimizer

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        return _Order(self.order)

    def _get_grad_norm(self, model: nn.Module, grad_norm: float | None = None) -> float | None:
        # Nothing is clipped and nobody reads the norm: do not go over all gradients for it.
        return None

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        while True:
            try:
                return super().training_step(model, inputs, num_items_in_batch)
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
            # Outside the handler: the exception would hold on to what was computed.
            self._halve(inputs)

    def _halve(self, batch: Mapping[str, Any]) -> None:
        loss_model = self.model
        assert isinstance(loss_model, LossModel)
        sentences = loss_model.n_sentences(batch)
        now = min(loss_model.at_once or sentences, sentences)
        advice = "take a smaller encoder, shorter sentences (max_length) or compute.precision = 'bf16'"
        if now == 1:
            raise TrainingError(f"out of memory with one sentence at a time; {advice}")
        if n_processes() > 1:
            # The others wait for this one's gradients.
            raise TrainingError(f"out of memory on one of several processes; set compute.micro_batch, or {advice}")
        loss_model.at_once = -(-now // 2)
        loss_model.zero_grad(set_to_none=True)
        clear_device_cache(garbage_collection=True)
        remark(f"out of memory: going on with {loss_model.at_once} sentences at once, and the same batches")


def _head(network: PreTrainedModel) -> list[nn.Parameter]:
    """Return the parameters that a network has on top of its encoder."""
    encoder = {id(parameter) for parameter in network.base_model.parameters()}
    return [parameter for parameter in network.parameters() if id(parameter) not in encoder]


def _give_rate(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], rate: float) -> None:
    """Take parameters out of the groups of an optimizer that has no state yet, and give them a rate of their own."""
    taken = {id(parameter) for parameter in parameters}
    for group in optimizer.param_groups:
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in taken]
    optimizer.add_param_group({"params": list(parameters), "lr": rate})


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, Exception) and should_reduce_batch_size(error)
    )


class _Judged(TrainerCallback):
    """Asks a judge from time to time, keeps the weights that it likes best, and stops a training that gets no better.

    The Trainer's own early stopping evaluates in the training's device state, and keeps the best of what it has
    written to disk as a checkpoint with the optimiser's state; here the trained weights alone are kept.
    """

    def __init__(self, checks: Checks, model: LossModel) -> None:
        self.checks = checks
        self.trained = {name: value for name, value in model.network.named_parameters() if value.requires_grad}
        self.found: list[tuple[int, float]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def kept(self) -> int:
        """The step of the best check; the first of equals."""
        return max(self.found, key=lambda check: check[1])[0]

    @property
    def is_over(self) -> bool:
        """Whether so many checks in a row as patience allows were no better."""
        steps = [step for step, _ in self.found]
        return len(steps) - 1 - steps.index(self.kept) >= self.checks.patience

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **__: Any) -> None:
        if state.global_step == 0:
            self._take(0, self.checks.start)
            return
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self.found = [(step, value) for step, value in read_json(saved / _CHECKS)]
        self.best = load_file(saved / _BEST)
        # It was killed after it had ended: a step that is taken all the same is not kept.
        control.should_training_stop |= self.is_over

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **__: Any) -> None:
        is_due = state.global_step % self.checks.every == 0 or state.global_step == state.max_steps
        if is_due and not self.is_over:
            self._check(state.global_step)
        control.should_training_stop |= self.is_over

    def on_save(self, args: Any, state: TrainerState, *_: Any, **__: Any) -> None:
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_json(saved / _CHECKS, self.found)
        save_file(self.best, saved / _BEST)

    def _check(self, step: int) -> None:
        with same_random_numbers():
            self._take(step, self.checks.judge())

    def _take(self, step: int, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(f"the judge says {value} at step {step}: nothing can be told by it")
        self.found.append((step, value))
        if self.kept == step:
            self.best = {name: weights.detach().cpu().clone() for name, weights in self.trained.items()}

    def restore(self) -> None:
        """Put the best weights into the network."""
        with torch.no_grad():
            for name, weights in self.trained.items():
                weights.copy_(self.best[name])


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Let whatever is drawn inside the block leave no trace in what is drawn after it."""
    drawn = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])


class _Watch(TrainerCallback):
    """Counts the steps, completes checkpoints, and stops a training that has diverged."""

    def __init__(self, bar: Bar, title: str) -> None:
        self.bar = bar
        self.title = title

    def on_train_begin(self, args: Any, state: TrainerState, *__: Any, **___: Any) -> None:
        # Processes that train together have masks of their own; a checkpoint puts its own random numbers in place.
        torch.manual_seed(args.seed + process_number())
        if state.global_step:
            remark(f"{self.title}: going on after step {state.global_step:,}")
            self.bar.advance(state.global_step)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.bar.advance()
        # The log comes before the checkpoint: neither that nor the end is reached with a loss that nobody looked at.
        is_last = control.should_training_stop or state.global_step == state.max_steps
        control.should_log = control.should_log or control.should_save or is_last

    def on_save(self, args: Any, state: TrainerState, *_: Any, model: LossModel, **__: Any) -> None:
        wait_for_all()
        if process_number() == 0:
            saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_json(saved / _WHOLE, {"at_once": model.at_once})
            # Only now: a process that is killed while it writes still has the one before.
            for other in _checkpoints(saved.parent):
                if other != saved:
                    shutil.rmtree(other)

    def on_log(self, _: Any, state: TrainerState, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.title}: the loss is {loss} at step {state.global_step}; "
                "the training has diverged, lower the learning rate"
            )


def train(
    model: LossModel,
    collate: Callable[[Sequence[int]], Mapping[str, Any]],
    plan: TrainingPlan,
    *,
    order: NDArray[Any],
    compute: ComputeSettings | None = None,
    checkpoints: Path | None = None,
    identity: Any = None,
    checks: Checks | None = None,
) -> TrainingHistory:
    """Train a model in place, on the parameters that require a gradient.

    Adam with betas 0.9 and 0.999, epsilon 1e-8, no weight decay and no gradient
    clipping (epoch_loop.py in the reference code, which clips nothing either).

    Args:
        model: Returns a mapping with `loss` when called with a batch.
        collate: Turns the numbers of some items into a batch.
        plan: How long and how fast.
        order: The numbers of the items to visit, batch after batch, [steps * batch size].
        compute: How it is computed.
        checkpoints: A folder for checkpoints. If it holds one of the very same training, the training goes on
            from there, to the same weights as if it had never stopped (bit for bit on a CPU).
        identity: What else distinguishes the training from others, as plain values: settings, digest of the data.
        checks: By what the training ends early; the weights of the best check are kept.

    Raises:
        SettingsError: A judge among several processes, or the batch cannot be divided among the processes.
        TrainingError: The loss is no longer a number, or memory does not suffice for one sentence.
    """
    compute = compute or ComputeSettings()
    check_processes(plan.batch_size)
    if checks is not None:
        check_alone()
    judged = [] if checks is None else [_Judged(checks, model)]
    if WANDB in compute.log_to:
        os.environ.setdefault("WANDB_PROJECT", "alignfreeze")
    with (
        stage(plan.title, total=plan.steps) as bar,
        _checkpoint_folder(checkpoints, model, order, [asdict(plan), compute.precision, identity]) as folder,
        _as_computed(model, compute, lambda: collate(order[: plan.batch_size].tolist()), plan.device),
    ):
        trainer = _Trainer(
            model=model,
            args=_arguments(plan, compute, folder, saved=checkpoints is not None),
            data_collator=collate,
            train_dataset=_Places(int(order.max()) + 1),
            # What a judge keeps is written before the checkpoint is declared whole.
            callbacks=[*judged, _Watch(bar, plan.title), *_to_files(compute, plan.title)],
            order=order,
            head_learning_rate=plan.head_learning_rate,
        )
        trainer.remove_callback(PrinterCallback)
        # Process 0 has made sure that the checkpoints are those of this training.
        last = agreed(_last_checkpoint(folder) if process_number() == 0 else None)
        if last is not None and (at_once := read_json(Path(last) / _WHOLE)["at_once"]) is not None:
            # Memory ran out with more; the pieces decide what dropout hits.
            model.at_once = min(at_once, model.at_once or at_once)
        began = time.perf_counter()
        trainer.train(resume_from_checkpoint=last)
        for callback in judged:
            callback.restore()
        seconds = time.perf_counter() - began
        _release(trainer, model)
        if WANDB in compute.log_to:
            _end_of_wandb()
    losses = ((int(entry["step"]), entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)
    history = TrainingHistory(trainer.state.global_step, seconds, tuple(losses))
    for callback in judged:
        last = callback.found[-1][0]
        before = tuple((step, loss) for step, loss in history.losses if step <= last)
        history = replace(history, steps=last, losses=before, checks=tuple(callback.found), kept=callback.kept)
    return history


def visits(groups: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], plan: TrainingPlan) -> NDArray[np.int64]:
    """Return the numbers of the items that a training visits, in batches of like length, [steps * batch size].

    Packed sentences are padded in the attention alone; with dropout that is still a tenth of a step and more.

    Args:
        groups: Numbers of the items that take turns, by group.
        lengths: Subwords of each item, [items].
        plan: How long to train.
    """
    order = taking_turns(groups, plan.steps * plan.batch_size, seed=plan.seed)
    return by_length(order, lengths, plan.batch_size, seed=plan.seed)


def check_processes(batch_size: int) -> None:
    """Check that a batch can be divided among the processes that train together.

    Raises:
        SettingsError: It cannot.
    """
    if batch_size % n_processes():
        raise SettingsError(f"a batch of {batch_size} cannot be divided evenly among {n_processes()} processes")


def check_alone() -> None:
    """Check that no other process trains along, as a judge trains and predicts by itself.

    Raises:
        SettingsError: There are several.
    """
    if n_processes() > 1:
        raise SettingsError("realignment.stopping goes with one process: its judge trains and predicts by itself")


@contextmanager
def _as_computed(
    model: LossModel, compute: ComputeSettings, first_batch: Callable[[], Any], device: str
) -> Iterator[None]:
    """Compile and checkpoint the layers of a model inside the block, as the settings say."""
    network: Any = model.network
    if compute.gradient_checkpointing:
        _switch(network, "enable", {"use_reentrant": False})
    try:
        with _compiled(model, compute, first_batch, device) if compute.compile else quick_dropout(model):
            yield
    finally:
        if compute.gradient_checkpointing:
            _switch(network, "disable")


def _switch(network: Any, what: str, *arguments: Any) -> None:
    """Enable or disable gradient checkpointing, which transformers has renamed in the course of its version 5."""
    name = next(
        n for n in (f"activation_checkpointing_{what}", f"gradient_checkpointing_{what}") if hasattr(network, n)
    )
    getattr(network, name)(*arguments)


@contextmanager
def _compiled(
    model: LossModel, compute: ComputeSettings, first_batch: Callable[[], Any], device: str
) -> Iterator[None]:
    """Compile a model inside the block, if it gives the same loss then."""
    # Of several processes each has a GPU of its own.
    place = PartialState(cpu=device == "cpu").device if n_processes() > 1 else torch.device(device)
    model.to(place)
    # Layers are alike: compiled one by one, they share what is compiled.
    parts = list(dict.fromkeys(layers_of(model.network)))
    batch = {name: moved(value, place) for name, value in first_batch().items()}
    try:
        plain = _loss_in_evaluation(model, batch, compute)
        for part in parts:
            part.compile(dynamic=True)
        fast = _loss_in_evaluation(model, batch, compute)
        if not math.isclose(plain, fast, rel_tol=COMPILED_TOLERANCE[compute.precision]):
            raise TrainingError(
                f"the compiled model's loss is {fast}, the plain one's {plain}; set compute.compile = false"
            )
        yield
    finally:
        for part in parts:
            part._compiled_call_impl = None
        torch.compiler.reset()  # what was compiled holds on to the model


def _loss_in_evaluation(model: LossModel, batch: Mapping[str, Any], compute: ComputeSettings) -> float:
    """Return the loss without dropout, in the precision of the training."""
    was_training = model.training
    device = next(model.parameters()).device.type
    with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=compute.precision == "bf16"):
        loss = float(model.eval()(**batch)["loss"])
    model.train(was_training)
    return loss


@contextmanager
def _checkpoint_folder(
    checkpoints: Path | None, model: nn.Module, order: NDArray[Any], identity: Any
) -> Iterator[Path]:
    """Yield the folder for the checkpoints of a training; those of another training are removed from it."""
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    key = {"training": identity, "order": digest_of_arrays(order), "weights": digest_of_arrays(*_arrays(model))}
    if process_number() == 0 and read_json(checkpoints / _KEY) != key:
        remove_checkpoints(checkpoints)
        make_folder(checkpoints)
        write_json(checkpoints / _KEY, key)
    yield checkpoints


def remove_checkpoints(folder: Path) -> None:
    """Remove what trainings have written to a folder for checkpoints, and the folder if nothing else is in it."""
    (folder / _KEY).unlink(missing_ok=True)
    for old in _checkpoints(folder):
        shutil.rmtree(old)
    with suppress(OSError):
        folder.rmdir()


def _arrays(model: nn.Module) -> Iterator[NDArray[Any]]:
    """Return everything that a training starts from."""
    return (value.detach().cpu().numpy() for value in model.state_dict().values())


def _last_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that is whole, and remove those that are not."""
    for checkpoint in _checkpoints(folder):
        if read_json(checkpoint / _WHOLE) is not None:
            return str(checkpoint)
        shutil.rmtree(checkpoint)
    return None


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last one first."""
    found = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*")}
    numbers = {path: int(number) for path, number in found.items() if number.isdecimal()}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)


def _to_files(compute: ComputeSettings, title: str) -> list[TrainerCallback]:
    """Return the logger that writes files; it would write them among the checkpoints, which are removed."""
    if TENSORBOARD not in compute.log_to or compute.log_folder is None:
        return []
    from torch.utils.tensorboard import SummaryWriter

    return [INTEGRATION_TO_CALLBACK[TENSORBOARD](SummaryWriter(str(compute.log_folder / title)))]  # type: ignore[call-arg]


def _end_of_wandb() -> None:
    """End the run of W&B: the Trainer begins one only where there is none, and never ends it."""
    import wandb  # type: ignore[import-not-found]

    wandb.finish()


def _release(trainer: Trainer, model: nn.Module) -> None:
    """Let go of gradients and of Adam's moments now: the Trainer's reference cycles would keep them for long."""
    model.zero_grad(set_to_none=True)
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()


def _arguments(plan: TrainingPlan, compute: ComputeSettings, folder: Path, *, saved: bool) -> TrainingArguments:
    steps = compute.checkpoint_steps if saved else None
    arguments = TrainingArguments(
        output_dir=str(folder),
        use_cpu=plan.device == "cpu",
        max_steps=plan.steps,
        # The batch of all processes: it is split among them, so that their number changes no result.
        per_device_train_batch_size=plan.batch_size,
        accelerator_config={"split_batches": True},
        learning_rate=plan.learning_rate,
        lr_scheduler_type=plan.schedule,
        warmup_steps=plan.warmup_steps,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        weight_decay=0.0,
        max_grad_norm=0.0,
        bf16=compute.precision == "bf16",
        seed=plan.seed,
        data_seed=plan.seed,
        logging_nan_inf_filter=False,
        logging_steps=max(1, plan.steps // LOGGED_LOSSES),
        save_strategy="no" if steps is None else "steps",
        save_steps=steps or plan.steps,
        report_to=[name for name in compute.log_to if name != TENSORBOARD or compute.log_folder is None],
        run_name=plan.title if compute.log_folder is None else f"{compute.log_folder.name}, {plan.title}",
        project="alignfreeze",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=plan.device == "cuda",
        # On a GPU the next batches are put together while this one is computed, by processes that share the data.
        dataloader_num_workers=2 if plan.device == "cuda" and _forks() else 0,
        # A pooler, or a last layer that is not realigned, gets no gradient.
        ddp_find_unused_parameters=n_processes() > 1 or None,
    )
    if arguments.n_gpu > 1:
        # The losses look at the whole batch; torch's DataParallel would split it.
        arguments._n_gpu = 1
    return arguments


def _forks() -> bool:
    """Tell whether new processes share the memory of this one, without settling it for the caller."""
    return sys.platform == "linux" and multiprocessing.get_start_method(allow_none=True) in {None, "fork"}
