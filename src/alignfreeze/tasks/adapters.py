"""Fine-tuning with adapters: adapters and the new head are trained, the encoder below them stays frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel

from alignfreeze.errors import SettingsError
from alignfreeze.external.peft import Adapter, adapting
from alignfreeze.realignment.adapters import find_lora
from alignfreeze.realignment.freezing import FreezePolicy


def check_adapter_policy(name: str | None) -> str | None:
    """Return the freeze policy of a fine-tuning unchanged if it names adapters.

    Raises:
        SettingsError: There is no such policy, or it names no adapters.
    """
    if name is not None and FreezePolicy.parse(name).rank is None:
        raise SettingsError(f"{name!r} names no adapters; use lora, lora:16 or {name}+lora")
    return name


@contextmanager
def adapting_task_model(model: PreTrainedModel, policy: str | None, *, seed: int) -> Iterator[Adapter | None]:
    """Add adapters to the encoder of a task model inside the block, and merge them into its weights afterwards.

    Inside the block only adapters and head are trained. A pooler counts as a part of the head, because many encoders
    come without its weights.

    Args:
        model: The task model.
        policy: What is frozen, and the rank of the adapters; None to change nothing.
        seed: The random start of the adapters, and of layers that are chosen at random.

    Yields:
        The adapter, which gets its weights and those of the head when the block ends; None without a policy.

    Raises:
        SettingsError: No linear layer is left for adapters, or peft is not installed.
    """
    if policy is None:
        yield None
        return
    base: Any = model.base_model
    chosen = FreezePolicy.parse(policy)
    lora = find_lora(chosen, base, chosen.parts_of(base, seed=seed))
    prefix = f"{model.base_model_prefix}."
    heads = [name for name, part in model.named_children() if part is not base and any(True for _ in part.parameters())]
    heads += [f"{prefix}{name}" for name, _ in base.named_children() if name == "pooler"]
    with adapting(base, lora, seed=seed) as adapter:
        for path in heads:
            model.get_submodule(path).requires_grad_(True)
        yield adapter
    assert adapter is not None
    adapter.add_parts(model, heads, prefix=prefix)
