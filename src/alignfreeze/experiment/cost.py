"""The time and memory that an experiment needs, estimated from timed steps on its device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.encoding.devices import is_gpu, multiplies_bf16
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.encoding.shapes import SHAPES, config_of
from alignfreeze.errors import EncoderError
from alignfreeze.experiment.meter import peak_of_process
from alignfreeze.experiment.planning import Plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import policies_of
from alignfreeze.progress import remark, stage
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.trainer import is_out_of_memory

SUBWORDS_OF_A_PAIR = 40
"""The usual length of a sentence pair, both sides together."""

MOST_MEASURED = 200
"""About this many items and sentence pairs are measured, if the data are available locally."""

MOST_TIMED = 1_000
"""The most subwords of a timed step. For a larger step, a part is timed and its time scaled."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The time and memory that an experiment needs.

    Attributes:
        device: Where a step was timed.
        random_weights: Whether the encoder had random weights, because its real weights are not available locally.
        assumed: Whether usual lengths of sentences were assumed, because the data are not available locally.
        realignment_step: Seconds per step of realignment.
        finetuning_step: Seconds per step of fine-tuning.
        hours: The time of all trainings together, without tests and labelling.
        memory_gib: Peak memory of a training; on a GPU, the memory of the GPU. Whole steps are measured on a GPU only:
            elsewhere, what a part of a step holds for its gradients is scaled to the whole step.
        faster_in_bf16: Whether the device has units for matrix products in bf16, and the settings do not use them.
    """

    device: str
    random_weights: bool
    assumed: bool
    realignment_step: float
    finetuning_step: float
    hours: float
    memory_gib: float
    faster_in_bf16: bool = False


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of sentences.

    Attributes:
        item: Subwords of a training item.
        pair: Subwords of a sentence pair, both sides together.
        assumed: Whether usual lengths were assumed, because the data are not fetched yet.
    """

    item: int
    pair: int
    assumed: bool

    @classmethod
    def usual(cls, settings: ExperimentSettings) -> Lengths:
        """Return the usual lengths for a task."""
        usual = TASKS[settings.task].usual_length or settings.finetuning.max_length
        return cls(usual, SUBWORDS_OF_A_PAIR, assumed=True)

    @classmethod
    def of(cls, plan: Plan) -> Lengths:
        """Return the mean lengths of some items and pairs of an experiment."""
        usual, task, settings = cls.usual(plan.settings), TASKS[plan.settings.task], plan.settings

        def average_length(several: list[Any], most: int, otherwise: int) -> int:
            if not several or not all(several):
                return otherwise
            return min(most, round(sum(_count_subwords(plan.tokenizer, texts) for texts in several) / len(several)))

        items = [] if task.usual_length is None else [task.kind.texts(item) for item in _take_some(plan.data.train)]
        pairs = [[pair.source, pair.target] for pair in _take_some(plan.data.bitext)]
        return cls(
            item=average_length(items, settings.finetuning.max_length, usual.item),
            pair=average_length(pairs, 2 * settings.realignment.max_length, usual.pair),
            assumed=False,
        )


def _take_some(items: Sequence[Any]) -> Sequence[Any]:
    """Return some of the items, evenly spread."""
    return items[:: max(1, len(items) // MOST_MEASURED)]


def _count_subwords(tokenizer: PreTrainedTokenizerFast, texts: Sequence[Any]) -> int:
    encoded = (
        tokenizer(text if isinstance(text, str) else list(text), is_split_into_words=not isinstance(text, str))
        for text in texts
    )
    return sum(len(one["input_ids"]) for one in encoded)


def estimate_cost(
    settings: ExperimentSettings,
    *,
    finetuning_steps: int,
    lengths: Lengths | None = None,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Cost | None:
    """Time a step of each training, and estimate the cost of an experiment.

    The result is None if the encoder is not available locally.

    Args:
        settings: The experiment, with the device filled in.
        finetuning_steps: Optimiser steps of each fine-tuning.
        lengths: The lengths of sentences; by default the usual lengths.
        tokenizer: The tokenizer of the encoder, if it is already loaded: two of them would take memory twice.
    """
    needed = ""
    try:
        found = _load_model(settings.encoder, tokenizer)
        if found is None:
            return None
        needed = f"{_least_memory(found[0]) / 2**30:.1f} GiB"
        with stage(f"timing steps of training, in at least {needed} of memory"):
            return _estimate_cost(settings, finetuning_steps, lengths or Lengths.usual(settings), *found)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    least = f": weights, gradients and optimiser alone need {needed}" if needed else ""
    remark(f"there is too little memory here to time a step{least}; so there is no estimate of time and memory")
    return None


def _estimate_cost(
    settings: ExperimentSettings, finetuning_steps: int, lengths: Lengths, model: PreTrainedModel, random_weights: bool
) -> Cost:
    device = settings.device
    model.to(device)  # type: ignore[arg-type]
    item, side = lengths.item, -(-lengths.pair // 2)
    half = settings.compute.precision == "bf16"
    tuned, more = _time_step(model, device, sentences=settings.finetuning.batch_size, subwords=item, half=half)
    realigned, others = _time_step(
        model, device, sentences=2 * settings.realignment.batch_size, subwords=side, half=half
    )
    peak = torch.cuda.max_memory_allocated() if is_gpu(device) else peak_of_process() + max(more, others)
    # Runs that join several seeds read the models of these seeds.
    strategies = {strategy.of_one_seed for strategy in settings.strategies}
    steps = settings.realignment.steps or finetuning_steps
    each = steps * realigned + _judging_steps_of(settings, steps) * tuned
    # An average starts from encoders that other runs also start from.
    realignments = len(policies_of(strategies))
    tunings = sum(sum(settings.teaching.count_steps(strategy.taught, finetuning_steps)) for strategy in strategies)
    # Runs share the first models that label for them, also with the run of such a model.
    firsts = [strategy.of_first_model for strategy in strategies if strategy.needs_first_model]
    tunings -= finetuning_steps * (len(firsts) - len(set(firsts) - strategies))
    seconds = len(set(settings.seeds)) * (tunings * tuned + realignments * each)
    return Cost(
        device=torch.cuda.get_device_name(device) if is_gpu(device) else device,
        random_weights=random_weights,
        assumed=lengths.assumed,
        realignment_step=realigned,
        finetuning_step=tuned,
        hours=seconds / 3600,
        memory_gib=peak / 2**30,
        faster_in_bf16=not half and multiplies_bf16(device),
    )


def _judging_steps_of(settings: ExperimentSettings, steps: int) -> int:
    """Return the most fine-tuning steps that stopping by agreement adds to a realignment."""
    stopping = settings.realignment.stopping
    if stopping is None or stopping.by != "agreement":
        return 0
    return (1 + math.ceil(steps / stopping.every)) * stopping.finetuning_steps


def _load_model(name: str, tokenizer: PreTrainedTokenizerFast | None) -> tuple[PreTrainedModel, bool] | None:
    """Return an encoder, and whether its weights are random."""
    if name in SHAPES:
        return AutoModel.from_config(config_of(name)), True
    try:
        return load_encoder(name, tokenizer=tokenizer).model, False
    except EncoderError:
        return None


def _least_memory(model: PreTrainedModel) -> int:
    """Return the bytes of weights, gradients and Adam's two moments, as if no row of the table were trained."""
    table: Any = model.get_input_embeddings().weight
    n_trained = sum(parameter.numel() for parameter in model.parameters()) - table.numel()
    return 4 * (table.numel() + 4 * n_trained)


def _time_step(
    model: PreTrainedModel, device: str, *, sentences: int, subwords: int, half: bool = False
) -> tuple[float, int]:
    """Time an optimiser step on sentences of equal length that trains all layers.

    Args:
        model: The model.
        device: Where it runs.
        sentences: Number of sentences.
        subwords: The length of each.
        half: Whether matrix products are computed in bf16.

    Returns:
        The seconds of a step, and the bytes that a whole step needs beyond those of the largest part that was done.
    """
    timed = max(1, min(sentences, MOST_TIMED // subwords))
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(5, model.config.vocab_size, (sentences * subwords,), generator=generator).to(device)
    lengths = torch.full((sentences,), subwords, device=device)
    table: Any = model.get_input_embeddings().weight
    # A training holds only the rows of the table that its data use, not all 250,000 rows.
    table.requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter is not table]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0, fused=True)

    def compute_loss(n: int) -> torch.Tensor:
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
            return encode(model, Packed(numbers[: n * subwords], lengths[:n], subwords)).float().square().mean()

    def time_part(n: int) -> float:
        began = time.perf_counter()
        loss = compute_loss(n)
        loss.backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)
        loss.detach().item()  # waits for a GPU
        return time.perf_counter() - began

    more = 0
    with packing(model.train()):
        best = min(time_part(timed) for _ in range(3))
        if timed < sentences and is_gpu(device):
            with suppress(torch.OutOfMemoryError):  # then the peak is the whole memory of the GPU
                time_part(sentences)  # once, to measure the memory
        elif timed < sentences:
            more = count_held(partial(compute_loss, timed), model) * (sentences - timed) // timed
    return best * sentences / timed, more


def count_held(compute: Callable[[], torch.Tensor], model: PreTrainedModel) -> int:
    """Return the bytes that a computation holds for its gradients, without the weights of the model."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        result = compute()
    del result  # until here nothing that was counted is freed, so that no address is used twice
    return sum(held.values())
