"""Compiles the layers of a model, or computes them again for the gradients, for the time of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import PartialState

from alignfreeze.encoding.dropout import quick_dropout
from alignfreeze.encoding.encoder import moved
from alignfreeze.encoding.families import layers_of
from alignfreeze.errors import TrainingError
from alignfreeze.processes import n_processes
from alignfreeze.training.model import LossModel
from alignfreeze.training.settings import ComputeSettings

COMPILED_TOLERANCE = {"float32": 1e-3, "bf16": 2e-2}
"""Most that the loss of a compiled model may differ from that of the plain one, relatively, by precision."""


@contextmanager
def computing(
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
