"""Where a model runs: the devices of this machine, named as torch names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alignfreeze.errors import SettingsError

Device = str | torch.device
"""A device: `auto`, or whatever torch takes, such as `cpu`, `cuda:1` or a `torch.device`."""

DEVICES = ("auto", "cpu", "cuda", "mps")


def check_device(device: Device) -> str:
    """Return the name of a device if this machine has it; `auto` chooses the best one.

    Raises:
        SettingsError: The device is unknown, or this machine does not have it.
    """
    if device == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if _count(kind))
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise SettingsError(
            f"unknown device {device!r}; choose one of {', '.join(DEVICES)}, or another name that torch knows: cuda:1"
        ) from None
    count = _count(found.type)
    if not count:
        raise SettingsError(
            f"this machine, or this build of PyTorch, has no device {str(found)!r}; use 'cpu' or 'auto'"
        )
    if found.index is not None and found.index >= count:
        raise SettingsError(
            f"this machine has no device {str(found)!r}: its {found.type} devices are "
            f"{', '.join(f'{found.type}:{number}' for number in range(count))}"
        )
    return "cpu" if found.type == "cpu" else str(found)


def _count(kind: str) -> int:
    """Return how many devices of a kind this machine has."""
    if kind == "cpu":
        return 1
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return 0


def multiplies_bf16(device: str) -> bool:
    """Return whether a checked device has instructions for matrix products in bf16: a GPU, or a CPU.

    On CPUs these are AMX and AVX512-BF16. An AMD EPYC with the second one multiplied 4 times as fast as in float32.
    """
    if device != "cpu":
        return is_gpu(device) and torch.cuda.is_bf16_supported(including_emulation=False)
    find = getattr(torch.cpu, "get_capabilities", dict)  # older versions of torch do not tell
    return any(find().get(name) for name in ("amx_bf16", "avx512_bf16"))


def device_here(device: Device) -> str:
    """Return a device if this machine has it, or else the best device of this machine."""
    try:
        return check_device(device)
    except SettingsError:
        return check_device("auto")


def is_gpu(device: str) -> bool:
    """Return whether a checked device is a GPU that runs CUDA, numbered or not."""
    return device.partition(":")[0] == "cuda"


@contextmanager
def as_current(device: str) -> Iterator[None]:
    """Inside the block, let a GPU with a number be the current one, on which libraries compute by default."""
    number = torch.device(device).index
    if not is_gpu(device) or number is None:
        yield
        return
    with torch.cuda.device(number):
        yield
