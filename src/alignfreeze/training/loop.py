"""The one way in which realignment and fine-tuning run `transformers.Trainer`."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback, TrainingArguments

from alignfreeze.encoding.devices import as_current, is_gpu
from alignfreeze.encoding.modes import keeping_modes
from alignfreeze.encoding.order import sort_by_length, take_shares, take_turns
from alignfreeze.errors import SettingsError
from alignfreeze.processes import agree, n_processes, process_number
from alignfreeze.progress import stage
from alignfreeze.training.checkpoints import checkpoint_folder, last_checkpoint, read_facts
from alignfreeze.training.compiling import computing
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.judging import JudgeCallback, JudgingPlan, check_one_process
from alignfreeze.training.logging import begin_loggers, end_loggers, file_loggers, loggers_of_trainer
from alignfreeze.training.model import LossModel
from alignfreeze.training.settings import ComputeSettings, TrainingPlan
from alignfreeze.training.snapshots import SnapshotCallback
from alignfreeze.training.trainer import OrderedTrainer
from alignfreeze.training.watching import Watch, check_weights

_LOGGED_LOSSES = 50
"""The loss curve of a training gets about this many points."""


def train(
    model: LossModel,
    collate: Callable[[Sequence[int]], Mapping[str, Any]],
    plan: TrainingPlan,
    *,
    order: NDArray[Any],
    compute: ComputeSettings | None = None,
    checkpoints: Path | None = None,
    identity: Any = None,
    judging: JudgingPlan | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> TrainingHistory:
    """Train a model in place, on the parameters that require a gradient. Its modules keep their modes.

    The optimiser is Adam with betas 0.9 and 0.999 and epsilon 1e-8, without weight decay and without gradient clipping.
    The reference code (epoch_loop.py) does not clip either.

    Args:
        model: Returns a mapping with `loss` when called with a batch.
        collate: Turns the numbers of some items into a batch.
        plan: How long and how fast to train.
        order: The numbers of the items to visit, batch after batch, [steps * batch size].
        compute: How the training is computed.
        checkpoints: A folder for checkpoints. If it holds a checkpoint of the very same training, the training
            continues from there. The final weights are the same as without the interruption (bit for bit on a CPU).
        identity: What else distinguishes the training from others, as plain values: settings, digest of the data.
        judging: When the network is judged; the weights of the best check are kept.
        callbacks: What else the Trainer calls, before it looks whether the training is over.

    Raises:
        SettingsError: A judge among several processes, or the batch cannot be divided among the processes.
        TrainingError: The loss or a weight is no longer a number, or memory does not suffice for one sentence.
    """
    compute = compute or ComputeSettings()
    check_processes(plan.batch_size)
    if judging is not None:
        check_one_process()
    judge = None if judging is None else JudgeCallback(judging, model)
    last = plan.average_last
    snapshots = None if last is None else SnapshotCallback(model, steps=plan.steps, last=last)
    begin_loggers(compute.log_to)
    with (
        stage(plan.title, total=plan.steps) as bar,
        as_current(plan.device),
        keeping_modes(model),
        checkpoint_folder(checkpoints, model, order, [asdict(plan), compute.precision, identity]) as folder,
        computing(model, compute, lambda: collate(order[: plan.batch_size].tolist()), plan.device),
    ):
        trainer = OrderedTrainer(
            model=model,
            args=_arguments(plan, compute, folder, saves=checkpoints is not None),
            data_collator=collate,
            callbacks=[
                # These and those of the caller come first: they write their files before the watch declares the
                # checkpoint complete, and end the training before the watch looks for the last step.
                *(one for one in (judge, snapshots) if one is not None),
                *callbacks,
                Watch(bar, plan.title),
                *file_loggers(compute.log_to, compute.log_folder, plan.title),
            ],
            order=order,
            head_learning_rate=plan.head_learning_rate,
        )
        start = _choose_start(model, folder)
        began = time.perf_counter()
        trainer.train(resume_from_checkpoint=start)
        if judge is not None:
            judge.restore_best()
        if snapshots is not None:
            snapshots.put_mean()
        check_weights(model, plan.title)
        seconds = time.perf_counter() - began
        trainer.release()
        end_loggers(compute.log_to)
    losses = tuple((int(entry["step"]), entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)
    history = TrainingHistory(trainer.state.global_step, seconds, losses)
    return history if judge is None else judge.add_to(history)


def _choose_start(model: LossModel, folder: Path) -> str | None:
    """Return the checkpoint from which a training continues; None to begin.

    The model computes batches in the pieces that fitted into memory before, because pieces decide what dropout hits.
    """
    # Process 0 has made sure that the checkpoints belong to this training.
    checkpoint = agree(last_checkpoint(folder) if process_number() == 0 else None)
    if checkpoint is not None and (at_once := read_facts(checkpoint).at_once) is not None:
        model.at_once = min(at_once, model.at_once or at_once)
    return checkpoint


def order_visits(
    groups: Sequence[NDArray[np.int64]],
    lengths: NDArray[np.int64],
    plan: TrainingPlan,
    *,
    share: float | None = None,
) -> NDArray[np.int64]:
    """Return the numbers of the items that a training visits, in batches of similar length, [steps * batch size].

    Packed sentences are padded only in the attention. Because of dropout, similar lengths still save a tenth of a step
    or more.

    Args:
        groups: The numbers of the items in each group; groups take turns.
        lengths: Subwords of each item, [items].
        plan: How long to train.
        share: The share of the visits that belongs to the first of two groups; None for turns of the same length.
    """
    n = plan.steps * plan.batch_size
    if share is None:
        order = take_turns(groups, n, seed=plan.seed)
    else:
        first, second = groups
        order = take_shares(first, second, n, share=share, seed=plan.seed)
    return sort_by_length(order, lengths, plan.batch_size, seed=plan.seed)


def check_processes(batch_size: int) -> None:
    """Check that a batch can be divided among the processes that train together.

    Raises:
        SettingsError: The batch cannot be divided evenly.
    """
    if batch_size % n_processes():
        raise SettingsError(
            f"a batch of {batch_size} cannot be divided evenly among {n_processes()} processes; "
            "change the batch size or the number of processes"
        )


def _arguments(plan: TrainingPlan, compute: ComputeSettings, folder: Path, *, saves: bool) -> TrainingArguments:
    """Return the arguments of the Trainer."""
    steps = compute.checkpoint_steps if saves else None
    arguments = TrainingArguments(
        output_dir=str(folder),
        use_cpu=plan.device == "cpu",
        max_steps=plan.steps,
        # The batch is split among all processes, so that their number changes no result.
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
        logging_steps=max(1, plan.steps // _LOGGED_LOSSES),
        save_strategy="no" if steps is None else "steps",
        save_steps=steps or plan.steps,
        report_to=loggers_of_trainer(compute.log_to, compute.log_folder),
        run_name=plan.title if compute.log_folder is None else f"{compute.log_folder.name}, {plan.title}",
        project="alignfreeze",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=is_gpu(plan.device),
        # On a GPU, processes that share the data prepare the next batches while this one is computed.
        dataloader_num_workers=2 if is_gpu(plan.device) and _can_fork() else 0,
        # A pooler, or a last layer that is not realigned, gets no gradient.
        ddp_find_unused_parameters=n_processes() > 1 or None,
    )
    if arguments.n_gpu > 1:
        # The losses need the whole batch; torch's DataParallel would split it.
        arguments._n_gpu = 1
    return arguments


def _can_fork() -> bool:
    """Return whether new processes share the memory of this one. The caller's start method stays unchanged."""
    return sys.platform == "linux" and multiprocessing.get_start_method(allow_none=True) in {None, "fork"}
