"""Lends a model of the caller to a training, and gives it back in the state that the caller knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from alignfreeze.encoding.modes import keeping_modes
from alignfreeze.errors import EncoderError

_HALF = {torch.bfloat16, torch.float16}


@contextmanager
def lending(model: nn.Module) -> Iterator[None]:
    """Inside the block, a model has weights in float32 and may be trained and moved.

    Afterwards each of its weights has the precision, the device and the need of a gradient that it had before, and each
    module its mode. Weights in half precision that are not trained are bit-identical.

    Args:
        model: The model.

    Raises:
        EncoderError: The weights cannot be trained: they are quantised, or not in memory, or on several devices.
    """
    check_trainable(model)
    weights = [(weight, weight.dtype, weight.device, weight.requires_grad) for weight in model.parameters()]
    buffers = [
        (owner, name, buffer.dtype, buffer.device)
        for owner in model.modules()
        for name, buffer in owner.named_buffers(recurse=False)
    ]
    with keeping_modes(model):
        try:
            if any(dtype in _HALF for _, dtype, _, _ in weights):
                model.float()
            yield
        finally:
            for weight, dtype, device, requires_grad in weights:
                weight.data = weight.data.to(device, dtype)
                weight.requires_grad_(requires_grad)
            for owner, name, dtype, device in buffers:
                owner._buffers[name] = owner.get_buffer(name).to(device, dtype)


def check_trainable(model: nn.Module) -> None:
    """Check that the weights of a model can be trained: real numbers, in the memory of one device.

    Raises:
        EncoderError: They cannot; the message says why, and what to do.
    """
    name = type(model).__name__
    if getattr(model, "quantization_method", None) is not None:
        raise EncoderError(
            f"the weights of this {name} are quantised and cannot be trained; load it without quantisation"
        )
    for path, weight in model.named_parameters():
        if weight.is_meta:
            raise EncoderError(f"{path} of this {name} is not in memory; load the model without device_map")
        if weight.dtype not in {torch.float32, *_HALF}:
            raise EncoderError(
                f"{path} of this {name} is in {weight.dtype}; float32, bfloat16 and float16 can be trained: call "
                "model.float() first"
            )
    devices = sorted({str(weight.device) for weight in model.parameters()})
    if len(devices) > 1:
        raise EncoderError(f"the weights of this {name} are on {' and '.join(devices)}; move all to one device first")


@contextmanager
def visiting(model: nn.Module, device: str) -> Iterator[None]:
    """Inside the block, a model is on a device; afterwards it is where it was.

    Args:
        model: The model.
        device: A device, as `check_device` returns it.
    """
    before = next(model.parameters()).device
    model.to(device)
    try:
        yield
    finally:
        model.to(before)
