"""Compiles the layers of a model, or computes them twice to save memory, while a training lasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import PartialState

from alignfreeze.encoding.batches import move_batch
from alignfreeze.encoding.dropout import quick_dropout
from alignfreeze.encoding.families import layers_of
from alignfreeze.encoding.modes import evaluating
from alignfreeze.errors import TrainingError
from alignfreeze.processes import n_processes
from alignfreeze.training.model import LossModel
from alignfreeze.training.settings import ComputeSettings

_TOLERANCE = {"float32": 1e-3, "bf16": 2e-2}
"""The largest relative difference between the losses of a compiled and a plain model, by precision."""


@contextmanager
def computing(
    model: LossModel, compute: ComputeSettings, first_batch: Callable[[], Any], device: str
) -> Iterator[None]:
    """Inside the block, compile the layers of a model or compute them twice, as the settings say.

    Args:
        model: The model.
        compute: The settings.
        first_batch: Returns the first batch of the training, on which the compiled model is tested.
        device: Where the model is trained.

    Raises:
        TrainingError: The compiled model has a different loss.
    """
    network: Any = model.network
    if compute.gradient_checkpointing:
        _switch(network, "enable", {"use_reentrant": False})
    try:
        with _compiling(model, compute, first_batch, device) if compute.compile else quick_dropout(model):
            yield
    finally:
        if compute.gradient_checkpointing:
            _switch(network, "disable")


def _switch(network: Any, what: str, *arguments: Any) -> None:
    """Enable or disable gradient checkpointing; version 5 of transformers has two names for it."""
    name = next(
        n for n in (f"activation_checkpointing_{what}", f"gradient_checkpointing_{what}") if hasattr(network, n)
    )
    getattr(network, name)(*arguments)


@contextmanager
def _compiling(
    model: LossModel, compute: ComputeSettings, first_batch: Callable[[], Any], device: str
) -> Iterator[None]:
    """Compile the layers of a model inside the block, after testing that its loss stays the same."""
    # If several processes train together, each has its own GPU.
    place = PartialState(cpu=device == "cpu").device if n_processes() > 1 else torch.device(device)
    model.to(place)
    # Layers are alike: compiled one by one, they share the compiled code.
    parts = list(dict.fromkeys(layers_of(model.network)))
    batch = move_batch(first_batch(), place)
    try:
        plain = _loss_in_evaluation(model, batch, compute)
        for part in parts:
            part.compile(dynamic=True)
        fast = _loss_in_evaluation(model, batch, compute)
        if not math.isclose(plain, fast, rel_tol=_TOLERANCE[compute.precision]):
            raise TrainingError(
                f"the loss of the compiled model is {fast}, but without compiling it is {plain}; "
                "set compute.compile = false"
            )
        yield
    finally:
        for part in parts:
            part._compiled_call_impl = None
        torch.compiler.reset()  # the compiled code holds on to the model


def _loss_in_evaluation(model: LossModel, batch: Mapping[str, Any], compute: ComputeSettings) -> float:
    """Return the loss of a batch without dropout, in the precision of the training."""
    device = next(model.parameters()).device.type
    with (
        evaluating(model),
        torch.no_grad(),
        torch.autocast(device, torch.bfloat16, enabled=compute.precision == "bf16"),
    ):
        return float(model(**batch)["loss"])
