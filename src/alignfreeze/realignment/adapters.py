"""Where a freeze policy puts adapters: beside the linear layers of an encoder that it does not freeze."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from alignfreeze.encoding.families import layers_of
from alignfreeze.errors import SettingsError
from alignfreeze.external.lora import Lora
from alignfreeze.external.peft import check_no_adapters, import_peft
from alignfreeze.realignment.freezing import FreezePolicy


def find_lora(
    policy: FreezePolicy, encoder: nn.Module, fixed: Sequence[nn.Module], *, layers: Sequence[int] | None = None
) -> Lora | None:
    """Return the adapters that a policy adds to an encoder; None for a policy without adapters.

    All linear layers inside the encoder's layers have adapters (Dettmers et al. 2023, arXiv 2305.14314, found this to
    matter more than the rank), but for those that the policy or the caller has frozen.

    Args:
        policy: The policy.
        encoder: The encoder.
        fixed: The parts that the policy freezes.
        layers: The layers whose outputs are trained, counted from 1; layers above them have no adapters. By default
            all.

    Raises:
        SettingsError: No linear layer is left for adapters, or peft is not installed.
        EncoderError: The encoder has adapters already.
    """
    if policy.rank is None:
        return None
    import_peft()
    check_no_adapters(encoder)
    without = {module for part in fixed for module in part.modules()}
    run = layers_of(encoder)[: max(layers) if layers is not None else None]
    found = [
        module
        for module in dict.fromkeys(inner for layer in run for inner in layer.modules())
        # torch's own attention reads the weight of its linear layer, a subclass, past any adapter.
        if type(module) is nn.Linear and module not in without and module.weight.requires_grad
    ]
    if not found:
        raise SettingsError(
            f"{policy}: no linear layer is left for adapters, because all are frozen; freeze fewer of them, and call "
            "model.requires_grad_(True) if they are frozen in the model that you give"
        )
    return Lora.of(encoder, found, rank=policy.rank)
