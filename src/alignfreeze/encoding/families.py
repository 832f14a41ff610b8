"""Where each family of models keeps its embeddings and layers, and how some of the layers are run alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from alignfreeze.errors import EncoderError


@dataclass(frozen=True, slots=True)
class Family:
    """What has to be known of a model family.

    Attributes:
        embeddings: Path, below `base_model`, of the module that turns subwords into vectors.
        stack: Path, below `base_model`, of the module that keeps the list of layers; empty for `base_model` itself.
        layers: Name of that list.
        attention: Children of a layer that make up its attention block, norms included.
        feed_forward: Children of a layer that make up its feed-forward block, norms included.
        norm: Path of a norm that follows the last layer; empty if there is none.
        packs: Whether all but its attention works on each subword by itself, so that it takes packed sentences.
        slices: Whether its layers run without the others: they are called one after the other and nothing else is.
        shared: Whether all layers have the same weights.
    """

    embeddings: str
    stack: str
    layers: str
    attention: tuple[str, ...]
    feed_forward: tuple[str, ...]
    norm: str = ""
    packs: bool = False
    slices: bool = True
    shared: bool = False


_BERT = Family("embeddings", "encoder", "layer", ("attention",), ("intermediate", "output"), packs=True)

# Adding a family is one line. LaBSE and MiniLM are `bert`; Glot500 and multilingual-e5 `xlm-roberta` or `bert`;
# mDeBERTa is `deberta-v2`, mmBERT `modernbert`.
FAMILIES = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "distilbert": Family(
        *("embeddings", "transformer", "layer"),
        attention=("attention", "sa_layer_norm"),
        feed_forward=("ffn", "output_layer_norm"),
        packs=True,
    ),
    "albert": Family(
        *("embeddings", "encoder", "albert_layer_groups"),
        attention=("attention",),
        feed_forward=("ffn", "ffn_output", "full_layer_layer_norm"),
        slices=False,
        shared=True,
    ),
    "deberta-v2": Family("embeddings", "encoder", "layer", ("attention",), ("intermediate", "output")),
    "modernbert": Family(
        *("embeddings", "", "layers"),
        attention=("attn_norm", "attn"),
        feed_forward=("mlp_norm", "mlp"),
        norm="final_norm",
    ),
    "eurobert": Family(
        *("embed_tokens", "", "layers"),
        attention=("input_layernorm", "self_attn"),
        feed_forward=("post_attention_layernorm", "mlp"),
        norm="norm",
    ),
}

_searched: WeakKeyDictionary[nn.Module, Family] = WeakKeyDictionary()


def family_of(model: nn.Module) -> Family:
    """Return what is known of a model's family; one that is not in the table is searched for its list of layers.

    Raises:
        EncoderError: No list of layers is found.
    """
    base = _base(model)
    known = FAMILIES.get(base.config.model_type)
    if known is not None:
        return known
    if base not in _searched:
        _searched[base] = _search(base)
    return _searched[base]


def is_known(model: nn.Module) -> bool:
    """Tell whether the table has a model's family."""
    return _base(model).config.model_type in FAMILIES


def describe(model: nn.Module) -> str:
    """Say where a model's layers and embeddings were found."""
    family = family_of(model)
    where = ".".join(filter(None, (family.stack, family.layers)))
    return f"{len(layers_of(model))} layers in {where!r}, embeddings in {family.embeddings!r}"


def _base(model: nn.Module) -> Any:
    return getattr(model, "base_model", model)


def _search(base: Any) -> Family:
    """Find the list of as many like modules as the config says there are layers; the outermost one."""
    n_layers = getattr(base.config, "num_hidden_layers", None)
    lists = [
        (name, module)
        for name, module in base.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and len({type(item) for item in module}) == 1
    ]
    if not lists:
        raise EncoderError(
            f"it is not known where the model family {base.config.model_type!r} keeps its layers, and no list of "
            f"{n_layers} like modules was found in it; known: {', '.join(FAMILIES)}"
        )
    name, module = min(lists, key=lambda item: item[0].count("."))
    stack, _, layers = name.rpartition(".")
    blocks = [child for child, _ in module[0].named_children()]
    attention = tuple(child for child in blocks if "att" in child.lower())
    embeddings = base.get_input_embeddings()
    path = next(path for path, part in base.named_modules() if part is embeddings)
    return Family(
        # The outermost module around the table that does not hold the layers too.
        embeddings=_outermost(path, name),
        stack=stack,
        layers=layers,
        attention=attention,
        feed_forward=tuple(child for child in blocks if child not in attention),
        slices=False,
    )


def _outermost(path: str, layers: str) -> str:
    parts = path.split(".")
    for end in range(1, len(parts) + 1):
        outer = ".".join(parts[:end])
        if not f"{layers}.".startswith(f"{outer}."):
            return outer
    return path


def layers_of(model: nn.Module) -> Sequence[nn.Module]:
    """Return the layers of a model, lowest first; layers that share their weights are the same module.

    Raises:
        EncoderError: It is not known where this family keeps them.
    """
    family = family_of(model)
    modules = list(getattr(_submodule(model, family.stack), family.layers))
    if not family.shared:
        return modules
    n_layers = _base(model).config.num_hidden_layers
    return [modules[number * len(modules) // n_layers] for number in range(n_layers)]


def embeddings_of(model: nn.Module) -> nn.Module:
    """Return what turns subwords into the vectors that go into the lowest layer.

    Raises:
        EncoderError: It is not known where this family keeps it.
    """
    return _submodule(model, family_of(model).embeddings)


def blocks_of(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Return the parts of all layers that have one of the names.

    Raises:
        EncoderError: The layers have no such parts.
    """
    found = [
        part
        for layer in dict.fromkeys(layers_of(model))
        for inner in _innermost(layer)
        for name, part in inner.named_children()
        if name in names
    ]
    if not found:
        raise EncoderError(
            f"it is not known which parts of a layer of {_base(model).config.model_type!r} are attention "
            "and which feed-forward"
        )
    return found


def _innermost(layer: nn.Module) -> Sequence[nn.Module]:
    """Return a layer, or the layers of a group (ALBERT's)."""
    inner = getattr(layer, "albert_layers", None)
    return [layer] if inner is None else list(inner)


def _submodule(model: nn.Module, path: str) -> Any:
    return _base(model).get_submodule(path)


@contextmanager
def running_layers(model: nn.Module, layers: range | None, hidden: Tensor | None = None) -> Iterator[None]:
    """Let a model run only some of its layers inside the block.

    A norm that follows the last layer is left out when that layer is.

    Args:
        model: The model; all its layers are in place again afterwards.
        layers: Which ones, without a gap; None for all.
        hidden: What goes into the first of them; by default what the embeddings give out.

    Raises:
        EncoderError: The layers of this family do not run alone.
    """
    if layers is None:
        yield
        return
    base, family = _base(model), family_of(model)
    if not family.slices:
        raise EncoderError(f"the layers of {base.config.model_type!r} cannot be run without the others")
    stack = _submodule(model, family.stack)
    before = getattr(stack, family.layers)
    replaced = {}
    if hidden is not None:
        replaced[family.embeddings] = _Given(hidden)
    if family.norm and (not layers or layers[-1] < len(before) - 1):
        replaced[family.norm] = nn.Identity()
    originals = {path: base.get_submodule(path) for path in replaced}
    setattr(stack, family.layers, nn.ModuleList(before[number] for number in layers))
    for path, module in replaced.items():
        base.set_submodule(path, module)
    try:
        yield
    finally:
        setattr(stack, family.layers, before)
        for path, module in originals.items():
            base.set_submodule(path, module)


class _Given(nn.Module):
    """Stands for a module whose output is known."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output


@contextmanager
def watched_states(model: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that fills with hidden states: what goes into the first layer that runs, then what each gives."""
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
def encoded(model: nn.Module, output: Any) -> Iterator[None]:
    """Let a model with a head take the output of its encoder as given inside the block."""
    name: str = model.base_model_prefix  # type: ignore[assignment]
    before = getattr(model, name)
    setattr(model, name, _Given(output))
    try:
        yield
    finally:
        setattr(model, name, before)


def first_position(model: nn.Module) -> int:
    """Return the number of a sentence's first position: RoBERTa and its kin count from behind the padding's number."""
    return max((table.padding_idx + 1 for table in position_tables(model) if table.padding_idx is not None), default=0)


def position_tables(model: nn.Module) -> list[nn.Embedding]:
    """Return the tables of position embeddings, which bound how many subwords a model takes."""
    # They stand beside the word embeddings; not all modules need be gone through.
    modules = embeddings_of(model).named_modules()
    return [
        table for name, table in modules if name.endswith("position_embeddings") and isinstance(table, nn.Embedding)
    ]


@contextmanager
def detached(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Let gradients pass through modules inside the block, but not to their parameters.

    Unlike `frozen`, it holds for what is computed inside the block alone: in the same training step another
    loss may train the same parameters.
    """
    owners = list(dict.fromkeys(owner for module in modules for owner in module.modules()))
    kept = [(owner, dict(owner._parameters)) for owner in owners]
    try:
        for owner, parameters in kept:
            owner._parameters = {  # type: ignore[assignment]
                name: None if parameter is None else parameter.detach() for name, parameter in parameters.items()
            }
        yield
    finally:
        for owner, parameters in kept:
            owner._parameters = parameters
