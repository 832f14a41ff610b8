"""Adapters of peft: small weights that are trained in the place of the weights below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.external.lora import Lora
from alignfreeze.extras import import_extra, packages_of
from alignfreeze.files import make_folder

_NAME = "default"
"""The name of our adapters among those of a model; peft's own default."""


def import_peft() -> Any:
    """Import peft.

    Raises:
        SettingsError: It is not installed.
    """
    return import_extra("peft", extra="peft", what="adapters (lora)")


# --- models of a caller that have adapters -----------------------------------------------


def model_in(model: Any) -> Any:
    """Return the model of transformers that holds the adapters of a model of peft.

    Raises:
        EncoderError: The adapters cannot be trained here: they are outside of the model, as prompts are, or they change
            the word embeddings.
    """
    for name, config in model.peft_config.items():
        if config.is_prompt_learning:
            raise EncoderError(
                f"the adapter {name!r} is of the kind {config.peft_type.value}, which adds prompts and no weights "
                "to the layers; use one that does, such as LoRA"
            )
    found = model.get_base_model()
    if "peft" in packages_of(found.get_input_embeddings()):
        raise EncoderError(
            "an adapter changes the word embeddings of this model, which cannot be trained here; use one that changes "
            "layers only, or merge it with merge_and_unload()"
        )
    return found


def has_adapters(model: nn.Module) -> bool:
    """Return whether some modules of a model are adapters."""
    return any("peft" in packages_of(module) for module in model.modules())


def merge_copy(model: Any) -> Any:
    """Return a model without adapters: a copy into which they are merged, or the model itself if it has none.

    The copy shares the table of word embeddings with the model.
    """
    if not has_adapters(model):
        return model
    table = model.get_input_embeddings().weight
    copy = deepcopy(model, {id(table): table})
    _remove_adapters(copy, merge=True)
    return copy


def _remove_adapters(model: Any, *, merge: bool) -> None:
    """Put the modules below adapters back in their places, with the adapters merged into their weights or not."""
    adapters = {path: module for path, module in model.named_modules() if "peft" in packages_of(module)}
    for path, module in adapters.items():
        if any(path.startswith(f"{other}.") for other in adapters if other != path):
            continue  # a part of another adapter
        if not hasattr(module, "get_base_layer"):
            plain = _saved_module(module)
        else:
            if merge and not module.merged:
                module.merge()
            plain = module.get_base_layer()
        model.set_submodule(path, plain)
    for name in ("peft_config", "_hf_peft_config_loaded"):
        if name in vars(model):
            delattr(model, name)


def _saved_module(wrapper: Any) -> nn.Module:
    """Return the module that is trained as a whole beside adapters."""
    active = [name for name in wrapper.active_adapters if name in wrapper.modules_to_save]
    return wrapper.modules_to_save[active[0]] if active else wrapper.original_module


# --- adapters of our own -----------------------------------------------------------------


@dataclass(slots=True)
class Adapter:
    """A trained adapter, in the form of peft's files.

    Attributes:
        lora: What was added to the encoder.
        weights: The weights by their names in the model; empty until the training has ended.
        prefix: The path of the encoder in its model, with a dot; empty if there is no head.
        saved: Paths of the modules that were trained as a whole, such as a head.
    """

    lora: Lora
    weights: dict[str, Tensor]
    prefix: str = ""
    saved: tuple[str, ...] = ()

    def add_parts(self, model: nn.Module, saved: Sequence[str], *, prefix: str) -> None:
        """Make this the adapter of a model with a head, whose own weights belong to it too.

        Args:
            model: The model.
            saved: Paths of the modules that were trained as a whole.
            prefix: The path of the encoder in the model, with a dot.
        """
        self.weights = {f"{prefix}{name}": weight for name, weight in self.weights.items()}
        for path in saved:
            state = model.get_submodule(path).state_dict(prefix=f"{path}.")
            self.weights |= {name: weight.detach().cpu().clone() for name, weight in state.items()}
        self.prefix, self.saved = prefix, tuple(saved)

    def save(self, folder: Path, *, base: str) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json`, as `PeftModel.from_pretrained` reads them.

        Args:
            folder: The folder.
            base: The name of the encoder that the adapter belongs to.

        Raises:
            OutputError: The folder cannot be written.
        """
        make_folder(folder)
        config = _config_of(self.lora, prefix=self.prefix, saved=self.saved)
        config.base_model_name_or_path, config.inference_mode = base, True
        config.save_pretrained(str(folder))
        weights = {f"base_model.model.{name}": weight.contiguous() for name, weight in self.weights.items()}
        save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _config_of(lora: Lora, *, prefix: str = "", saved: Sequence[str] = ()) -> Any:
    return import_peft().LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=[f"{prefix}{path}" for path in lora.targets],
        modules_to_save=list(saved) or None,
        lora_dropout=0.0,
        bias="none",
    )


@contextmanager
def adapting(model: nn.Module, lora: Lora | None, *, seed: int) -> Iterator[Adapter | None]:
    """Add adapters to an encoder inside the block, and merge them into its weights afterwards.

    Inside the block only the adapters require a gradient; the other weights of the encoder stay bit-identical. After an
    error the adapters are removed, so that the encoder is as it was.

    Args:
        model: The encoder.
        lora: The adapters; None to change nothing.
        seed: The random start of the adapters. At first they have no effect.

    Yields:
        The adapter, which gets its weights when the block ends; None without adapters.

    Raises:
        EncoderError: The encoder has adapters already.
        SettingsError: peft is not installed.
    """
    if lora is None:
        yield None
        return
    check_no_adapters(model)
    inject = import_peft().inject_adapter_in_model
    needs = {name: weight.requires_grad for name, weight in model.named_parameters()}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        inject(_config_of(lora), model, adapter_name=_NAME)
    adapter, is_complete = Adapter(lora, {}), False
    try:
        yield adapter
        for path in lora.targets:
            adapter.weights |= _weights_at(model, path)
        is_complete = True
    finally:
        _remove_adapters(model, merge=is_complete)
        for name, weight in model.named_parameters():
            weight.requires_grad_(needs[name])


def _weights_at(model: nn.Module, path: str) -> dict[str, Tensor]:
    """Return copies of the two matrices beside a linear layer, by their names in peft's files."""
    layer: Any = model.get_submodule(path)
    return {
        f"{path}.{side}.weight": getattr(layer, side)[_NAME].weight.detach().cpu().clone()
        for side in ("lora_A", "lora_B")
    }


def check_adapter(adapter: Adapter | None) -> Adapter:
    """Return the adapter of a training.

    Raises:
        SettingsError: The training had none.
    """
    if adapter is None:
        raise SettingsError("there is no adapter, because the weights themselves were trained; name lora in the policy")
    return adapter


def is_adapter_folder(folder: Path) -> bool:
    """Return whether a folder holds an adapter and not a model."""
    return (folder / "adapter_config.json").exists()


def check_no_adapter_folder(folder: Path) -> None:
    """Check that a folder holds more than an adapter.

    Raises:
        EncoderError: It holds an adapter.
    """
    if is_adapter_folder(folder):
        raise EncoderError(
            f"{folder}: this folder holds an adapter and not a model; give the model itself, which "
            "PeftModel.from_pretrained(base, folder).merge_and_unload() of peft returns, or write it without --adapter"
        )


def check_no_adapters(model: nn.Module) -> None:
    """Check that a model has no adapters.

    Raises:
        EncoderError: It has some.
    """
    if has_adapters(model):
        raise EncoderError(
            "lora adds adapters, but this model has some already; leave lora out to train those, or merge them first "
            "with merge_and_unload()"
        )
