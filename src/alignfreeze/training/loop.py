"""The one way in which realignment and fine-tuning run `transformers.Trainer`."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from numpy.typing import NDArray
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

from alignfreeze.encoding.order import by_length, taking_turns
from alignfreeze.errors import SettingsError, TrainingError
from alignfreeze.files import read_json, write_json
from alignfreeze.processes import agree, n_processes, process_number, wait_for_all
from alignfreeze.progress import Bar, remark, stage
from alignfreeze.training.checkpoints import WHOLE, checkpoint_folder, checkpoints_in, last_checkpoint
from alignfreeze.training.compiling import computing
from alignfreeze.training.judging import Checks, JudgedTraining, check_alone
from alignfreeze.training.logging import TENSORBOARD, WANDB, end_wandb, file_loggers
from alignfreeze.training.model import LossModel
from alignfreeze.training.settings import ComputeSettings, TrainingHistory, TrainingPlan

LOGGED_LOSSES = 50
"""About as many points the loss curve of a training gets."""


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
            write_json(saved / WHOLE, {"at_once": model.at_once})
            # Only now: a process that is killed while it writes still has the one before.
            for other in checkpoints_in(saved.parent):
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
    judged = [] if checks is None else [JudgedTraining(checks, model)]
    if WANDB in compute.log_to:
        os.environ.setdefault("WANDB_PROJECT", "alignfreeze")
    with (
        stage(plan.title, total=plan.steps) as bar,
        checkpoint_folder(checkpoints, model, order, [asdict(plan), compute.precision, identity]) as folder,
        computing(model, compute, lambda: collate(order[: plan.batch_size].tolist()), plan.device),
    ):
        trainer = _Trainer(
            model=model,
            args=_arguments(plan, compute, folder, saved=checkpoints is not None),
            data_collator=collate,
            train_dataset=_Places(int(order.max()) + 1),
            # What a judge keeps is written before the checkpoint is declared whole.
            callbacks=[*judged, _Watch(bar, plan.title), *file_loggers(compute.log_to, compute.log_folder, plan.title)],
            order=order,
            head_learning_rate=plan.head_learning_rate,
        )
        trainer.remove_callback(PrinterCallback)
        # Process 0 has made sure that the checkpoints are those of this training.
        last = agree(last_checkpoint(folder) if process_number() == 0 else None)
        if last is not None and (at_once := read_json(Path(last) / WHOLE)["at_once"]) is not None:
            # Memory ran out with more; the pieces decide what dropout hits.
            model.at_once = min(at_once, model.at_once or at_once)
        began = time.perf_counter()
        trainer.train(resume_from_checkpoint=last)
        for callback in judged:
            callback.restore()
        seconds = time.perf_counter() - began
        _release(trainer, model)
        if WANDB in compute.log_to:
            end_wandb()
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
