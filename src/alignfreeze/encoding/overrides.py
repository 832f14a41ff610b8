"""Changes to a model inside a block: only some layers run, outputs are given, or parameters are not trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from alignfreeze.encoding.families import base_of, family_of, layers_of
from alignfreeze.errors import EncoderError


@contextmanager
def running_layers(model: nn.Module, layers: range | None, hidden: Tensor | None = None) -> Iterator[None]:
    """Let a model run only some of its layers inside the block.

    A norm that follows the last layer is left out when that layer is left out.

    Args:
        model: The model; all its layers are in place again afterwards.
        layers: Numbers of the layers, without a gap; None for all.
        hidden: The input of the first of these layers; by default the output of the embeddings.

    Raises:
        EncoderError: Single layers of this family cannot run without the other layers.
    """
    if layers is None:
        yield
        return
    base, family = base_of(model), family_of(model)
    if not family.slices:
        raise EncoderError(f"single layers of {base.config.model_type!r} models cannot be run without the other layers")
    all_layers: Any = base.get_submodule(family.layers)
    replacements: dict[str, nn.Module] = {family.layers: nn.ModuleList(all_layers[number] for number in layers)}
    if hidden is not None:
        replacements[family.embeddings] = _Constant(hidden)
    if family.norm and (not layers or layers[-1] < len(all_layers) - 1):
        replacements[family.norm] = nn.Identity()
    with _replacing(base, replacements):
        yield


@contextmanager
def replacing_encoder(model: nn.Module, output: Any) -> Iterator[None]:
    """Inside the block, replace the output of the encoder below a head by a given output."""
    prefix: Any = model.base_model_prefix
    with _replacing(model, {prefix: _Constant(output)}):
        yield


@contextmanager
def _replacing(model: nn.Module, replacements: dict[str, nn.Module]) -> Iterator[None]:
    """Replace modules by path inside the block."""
    originals = {path: model.get_submodule(path) for path in replacements}
    try:
        for path, module in replacements.items():
            model.set_submodule(path, module)
        yield
    finally:
        for path, module in originals.items():
            model.set_submodule(path, module)


class _Constant(nn.Module):
    """Stands for a module whose output is known."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


@contextmanager
def watching_states(model: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that fills with hidden states: the input of the first layer that runs, then the output of each."""
    seen: list[Tensor] = []

    def before(_: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        if not seen:
            seen.append(arguments[0] if arguments else options["hidden_states"])

    def after(_: nn.Module, __: Any, output: Any) -> None:
        seen.append(output if isinstance(output, Tensor) else output[0])

    with ExitStack() as stack:
        for layer in dict.fromkeys(layers_of(model)):
            stack.callback(layer.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(layer.register_forward_hook(after).remove)
        yield seen


@contextmanager
def detaching(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Let gradients pass through modules inside the block, but not to their parameters.

    Unlike `frozen`, this affects only the computations inside the block. Another loss may train the same parameters in
    the same step.
    """
    owners = list(dict.fromkeys(owner for module in modules for owner in module.modules()))
    originals = [(owner, dict(owner._parameters)) for owner in owners]
    try:
        for owner, parameters in originals:
            owner._parameters = {  # type: ignore[assignment]
                name: None if parameter is None else parameter.detach() for name, parameter in parameters.items()
            }
        yield
    finally:
        for owner, parameters in originals:
            owner._parameters = parameters


@contextmanager
def keeping_results(model: nn.Module) -> Iterator[None]:
    """Inside the block, no layer computes its results again for the gradients (gradient checkpointing).

    The second computation would come after the block, when other changes to the model are gone.
    """
    switched = [module for module in model.modules() if getattr(module, "gradient_checkpointing", False)]
    try:
        for module in switched:
            module.gradient_checkpointing = False  # type: ignore[assignment]
        yield
    finally:
        for module in switched:
            module.gradient_checkpointing = True  # type: ignore[assignment]
